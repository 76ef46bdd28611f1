"""Chinese reports: title, date, industry and issuer of 50 sampled files, and their sentences.

The 50 were drawn with a fixed seed from broker research as JSON without a line end, Markdown
reports, WeChat articles, an annual report as HTML and as JSON lines, app policies and news; the
gold was read from the files by hand. Several right answers are set apart by `|`, an empty cell says
that the file names none. A floor is only as good as the corpus it was measured on, so another
corpus skips.
"""

from __future__ import annotations

import csv
import hashlib
import json
from functools import cache
from pathlib import Path

import pytest

from datakit.ingestors import _report_debris
from datakit.ingestors._industries import industry
from datakit.records import Document
from datakit.registry import make, names
from datakit.text import sentences

GOLD = Path(__file__).with_name("chinese_reports.csv")
FOLDER = "fin/zh-eastmoney-titles"
CORPUS = "b8a29326fb0c2295bacf2ffeb2dd9dc9f43b66f9577c60552816d245c593a406"
TITLES = "55e9ab6ffb4332d6ce00f540c9c45e506fb7933d83e150481d784bff967b1f02"
FIELDS = {"title": 49, "date": 50, "industry": 50, "issuer": 49}  # of 50 right
INDUSTRY_OF_TITLES = 0.86  # of 4,979; the publisher's own label is wrong on about one in ten


def rows() -> list[dict[str, str]]:
    with GOLD.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digest(files: list[Path], root: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(files):
        found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def documents(shared_data: Path) -> dict[str, Document]:
    files = [shared_data / row["file"] for row in rows()]
    found = digest(files, shared_data) if all(path.is_file() for path in files) else "missing"
    if found != CORPUS:
        pytest.skip(f"the sampled files have the digest {found}, the floors are of {CORPUS}")
    return {str(path.relative_to(shared_data)): read(path, shared_data) for path in files}


@cache
def ingestors() -> list[object]:
    return [make("ingestors", name) for name in names("ingestors")]


def read(path: Path, root: Path) -> Document:
    head = path.read_bytes()[: 64 << 10]
    best = max(ingestors(), key=lambda plugin: plugin.matches(path.name, head))  # type: ignore[attr-defined]
    first = next(iter(best(path, path.relative_to(root).as_posix())))  # type: ignore[operator]
    assert isinstance(first, Document), first
    return first


def wrong(documents: dict[str, Document], column: str) -> list[str]:
    """`file: found, expected …` for each document whose field is not the gold's."""
    field = {"industry": "category"}.get(column, column)
    lines = []
    for row in rows():
        if column == "issuer" and row["file"].startswith(("tos/", "xml/")):
            continue
        found = getattr(documents[row["file"]], field) or ""
        answers = ["".join(answer.split()) for answer in row[column].split("|")]
        if "".join(found.split()) not in answers:
            lines.append(f"{row['file']}: {found!r}, expected {row[column]!r}")
    return lines


@pytest.mark.parametrize("column", FIELDS)
def test_what_a_report_says_about_itself(documents: dict[str, Document], column: str) -> None:
    mistakes = wrong(documents, column)

    assert len(documents) - len(mistakes) >= FIELDS[column], "\n".join(mistakes)


def test_sentences_of_texts_without_line_ends_are_sane(documents: dict[str, Document]) -> None:
    lengths, ended = [], 0
    for name, document in documents.items():
        for block in document.blocks if "yanbao" in name else ():
            text = document.text[block.start : block.end]
            if block.kind == "paragraph" and len(text) > 60:
                spans = sentences(text, "zh")
                lengths += [end - start for start, end in spans]
                ended += sum(text[end - 1] in "。！？；…”）" for _, end in spans)

    assert ended >= 0.9 * len(lengths)
    assert sum(length > 220 for length in lengths) <= 0.02 * len(lengths)
    assert sum(length < 5 for length in lengths) <= 0.01 * len(lengths)


def test_no_axis_and_no_disclaimer_stays_in_running_text(documents: dict[str, Document]) -> None:
    prose = [
        document.text[block.start : block.end]
        for name, document in documents.items()
        if "yanbao" in name
        for block in document.blocks
        if block.kind in ("paragraph", "list_item")
    ]
    axes = sum(end - start for text in prose for start, end in _report_debris.axis_spans(text))

    assert axes <= 0.003 * sum(map(len, prose))
    assert sum("请务必阅读" in text or "版权归" in text for text in prose) <= 2


def titles(root: Path) -> list[tuple[str, str]]:
    """Title and industry of each listed report whose label is one of the table's."""
    with GOLD.with_name("eastmoney_industries.csv").open(encoding="utf-8") as file:
        table = {row["label"]: row["industry"] for row in csv.DictReader(file)}
    found = set()
    for path in sorted((root / FOLDER).glob("*.csv")):
        with path.open(encoding="utf-8-sig") as file:
            found |= {(row["研报名称"], row["行业"]) for row in csv.DictReader(file)}
    for path in sorted((root / FOLDER).rglob("*.json")):
        found |= {(row["title"], row["industry_name"]) for row in json.loads(path.read_text())}
    return sorted((title, table[label]) for title, label in found if label in table)


def test_a_title_tells_the_industry(shared_data: Path) -> None:
    files = [p for p in (shared_data / FOLDER).rglob("*") if p.suffix in (".csv", ".json")]
    found = digest(files, shared_data)
    if found != TITLES:
        pytest.skip(f"the lists of titles have the digest {found}, the floor is of {TITLES}")
    listed = titles(shared_data)

    right = sum(industry(title, "") == label for title, label in listed)

    assert right >= INDUSTRY_OF_TITLES * len(listed), f"{right} of {len(listed)}"
