"""Reading documents with headings, the baselines on them, and `datakit eval segmenter`."""

from __future__ import annotations

import gzip
import json
import lzma
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import document
from typer.testing import CliRunner

from datakit.cli import app
from datakit.dataset import write_tables
from datakit.errors import DatakitError, PlanError, UnknownName
from datakit.segmentation import baselines, evaluate, tables
from datakit.segmentation.corpus import (
    NO_CHANGE,
    SECTION,
    SUBSECTION,
    Heading,
    Line,
    SectionedDocument,
    from_document,
    from_json,
    read,
)

TERMS = """# Fees

You pay each month.

## Refunds

We refund nothing.

- except errors

# Liability

## Limits

We owe at most the price.

# Law

French law holds.

# Last words
"""
RIVER = ["river", "water", "fish", "boat", "bank", "flood", "stream", "bridge"]
COURT = ["judge", "court", "law", "appeal", "trial", "verdict", "jury", "clerk"]
BREAD = ["flour", "oven", "dough", "yeast", "loaf", "salt", "crust", "baker"]
CHINESE = ["河流水位鱼类船只堤岸洪水", "法院判决上诉审判陪审书记员", "面粉烤箱面团酵母盐面包师"]


def paragraphs(seed: int, chinese: bool = False) -> list[dict[str, Any]]:
    """Three sections of four paragraphs each, every section with words of its own."""
    draw = random.Random(seed)
    rows = []
    for topic in range(3):
        for _ in range(4):
            text = " ".join(draw.choices((RIVER, COURT, BREAD)[topic], k=9)) + "."
            if chinese:
                pieces = [CHINESE[topic][i : i + 2] for i in range(0, 12, 2)]
                text = "".join(draw.choices(pieces, k=9)) + "。"
            rows.append({"text": text, "section": [f"Part {topic + 1}"]})
    return rows


def corpus(n: int = 30) -> list[SectionedDocument]:
    """Two thirds English, one third Chinese; two documents in a group."""
    return [
        from_json(
            {
                "id": f"d{i}", "group": f"g{i // 2}", "lang": "zh" if i % 3 == 2 else "en",
                "paragraphs": paragraphs(i, chinese=i % 3 == 2),
            },
            f"d{i}", "made",
        )
        for i in range(n)
    ]  # fmt: skip


def write(path: Path, n: int = 30) -> Path:
    lines = [
        json.dumps({"id": f"d{i}", "group": f"g{i}", "lang": "en", "paragraphs": paragraphs(i)})
        for i in range(n)
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


# --- reading -----------------------------------------------------------------------------------


def test_blocks_of_a_dataset_become_lines_and_headings(tmp_path: Path) -> None:
    kept = document(TERMS, issuer="Example Ltd", language="en")
    bare = document("One paragraph.\n\n# One heading\n\nAnother.", source_uri="bare.md")
    write_tables(tmp_path / "terms", {"document": [kept, bare]}, "ingest")

    (found,) = read([tmp_path / "terms"])

    assert [line.text for line in found.lines] == [
        "You pay each month.", "We refund nothing.", "- except errors",
        "We owe at most the price.", "French law holds.",
    ]  # fmt: skip
    assert found.lines[2] == Line("- except errors", "list_item", 1)
    assert found.headings[3] == (Heading("Liability", 1), Heading("Limits", 2))
    assert found.changes == (SECTION, SUBSECTION, NO_CHANGE, SECTION, SECTION)
    assert (found.group, found.language, found.source) == ("Example Ltd", "en", "terms")


def test_a_heading_without_a_level_stands_below_those_that_have_one() -> None:
    from dataclasses import replace

    made = document(TERMS)
    blocks = tuple(
        replace(b, level=None) if made.text[b.start : b.end] == "Refunds" else b
        for b in made.blocks
    )

    assert from_document(replace(made, blocks=blocks)).headings[1] == (Heading("Refunds", 3),)


def test_variants_mark_flatten_or_drop_the_headings() -> None:
    made = from_document(document(TERMS))

    marked, plain, stripped = (made.variant(v) for v in ("marked", "plain", "stripped"))

    assert [line.kind for line in marked.lines].count("heading") == 5
    assert {line.kind for line in plain.lines} == {"paragraph", "list_item"}
    assert [line.text for line in plain.lines] == [line.text for line in marked.lines]
    assert stripped.lines == made.lines
    # a heading opens its section; the line after it changes nothing
    assert plain.changes == marked.changes == (0, 1, 0, 0, 2, 0, 0, 2, 0)
    assert stripped.gold("section").tolist() == [False, False, True, True]
    assert stripped.gold("subsection").tolist() == [True, False, True, True]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.xz"])
def test_json_lines_are_read_compressed_or_not(tmp_path: Path, suffix: str) -> None:
    content = write(tmp_path / "plain.txt", 2).read_bytes()
    packed = {".jsonl.gz": gzip.compress, ".jsonl.xz": lzma.compress}.get(suffix, bytes)(content)
    (tmp_path / f"docs{suffix}").write_bytes(packed)

    found = list(read([tmp_path]))

    assert [(d.doc_id, len(d.lines), d.source) for d in found] == [
        ("d0", 12, tmp_path.name), ("d1", 12, tmp_path.name),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"{", "a.jsonl, line 1: expected JSON"),
        ("a.jsonl", b'{"text": 1}', "expected paragraphs with `text` and `section`"),
        ("a.jsonl", b"7", "expected paragraphs with `text` and `section`"),
        ("a.json", b"\xff\xfe\x00", "a.json: expected JSON"),
        ("a.jsonl.xz", b"no archive", "a.jsonl.xz: cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"[]" * 99, mtime=0)[:-9], "a.jsonl.gz: cannot be read"),
        ("a.jsonl", b'[{"text": "a", "section": [], "h": "1"}]', "found TypeError"),
        ("a.txt", b"", "expected a dataset directory"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DatakitError, match=message) as error:
        list(read([tmp_path]))
    assert "\n" not in str(error.value)


# --- baselines ---------------------------------------------------------------------------------

LINES = tuple(Line(p["text"]) for p in paragraphs(1))


@pytest.mark.parametrize("name", sorted(set(baselines.BASELINES) - {"cosine"}))
@pytest.mark.parametrize("n_lines", [1, 2, 3, 12])
def test_baselines_say_something_of_every_gap_of_any_document(name: str, n_lines: int) -> None:
    model = baselines.BASELINES[name]()

    one, two = model.probabilities([LINES[:n_lines], (Line(""),) * n_lines])

    assert one.shape == two.shape == (n_lines - 1, 2)
    assert one.dtype == np.float32
    assert ((one >= 0) & (one <= 1)).all()
    assert np.array_equal(one, model.probabilities([LINES[:n_lines]])[0])
    assert model.identity()["model"] == name == model.name


@pytest.mark.parametrize("name", ["texttiling", "c99"])
@pytest.mark.parametrize("chinese", [False, True])
def test_words_tell_where_the_topic_changes(name: str, chinese: bool) -> None:
    made = [
        from_json(paragraphs(seed, chinese), f"d{seed}", "made").variant("stripped")
        for seed in range(8)
    ]

    fitted = baselines.BASELINES[name]().fitted(made[:4])
    found = baselines.cuts(fitted, [one.lines for one in made[4:]])

    golds = np.concatenate([one.gold("section") for one in made[4:]])
    assert (golds == np.concatenate(found)[:, 0]).mean() > 0.9


class TopicEncoder:
    """One axis for each topic."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.array([[sum(text.count(w) for w in t) for t in (RIVER, COURT, BREAD)]
                           for text in texts], np.float32)  # fmt: skip
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    def identity(self) -> dict[str, Any]:
        return {"model": "topics"}


def test_cosine_cuts_where_vectors_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "load_encoder", lambda _, dtype: TopicEncoder())
    made = [one.variant("stripped") for one in corpus(6) if one.language == "en"]
    model = baselines.Cosine("topics").fitted(made)

    found = baselines.cuts(model, [one.lines for one in made])

    assert all(
        (cut[:, 0] == one.gold("section")).all() for cut, one in zip(found, made, strict=True)
    )
    assert model.identity()["encoder"] == {"model": "topics"}


def test_even_learns_the_mean_length_and_is_told_the_number_as_an_oracle() -> None:
    made = [one.variant("stripped") for one in corpus(4)]
    model = baselines.Even().fitted(made)

    (cut,) = baselines.cuts(model, [LINES])
    (told,) = model.with_true_count([made[0]])

    assert model.section == 4.0
    assert np.flatnonzero(cut[:, 0]).tolist() == np.flatnonzero(told[:, 0]).tolist() == [3, 7]


def test_random_draws_by_text_and_seed() -> None:
    one = baselines.Random(section=2.0, subsection=2.0)
    other = baselines.Random(section=2.0, subsection=2.0, seed=1)

    first, second = baselines.cuts(one, [LINES, LINES[::-1]])

    assert not np.array_equal(first, second)
    assert not np.array_equal(first, baselines.cuts(other, [LINES])[0])


def test_heading_rule_takes_marked_headings_and_else_lines_like_them() -> None:
    made = from_document(document(TERMS))
    texts = ["第一章 总则", "为了规范合同，制定本条例。", "本条例自公布之日起施行。", "第二章 附则",
             "第一节 解释", "本条例由国务院解释。"]  # fmt: skip

    marked, plain, chinese = baselines.cuts(
        baselines.HeadingRule(),
        [made.variant("marked").lines, made.variant("plain").lines, [Line(t) for t in texts]],
    )

    assert np.array_equal(marked[:, 1], made.variant("marked").gold("subsection"))
    assert np.array_equal(marked[:, 0], made.variant("marked").gold("section"))
    assert np.array_equal(plain[:, 1], made.variant("plain").gold("subsection"))
    assert np.flatnonzero(chinese[:, 1]).tolist() == [2]


# --- evaluation --------------------------------------------------------------------------------


def measured(**values: Any) -> list[evaluate.Row]:
    return evaluate.evaluate(corpus(), evaluate.settings({"split": "all"} | values))


def test_rows_are_for_each_set_language_variant_depth_and_segmenter() -> None:
    rows = measured(segmenters=["every", "c99", "even_true_count"])

    places = [(r.language, r.variant, r.depth, r.system) for r in rows]
    assert len(places) == len(set(places)) == 3 * 3 * 2 * 3
    assert places[:3] == [
        ("all", "marked", "section", name) for name in ("every", "c99", "even_true_count")
    ]
    assert {r.n_documents for r in rows if r.language == "zh"} == {10}
    assert [r.is_oracle for r in rows[:3]] == [False, False, True]


def test_values_are_those_of_the_measures() -> None:
    (row,) = [
        r
        for r in measured(segmenters=["every"], variants=["stripped"], depths=["section"])
        if r.language == "all"
    ]

    # 2 of 11 gaps are boundaries; window of 2 lines: 4 of 10 pairs lie in two sections
    values = {name: round(estimate.value, 4) for name, estimate in row.values.items()}
    assert values == {
        "pk": 0.6, "window_diff": 1.0, "boundary_similarity": 0.1818, "f1": 0.3077,
        "f1_near": 0.3077, "macro_f1": 0.3077, "macro_f1_near": 0.3077, "exact": 0.0,
        "nearly_exact": 0.0,
    }  # fmt: skip
    assert (row.n_boundaries, row.n_found, row.n_lines, row.n_groups) == (60, 330, 360, 15)


def test_intervals_hold_the_value_and_are_equal_for_equal_seeds() -> None:
    one, again, other = (
        measured(segmenters=["random"], variants=["stripped"], seed=seed) for seed in (0, 0, 1)
    )

    assert [row.values for row in one] == [row.values for row in again]
    assert [row.values for row in one] != [row.values for row in other]
    for row in one:
        pk = row.values["pk"]
        assert pk.low is not None
        assert pk.high is not None
        assert pk.low < pk.value < pk.high


def test_one_group_says_nothing_of_others() -> None:
    alone = [one for one in corpus() if one.group == "g0" and one.language == "en"]

    rows = evaluate.evaluate(alone, evaluate.Settings(segmenters=["every"], split="all"))

    assert {row.values["pk"].low for row in rows} == {None}
    assert "[" not in tables.markdown(rows)


def test_limit_draws_documents_whatever_their_order() -> None:
    chosen = evaluate.Settings(segmenters=["none"], split="all", limit=4)

    forth, back = (evaluate.evaluate(one, chosen) for one in (corpus(), corpus()[::-1]))

    assert [r.values["exact"] for r in forth] == [r.values["exact"] for r in back]
    assert {r.n_documents for r in forth if r.language == "all"} == {4}


def test_long_documents_and_more_of_a_group_are_left_out() -> None:
    all_of, one_of = (
        next(r for r in measured(segmenters=["none"], a_group=most) if r.language == "en")
        for most in (None, 1)
    )
    short = max(len(one.lines) for one in corpus()) - 1

    assert all_of.n_documents > all_of.n_groups == one_of.n_groups == one_of.n_documents
    with pytest.raises(DatakitError, match="no document of split"):
        measured(segmenters=["none"], max_lines=short)


def test_a_difference_is_of_the_same_documents_and_groups() -> None:
    rows = measured(segmenters=["every", "none", "random"], against="every", depths=["section"])

    for row, other in ((rows[1], rows[0]), (rows[2], rows[0])):
        assert row.against == "every"
        assert row.differences is not None
        for name, difference in row.differences.items():
            expected = row.values[name].value - other.values[name].value
            assert difference.value == pytest.approx(expected)
    # no document differs from another in what these two miss: the interval has no width
    exact = rows[1].differences["boundary_similarity"]
    assert exact.low == pytest.approx(exact.high)
    assert rows[0].differences is None
    with pytest.raises(UnknownName, match="segmenter to compare with"):
        measured(segmenters=["none"], against="every")


def test_what_cannot_be_measured_is_told() -> None:
    no_dev = [one for one in corpus() if one.split != "dev"]

    with pytest.raises(UnknownName, match="Did you mean 'texttiling'"):
        measured(segmenters=["textiling"])
    with pytest.raises(PlanError, match="split = 'tests'"):
        measured(split="tests")
    with pytest.raises(DatakitError, match="even has a setting to choose, found no development"):
        evaluate.evaluate(no_dev, evaluate.Settings(segmenters=["even"], split="all"))
    with pytest.raises(DatakitError, match="no document of split 'test'"):
        evaluate.evaluate([], evaluate.Settings(segmenters=["none"]))


# --- the command -------------------------------------------------------------------------------


def run(*args: str) -> str:
    done = CliRunner().invoke(app, ["eval", "segmenter", *args], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_prints_a_table_markdown_or_json(tmp_path: Path) -> None:
    data = str(write(tmp_path / "made.jsonl"))
    common = (data, "--segmenters", "none,texttiling", "--split", "all", "--depths", "section")

    table, text = run(*common), run(*common, "--markdown")
    rows = json.loads(run(*common, "--json"))

    assert table.count("texttiling") == text.count("| texttiling |") == 3
    assert f"{tmp_path.name} en, stripped, section: 30 documents of 30 groups" in table
    assert f"{tmp_path.name} en, stripped, section: 30 documents of 30 groups" in text
    assert [(r["system"], r["variant"]) for r in rows][:2] == [
        ("none", "marked"), ("texttiling", "marked"),
    ]  # fmt: skip
    assert "less Pk" in run(*common, "--against", "none", "--max-lines", "99", "--a-group", "4")
    assert rows[5]["values"]["f1"]["value"] > 0.8 > rows[4]["values"]["f1"]["value"] == 0.0


def test_a_model_folder_is_measured_like_a_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "load", lambda _: baselines.HeadingRule())
    (tmp_path / "mine").mkdir()

    rows = measured(segmenters=[str(tmp_path / "mine")], variants=["marked"])

    assert {row.system for row in rows} == {"mine"}
    assert {row.values["f1"].value for row in rows} == {1.0}


def test_folders_of_one_name_show_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "load", lambda _: baselines.HeadingRule())
    folders = [str(tmp_path / seed / "model") for seed in ("0", "1")]
    for folder in folders:
        Path(folder).mkdir(parents=True)

    text = tables.markdown(measured(segmenters=folders, variants=["plain"], against=folders[0]))

    assert all(f"| {folder} |" in text for folder in folders)
    assert f"; less {folders[0]}" in text
    assert "+0.0 [+0.0, +0.0]" in text
