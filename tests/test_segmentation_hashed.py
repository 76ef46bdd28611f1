"""The small model from scratch: what it reads, how it learns, and that it is deterministic."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_segmentation import document, documents

from datakit.errors import DatakitError
from datakit.segmentation import evidence, hashed, model, sight, topics
from datakit.segmentation.augment import FORMS, augmented
from datakit.segmentation.calibration import Calibration, Thresholds, best_f1
from datakit.segmentation.corpus import (
    DEPTHS,
    NO_CHANGE,
    VARIANTS,
    Heading,
    Line,
    SectionedDocument,
    Variant,
    from_json,
)
from datakit.segmentation.features import (
    MAX_CHARS,
    N_LAYOUT,
    N_LIKE,
    N_OWN,
    N_WINDOWS,
    REACH,
    features,
    in_document,
    layout,
    own_layout,
)
from datakit.segmentation.features import _bucket as bucket

BUCKETS = 98_304
OPENING, HEAD, BODY, TAIL = range(N_WINDOWS)
SMALL = hashed.Settings(
    n_buckets=2**14, n_features=512, topics=4, folds=2, evidence_epochs=8, networks=2, dim=16,
    layers=1, heads=2, epochs=6, batch_documents=6, documents_a_set=60,
)  # fmt: skip


def windows(*texts: str) -> list[list[list[int]]]:
    """For each line the sorted features of each window."""
    found = features([Line(text) for text in texts], BUCKETS)
    parts = np.split(found.ids, found.offsets[1:]) if texts else []
    each = [sorted(part.tolist()) for part in parts]
    return [each[i : i + N_WINDOWS] for i in range(0, len(each), N_WINDOWS)]


def window(text: str, number: int = BODY) -> list[int]:
    return windows(text)[0][number]


def words(n: int, first: int = 0) -> list[str]:
    """Different words of letters."""
    alphabet = "abcdefghijklmnop"
    return ["".join(alphabet[int(c, 16)] for c in f"{i:03x}") for i in range(first, first + n)]


# --- words -------------------------------------------------------------------------------------


def test_windows_hold_the_first_and_the_last_words_and_their_pairs() -> None:
    found = features([Line(" ".join(words(150)))], BUCKETS)
    sizes = np.diff(np.append(found.offsets, len(found.ids)))

    # of 150 words the last has no neighbour to its right
    assert sizes.tolist() == [4 + 4, 20 + 20, 120 + 120, 20 + 19]


@pytest.mark.parametrize(
    ("at", "changed"),
    [
        (0, {OPENING, HEAD, BODY}),
        (4, {OPENING, HEAD, BODY}),  # beside the fourth word
        (5, {HEAD, BODY}),
        (60, {BODY}),
        (125, set()),
        (149, {TAIL}),
    ],
)
def test_a_word_counts_in_the_windows_that_it_stands_in(at: int, changed: set[int]) -> None:
    own = words(150)
    other = [*own[:at], "another", *own[at + 1 :]]
    before, after = windows(" ".join(own), " ".join(other))

    assert {i for i in range(N_WINDOWS) if before[i] != after[i]} == changed


def test_equal_lines_have_equal_windows_in_any_document() -> None:
    text = "You may cancel within 14 days; 消费者可以在十四日内取消。"
    alone = windows(text)[0]
    among = windows("Something before, of several words", text, "", text, "After")

    assert among[1] == among[3] == alone
    assert alone[BODY]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Article 12 of 2024", "Article 98 of 1887"),
        ("Section 3 holds", "section 4 HOLDS"),
        ("第 15 条", "第 23 条"),
        ("fee: 20", "fee: ٢٠"),
        ("a word, another", "a word -- another!"),
        ("two\nlines", "two lines"),
    ],
)
def test_case_digits_and_marks_do_not_count(one: str, other: str) -> None:
    assert windows(one) == windows(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("man bites dog", "dog bites man"),
        ("the fee", "the fees"),
        ("fee 5", "fee 55"),
        ("公司条例", "公司例条"),
        ("ab", "a b"),
    ],
)
def test_words_and_their_order_count(one: str, other: str) -> None:
    assert windows(one) != windows(other)


def test_each_chinese_character_is_a_word() -> None:
    assert len(window("公司应当")) == 4 + 3
    assert len(window("公司Ltd应当")) == 5 + 4
    assert set(window("公")) < set(window("公司"))


@pytest.mark.parametrize(
    "code",
    [
        0x3400,
        0x9FFF,
        0xF900,
        0x20000,
        0x2A6DF,
        0x2A700,
        0x2B81D,
        0x2EBE0,
        0x30000,
        0x31350,
        0x323AF,
    ],
)
def test_chinese_characters_of_every_plane_are_words(code: int) -> None:
    """CJK ideographs with their compatibility ones and the extensions A to H."""
    assert len(window(chr(code) * 2)) == 2 + 1
    assert window(chr(code)) != window(chr(code + 1 if code % 2 == 0 else code - 1))


@pytest.mark.parametrize("code", [0x1F600, 0x323B0, 0xE0041, 0x10FFFF])
def test_what_is_above_is_a_mark(code: int) -> None:
    assert windows(f"one{chr(code)}two") == windows("one two")


@pytest.mark.parametrize("text", ["", " ", "\n", "…!?", "\x00", "\u200b", "🙂🙂"])
def test_a_line_without_words_has_no_features_and_moves_no_other(text: str) -> None:
    assert windows(text) == [[[]] * N_WINDOWS]
    assert windows("before it", text, "after it") == [
        *windows("before it"), *windows(text), *windows("after it")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["e\u0301te", "İstanbul", "ﬁne", "\ud800 lone", "x\u2028y", "a\r\nb"]
)
def test_odd_characters_neither_fail_nor_move_other_lines(text: str) -> None:
    assert windows("before it", text, "after it")[::2] == windows("before it", "after it")
    assert window(text)


def test_lines_within_a_line_are_one_line() -> None:
    found = features([Line("one\ntwo\n\nthree"), Line("four")], BUCKETS)

    assert len(found) == 2
    assert len(found.offsets) == 2 * N_WINDOWS


def test_of_a_very_long_line_the_beginning_and_the_end_are_read() -> None:
    own = words(2000)
    start, end = " ".join(own[:300]), " ".join(own[-60:])
    assert len(start) < MAX_CHARS < len(" ".join(own))

    long = f"{start} {' '.join(own[400:900])} {end}"
    assert windows(long) == windows(f"{start} {' '.join(own[900:1400])} {end}")
    assert window(long, HEAD) == window(start, HEAD)
    assert window(long, TAIL) == window(end, TAIL)


def test_no_lines_have_no_features() -> None:
    found = features([], BUCKETS)

    assert (len(found), len(found.ids), len(found.offsets)) == (0, 0, 0)
    assert found.layout.shape == (0, N_LAYOUT)


def test_features_fill_the_table_evenly() -> None:
    found = features([Line(" ".join(words(100, 100 * i))) for i in range(20)], 64)
    shares = np.bincount(found.ids, minlength=64) / len(found.ids)

    assert found.ids.dtype == np.int32
    assert 0.3 / 64 < shares.min() <= shares.max() < 3 / 64


def test_the_hash_is_the_same_on_every_machine_and_in_every_release() -> None:
    """Weights are rows of the table: another hash makes them noise."""
    values = np.array([0, 1, 2**63, 0xFFFFFFFFFFFFFFFF], np.uint64)

    assert bucket(values, BUCKETS).tolist() == [slow_bucket(int(v)) for v in values]
    assert windows("Ab")[0][BODY] == [slow_bucket(slow_word("ab"))]
    pair = (slow_word("Ab".lower()) * 0x9E3779B97F4A7C15 + slow_word("条")) % 2**64
    assert (
        sorted([slow_bucket(slow_word("ab")), slow_bucket(slow_word("条")), slow_bucket(pair)])
        == (windows("Ab条")[0][BODY])
    )


def slow_word(word: str) -> int:
    base = 0x9E3779B97F4A7C15
    return sum(ord(c) * pow(base, i + 1, 2**64) for i, c in enumerate(word)) % 2**64


def slow_bucket(value: int) -> int:
    mixed = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    return (mixed ^ (mixed >> 31)) % BUCKETS


# --- layout ------------------------------------------------------------------------------------

NUMBERED, DOTS, SUBDOTS, CHINESE, CHAPTER, LETTER, HEADING_KIND = range(16, 23)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1. Scope", {NUMBERED, DOTS}),
        ("4.2 Deleted pictures", {NUMBERED, DOTS, SUBDOTS}),
        ("Section 12 Fees", {NUMBERED, DOTS}),
        ("Article 3 – Réserver une place", {NUMBERED, DOTS}),
        ("§ 5 Kündigung", {NUMBERED, DOTS}),
        ("(a) the seller", {NUMBERED, LETTER}),
        ("b) the buyer", {NUMBERED, LETTER}),
        ("iv. the carrier", {NUMBERED, LETTER}),
        ("第十二条 用水单位", {NUMBERED, CHINESE}),
        ("第三章 附则", {NUMBERED, CHINESE, CHAPTER}),
        ("（二）使用和安全", {NUMBERED, CHINESE}),
        ("一、服务内容", {NUMBERED, CHINESE}),
        ("第三篇 合同", {NUMBERED, CHINESE, CHAPTER}),
        ("第一编 总则", {NUMBERED, CHINESE, CHAPTER}),
        ("第二节 用水", {NUMBERED, CHINESE, CHAPTER}),
        ("第一部分 定义", {NUMBERED, CHINESE, CHAPTER}),
        ("第二款 除外", {NUMBERED, CHINESE}),
        ("1 Scope", {NUMBERED, DOTS}),
        ("12 Über uns", {NUMBERED, DOTS}),
        ("1 总则", {NUMBERED, DOTS}),
        ("3）服务", {NUMBERED, DOTS}),
        ("2.1总则", {NUMBERED, DOTS, SUBDOTS}),
        ("30 days after the notice", set()),
        ("30 天内取消", set()),
        ("3 个工作日", set()),
        ("12 月 31 日", set()),
        ("5 %", set()),
        ("10:30 is the hour", set()),
        ("2024 Scope", set()),
        ("1Scope", set()),
        ("第三种情形", set()),
        ("2024 was a good year", set()),
        ("A seller may", set()),
        ("第一次使用时", set()),
        ("Scope", set()),
        ("", set()),
    ],
)
def test_numbering_is_seen(text: str, columns: set[int]) -> None:
    row = own_layout([Line(text)])[0]

    assert {i for i in range(NUMBERED, LETTER + 1) if row[i]} == columns


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("An end.", 0), ("完。", 0), ('"Really?"', 0), ("as follows:", 1), ("如下：", 1),
        ("one;", 2), ("one,", 3), ("100 %", 4), ("A heading", 5), ("标题", 5), ("", 5),
    ],
)  # fmt: skip
def test_the_last_mark_is_seen_behind_closing_quotes(text: str, column: int) -> None:
    assert own_layout([Line(text)])[0, :6].tolist() == [float(i == column) for i in range(6)]


@pytest.mark.parametrize("text", ["- one", "• one", "* one", "– one", "  • one"])
def test_a_bullet_is_seen(text: str) -> None:
    assert own_layout([Line(text), Line("one")])[:, 15].tolist() == [1.0, 0.0]


def test_headings_are_ranked_by_the_levels_of_their_document() -> None:
    lines = [
        Line("A", "heading", 2),
        Line("text"),
        Line("B", "heading", 4),
        Line("C", "heading", 6),
    ]
    rows = own_layout(lines)

    assert rows[:, 22].tolist() == [1, 0, 1, 1]
    assert rows[:, 27:30].argmax(axis=1)[[0, 2, 3]].tolist() == [0, 1, 2]
    assert not rows[1, 27:].any()


def test_each_line_knows_its_document_and_where_it_stands() -> None:
    lines = [Line("One."), Line("Two"), Line("- three;", "list_item", 1)]
    found = layout(lines)

    assert found.shape == (3, N_LAYOUT)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :N_OWN], own_layout(lines))
    mean = own_layout(lines).mean(axis=0)
    np.testing.assert_allclose(found[:, N_OWN : 2 * N_OWN], np.tile(mean, (3, 1)))
    np.testing.assert_allclose(found[:, 2 * N_OWN], np.log1p(3) / 5)
    np.testing.assert_allclose(found[:, 2 * N_OWN + 1], [1 / 6, 3 / 6, 5 / 6])


@pytest.mark.parametrize(
    ("text", "sets_off"),
    [
        ("full: back up everything", 1.0),
        ("有效期：三年", 1.0),
        ("As follows:", 0.0),
        ("https://example.org", 0.0),
        ("A long sentence before a colon that comes: late", 0.0),
    ],
)
def test_an_early_colon_sets_off_a_term(text: str, sets_off: float) -> None:
    assert own_layout([Line(text)])[0, -1] == sets_off


def test_likeness_is_the_cosine_of_the_words_that_few_lines_have() -> None:
    texts = ["the cat sat", "a dog sat", "", "fees for the cat", "the cat and the fees", "dog"]
    like = layout([Line(text) for text in texts])[:, -2 * N_LIKE : -N_LIKE]
    sets = [set(text.split()) for text in texts]
    weight = {w: np.log(7 / sum(w in s for s in sets)) for s in sets for w in s}
    expected = np.zeros((6, N_LIKE), np.float32)
    for i, k in itertools.product(range(6), range(1, REACH + 1)):
        for place, j in ((k - 1, i - k), (REACH + k - 1, i + k)):
            if 0 <= j < 6 and sets[i] and sets[j]:
                shared, one, other = (
                    sum(weight[w] for w in of) for of in (sets[i] & sets[j], sets[i], sets[j])
                )
                expected[i, place] = shared / np.sqrt(one * other)

    np.testing.assert_allclose(like, expected, atol=1e-6)
    assert like[3, REACH] > 0.3


@pytest.mark.parametrize("form", ["words", "pairs"])
def test_likeness_reads_chinese_characters_and_pairs_of_them(form: str) -> None:
    found = layout([Line("公司的费用"), Line("费用由公司付"), Line("用户隐私")])
    of_words = slice(-2 * N_LIKE, -N_LIKE)
    like = found[:, of_words if form == "words" else slice(-N_LIKE, None)]

    assert like[1, 0] == like[0, REACH] > 0.2
    assert (like[2, 0] > 0) == (form == "words")  # 用 alone is in both


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_store_has_the_likeness_that_a_document_has_in_use(variant: Variant) -> None:
    some = [document(i, chinese=i == 1) for i in range(3)]
    store = evidence.LineStore(some, 2**14)
    store.keep(store.frequent(100))
    for one, stored in zip(some, store.documents, strict=True):
        lines, _ = stored.lines(variant)
        found = in_document(store.layout(lines, variant), *store.bodies(lines))

        np.testing.assert_array_equal(found, layout(one.variant(variant).lines))


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "A" * 100_000, "\n" * 50, "第" * 5000])
def test_layout_is_finite_and_bounded(text: str) -> None:
    found = layout([Line(text), Line("next")])

    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 2


# --- other forms of a document -----------------------------------------------------------------


def legal(language: str = "en") -> SectionedDocument:
    """Paragraphs of several sentences under two depths of headings."""
    stop = {"zh": "。"}.get(language, ". ")
    texts = {"en": ["We ship", "You pay", "It ends"], "zh": ["公司发货", "用户付款", "协议终止"]}
    items = [
        {
            "text": stop.join(f"{t}{'' if language == 'zh' else ' then'}" for t in of[: 1 + k % 3])
            + stop.strip(),
            "section": [f"S{k // 4}"] + ([f"S{k // 4}.1"] if k % 4 > 1 else []),
        }
        for k, of in enumerate([texts[language]] * 16)
    ]
    value = {"id": "x", "group": "g", "lang": language, "top": 1, "paragraphs": items}
    return from_json(value, "x", "made")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("form", FORMS)
def test_another_form_keeps_text_headings_and_changes(form: Any, language: str) -> None:
    one = legal(language)
    found = augmented(one, form, np.random.default_rng(1))

    assert found.lines != one.lines
    assert len(found.lines) == len(found.headings) == len(found.changes)
    assert (found.group, found.language, found.split) == (one.group, one.language, one.split)
    if form == "numbered":
        assert (found.headings, found.changes) == (one.headings, one.changes)
        pairs = zip(found.lines, one.lines, strict=True)
        assert all(line.text.endswith(was.text) for line, was in pairs)
    else:
        assert squeezed(found) == squeezed(one)
        assert opened(found) == opened(one)


def opened(one: SectionedDocument) -> list[tuple[int, int, tuple[Heading, ...]]]:
    """Each change, the headings that made it, and how many characters stand before it."""
    before = np.cumsum([0, *(len("".join(line.text.split())) for line in one.lines)]).tolist()
    rows = zip(before[:-1], one.changes, one.headings, strict=True)
    return [row for row in rows if row[1] != NO_CHANGE]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("form", FORMS)
def test_another_form_keeps_the_kinds_of_the_lines(form: Any, language: str) -> None:
    """What a line of the form begins with is a line of the document: its kind and level stay."""
    one = legal(language)
    shapes: list[tuple[Any, int | None]] = [("list_item", 2), ("paragraph", None), ("table", None)]
    marked = [
        dataclasses.replace(line, text=f"{i}x{line.text}", kind=kind, level=level)
        for i, line in enumerate(one.lines)
        for kind, level in [shapes[i % 3]]
    ]
    found = augmented(dataclasses.replace(one, lines=tuple(marked)), form, np.random.default_rng(1))
    places = [re.search(r"(\d+)x", line.text) for line in found.lines]
    at = -1
    for line, place in zip(found.lines, places, strict=True):
        at = int(place[1]) if place else at  # a later sentence is of the same line
        assert (line.kind, line.level) == shapes[at % 3], line.text
    assert {line.kind for line in found.lines} == {"list_item", "paragraph", "table"}


@pytest.mark.parametrize(("language", "blank"), [("en", " "), ("zh", ""), ("fr", " ")])
def test_lines_are_merged_as_the_language_joins_them(language: str, blank: str) -> None:
    texts = ["甲", "乙"] if language == "zh" else ["one", "two"]
    items = [{"text": texts[i % 2], "section": [f"S{i // 2}"]} for i in range(80)]
    one = from_json({"lang": language, "paragraphs": items}, "x", "made")
    found = {line.text for line in augmented(one, "merged", np.random.default_rng(0)).lines}

    assert found == {*texts, blank.join(texts)}


def squeezed(one: SectionedDocument) -> str:
    return "".join("".join(line.text.split()) for line in one.lines)


def test_sentences_open_where_their_paragraph_did() -> None:
    one = legal()
    found = augmented(one, "sentences", np.random.default_rng(0))
    starts = [
        line.text for line, headings in zip(found.lines, found.headings, strict=True) if headings
    ]

    assert len(found.lines) > len(one.lines)
    assert all(text.startswith("We ship") for text in starts)


def test_merging_stays_within_a_section_and_is_by_chance() -> None:
    one = legal()
    forms = [augmented(one, "merged", np.random.default_rng(i)) for i in range(5)]

    assert len({tuple(line.text for line in found.lines) for found in forms}) > 1
    assert all(opened(found) == opened(one) for found in forms)
    assert all(len(found.lines) < len(one.lines) for found in forms)


def test_a_very_long_document_is_not_cut_into_sentences() -> None:
    long = from_json([{"text": "One. Two.", "section": ["A"]}] * 601, "long", "made")

    assert augmented(long, "sentences", np.random.default_rng(0)) is long


# --- evidence ----------------------------------------------------------------------------------

LINEAR = evidence.EvidenceSettings(n_features=512, epochs=2)


def honest(some: list[SectionedDocument]) -> tuple[evidence.LineStore, np.ndarray]:
    store = evidence.LineStore(some, 2**14)
    store.keep(store.frequent(LINEAR.n_features))
    return store, evidence.out_of_fold(
        store, 3, 0,
        lambda of, seed: evidence.fit(store, of, LINEAR, seed),
        lambda made, lines: evidence.evidence_of(made, store, lines),
    )[1]  # fmt: skip


def relabelled(one: SectionedDocument) -> SectionedDocument:
    """The same lines, with changes where there were none and none where they were."""
    return dataclasses.replace(one, changes=tuple(2 - change for change in one.changes))


def test_the_evidence_of_a_document_does_not_depend_on_its_own_labels() -> None:
    some = documents(12)
    some[4] = dataclasses.replace(some[4], group=some[3].group)
    store, before = honest(some)
    _, after = honest([*some[:3], relabelled(some[3]), *some[4:]])
    same = [
        np.array_equal(before[lines], after[lines])
        for lines in (d.first + np.arange(len(d.changes)) for d in store.documents)
    ]

    assert same[3], "its own labels reached it"
    assert same[4], "labels of its group reached it"
    assert not all(same), "the labels count for nobody"
    assert before.shape == (len(store), evidence.DIM)


def test_the_lines_of_a_form_and_their_changes_come_out_of_the_store() -> None:
    some = documents(3)
    store = evidence.LineStore(some, 512)
    for one, stored in zip(some, store.documents, strict=True):
        for variant in VARIANTS:
            at, found = stored.lines(variant)
            wanted = one.variant(variant)

            assert found[1:].tolist() == list(wanted.changes)
            np.testing.assert_array_equal(store.layout(at, variant), own_layout(wanted.lines))
            ids, lengths = store.bags(at)
            direct = features(wanted.lines, 512)
            assert ids.tolist() == direct.ids.tolist()
            assert lengths.cumsum(0).tolist()[:-1] == direct.offsets[1:].tolist()


def test_the_table_has_the_hashes_of_three_documents_and_the_most_frequent_first() -> None:
    own = words(40)
    lines = [[*own[:10]], [*own[:10], *own[10:20]], own[:30], own[:30] + own[:20]]
    some = [
        from_json([{"text": " ".join(of), "section": ["A"]}], f"d{i}", "made")
        for i, of in enumerate(lines)
    ]
    headings = 1  # the word A, in all four
    every = evidence.LineStore(some, BUCKETS)
    # ten words with nine pairs in all four; ten more with ten pairs in three; the rest in two
    assert len(every.frequent(1000)) == 10 + 9 + headings + 10 + 10
    assert set(every.frequent(20)) == set(window(" ".join(own[:10]))) | set(window("A"))

    of_document, kept = every.ids[: every.starts[2]].copy(), every.frequent(20)
    every.keep(kept)
    ids, lengths = every.bags(np.arange(2))
    assert kept[ids.numpy()].tolist() == of_document.tolist()
    assert int(lengths.sum()) == len(ids)


def test_hashes_that_a_language_uses_count_however_small_its_share() -> None:
    some = [*documents(40)]
    rare = [
        from_json(
            {"lang": "zh", "paragraphs": [{"text": "公司", "section": ["章"]}]}, f"z{i}", "made"
        )
        for i in range(3)
    ]
    found = evidence.LineStore([*some, *rare], BUCKETS).frequent(50)

    assert set(window("公司")) <= set(found)


def test_a_hash_counts_with_its_share_in_the_language_that_uses_it_most() -> None:
    made = {"en": ["both only"] * 3 + ["only"] * 2, "fr": ["both"] * 3 + ["x"] * 2}
    some = [
        from_json(
            {"lang": lang, "paragraphs": [{"text": t, "section": ["…"]} for t in of.split()]},
            f"{lang}{i}", "made",
        )
        for lang, texts in made.items()
        for i, of in enumerate(texts)
    ]  # fmt: skip
    found = evidence.LineStore(some, BUCKETS).frequent(1)

    assert found.tolist() == window("only")  # in all of one; `both` in 0.6 of both


def test_the_evidence_of_a_line_is_the_sum_of_its_words_by_the_root_of_their_number() -> None:
    table = evidence.Evidence(32)
    torch.nn.init.normal_(table.table)
    ids, lengths = torch.tensor([3, 5, 5, 31]), torch.tensor([2, 0, 1, 1])
    with torch.inference_mode():
        found = table(ids, lengths)[0]

    rows = table.table.detach()
    torch.testing.assert_close(found[0], (rows[3] + rows[5]) / 2**0.5)
    assert not found[1].any()
    torch.testing.assert_close(found[2], rows[2 * 32 + 5])
    torch.testing.assert_close(found[3], rows[3 * 32 + 31])


# --- the model ---------------------------------------------------------------------------------


def fit(
    folder: Path, say: Callable[[str], None] = lambda line: None, **changes: Any
) -> hashed.Hashed:
    settings = dataclasses.replace(SMALL, **changes)
    some = documents(60)
    return hashed.fit(
        some[:45], some[45:], settings, seed=3, checkpoint_dir=folder, on_progress=say
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> hashed.Hashed:
    return fit(tmp_path_factory.mktemp("checkpoints"), epochs=30, learning_rate=6e-3)


@pytest.fixture(scope="module")
def saved(
    trained: hashed.Hashed, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, model.TrainedModel]:
    folder = tmp_path_factory.mktemp("model")
    made = model.TrainedModel(
        str(folder), "hashed", (trained,), Calibration.none(), Thresholds.equal(0.5)
    )
    return folder, model.save(folder, made)


def unseen() -> list[SectionedDocument]:
    return [document(i) for i in range(200, 230)]


@pytest.mark.parametrize(
    ("variant", "least"),
    [("marked", (0.95, 0.95)), ("plain", (0.95, 0.95)), ("stripped", (0.8, 0.75))],
)
def test_it_learns_sections_and_sub_sections(
    trained: hashed.Hashed, variant: Variant, least: tuple[float, float]
) -> None:
    """Without headings a boundary everywhere gives an F1 of 0.43 and 0.61."""
    some = [one.variant(variant) for one in unseen()]
    raw = trained.logits([one.lines for one in some])
    conditions = [one.condition for one in trained.raw([one.lines for one in some])]
    found = [
        best_f1([x[:, column] for x in raw], [one.gold(depth) for one in some])[1]
        for column, depth in enumerate(DEPTHS)
    ]

    assert (np.array(found) >= least).all(), found
    assert conditions.count(variant) >= (24 if variant == "stripped" else 30)  # of 30


def test_a_boundary_of_a_section_is_one_of_a_sub_section(trained: hashed.Hashed) -> None:
    for raw in trained.logits([one.lines for one in unseen()]):
        assert raw.shape == (11, 2)
        assert (raw[:, 0] <= raw[:, 1] + 1e-9).all()


def test_a_section_is_a_change_and_of_that_depth() -> None:
    raw = np.array([[-3.0, 0.5], [0.0, 0.0], [2.0, -1.0], [60.0, 60.0], [-60.0, -60.0]])
    p = 1 / (1 + np.exp(-hashed._in_order(raw)))
    change, depth = (1 / (1 + np.exp(-raw))).T

    np.testing.assert_allclose(p, np.stack([change * depth, change], axis=1), atol=1e-11)


# --- which networks ----------------------------------------------------------------------------


def telling(trained: hashed.Hashed) -> hashed.Hashed:
    """With networks that say at every gap of which kind they are: yes (shown) or no (hidden)."""
    networks: dict[hashed.Kind, tuple[hashed.GapNetwork, ...]] = {}
    for kind in hashed.KINDS:
        network = hashed.GapNetwork(trained.settings.input_dim, trained.settings.network).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()
            network.direct.bias.fill_(5.0 if kind == "shown" else -5.0)
        networks[kind] = (network,)
    return dataclasses.replace(trained, networks=networks)


def kinds_of(found: hashed.Hashed, documents: list[tuple[Line, ...]]) -> list[str]:
    seen = [raw.condition.removesuffix("-cjk") for raw in found.raw(documents)]
    return ["hidden" if condition == "stripped" else "shown" for condition in seen]


@pytest.mark.parametrize(
    ("variant", "kind"), [("marked", "shown"), ("plain", "shown"), ("stripped", "hidden")]
)
def test_documents_with_headings_in_sight_have_networks_of_their_own(
    trained: hashed.Hashed, variant: Variant, kind: str
) -> None:
    found = kinds_of(trained, [one.variant(variant).lines for one in unseen()])

    assert len(found) == 30
    assert found.count(kind) >= (30 if kind == "shown" else 24)  # in doubt there are headings


@pytest.mark.parametrize("sees", [True, False])
def test_sight_decides_where_no_heading_is_marked(trained: hashed.Hashed, sees: bool) -> None:
    """And what it decides is the condition for the calibration too."""
    weights = never() if not sees else -never()
    other = dataclasses.replace(trained, sight=weights)
    some = [unseen()[0].variant(variant).lines for variant in VARIANTS]
    expected = "shown" if sees else "hidden"

    means = [raw.mean() for raw in telling(other).logits(some)]
    assert ["shown" if mean > 0 else "hidden" for mean in means] == ["shown", expected, expected]
    plain = "plain" if sees else "stripped"
    assert [one.condition for one in other.raw(some)] == ["marked", plain, plain]
    chinese = [document(1, chinese=True).variant(variant).lines for variant in VARIANTS]
    conditions = [one.condition for one in other.raw(chinese)]
    assert conditions == ["marked-cjk", f"{plain}-cjk", f"{plain}-cjk"]
    assert [one.condition for one in other.raw([(), some[1][:1]])] == ["stripped"] * 2


def test_sight_reads_what_the_evidence_says_of_headings(trained: hashed.Hashed) -> None:
    """The mean of how like headings the lines are, and nothing else."""
    at = N_OWN + 4
    some = [one.variant(variant).lines for variant in ("plain", "stripped") for one in unseen()]
    means = []
    for lines in some:
        found = features(lines, trained.settings.n_buckets)
        with torch.inference_mode():
            said = hashed.like_heading(trained._evidence(lines, found).numpy())
        means.append(sight.of_lines(own_layout(lines), said)[at])
    weights = np.zeros(sight.N_TRAITS + 1, np.float32)
    weights[at], weights[-1] = 1.0, sight.IN_DOUBT - float(np.median(means))
    found_kinds = kinds_of(dataclasses.replace(trained, sight=weights), some)

    assert found_kinds == [
        "shown" if mean + weights[-1] > sight.IN_DOUBT else "hidden" for mean in means
    ]
    assert set(found_kinds) == {"shown", "hidden"}
    assert np.mean(means[:30]) > np.mean(means[30:])


def test_sight_reads_how_sure_the_first_network_is(trained: hashed.Hashed) -> None:
    """The share of the gaps that it takes for boundaries, and nothing else."""
    some = [one.variant(variant).lines for variant in ("plain", "stripped") for one in unseen()]
    alone = dataclasses.replace(
        trained, networks={**trained.networks, "shown": trained.networks["shown"][:1]}
    )
    always = dataclasses.replace(alone, sight=-never())
    shares = [(1 / (1 + np.exp(-raw[:, 1]))).mean() for raw in always.logits(some)]
    weights = np.zeros(sight.N_TRAITS + 1, np.float32)
    weights[-2], weights[-1] = 1.0, sight.IN_DOUBT - float(np.median(shares))
    found_kinds = kinds_of(dataclasses.replace(trained, sight=weights), some)

    assert found_kinds == [
        "shown" if x + weights[-1] > sight.IN_DOUBT else "hidden" for x in shares
    ]
    assert set(found_kinds) == {"shown", "hidden"}


@pytest.mark.parametrize(
    ("kind", "form"),
    [("shown", "marked"), ("shown", "plain"), ("shown", "stripped"), ("hidden", "stripped")],
)
def test_networks_learn_from_documents_of_their_kind(kind: hashed.Kind, form: Variant) -> None:
    one = tuple(float(form == variant) for variant in VARIANTS)
    shares = (1.0, 0.0, 0.0) if kind == "hidden" else (one[0], one[1], one[2])
    settings = dataclasses.replace(SMALL, shares=shares, mixed=0.0)
    some = documents(12)
    store = evidence.LineStore(some, settings.n_buckets)
    drawn = list(
        hashed._drawn(
            store, np.zeros((len(store), 1), np.float32), {"made": store.documents}, kind,
            settings, np.random.default_rng(0),
        )
    )  # fmt: skip
    is_marked = np.concatenate([one.layout[:, HEADING_KIND] for one in drawn])

    assert sorted(map(len, drawn)) == sorted(len(one.variant(form).lines) for one in some)
    n_headings = int(store.is_heading.sum()) if form == "marked" else 0
    assert is_marked.sum() == n_headings


def test_the_space_of_a_writing_system_that_was_not_seen_is_not_read(
    trained: hashed.Hashed,
) -> None:
    """There is nothing to scale it by; a thousand times the words of the other would drown all."""
    own = evidence.DIM + SMALL.topics
    for networks in trained.networks.values():
        assert (networks[0].scale[:own] > 0).all()
        assert not networks[0].scale[own:].any()
    mixed = [Line(f"公司应当{word}。") for word in ["price", "data", "loss", "cancel", "parcel"]]
    table = dataclasses.replace(trained.tables, topics=scrambled(trained.tables.topics))
    other = dataclasses.replace(trained, tables=table)

    assert condition_of(trained, mixed) == condition_of(other, mixed)
    assert condition_of(trained, mixed).endswith("-cjk")
    np.testing.assert_array_equal(trained.logits([mixed])[0], other.logits([mixed])[0])


def test_every_second_network_does_not_read_the_topics(trained: hashed.Hashed) -> None:
    table = dataclasses.replace(trained.tables, topics=scrambled(trained.tables.topics))
    some = [one.variant(variant).lines for one in unseen()[:3] for variant in VARIANTS]
    for i, reads in enumerate([True, False]):
        of = {kind: networks[i : i + 1] for kind, networks in trained.networks.items()}
        one = dataclasses.replace(trained, networks=of)
        other = dataclasses.replace(one, tables=table)
        pairs = list(zip(one.logits(some), other.logits(some), strict=True))

        assert [bool((a != b).any()) for a, b in pairs] == [reads] * len(some)


def scrambled(about: topics.Topics) -> topics.Topics:
    other = copy.deepcopy(about)
    torch.nn.init.normal_(other.table)
    return other


def condition_of(found: hashed.Hashed, lines: list[Line]) -> str:
    return found.raw([lines])[0].condition


def test_documents_of_both_writings_are_learnt_from(tmp_path: Path) -> None:
    some = [document(i, chinese=chinese) for i in range(30) for chinese in (False, True)]
    settings = dataclasses.replace(SMALL, networks=1, epochs=1, evidence_epochs=2)
    found = hashed.fit(
        some[:48], some[48:], settings, seed=0, checkpoint_dir=tmp_path, on_progress=lambda _: None
    )
    topic_of = {}
    for one in some[:2]:
        with torch.inference_mode():
            said = found._evidence(one.lines, features(one.lines, settings.n_buckets)).numpy()
        topic_of[one.language] = said[:, evidence.DIM :]

    assert all((networks[0].scale > 0).all() for networks in found.networks.values())
    assert not topic_of["en"][:, SMALL.topics :].any()
    assert not topic_of["zh"][:, : SMALL.topics].any()
    assert topic_of["en"].any(axis=1).all()
    assert topic_of["zh"].any(axis=1).all()


# --- sequences of lines ------------------------------------------------------------------------


def test_padding_does_not_reach_the_lines() -> None:
    network = wide().networks["shown"][0]
    rng = torch.Generator().manual_seed(1)
    evidences = [torch.randn(n, WIDE.input_dim, generator=rng) for n in (5, 9, 2)]
    layouts = [torch.randn(n, N_LAYOUT, generator=rng) for n in (5, 9, 2)]
    padded = [
        torch.nn.utils.rnn.pad_sequence(of, batch_first=True, padding_value=7.0)
        for of in (evidences, layouts)
    ]
    with torch.inference_mode():
        together = network(*padded, torch.tensor([5, 9, 2]))
        for i, (one, of) in enumerate(zip(evidences, layouts, strict=True)):
            (alone,) = network(one[None], of[None], torch.tensor([len(one)]))
            torch.testing.assert_close(together[i, : len(one) - 1], alone)


def test_a_long_document_is_read_in_overlapping_pieces() -> None:
    network = wide().networks["hidden"][0]
    rng = torch.Generator().manual_seed(1)
    of, about = (torch.randn(300, n, generator=rng) for n in (WIDE.input_dim, N_LAYOUT))
    with torch.inference_mode():
        whole = hashed._of_evidence(network, of, about, 256)
        first = hashed._of_evidence(network, of[:256], about[:256], 256)
        last = hashed._of_evidence(network, of[44:], about[44:], 256)

    np.testing.assert_array_equal(whole, np.concatenate([first[:192], last[192 - 44 :]]))
    assert np.abs(first[192:] - last[192 - 44 : 255 - 44]).max() > 1e-4


def test_a_loaded_model_is_bit_equal_to_the_trained_one(
    saved: tuple[Path, model.TrainedModel],
) -> None:
    folder, made = saved
    loaded = model.load(folder)
    lines = [one.variant(v).lines for one in unseen()[:5] for v in VARIANTS]

    assert loaded.identity() == made.identity()
    assert isinstance(loaded, model.TrainedModel)
    assert loaded.members[0].config() == made.members[0].config()
    assert loaded.members[0].settings == made.members[0].settings  # type: ignore[attr-defined]
    for ours, theirs in zip(made.probabilities(lines), loaded.probabilities(lines), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    for name, tensor in made.members[0].state().items():
        assert torch.equal(tensor, loaded.members[0].state()[name]), name
    assert sum(name.startswith("shown.1.") for name in loaded.members[0].state()) > 10


def test_the_weights_of_sight_are_stored_whole(
    trained: hashed.Hashed, saved: tuple[Path, model.TrainedModel]
) -> None:
    """In half precision those of layout that hardly varies would not fit."""
    large = dataclasses.replace(trained, sight=trained.sight * np.float32(123_456.789))
    again = hashed.from_state(large.config(), large.state())
    loaded = model.load(saved[0])

    assert again.sight.tobytes() == large.sight.tobytes()
    assert np.abs(trained.sight).max() > 0
    assert isinstance(loaded, model.TrainedModel)
    (member,) = loaded.members
    assert isinstance(member, hashed.Hashed)
    assert member.sight.tobytes() == trained.sight.tobytes()
    assert {kind: len(of) for kind, of in member.networks.items()} == {"shown": 3, "hidden": 2}


SHORT: dict[str, Any] = {"epochs": 2, "evidence_epochs": 2, "networks": 1}


class Killed(Exception):
    pass


AT = ["lines", "boundaries: done", "topics: done", "epoch 1:", "epoch 2:", "goes on"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> hashed.Hashed:
    return fit(tmp_path_factory.mktemp("straight"), **SHORT)


@pytest.mark.parametrize(("at", "nth"), [*((at, 1) for at in AT), ("epoch 2:", 2)])
def test_a_killed_run_ends_as_if_it_had_not_been(
    at: str, nth: int, straight: hashed.Hashed, tmp_path: Path
) -> None:
    seen = 0

    def stop(line: str) -> None:
        nonlocal seen
        seen += at in line
        if seen == nth:  # the networks of both kinds tell of their epochs
            raise Killed

    short = SHORT
    if at == "goes on":  # killed twice, the second time on resuming
        with pytest.raises(Killed):
            fit(tmp_path / "broken", lambda line: stop(line.replace("epoch 1:", at)), **short)
    with pytest.raises(Killed):
        fit(tmp_path / "broken", stop, **short)
    told: list[str] = []
    again = fit(tmp_path / "broken", told.append, **short)

    assert any("goes on after epoch" in line for line in told) == at.startswith(("epoch", "goes"))
    kept = at.startswith(("topics", "epoch", "goes"))
    assert ("evidence: taken from the checkpoint" in told) == (kept and at != "topics: done")
    for name, tensor in straight.state().items():
        assert torch.equal(tensor, again.state()[name]), name


def test_training_does_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    short = {"epochs": 1, "evidence_epochs": 1, "networks": 1}
    states, used = [], set()
    for n in (1, 2):
        with threads(n):
            fitted = fit(tmp_path / str(n), lambda _: used.add(torch.get_num_threads()), **short)
        states.append(fitted.state())

    assert used == {1}
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


class threads:
    """Another number of threads for a while."""

    def __init__(self, n: int) -> None:
        self.n, self.before = n, torch.get_num_threads()

    def __enter__(self) -> None:
        torch.set_num_threads(self.n)

    def __exit__(self, *error: object) -> None:
        assert torch.get_num_threads() == self.n, "the number of threads was not put back"
        torch.set_num_threads(self.before)


WIDE = hashed.Settings(networks=1)


def wide() -> hashed.Hashed:
    """Untrained and of the default size: what matters does not depend on the values."""
    torch.manual_seed(0)
    table = evidence.Evidence(WIDE.n_features)
    about = topics.Topics(WIDE.n_features, WIDE.topics)
    torch.nn.init.normal_(table.table)
    torch.nn.init.normal_(about.table)
    networks: dict[hashed.Kind, tuple[hashed.GapNetwork, ...]] = {
        kind: (hashed.GapNetwork(WIDE.input_dim, WIDE.network).eval(),) for kind in hashed.KINDS
    }
    hashes = np.arange(WIDE.n_features, dtype=np.int32) * 10
    tables = hashed.Tables(table.eval(), about.eval())
    return hashed.Hashed(hashes, tables, never(), networks, WIDE)


def never() -> np.ndarray:
    """Weights by which no headings show that are not marked."""
    return np.append(np.zeros(sight.N_TRAITS), -9.0).astype(np.float32)


def text(n_lines: int, seed: int = 0) -> list[Line]:
    rng = np.random.default_rng(seed)
    own = words(3000)
    return [
        Line(" ".join(own[k] for k in rng.integers(0, 3000, int(rng.integers(1, 80)))) + ".")
        for _ in range(n_lines)
    ]


def test_neither_batches_nor_threads_change_a_bit() -> None:
    network = wide()
    some = [text(n, seed=n) for n in (2, 300, 17, 1, 64, 0, 700)]
    runs = []
    for n in (1, 2):
        with threads(n):
            together = network.logits(some)
            alone = [network.logits([lines])[0] for lines in some]
            backwards = network.logits(some[::-1])[::-1]
        runs += [together, alone, backwards]

    assert all(np.ptp(raw, axis=0).min() > 0.01 for raw in runs[0] if len(raw) > 10)
    for run in runs[1:]:
        assert [raw.tobytes() for raw in run] == [raw.tobytes() for raw in runs[0]]


def test_it_computes_on_one_thread_whatever_is_set() -> None:
    """Where sums are split among threads depends on the processor; so none are."""
    network = wide()
    used: list[int] = []
    for part in (network.tables.evidence, network.tables.topics, network.networks["hidden"][0]):
        part.register_forward_hook(lambda *_: used.append(torch.get_num_threads()))
    with threads(2):
        network.logits([text(300)])

    assert used == [1, 1, 1, 1]  # both tables, and two pieces


@pytest.mark.parametrize("n_lines", [0, 1, 2, 3, 255, 256, 257, 600])
def test_each_gap_of_a_document_of_any_length_has_a_finite_score(n_lines: int) -> None:
    (found,) = wide().logits([text(n_lines)])

    assert found.shape == (max(0, n_lines - 1), 2)
    assert np.isfinite(found).all()


def test_documents_without_lines_or_words_have_probabilities(
    saved: tuple[Path, model.TrainedModel],
) -> None:
    some = [[], [Line("")], [Line(""), Line("")], [Line("…"), Line("\x00"), Line("公")]]
    found = saved[1].probabilities(some)

    assert [p.shape for p in found] == [(0, 2), (0, 2), (1, 2), (2, 2)]
    assert all(((p >= 0) & (p <= 1)).all() for p in found)
    assert saved[1].probabilities([]) == []


def test_a_score_depends_on_lines_far_away_only_as_far_as_a_piece_reaches() -> None:
    network = wide()
    own = text(900)
    (whole,) = network.logits([own])
    # the same lines in another order, so that what is known of the whole document stays
    (other,) = network.logits([[*own[:700], *own[:699:-1]]])

    np.testing.assert_allclose(whole[:500], other[:500], atol=1e-4)
    assert np.abs(whole[700:] - other[700:]).max() > 0.01


MEMORY = """
import resource
import sys
sys.path[:0] = sys.argv[1:]
import test_segmentation_hashed as t
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unit = 1 if sys.platform == "darwin" else 1024
network = t.wide()
network.logits([t.text(300)])
before = peak()
(found,) = network.logits([t.text(3000)])
print(len(found), (peak() - before) * unit)
"""


def test_a_document_of_3000_lines_takes_little_memory() -> None:
    """In pieces of 256 lines 25 MB; 130 in pieces of 1,500, 370 in one piece."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEMORY, str(here), str(here.parent)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    n_gaps, grown = map(int, done.stdout.split())

    assert n_gaps == 2999
    assert grown < 60e6


def test_the_table_is_no_larger_than_what_was_seen(tmp_path: Path) -> None:
    found = fit(tmp_path, epochs=1, evidence_epochs=1, networks=1, n_features=100_000)

    assert 100 < len(found.hashes) < 10_000
    assert found.config()["n_features"] == len(found.hashes)
    assert len(found.state()["evidence"]) == N_WINDOWS * len(found.hashes)
    assert found.state()["topics.table"].shape == (len(found.hashes), SMALL.topics)


def test_too_few_groups_are_one_clear_error(tmp_path: Path) -> None:
    one = [dataclasses.replace(d, group="same") for d in documents(20)]

    with pytest.raises(DatakitError, match="of 1 groups; expected at least 2 groups") as caught:
        hashed.fit(one, one, SMALL, seed=0, checkpoint_dir=tmp_path, on_progress=lambda line: None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 15},
        {"networks": 0},
        {"epochs": 0},
        {"folds": 1},
        {"crop": 3},
        {"max_lines": 3},
        {"topics": 0},
        {"shares": (0.0, 0.0, 0.0)},
        {"shares": (1.0, -0.1, 0.0)},
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        dataclasses.replace(SMALL, **changes)


# --- loading -----------------------------------------------------------------------------------


def rewritten(
    saved: tuple[Path, model.TrainedModel], folder: Path, change: Callable[[dict[str, Any]], None]
) -> Path:
    """The saved model with other tensors, and a config that expects them."""
    from safetensors.torch import load_file, save

    tensors = load_file(saved[0] / model.WEIGHTS)
    change(tensors)
    content = save(tensors)
    config = json.loads((saved[0] / model.CONFIG).read_text("utf-8"))
    config["weights_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / model.WEIGHTS).write_bytes(content)
    (folder / model.CONFIG).write_text(json.dumps(config), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.update({"0.evidence": t["0.evidence"][:-1].clone()}),
            r"table is \(\d+, 5\), expected \(\d+, 5\)",
        ),
        (lambda t: t.pop("0.evidence"), "KeyError: 'evidence'"),
        (lambda t: t.pop("0.sight"), "KeyError: 'sight'"),
        (lambda t: t.update({"0.sight": torch.ones(3)}), r"table is \(3,\), expected \(\d+,\)"),
        (lambda t: t.pop("0.topics.table"), "Missing key"),
        (
            lambda t: t.update({"0.topics.table": t["0.topics.table"][:-1].clone()}),
            "size mismatch for table",
        ),
        (lambda t: t.pop("0.hashes"), "KeyError: 'hashes'"),
        (
            lambda t: t.update({"0.hashes": t["0.hashes"][:-1].clone()}),
            r"table is \(\d+, 5\), expected \(\d+, 5\)",
        ),
        (
            lambda t: t.update({"0.hashes": t["0.hashes"] + 2**14}),
            "a hash is not below n_buckets, 16384",
        ),
        (
            lambda t: t.update({"0.hidden.1.scale": torch.ones(3)}),
            "size mismatch for scale",
        ),
        (lambda t: t.pop("0.shown.0.sequence.norm.weight"), "Missing key"),
        (lambda t: t.update({"0.hidden.0.more": torch.ones(1)}), "Unexpected key"),
    ],
)
def test_weights_of_another_shape_are_one_clear_error(
    saved: tuple[Path, model.TrainedModel], tmp_path: Path,
    change: Callable[[dict[str, Any]], None], words: str,
) -> None:  # fmt: skip
    rewritten(saved, tmp_path, change)

    with pytest.raises(DatakitError, match=words) as caught:
        model.load(tmp_path)
    assert "do not fit each other or this datakit" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- the model in the package ------------------------------------------------------------------


def test_the_shipped_model_is_small_and_safe() -> None:
    from safetensors import safe_open

    folder = model.shipped_folder()
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    with safe_open(folder / model.WEIGHTS, "np") as file:
        tensors = [file.get_slice(name) for name in file.keys()]  # noqa: SIM118 (no mapping)
        n_parameters = sum(
            int(np.prod(tensor.get_shape())) for tensor in tensors if tensor.get_dtype() == "F16"
        )

    assert set(files) == {model.CONFIG, model.WEIGHTS, model.CARD, "reliability.svg"}
    assert sum(files.values()) <= 8e6
    assert 1e6 <= n_parameters <= 3.5e6


def test_the_shipped_model_says_what_it_is() -> None:
    folder = model.shipped_folder()
    found = model.load()
    digest = hashlib.sha256((folder / model.WEIGHTS).read_bytes()).hexdigest()

    assert found.identity()["weights_sha256"] == digest
    assert found.identity() == {**model.load(folder).identity(), "model": model.SHIPPED}
    assert found.identity()["arch"] == "hashed"
    assert json.loads(json.dumps(found.identity())) == found.identity()


def test_the_shipped_model_is_bit_equal_for_any_batch_and_thread_count() -> None:
    found = model.load()
    some = [one.variant(v).lines for one in documents(4) for v in VARIANTS]
    with threads(1):
        alone = [found.scored([lines])[0].p.tobytes() for lines in some]
    with threads(2):
        together = [one.p.tobytes() for one in found.scored(some)]

    assert alone == together
