"""What a line is about: vectors of headings from the words below them, and of lines from those."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from tiny_segmentation import CHINESE, TOPICS, document, documents, paragraph

from datakit.segmentation import evidence, topics
from datakit.segmentation.corpus import SectionedDocument, from_json
from datakit.segmentation.features import BODY_WINDOW, HEAD_WINDOW, N_WINDOWS, features

DIM, BUCKETS = 5, 2**15
SETTINGS = evidence.EvidenceSettings(n_features=512, epochs=6)
OTHER_NAMES = {
    "Fees": "Charges", "Privacy": "Confidentiality", "Liability": "Responsibility",
    "Termination": "Expiry", "Delivery": "Dispatch", "费用": "收款", "隐私": "保密",
    "责任": "赔付", "终止": "解除", "配送": "发货",
}  # fmt: skip


def two_names(number: int, chinese: bool = False) -> SectionedDocument:
    """A document whose headings have one of two names, by chance."""
    one = document(number, chinese=chinese)
    rng = np.random.default_rng(number)
    headings = tuple(
        tuple(
            dataclasses.replace(h, text=OTHER_NAMES[h.text])
            if h.text in OTHER_NAMES and rng.random() < 0.5 else h
            for h in of
        )
        for of in one.headings
    )  # fmt: skip
    return dataclasses.replace(one, headings=headings)


def bilingual(n: int) -> list[SectionedDocument]:
    return [two_names(i, chinese) for i in range(n) for chinese in (False, True)]


def stored(some: list[SectionedDocument]) -> evidence.LineStore:
    store = evidence.LineStore(some, BUCKETS)
    store.keep(store.frequent(SETTINGS.n_features))
    return store


def names(some: list[SectionedDocument]) -> list[str]:
    """Of each line of the store the heading that it stands under, itself included, or ""."""
    found: list[str] = []
    for one in some:
        above = ""
        for line in one.variant("marked").lines:
            above = line.text if line.kind == "heading" else above
            found.append(above)
    return found


@pytest.fixture(scope="module")
def both() -> tuple[list[SectionedDocument], evidence.LineStore, np.ndarray]:
    some = bilingual(60)
    store = stored(some)
    return some, store, topics.heading_vectors(store, DIM, 0)


Both = tuple[list[SectionedDocument], evidence.LineStore, np.ndarray]


# --- vectors of headings -----------------------------------------------------------------------


def test_headings_over_the_same_words_are_nearest_to_each_other(both: Both) -> None:
    some, _, vectors = both
    of = {
        name: vector for name, vector in zip(names(some), vectors, strict=True)
        if name in OTHER_NAMES or name in OTHER_NAMES.values()
    }  # fmt: skip
    assert len(of) == 2 * len(OTHER_NAMES)
    for one, other in OTHER_NAMES.items():
        others = {name: float(of[one] @ vector) for name, vector in of.items() if name != one}
        nearest = max(others, key=others.__getitem__)

        assert nearest == other
        assert others.pop(other) > 0.9 > max(others.values()) + 0.2, one


def test_all_lines_under_a_heading_have_its_unit_vector_and_those_under_none_zeros() -> None:
    some = documents(40)
    before = [{"text": f"{paragraph('Fees', np.random.default_rng(9))}", "section": []}] * 2
    below = [{"text": "The price of a card.", "section": ["Fees"]}] * 3
    some.append(from_json([*before, *below, *before], "open", "made"))
    some.append(from_json(before, "none", "made"))
    store = stored(some)
    vectors = topics.heading_vectors(store, DIM, 0)

    for row, name in zip(vectors, names(some), strict=True):
        assert np.linalg.norm(row) == pytest.approx(1.0 if name else 0.0, abs=1e-5)
    last = store.documents[-2]
    opened = vectors[last.first : last.first + len(last.changes)]
    assert [bool(row.any()) for row in opened[:6]] == [False, False, True, True, True, True]
    assert all(np.array_equal(row, opened[2]) for row in opened[3:6])


def test_each_writing_system_stays_in_its_own_space(both: Both) -> None:
    some, store, vectors = both
    chinese = np.repeat([one.language == "zh" for one in some], [len(d.changes) for d in
                                                                 store.documents])  # fmt: skip
    headed = np.array([name != "" for name in names(some)])

    assert store.spaces.tolist() == chinese.astype(int).tolist()
    assert vectors.shape == (len(store), topics.N_SPACES * DIM)
    assert not vectors[~chinese, DIM:].any()
    assert not vectors[chinese, :DIM].any()
    assert vectors[headed & ~chinese, :DIM].any(axis=1).all()
    assert vectors[headed & chinese, DIM:].any(axis=1).all()


def test_a_writing_system_does_not_move_the_vectors_of_the_other(both: Both) -> None:
    """English headings that stand elsewhere in their document change English vectors alone."""
    some, store, vectors = both
    moved = [
        dataclasses.replace(one, headings=one.headings[::-1]) if one.language == "en" else one
        for one in some
    ]
    other = evidence.LineStore(moved, BUCKETS)
    other.keep(other.frequent(SETTINGS.n_features))
    found = topics.heading_vectors(other, DIM, 0)

    np.testing.assert_array_equal(found[other.spaces == 1], vectors[store.spaces == 1])
    assert not np.array_equal(found[other.spaces == 0], vectors[store.spaces == 0])


@pytest.mark.parametrize("n", [1, 3])
def test_too_few_headings_for_the_size_of_the_vectors_give_none(n: int) -> None:
    store = stored(documents(n))
    n_headings = int(store.is_heading.sum())

    assert not topics.heading_vectors(store, n_headings, 0).any()
    assert topics.heading_vectors(stored(documents(30)), DIM, 0).any()


def test_headings_of_rare_words_have_no_vector() -> None:
    """Three times a word has to stand below a word of a heading."""
    rare = [
        from_json([{"text": word, "section": ["Zebra"]}] * n, f"{word}{n}", "made")
        for word, n in (("price", 1), ("cookie", 2), ("parcel", 1))
    ]
    store = evidence.LineStore([*documents(30), *rare], BUCKETS)
    store.keep(store.frequent(BUCKETS))
    place = names([*documents(30), *rare]).index("Zebra")
    of = dict(
        zip(names([*documents(30), *rare]), topics.heading_vectors(store, DIM, 0), strict=True)
    )

    assert store.counts(np.array([place]), HEAD_WINDOW).sum() == 1  # the word itself is known
    assert not of["Zebra"].any()
    assert of["Fees"].any()


def test_a_table_smaller_than_the_vectors_gives_none() -> None:
    some = documents(30)
    store = evidence.LineStore(some, BUCKETS)
    store.keep(store.frequent(DIM))

    assert topics.heading_vectors(store, DIM, 0).shape == (len(store), topics.N_SPACES * DIM)
    assert not topics.heading_vectors(store, DIM, 0).any()


def test_a_heading_stands_over_the_words_of_its_lines_and_not_over_its_own(both: Both) -> None:
    _, store, _ = both
    headings = np.flatnonzero(store.is_heading)[:9]
    found = topics._below(store, headings)
    for row, heading in zip(found, headings, strict=True):
        lines = np.flatnonzero((store.heading_of == heading) & ~store.is_heading)
        words = store.counts(lines, BODY_WINDOW).sum(axis=0)

        assert len(lines) >= 1
        np.testing.assert_array_equal(row.toarray(), np.asarray(words))


def test_the_seed_decides_and_nothing_else(both: Both) -> None:
    some, _, vectors = both

    assert topics.heading_vectors(stored(some), DIM, 0).tobytes() == vectors.tobytes()


# --- vectors of lines --------------------------------------------------------------------------


def test_the_vector_of_a_line_is_the_sum_of_its_words_by_the_root_of_their_number() -> None:
    model = topics.Topics(8, 3)
    torch.nn.init.normal_(model.table)
    torch.nn.init.normal_(model.offset)
    with torch.no_grad():
        model.gains.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    ids = torch.tensor([1, 2, 2, 7, 5])
    lengths = torch.tensor([2, 0, 1, 1, 0, 0, 0, 1])  # windows of two lines
    with torch.inference_mode():
        found = model(ids, lengths, torch.tensor([0, 1]))

    table, offset = model.table.detach(), model.offset.detach()
    first = (table[1] + table[2]) / 2**0.5 + 3 * table[2] + 4 * table[7] + offset[0]
    torch.testing.assert_close(found[0], torch.cat([first, torch.zeros(3)]))
    torch.testing.assert_close(found[1], torch.cat([torch.zeros(3), 4 * table[5] + offset[1]]))


@pytest.fixture(scope="module")
def fitted(both: Both) -> topics.Topics:
    _, store, vectors = both
    return topics.fit(store, store.documents[:80], vectors, SETTINGS, 0)


def test_the_words_of_a_line_tell_its_heading_in_documents_that_were_not_seen(
    both: Both, fitted: topics.Topics
) -> None:
    some, store, vectors = both
    unseen = np.concatenate([d.first + np.arange(len(d.changes)) for d in store.documents[80:]])
    said = topics.topics_of(fitted, store, unseen)
    every = np.array(names(some))[unseen]
    by_name = {name: vectors[store_place] for store_place, name in enumerate(names(some)) if name}
    known = sorted(by_name)
    nearest = np.array(known)[(said @ np.stack([by_name[n] for n in known]).T).argmax(axis=1)]
    topic = {name: i for i, pair in enumerate(OTHER_NAMES.items()) for name in pair}
    told = [(topic[a], topic[b]) for a, b in zip(every, nearest, strict=True) if a in topic
            and b in topic]  # fmt: skip
    cosine = (said * vectors[unseen]).sum(axis=1) / np.linalg.norm(said, axis=1)

    assert np.mean([a == b for a, b in told]) > 0.95
    assert cosine.mean() > 0.85  # 0.72 where the vectors of frequent words stop early


def test_lines_too_are_in_the_space_of_their_writing(both: Both, fitted: topics.Topics) -> None:
    _, store, _ = both
    said = topics.topics_of(fitted, store, np.arange(len(store)))

    assert not said[store.spaces == 0, DIM:].any()
    assert not said[store.spaces == 1, :DIM].any()
    assert said.any(axis=1).all()


def test_lines_without_a_heading_teach_nothing(both: Both) -> None:
    _, store, vectors = both
    silent = vectors.copy()
    for d in store.documents[:10]:
        silent[d.first : d.first + len(d.changes)] = 0
    one = topics.fit(store, store.documents[:40], silent, SETTINGS, 0)
    other = topics.fit(store, store.documents[10:40], vectors, SETTINGS, 0)
    more = topics.fit(store, store.documents[:40], vectors, SETTINGS, 0)

    assert equal(one, other)
    assert not equal(one, more)


def test_nothing_to_learn_from_is_a_model_of_zeros(both: Both) -> None:
    _, store, vectors = both
    model = topics.fit(store, store.documents, np.zeros_like(vectors), SETTINGS, 0)

    assert not topics.topics_of(model, store, np.arange(len(store))).any()


def test_the_same_seed_gives_the_same_model_and_another_another(both: Both) -> None:
    _, store, vectors = both
    one, again, other = (
        topics.fit(store, store.documents[:30], vectors, SETTINGS, seed) for seed in (0, 0, 1)
    )

    assert equal(one, again)
    assert not equal(one, other)


def equal(one: topics.Topics, other: topics.Topics) -> bool:
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def test_what_is_said_of_a_document_comes_from_models_without_its_group(both: Both) -> None:
    """Other targets of a group change what is said of all documents but its own."""
    some = [*both[0][:24]]
    some[4] = dataclasses.replace(some[4], group=some[3].group)
    store = stored(some)
    vectors = topics.heading_vectors(store, DIM, 0)
    turned = vectors.copy()
    for d in store.documents[3:5]:
        turned[d.first : d.first + len(d.changes)] *= -1

    def honest(targets: np.ndarray) -> np.ndarray:
        return evidence.out_of_fold(
            store, 3, 0,
            lambda of, seed: topics.fit(store, of, targets, SETTINGS, seed),
            lambda made, lines: topics.topics_of(made, store, lines),
        )[1]  # fmt: skip

    before, after = honest(vectors), honest(turned)
    same = [
        np.array_equal(before[lines], after[lines])
        for lines in (d.first + np.arange(len(d.changes)) for d in store.documents)
    ]
    assert same[3], "its own heading reached it"
    assert same[4], "that of its group reached it"
    assert not all(same), "headings count for nobody"


def test_the_mean_of_the_folds_is_the_model_of_use() -> None:
    """Each fold is fitted with a seed of its own on the documents of the others."""
    store = stored(documents(9))
    seen: list[tuple[int, frozenset[str]]] = []
    said: list[int] = []

    def fit(of: list[evidence.StoredDocument], seed: int) -> torch.nn.Module:
        seen.append((seed, frozenset(d.group for d in of)))
        return _Constant(float(len(seen)))

    def tell(made: Any, lines: np.ndarray) -> np.ndarray:
        said.append(len(lines))
        return np.full((len(lines), 2), made.value.item(), np.float32)

    mean, honest = evidence.out_of_fold(store, 3, 7, fit, tell)
    groups = {d.group for d in store.documents}

    assert [seed for seed, _ in seen] == [7, 8, 9]
    assert [len(of) for _, of in seen] == [6, 6, 6]
    assert not frozenset.intersection(*(frozenset(groups - of) for _, of in seen))
    for i, d in enumerate(store.documents):
        left_out = [k for k, (_, of) in enumerate(seen, 1) if d.group not in of]
        assert np.unique(honest[d.first : d.first + len(d.changes)]).tolist() == left_out, i
    assert sum(said) == len(store) == len(honest)
    assert float(mean.state_dict()["value"]) == 2.0  # of 1, 2 and 3


class _Constant(torch.nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))


# --- what the store tells of them --------------------------------------------------------------


def test_the_store_knows_the_heading_above_each_line(both: Both) -> None:
    some, store, _ = both
    texts = [line.text for one in some for line in one.variant("plain").lines]
    found = [texts[place] if place >= 0 else "" for place in store.heading_of]

    assert found == names(some)
    assert [bool(h) for h in store.is_heading] == [
        line.kind == "heading" for one in some for line in one.variant("marked").lines
    ]


def test_no_heading_of_another_document_is_above_a_line() -> None:
    value = [{"text": "One.", "section": []}, {"text": "Two.", "section": ["A"]}]
    some = [from_json(value, str(i), "made") for i in range(3)]

    assert evidence.LineStore(some, 64).heading_of.tolist() == [-1, 1, 1, -1, 4, 4, -1, 7, 7]


@pytest.mark.parametrize("window", [HEAD_WINDOW, BODY_WINDOW])
def test_the_store_counts_the_words_of_a_window(both: Both, window: int) -> None:
    some, _, _ = both
    store = evidence.LineStore(some, BUCKETS)
    lines = np.array([5, 0, 5, 17, len(store) - 1])
    found = store.counts(lines, window)
    every = [line for one in some for line in one.variant("plain").lines]
    for row, place in zip(found.toarray(), lines, strict=True):
        direct = features([every[place]], BUCKETS)
        ids = np.split(direct.ids, direct.offsets[1:])[window]

        assert dict(
            zip(*(a.tolist() for a in (np.flatnonzero(row), row[row > 0])), strict=True)
        ) == collections.Counter(ids.tolist())
    assert found.shape == (5, BUCKETS)
    assert len(direct.offsets) == N_WINDOWS


def test_the_made_documents_are_what_these_tests_take_them_for() -> None:
    assert {h.text for one in bilingual(9) for of in one.headings for h in of} >= {
        *TOPICS,
        *CHINESE,
    }
    assert all(one.language == "zh" for one in bilingual(3)[1::2])
