"""Are there headings in sight? Documents that keep their headings as lines against bare ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_segmentation import TOPICS, document

from datakit.segmentation import calibration, evidence, sight
from datakit.segmentation.corpus import Line, SectionedDocument
from datakit.segmentation.features import N_OWN, own_layout
from datakit.segmentation.hashed import like_heading

LINEAR = evidence.EvidenceSettings(n_features=512, epochs=6)
FORMS = ("plain", "stripped")


def with_short_lines(number: int, chinese: bool = False) -> SectionedDocument:
    """After some lines a shorter one without a final mark, as cells of a table come out."""
    one = document(number, chinese=chinese)
    rng = np.random.default_rng(number)
    lines, headings, changes = [], [], []
    for line, opened, change in zip(one.lines, one.headings, one.changes, strict=True):
        lines.append(line)
        headings.append(opened)
        changes.append(change)
        if rng.random() < 0.6:
            text = "价格 数据" if chinese else " ".join(rng.permutation(TOPICS["Fees"].split())[:2])
            lines.append(Line(text))
            headings.append(())
            changes.append(0)
    return dataclasses.replace(
        one, lines=tuple(lines), headings=tuple(headings), changes=tuple(changes)
    )


def traits_of(
    some: list[SectionedDocument], folds: int = 3
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of the plain and of the stripped forms, by evidence that has not seen them."""
    store = evidence.LineStore(some, 2**14)
    store.keep(store.frequent(LINEAR.n_features))
    _, honest = evidence.out_of_fold(
        store, folds, 0,
        lambda of, seed: evidence.fit(store, of, LINEAR, seed),
        lambda made, lines: evidence.evidence_of(made, store, lines),
    )  # fmt: skip
    found: dict[str, list[np.ndarray]] = {form: [] for form in FORMS}
    for d in store.documents:
        for form in FORMS:
            lines, _ = d.lines("plain" if form == "plain" else "stripped")
            own = store.layout(lines, "plain")
            found[form].append(sight.of_lines(own, like_heading(honest[lines])))
    return found["plain"], found["stripped"]


@pytest.fixture(scope="module")
def traits() -> tuple[list[np.ndarray], list[np.ndarray]]:
    return traits_of([with_short_lines(i, chinese=i % 3 == 2) for i in range(60)])


def test_plain_documents_are_told_from_bare_ones_where_short_lines_do_not_tell(
    traits: tuple[list[np.ndarray], list[np.ndarray]],
) -> None:
    shown, hidden = traits
    weights = sight.fit(shown[:40], hidden[:40])
    seen = [sight.headings_show(weights, one) for one in shown[40:]]
    taken = [sight.headings_show(weights, one) for one in hidden[40:]]
    bare = [with_short_lines(i).variant("stripped").lines for i in range(40, 60)]
    by_rule = [calibration.condition(lines) == "plain" for lines in bare]

    assert np.mean(seen) >= 0.95
    assert np.mean(taken) <= 0.05
    assert np.mean(by_rule) > 0.5, "the rule on short lines is not misled: the test is too easy"


def test_what_the_lines_say_of_being_headings_counts(
    traits: tuple[list[np.ndarray], list[np.ndarray]],
) -> None:
    """A layout alone does not tell the forms apart as well."""
    shown, hidden = traits
    of_layout = [[one[:N_OWN] for one in of] for of in traits]
    flat = [[np.append(one, np.zeros(8)) for one in of] for of in of_layout]
    weights, blind = sight.fit(shown[:40], hidden[:40]), sight.fit(flat[0][:40], flat[1][:40])

    def margin(
        of: np.ndarray, forms: tuple[list[np.ndarray], ...] | list[list[np.ndarray]]
    ) -> float:
        plain, bare = (np.array([one @ of[:-1] + of[-1] for one in form[40:]]) for form in forms)
        return float(np.mean(np.logaddexp(0, -plain)) + np.mean(np.logaddexp(0, bare)))

    assert margin(weights, traits) < 0.5 * margin(blind, flat)


def test_the_weights_are_those_of_traits_as_they_are() -> None:
    """The scaling of the fit is in them: shifted and stretched traits are told as well."""
    rng = np.random.default_rng(0)
    hidden = list(rng.normal(0, 1, (60, sight.N_TRAITS)))
    shown = [one + np.where(np.arange(sight.N_TRAITS) == 3, 4.0, 0.0) for one in hidden]
    weights = sight.fit(shown, hidden)
    stretch, shift = np.linspace(0.5, 30, sight.N_TRAITS), np.linspace(-5, 5, sight.N_TRAITS)
    other = sight.fit([x * stretch + shift for x in shown], [x * stretch + shift for x in hidden])

    assert weights.shape == (sight.N_TRAITS + 1,)
    assert weights.dtype == np.float32
    assert np.abs(weights[:-1]).argmax() == 3
    for form, least in ((shown, 55), (hidden, 0)):
        told = [sight.headings_show(weights, one) for one in form]
        assert [sight.headings_show(other, x * stretch + shift) for x in form] == told
        assert least <= sum(told) <= least + 5


@pytest.mark.parametrize(
    ("logit", "shows"), [(5.0, True), (-1.4, True), (-1.6, False), (-5.0, False)]
)
def test_in_doubt_there_are_headings(logit: float, shows: bool) -> None:
    weights = np.zeros(sight.N_TRAITS + 1, np.float32)
    weights[2], weights[-1] = 1.0, logit - 0.5

    assert sight.headings_show(weights, np.full(sight.N_TRAITS, 0.5)) == shows


def test_a_trait_that_never_varies_counts_nothing() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (20, sight.N_TRAITS))
    x[:, 7] = 1.0
    weights = sight.fit(list(x[:10]), list(x[10:]))

    assert np.isfinite(weights).all()
    assert weights[7] == 0.0


def test_what_network_and_lines_say_counts_together() -> None:
    """Each tells half of the documents; weights of all traits tell them all."""
    rng = np.random.default_rng(0)
    first = np.zeros(sight.N_OF_LINES + 1, np.float32)
    first[4], first[-1] = 2.0, -0.5
    hidden = rng.normal(0, 0.1, (80, sight.N_TRAITS))
    shown = hidden.copy()
    shown[::2, 4] += 2.0
    shown[1::2, -1] += 2.0
    weights = sight.refined(first, list(shown[:40]), list(hidden[:40]))

    assert weights.shape == (sight.N_TRAITS + 1,)
    assert weights.dtype == np.float32
    assert all(sight.headings_show(weights, one) for one in shown[40:])
    assert not any(sight.headings_show(weights, one) for one in hidden[40:])
    assert set(np.flatnonzero(weights[: sight.N_OF_LINES])) == {4}


def test_without_development_documents_the_lines_decide() -> None:
    first = np.arange(sight.N_OF_LINES + 1, dtype=np.float32)
    weights = sight.refined(first, [], [])

    assert weights[-1] == first[-1]
    assert weights[: sight.N_OF_LINES].tolist() == first[:-1].tolist()
    assert not weights[sight.N_OF_LINES : -1].any()


def test_traits_are_the_mean_layout_and_how_like_headings_the_lines_are() -> None:
    lines = [Line("A heading"), Line("A long sentence, of a paragraph."), Line("Another one.")] * 7
    own = own_layout(lines)
    said = np.tile([3.0, -3.0, -4.0], 7)
    change = np.array([2.0, -1.0, -3.0])
    found = sight.traits(own, said, change)
    p = 1 / (1 + np.exp(-said))

    assert found.shape == (sight.N_TRAITS,)
    np.testing.assert_allclose(found[:N_OWN], own.mean(axis=0))
    quantiles = [np.quantile(p, q) for q in (0.98, 0.95, 0.9, 0.75)]
    about = [p.mean(), 7 * p[0] / 21, p[0], np.log1p(21) / 5]
    np.testing.assert_allclose(found[N_OWN : sight.N_OF_LINES], [*quantiles, *about])
    q = 1 / (1 + np.exp(-change))  # 0.88, 0.27 and 0.05: about one boundary

    def entropy(of: np.ndarray) -> np.ndarray:
        return -of * np.log(of) - (1 - of) * np.log(1 - of)

    relative = entropy(q).mean() / entropy(q.mean())
    sure = [(q**2).sum() / q.sum(), relative, q[0], q.mean()]
    np.testing.assert_allclose(found[sight.N_OF_LINES :], sure)


@pytest.mark.parametrize("said", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("texts", [["One."], ["One."] * 3, ["one"], [""]])
def test_traits_of_odd_documents_are_finite(texts: list[str], said: float) -> None:
    own = own_layout([Line(text) for text in texts])
    change = np.full(max(1, len(texts) - 1), said, np.float32)
    found = sight.traits(own, np.full(len(texts), said, np.float32), change)

    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 2


def test_the_order_of_the_lines_does_not_count() -> None:
    own = own_layout(document(3).variant("plain").lines)
    said = np.random.default_rng(0).normal(0, 2, len(own))
    order = np.random.default_rng(1).permutation(len(own))

    np.testing.assert_allclose(
        sight.of_lines(own, said), sight.of_lines(own[order], said[order]), rtol=1e-6
    )
    assert not np.allclose(sight.of_lines(own, said), sight.of_lines(own, said[order]))
