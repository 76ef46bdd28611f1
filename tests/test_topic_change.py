"""The segmenter `topic_change` and its decoder, with models made by rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from builders import document, plain_document
from gap_models import ByChance, ByRule, Rule
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.errors import PlanError
from datakit.plan import parse
from datakit.records import Block, Document, Passage
from datakit.registry import make
from datakit.segmentation.corpus import DEPTHS, Line
from datakit.segmentation.model import Scored
from datakit.segmenters import _by_gaps, topic_change
from datakit.segmenters._decode import cuts, gaps
from datakit.segmenters._lines import Lines, Piece
from datakit.segmenters._pack import Sizes
from datakit.tables import read_part, write_part
from datakit.text import count_tokens

SIZES = Sizes(64, 256, 512)
WITHOUT_MODEL = ["c99", "even", "texttiling"]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Rule], None]:
    """Makes `topic_change` score gaps by a rule."""

    def put(rule: Rule) -> None:
        monkeypatch.setattr(topic_change, "load_model", lambda name: ByRule(rule))

    put(lambda before, after: 0.25)
    return put


def cut(found: Document, name: str = "topic_change", **values: Any) -> list[Passage]:
    return list(make("segmenters", name, values)([found]))


def ink(text: str) -> str:
    return "".join(text.split())


def first_words(result: list[Passage]) -> list[str]:
    return [p.text.split("\n")[0] for p in result]


def prose(n_tokens: int, word: str = "word") -> str:
    return f"{word} " * (n_tokens - 2) + "ends."


def new_topic(before: Line, after: Line) -> float:
    """Near 1 where the following line starts with another word."""
    return 0.97 if before.text.split()[0] != after.text.split()[0] else 0.02


# --- what always holds -------------------------------------------------------------------------

WORDS = ["fee", "term", "合同", "用户", "pays,", "(a)", "ends.", "12%", "2020年。", "“x”", "A"]
LINES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)
CHINESE = st.integers(1, 40).map(lambda n: "公司营业收入增长较快，净利润创下新高。" * n)
PIECES = st.one_of(
    st.tuples(st.integers(1, 4), LINES).map(lambda two: "#" * two[0] + " " + two[1][:30].strip()),
    LINES,
    LINES.map(lambda line: "- " + line),
    LINES.map(lambda line: f"| {line} |\n" * 3),
    LINES.map(lambda line: (line.replace(" ", "") + "，") * 9),
    st.integers(100, 900).map(prose),
    CHINESE,
    CHINESE.map(lambda text: f"| 项目 | {text} |"),
    CHINESE.map(lambda text: "1. " + text),
    st.sampled_from(["……", "12", "* * *", "Overview:", "# Empty", "## Empty", "### Empty"]),
)
DOCUMENTS = st.lists(PIECES, min_size=1, max_size=14).map("\n\n".join)
LIMITS = st.sampled_from([(64, 256, 512), (8, 20, 30), (1, 5, 5), (1, 1, 1), (10, 40, 200)])


@pytest.mark.parametrize("name", ["topic_change", *WITHOUT_MODEL])
@given(
    text=DOCUMENTS,
    limits=LIMITS,
    shape=st.sampled_from(["blocks", "untrusted", "plain", "one line"]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=150)
def test_passages_are_disjoint_slices_within_the_limit_that_lose_nothing(
    name: str, text: str, limits: tuple[int, int, int], shape: str, seed: int
) -> None:
    found = {
        "blocks": lambda: document(text),
        "untrusted": lambda: document(text),
        "plain": lambda: plain_document(text),
        "one line": lambda: plain_document(text.replace("\n", " ")),
    }[shape]()
    least, target, most = limits
    values: dict[str, Any] = {"min_tokens": least, "target_tokens": target, "max_tokens": most}
    if name == "topic_change":
        values |= {"trust_headings": shape != "untrusted", "depth": DEPTHS[seed % 2]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topic_change, "load_model", lambda model: ByChance(seed=seed))
        result = cut(found, name, **values)
        again = cut(found, name, **values)

    assert result == again
    assert all(found.text[p.start : p.end] == p.text == p.text.strip() for p in result)
    assert all(a.end <= b.start for a, b in itertools.pairwise(result))
    assert all(p.n_tokens == count_tokens(p.text, None) <= most for p in result)
    assert ink("".join(p.text for p in result)) == ink(found.text)
    _check_boundaries(result, name == "topic_change")


def _check_boundaries(result: list[Passage], is_calibrated: bool) -> None:
    assert [p.start_origin for p in result].count("document") == 1
    assert result[0].start_origin == "document"
    assert result[0].p_start is None
    assert result[-1].p_end is None
    assert all(a.p_end == b.p_start for a, b in itertools.pairwise(result))
    known = [p for one in result for p in (one.p_start, one.p_inside) if p is not None]
    assert all(0 <= p <= 1 for p in known)
    assert is_calibrated or not known


TOKENS = st.lists(st.integers(1, 9), min_size=1, max_size=9)


@given(tokens=TOKENS, seed=st.integers(0, 999))
@settings(deadline=None, max_examples=100)
def test_no_other_cuts_are_worth_more(tokens: list[int], seed: int) -> None:
    sizes = Sizes(3, 6, 12)
    pieces = [Piece(i, i + 1, n, i, "blocks", "paragraph") for i, n in enumerate(tokens)]
    p = np.random.default_rng(seed).random(len(tokens) - 1)
    known = gaps(pieces, p, 0.25, np.zeros(len(tokens), bool), sizes)

    def worth(starts: Sequence[int]) -> float:
        edges = list(itertools.pairwise([*starts, len(tokens)]))
        total = float(sum(known.gain[i] for i in starts if i))
        for size in (sum(tokens[i:j]) for i, j in edges):
            total -= 0.5 * ((size - 6) / 6) ** 2 + 4.0 * (size < 3)
            total -= float("inf") if size > 12 else 0.0
        return total - 4.0 * sum(sum(tokens[i:j]) < 0.75 for i, j in edges)

    others = itertools.product([False, True], repeat=len(tokens) - 1)
    best = max(worth([0, *(i for i, yes in enumerate(o, 1) if yes)]) for o in others)
    assert worth(cuts(pieces, known, sizes)) == pytest.approx(best)


@given(seed=st.integers(0, 99), n=st.integers(1, 6))
@settings(deadline=None, max_examples=20)
def test_documents_in_one_call_or_one_by_one_give_equal_passages(seed: int, n: int) -> None:
    found = [document(f"# A\n\n{prose(40 * i)}\n\n{prose(90)}\n\n# B") for i in range(1, n + 1)]
    found.insert(n // 2, plain_document("one line"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topic_change, "load_model", lambda model: ByChance(seed=seed))
        patch.setattr(_by_gaps, "_LINES_AT_ONCE", 1 + seed % 9)
        together = list(make("segmenters", "topic_change")(found))
        apart = [p for one in found for p in cut(one)]

    assert together == apart


# --- without headings --------------------------------------------------------------------------


def test_text_without_headings_is_cut_where_the_topic_changes(use: Callable[[Rule], None]) -> None:
    use(new_topic)
    parts = [prose(50, word) for word in ["fees"] * 3 + ["term"] * 4 + ["data"] * 2]

    result = cut(plain_document("\n\n".join(parts)))
    assert [p.text[:4] for p in result] == ["fees", "term", "data"]
    assert [p.start_origin for p in result] == ["document", "model", "model"]
    assert [p.p_start for p in result] == [None, pytest.approx(0.97), pytest.approx(0.97)]
    assert all(p.p_inside == pytest.approx(0.02) for p in result)


def test_a_short_part_goes_to_the_side_that_it_is_more_probably_about(
    use: Callable[[Rule], None],
) -> None:
    found = plain_document("\n\n".join([prose(150, "fees"), prose(30, "late"), prose(150, "data")]))

    use(lambda before, after: 0.3 if after.text.startswith("late") else 0.9)
    assert [p.text[:4] for p in cut(found)] == ["fees", "data"]
    use(lambda before, after: 0.9 if after.text.startswith("late") else 0.3)
    assert [p.text[:4] for p in cut(found)] == ["fees", "late"]


def test_a_topic_above_the_limit_is_cut_where_a_change_is_least_improbable(
    use: Callable[[Rule], None],
) -> None:
    use(lambda before, after: 0.1 if after.text.startswith("here") else 0.001)
    parts = [prose(50, word) for word in ["word"] * 5 + ["here"] + ["word"] * 6]

    result = cut(plain_document("\n\n".join(parts)))
    assert [p.text[:4] for p in result] == ["word", "here"]
    assert result[1].start_origin == "length"
    assert not result[1].start_forced


def test_sizes_come_near_the_target_where_the_model_does_not_mind(
    use: Callable[[Rule], None],
) -> None:
    sizes = [p.n_tokens for p in cut(plain_document("\n\n".join([prose(40)] * 60)))]

    assert all(200 <= size <= 320 for size in sizes)


def test_chinese_text_of_one_line_is_scored_in_groups_of_sentences(
    use: Callable[[Rule], None],
) -> None:
    seen: list[str] = []

    def rule(before: Line, after: Line) -> float:
        seen.append(after.text)
        return 0.9 if "利率" in after.text and "利率" not in before.text else 0.05

    use(rule)
    text = "公司的营业收入增长较快，净利润创下了新高。" * 20 + "央行下调利率，市场反应积极。" * 20

    result = cut(plain_document(text, language="zh"))
    assert all(40 <= count_tokens(part) <= 100 for part in seen[:-1])
    assert len(result) == 2
    assert result[1].start_origin == "model"
    assert abs(result[1].start - text.index("央行")) <= 100
    assert all(p.text.endswith("。") for p in result)
    assert not any(p.start_forced for p in result)


def test_a_line_that_looks_like_a_heading_stays_with_what_follows(
    use: Callable[[Rule], None],
) -> None:
    use(lambda before, after: 0.9 if "Fees" in before.text + after.text else 0.02)
    text = "\n\n".join([prose(200), "Fees and payment", prose(200)])

    assert first_words(cut(plain_document(text)))[1:] == ["Fees and payment"]


# --- with headings -----------------------------------------------------------------------------


def test_passages_start_at_headings_that_are_trusted(use: Callable[[Rule], None]) -> None:
    found = document(f"# Terms\n\n## Fees\n\n{prose(200)}\n\n## Term\n\n{prose(200)}")

    result = cut(found)
    assert first_words(result) == ["Terms", "Term"]
    assert [p.start_origin for p in result] == ["document", "markup"]
    assert [p.section_path for p in result] == [("Terms", "Fees"), ("Terms", "Term")]


def test_headings_that_are_not_trusted_are_lines_to_the_model(use: Callable[[Rule], None]) -> None:
    kinds: set[str] = set()

    def rule(before: Line, after: Line) -> float:
        kinds.add(after.kind)
        return 0.02

    use(rule)
    found = document(f"# Fees\n\n{prose(150)}\n\n# Term\n\n{prose(150)}")
    assert len(cut(found, trust_headings=False)) == 1
    assert kinds == {"paragraph"}
    assert len(cut(found)) == 2
    assert kinds == {"paragraph", "heading"}


def test_depth_section_cuts_at_top_headings_only(use: Callable[[Rule], None]) -> None:
    use(lambda before, after: 0.1)
    parts = [f"# {name}\n\n## a\n\n{prose(90)}\n\n## b\n\n{prose(90)}" for name in "ABC"]
    found = document("\n\n".join(parts))

    assert first_words(cut(found, depth="section")) == ["A", "B", "C"]
    assert first_words(cut(found)) == ["A", "b", "B", "b", "C", "b"]


def test_a_section_that_fits_stays_whole_and_a_longer_one_is_cut_by_the_model(
    use: Callable[[Rule], None],
) -> None:
    use(lambda before, after: 0.9 if after.text.startswith("new") else 0.02)
    short = f"{prose(100)}\n\n{prose(100, 'new')}"
    long = f"{prose(300)}\n\n{prose(90)}\n\n{prose(200, 'new')}"

    result = cut(document(f"# A\n\n{short}\n\n# B\n\n{long}"))
    assert [p.text.split()[0] for p in result] == ["A", "B", "new"]
    assert [p.start_origin for p in result] == ["document", "markup", "model"]


def test_the_model_says_which_neighbour_a_short_section_joins(use: Callable[[Rule], None]) -> None:
    found = document(
        f"# A\n\n## A1\n\n{prose(150)}\n\n## A2\n\n{prose(20)}\n\n## A3\n\n{prose(150)}"
    )

    use(lambda before, after: 0.05 if after.text == "A2" else 0.9)
    assert first_words(cut(found)) == ["A", "A3"]
    use(lambda before, after: 0.05 if after.text == "A3" else 0.9)
    assert first_words(cut(found)) == ["A", "A2"]


def test_a_short_section_stays_below_its_own_heading(use: Callable[[Rule], None]) -> None:
    middle = f"## B1\n\n{prose(300)}\n\n## B2\n\n{prose(40)}"
    found = document(f"# A\n\n{prose(200)}\n\n# B\n\n{middle}\n\n# C\n\n{prose(300)}")

    assert first_words(cut(found)) == ["A", "B", "C"]


def test_an_empty_section_joins_a_neighbour(use: Callable[[Rule], None]) -> None:
    result = cut(document(f"# A\n\n{prose(200)}\n\n# B\n\n# C\n\n{prose(200)}\n\n# End"))

    assert first_words(result) == ["A", "B"]
    assert result[-1].text.endswith("End")


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(2, 520)), min_size=2, max_size=12))
@settings(deadline=None, max_examples=60)
def test_a_heading_never_ends_a_passage_that_another_follows(
    sections: list[tuple[int, int]],
) -> None:
    text = "\n\n".join(f"{'#' * level} Part\n\n{prose(n)}" for level, n in sections)
    found = document(text.replace(". ", " "))
    heads = {block.end for block in found.blocks if block.kind == "heading"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topic_change, "load_model", lambda model: ByChance(seed=len(text)))
        result = cut(found, max_tokens=600)

    assert not heads & {p.end for p in result}


# --- what is not cut ---------------------------------------------------------------------------


def test_tables_and_list_items_are_cut_only_above_the_limit(use: Callable[[Rule], None]) -> None:
    use(lambda before, after: 0.9)
    table = "\n".join(f"| item {i} | {i} units |" for i in range(30))
    items = "\n".join(f"- {prose(70)}\n- {prose(90)}" for _ in range(4))
    found = document(f"# A\n\n{table}\n\n{items}")

    starts = {block.start for block in found.blocks}
    assert all(p.start in starts and not p.start_forced for p in cut(found))


def test_a_table_above_the_limit_is_one_line_to_the_model_and_cut_between_rows(
    use: Callable[[Rule], None],
) -> None:
    rows = "\n".join(f"| item {i} | {i} units of it |" for i in range(120))
    found = document(f"# Prices\n\n{rows}\n\n{prose(100)}")

    assert [line.kind for line in Lines(found, SIZES).lines] == ["heading", "table", "paragraph"]
    result = cut(found)
    assert all(p.text.endswith(("|", "ends.")) for p in result)
    assert [p.start_forced for p in result[:2]] == [False, True]
    assert result[1].p_start is None
    assert result[1].start_origin == "length"


def test_a_row_above_the_limit_is_cut_at_sentence_ends(use: Callable[[Rule], None]) -> None:
    row = "| terms | " + f"{prose(60).capitalize()} " * 20 + "|"

    result = cut(document(row + "\n| a | b |"))
    assert len(result) > 1
    assert all(p.text.endswith(("ends.", "|")) for p in result)
    assert all(p.start_forced for p in result[1:])


def test_a_sentence_above_the_limit_is_cut_between_words_and_says_so(
    use: Callable[[Rule], None],
) -> None:
    result = cut(plain_document("a b c, " * 160))

    assert len(result) > 1
    assert all(p.n_tokens <= 512 and p.text.endswith(("a", "b", "c,")) for p in result)
    assert [p.start_forced for p in result] == [False] + [True] * (len(result) - 1)


def test_a_list_stays_with_the_line_that_introduces_it(use: Callable[[Rule], None]) -> None:
    lead = "You must not do any of the following:"
    items = "\n".join("- " + prose(20) for _ in range(5))

    result = cut(document(f"{prose(240)}\n\n{prose(200)}\n\n{lead}\n\n{items}"))
    assert not any(p.text.endswith(lead) for p in result)


def test_figures_alone_join_what_is_before_them(use: Callable[[Rule], None]) -> None:
    assert len(cut(document(f"# A\n\n{prose(200)}\n\n# 2020\n\n{'15 ' * 100}"))) == 1


# --- settings, tables, plans -------------------------------------------------------------------


def test_a_threshold_of_the_plan_goes_before_the_model_s(use: Callable[[Rule], None]) -> None:
    use(lambda before, after: 0.3)
    found = plain_document("\n\n".join([prose(150), prose(150)]))

    assert [p.start_origin for p in cut(found)] == ["document", "model"]
    assert len(cut(found, threshold=0.9)) == 1


@dataclass
class AsTold(ByRule):
    """Everything is as probable; the first line of a document says from where on it counts."""

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        found = super().scored(documents)
        return [
            one._replace(thresholds={"section": 0.9, "subsection": float(lines[0].text.split()[0])})
            for one, lines in zip(found, documents, strict=True)
        ]


def test_each_document_has_its_own_threshold_for_each_depth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = AsTold(lambda before, after: 0.3)
    monkeypatch.setattr(topic_change, "load_model", lambda name: model)
    some = [
        replace(plain_document(f"{least} {prose(150)}\n\n{prose(150)}"), doc_id=f"{i:016x}")
        for i, least in enumerate([0.2, 0.9, 0.2])
    ]

    def made(**values: Any) -> list[int]:
        result = list(make("segmenters", "topic_change", values)(some))
        return [sum(p.doc_id == one.doc_id for p in result) for one in some]

    assert made() == [2, 1, 2]
    assert made(depth="section") == [1, 1, 1]
    assert made(threshold=0.25) == [2, 2, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 1.5}, "0 < threshold < 1 is expected, found 1.5"),
        ({"min_tokens": 600}, "min_tokens <= target_tokens <= max_tokens"),
        ({"depth": "chapter"}, "depth = 'chapter'"),
    ],
)
def test_settings_that_cannot_be_are_a_plan_error(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make("segmenters", "topic_change", values)


def test_the_shipped_plans_accept_the_segmenter() -> None:
    plan = parse({"segment": {"use": "topic_change", "depth": "section"}})

    assert plan.one("segment").plugin.depth == "section"


def test_what_is_known_of_a_boundary_survives_a_table(
    use: Callable[[Rule], None], tmp_path: Any
) -> None:
    use(new_topic)
    result = cut(plain_document("\n\n".join([prose(150, "fees"), prose(150, "data")])))

    write_part(Passage, result, tmp_path / "a.parquet")
    assert list(read_part(Passage, tmp_path / "a.parquet")) == result


def test_the_model_is_part_of_the_fingerprint(use: Callable[[Rule], None]) -> None:
    found = make("segmenters", "topic_change").fingerprint()

    assert found["model"] == "by_rule"
    assert len(found["code"]) == 16


def test_text_between_blocks_is_kept(use: Callable[[Rule], None]) -> None:
    found = document(f"# A\n\n{prose(100)}\n\nMiddle.\n\n{prose(100)}")
    holed: tuple[Block, ...] = tuple(
        block for block in found.blocks if found.text[block.start : block.end] != "Middle."
    )

    assert ink("".join(p.text for p in cut(replace(found, blocks=holed)))) == ink(found.text)


def test_twenty_thousand_pieces_without_a_model_are_cut_evenly() -> None:
    pieces = [Piece(i, i + 1, 1, i, "blocks", "paragraph") for i in range(20_000)]
    known = gaps(pieces, np.full(19_999, 0.25), 0.25, np.zeros(20_000, bool), SIZES)

    sizes = np.diff([*cuts(pieces, known, SIZES), len(pieces)])
    assert sizes.sum() == 20_000
    assert sizes.min() >= 200
    assert sizes.max() <= 320
