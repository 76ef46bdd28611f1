from __future__ import annotations

import itertools
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from builders import document, plain_document
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.errors import PlanError
from datakit.records import Document, Dropped, Passage, passage_id
from datakit.registry import make
from datakit.text import count_tokens, detect_language, normalise

BOTH = ["fixed_window", "headings"]
LONG = "The member may end the agreement at any time, with notice. " * 20  # 240 tokens
WORDS = "fee term 合同 用户 pays, (a) ends. 12% 2020年。 “x” A"


def cut(found: Document, name: str = "headings", **values: Any) -> list[Passage]:
    return list(make("segmenters", name, values)([found]))


def ink(text: str) -> str:
    return "".join(text.split())


LINES = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=60).map(" ".join)
PIECES = st.one_of(
    st.tuples(st.integers(1, 4), LINES).map(
        lambda pair: "#" * pair[0] + " " + pair[1][:30].strip()
    ),
    LINES,
    LINES.map(lambda line: "- " + line),
    LINES.map(lambda line: f"| {line} |\n| {line} |"),
    LINES.map(lambda line: (line.replace(" ", "") + "，") * 9),
    st.sampled_from(["……", "12", "* * *", "Overview:"]),
)
DOCUMENTS = st.lists(PIECES, min_size=1, max_size=14).map("\n\n".join)
SIZES = st.sampled_from([(64, 256, 512), (8, 20, 30), (1, 5, 5), (1, 1, 1), (10, 40, 200)])


@pytest.mark.parametrize("name", BOTH)
@given(text=DOCUMENTS, sizes=SIZES, with_blocks=st.booleans())
@settings(deadline=None, max_examples=120)
def test_passages_are_disjoint_slices_within_the_limit_that_lose_nothing(
    name: str, text: str, sizes: tuple[int, int, int], with_blocks: bool
) -> None:
    found = document(text) if with_blocks else plain_document(text)
    least, target, most = sizes

    result = cut(found, name, min_tokens=least, target_tokens=target, max_tokens=most)
    assert all(found.text[p.start : p.end] == p.text == p.text.strip() for p in result)
    assert all(a.end <= b.start for a, b in itertools.pairwise(result))
    assert all(p.n_tokens == count_tokens(p.text, None) <= most for p in result)
    assert ink("".join(p.text for p in result)) == ink(found.text)


@pytest.mark.parametrize("name", BOTH)
def test_passage_carries_what_the_document_knows(name: str) -> None:
    found = document(
        f"# Terms\n\n{LONG}", title="Terms", issuer="Acme", category="retail", doc_type="terms",
        date="2024-03", language="en",
    )  # fmt: skip

    (only,) = cut(found, name)
    assert only.passage_id == passage_id(found.doc_id, only.start, only.end)
    assert (only.title, only.issuer, only.category) == ("Terms", "Acme", "retail")
    assert (only.doc_type, only.date, only.language) == ("terms", "2024-03", "en")
    assert (only.ordinal, only.segmenter, only.section_path) == (0, name, ("Terms",))


@pytest.mark.parametrize("name", BOTH)
def test_document_without_text_is_dropped_with_a_reason(name: str) -> None:
    (dropped,) = make("segmenters", name)([plain_document(" \n ")])

    assert isinstance(dropped, Dropped)
    assert dropped.reason == "no_text"


@pytest.mark.parametrize("name", BOTH)
def test_tiny_document_is_one_passage_that_says_so(name: str) -> None:
    (only,) = cut(document("# Contact\n\nWrite to us."), name)

    assert only.text == "Contact\n\nWrite to us."
    assert only.flags == ("short",)


@pytest.mark.parametrize("name", BOTH)
def test_sizes_that_do_not_fit_each_other_are_a_plan_error(name: str) -> None:
    with pytest.raises(PlanError, match="min_tokens <= target_tokens <= max_tokens"):
        make("segmenters", name, {"min_tokens": 600})


@pytest.mark.parametrize("name", BOTH)
def test_chinese_text_without_a_line_end_is_cut_at_sentence_ends(name: str) -> None:
    text = "公司二〇二〇年实现营业收入，同比增长较快，净利润创下新高。" * 1_700  # 50,000 characters

    result = cut(plain_document(text, language="zh"), name)
    assert all(p.text.startswith("公司") and p.text.endswith("新高。") for p in result)
    assert all(200 <= p.n_tokens <= 320 for p in result[:-1])


@pytest.mark.parametrize("name", BOTH)
def test_sentence_above_the_limit_is_cut_after_a_comma_or_at_a_blank(name: str) -> None:
    result = cut(plain_document("one two three, " * 400), name)

    assert max(p.n_tokens for p in result) <= 512
    assert all(p.text.endswith(("one", "two", "three,")) for p in result)


def test_passage_starts_at_a_heading_and_carries_its_path() -> None:
    result = cut(document(f"# Terms\n\n## Fees\n\n{LONG}\n\n## Term\n\n{LONG}"))

    assert [p.text.split("\n")[0] for p in result] == ["Terms", "Term"]
    assert [p.section_path for p in result] == [("Terms", "Fees"), ("Terms", "Term")]


def test_short_section_joins_the_sibling_that_follows() -> None:
    result = cut(document(f"# A\n\n{LONG}\n\n## A1\n\nShort.\n\n## A2\n\n{LONG}"))

    assert [p.text.split("\n")[0] for p in result] == ["A", "A1"]
    assert result[1].section_path == ("A", "A1")


def test_last_short_section_joins_the_sibling_before_it() -> None:
    result = cut(document(f"# A\n\n## A1\n\n{LONG}\n\n## A2\n\n{'word ' * 30}\n\n# B\n\n{LONG}"))

    assert [p.text.split("\n")[0] for p in result] == ["A", "B"]
    assert "A2" in result[0].text


def test_short_section_does_not_cross_a_higher_heading() -> None:
    middle = "## B1\n\n" + "word " * 300 + "\n\n## B2\n\n" + "word " * 40
    result = cut(document(f"# A\n\n{LONG}\n\n# B\n\n{middle}\n\n# C\n\n{'word ' * 490}"))

    assert [p.text.split("\n")[0] for p in result] == ["A", "B", "C"]


def test_tiny_rest_joins_its_neighbour_across_a_heading() -> None:
    result = cut(document(f"# A\n\n## A1\n\n{LONG}\n\n# End"))

    assert len(result) == 1
    assert result[0].text.endswith("End")


def test_heading_never_ends_a_passage_that_another_follows() -> None:
    sections = "\n\n".join(f"## Part {i}\n\n" + "word " * (40 * i) for i in range(1, 15))
    found = document("# Terms\n\n" + sections)

    heads = {block.end for block in found.blocks if block.kind == "heading"}
    assert not heads & {p.end for p in cut(found)}


def test_long_section_is_split_evenly_at_block_ends() -> None:
    paragraph = "word " * 99 + "end."
    found = document("# A\n\n" + "\n\n".join([paragraph] * 8))

    result = cut(found)
    assert len(result) == 3
    assert all(p.text.endswith("end.") for p in result)
    assert max(p.n_tokens for p in result) - min(p.n_tokens for p in result) <= 101


def test_table_above_the_limit_is_cut_between_rows() -> None:
    rows = "\n".join(f"| item {i} | {i} units of it |" for i in range(120))

    result = cut(document(f"# Prices\n\n{rows}"))
    assert len(result) > 1
    assert all(p.text.startswith(("Prices", "| item")) and p.text.endswith("|") for p in result)


def test_list_stays_with_the_line_that_introduces_it() -> None:
    lead = "You must not do any of the following:"
    items = "\n".join("- " + "word " * 20 for _ in range(5))

    result = cut(document(f"{'word ' * 240}\n\n{'word ' * 200}\n\n{lead}\n\n{items}"))
    assert not any(p.text.endswith(lead) for p in result)


def test_text_without_blocks_falls_into_paragraphs_at_blank_lines() -> None:
    paragraph = "word\nword " * 60 + "end."

    result = cut(plain_document("\n\n".join([paragraph] * 6)))
    assert len(result) > 1
    assert all(p.text.endswith("end.") for p in result)


def test_figures_alone_join_what_is_before_them_or_are_flagged() -> None:
    joined = cut(document(f"# A\n\n{LONG}\n\n# 2020\n\n{'15 ' * 100}"))
    alone = cut(plain_document("15 " * 100))

    assert len(joined) == 1
    assert alone[0].flags == ("no_text",)
    assert cut(plain_document("Sales 1.5 2.5 3.5 44 55 66 " * 12))[0].flags == ("numeric",)


def test_text_between_blocks_is_kept() -> None:
    found = document(f"# A\n\n{LONG}\n\nMiddle.\n\n{LONG}")
    gap = [block for block in found.blocks if found.text[block.start : block.end] != "Middle."]
    holed = Document(found.doc_id, found.text, found.source_uri, blocks=tuple(gap))

    assert ink("".join(p.text for p in cut(holed))) == ink(found.text)


def test_windows_overlap_by_whole_sentences_up_to_the_setting() -> None:
    text = " ".join(f"Sentence number {i} says that fee {i} is due." for i in range(120))

    result = cut(plain_document(text, language="en"), "fixed_window", overlap_tokens=30)
    shared = [text[b.start : a.end] for a, b in itertools.pairwise(result)]
    assert all(0 < count_tokens(part) <= 30 for part in shared)
    assert all(part.startswith("Sentence") and part.endswith("due.") for part in shared)


def test_windows_ignore_headings() -> None:
    result = cut(document(f"# A\n\nShort text.\n\n# B\n\n{LONG}\n\n# C\n\nEnd."), "fixed_window")

    assert len(result) == 1
    assert result[0].section_path == ("A",)


@pytest.mark.parametrize(
    "pattern", ["fin/zh-yanbao-json/*/*/*.json", "tos/ota-contrib-versions/*/*.md"]
)
def test_real_documents_are_cut_without_loss_near_the_target(pattern: str) -> None:
    files = sorted((Path(__file__).parents[1] / "../shared/data").glob(pattern))[:12]
    if not files:
        pytest.skip("the shared real documents are not beside this checkout")
    texts = [file.read_text(encoding="utf-8") for file in files]
    texts = [json.loads(text)["source_content"] if text[0] == "{" else text for text in texts]

    for text in map(normalise, texts):
        result = cut(plain_document(text, language=detect_language(text)))
        sizes = [p.n_tokens for p in result]
        assert ink("".join(p.text for p in result)) == ink(text)
        assert len(result) == 1 or 180 <= statistics.median(sizes) <= 340
