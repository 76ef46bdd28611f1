"""Pairs of a passage and a query, from the forms in which people have them.

    JSON lines     {"passage": …, "query": …}, and title, language, group where they are known
    TSV            passage, tab, query; a first line that names the columns may order them
    JSON           question sets as SQuAD and CMRC 2018 have them, in both of CMRC's forms
    BEIR folder    the pairs of qrels/train.tsv and qrels/dev.tsv
    dataset        of ours: the labels of its train and dev queries

A query of a test split is never read: a model that has seen it would be tested on it.
"""

from __future__ import annotations

import csv
import gzip
import json
import lzma
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from datakit.errors import DatakitError
from datakit.records import RELEVANT_FROM, Dropped, Passage, Qrel, Query, normal_key, sha256
from datakit.text import detect_language, normalise

Part = Literal["train", "dev"]
DEV_SHARE = 0.05  # of the pairs, where nobody has said what is held out
_MOST_BYTES = 2 << 30  # of a JSON file, unpacked: it is held in memory
_MOST_CHARS = 20_000  # of a passage; no model reads that far
_SUFFIXES = (".jsonl", ".json", ".tsv")
_PACKED = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True, slots=True)
class Pair:
    """A passage and a query that it answers."""

    passage: str
    query: str
    title: str | None = None
    language: str | None = None
    group: str = ""  # pairs that must not be apart: of a passage, an article, a document
    source: str = ""  # the set that it comes from
    part: Part | None = None  # as its set says

    @property
    def kin(self) -> str:
        """What it must not be parted from: its group, else the pairs of its passage."""
        return self.group or normal_key(self.passage)


def held_out(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on, and pairs held out.

    A set that says itself what is held out (dev) is believed. Of any other, whole groups are held
    out in the order of a hash, until they have a share of DEV_SHARE of its pairs. A group that is
    held out in one set is in all.
    """
    chosen: set[str] = set()
    of_source: dict[str, list[Pair]] = {}
    for pair in pairs:
        of_source.setdefault(pair.source, []).append(pair)
    for of in of_source.values():
        if any(pair.part == "dev" for pair in of):
            chosen |= {pair.kin for pair in of if pair.part == "dev"}
            continue
        sizes = Counter(pair.kin for pair in of)
        taken = 0
        for kin in sorted(sizes, key=sha256)[: len(sizes) - 1]:
            if taken >= DEV_SHARE * len(of):
                break
            chosen.add(kin)
            taken += sizes[kin]
    dev = [pair for pair in pairs if pair.kin in chosen]
    return [pair for pair in pairs if pair.kin not in chosen], dev


def read(data: Iterable[Path]) -> Iterator[Pair | Dropped]:
    """The pairs of files, BEIR folders, dataset directories, and folders of files.

    Raises:
        DatakitError: a path is none of these, or a file is not what its name says.
    """
    for path in data:
        if (path / "manifest.json").is_file():
            yield from _labelled(_of_dataset(path), path.name, _grade_of(path))
        elif (path / "corpus.jsonl").is_file():
            yield from _labelled(_of_beir(path), path.name, 1)
        else:
            for file in _files(path):
                yield from _of_file(file)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file() and _kind(file) in _SUFFIXES)
    if not found:
        raise DatakitError(
            f"{path}: expected a file of pairs (.jsonl, .tsv, .json, also .gz and .xz), a folder "
            "of these, a BEIR folder or a dataset directory, found none."
        )
    return found


def _kind(file: Path) -> str:
    return (file.with_suffix("") if file.suffix in _PACKED else file).suffix


def _of_file(file: Path) -> Iterator[Pair | Dropped]:
    readers = {".jsonl": _of_json_lines, ".tsv": _of_tsv, ".json": _of_json}
    if _kind(file) not in readers:
        raise DatakitError(
            f"{file}: expected .jsonl, .tsv or .json (also .gz and .xz). Which form is it in?"
        )
    opener: Any = _PACKED.get(file.suffix, open)
    try:
        with opener(file, "rt", encoding="utf-8", newline="") as text:
            for raw in readers[_kind(file)](text, file):
                yield raw if isinstance(raw, Dropped) else _checked(raw, file)
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DatakitError(
            f"{file}: cannot be read ({error}). Is it whole, UTF-8, and packed as its name says?"
        ) from error


@dataclass(frozen=True, slots=True)
class _Raw:
    where: str
    values: dict[str, Any]


def _checked(raw: _Raw, file: Path) -> Pair | Dropped:
    """A pair with its texts normalised, or why it is none."""
    values = raw.values
    texts = [values.get(name) for name in ("passage", "query")]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return Dropped(raw.where, "no_text", "expected a passage and a query, both with text")
    passage, query = (normalise(str(text)).strip() for text in texts)
    if len(passage) > _MOST_CHARS:
        return Dropped(raw.where, "too_long", f"a passage of {len(passage):,} characters")
    optional = {
        name: values[name] if isinstance(values.get(name), str) and values[name] else None
        for name in ("title", "language", "group")
    }
    return Pair(
        passage,
        " ".join(query.split()),
        optional["title"],
        optional["language"] or detect_language(passage),
        optional["group"] or "",
        file.parent.name,
    )


def _of_json_lines(text: IO[str], file: Path) -> Iterator[_Raw | Dropped]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Dropped(where, "not_json", str(error)[:200])
            continue
        if isinstance(value, dict):
            yield _Raw(where, value)
        else:
            yield Dropped(where, "not_a_pair", f"expected an object, found {type(value).__name__}")


def _of_tsv(text: IO[str], file: Path) -> Iterator[_Raw | Dropped]:
    columns = ["passage", "query"]
    rows = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    for number, row in enumerate(rows, 1):
        if number == 1 and {"passage", "query"} <= set(row):
            columns = row
        elif len(row) == len(columns):
            yield _Raw(f"{file.name}, line {number}", dict(zip(columns, row, strict=True)))
        elif row:
            yield Dropped(
                f"{file.name}, line {number}",
                "not_a_pair",
                f"expected {len(columns)} columns, found {len(row)}",
            )


def _of_json(text: IO[str], file: Path) -> Iterator[_Raw | Dropped]:
    content = text.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise DatakitError(f"{file}: more than 2 GB of JSON. Give JSON lines, one pair a line.")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DatakitError(
            f"{file}: expected JSON, found something else ({error}). Is it JSON lines? Then name "
            "it .jsonl."
        ) from error
    articles = value.get("data") if isinstance(value, dict) else value
    if not isinstance(articles, list) or not all(isinstance(one, dict) for one in articles):
        raise DatakitError(
            f"{file}: expected a question set as SQuAD or CMRC 2018 have them, a list of articles "
            "or contexts, found something else. Give pairs as JSON lines."
        )
    for article in articles:
        yield from _of_article(article, file)


def _of_article(article: dict[str, Any], file: Path) -> Iterator[_Raw | Dropped]:
    """SQuAD's articles have paragraphs; CMRC's own form has contexts at once."""
    title = article.get("title")
    paragraphs = _objects(article.get("paragraphs", [article]))
    # of a set in which every paragraph is an article of its own, the passage is the group;
    # translations of an article have its title
    group = title if len(paragraphs) > 1 else ""
    asked = 0
    for i, paragraph in enumerate(paragraphs):
        passage = paragraph.get("context", paragraph.get("context_text"))
        for k, one in enumerate(_objects(paragraph.get("qas"))):
            asked += 1
            where = f"{file.name}, {one.get('id', one.get('query_id', f'{title} {i}.{k}'))}"
            if one.get("is_impossible") is True:
                yield Dropped(where, "unanswerable", "the passage does not answer the question")
                continue
            query = one.get("question", one.get("query_text"))
            yield _Raw(where, {"passage": passage, "query": query, "group": group})
    if not asked:
        yield Dropped(
            f"{file.name}, {title or 'an article'}",
            "no_questions",
            "expected paragraphs with a context and qas, a list of questions",
        )


def _objects(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)]


# --- labelled sets -------------------------------------------------------------------------------


Records = Iterator[Passage | Query | Qrel | Dropped]


def _of_beir(path: Path) -> Records:
    import pyarrow as pa

    from datakit import registry, tables

    for found in registry.make("importers", "beir")(path):
        name, record = found if type(found) is tuple else ("", found)
        if isinstance(record, pa.Table):
            yield from tables.from_arrow(tables.record_class(name), record)
        elif isinstance(record, Passage | Query | Qrel | Dropped):  # findings are for importing
            yield record


def _of_dataset(path: Path) -> Records:
    from datakit.dataset import Dataset

    dataset = Dataset.open(path)
    labels = [table for table in dataset.tables() if table.startswith("qrel/")]
    mined = "qrel/mined"  # those of qrel/seed are among them
    for table in ("passage", "query", *([mined] if mined in labels else labels)):
        yield from dataset.read(table)


def _grade_of(path: Path) -> int:
    from datakit.dataset import Dataset

    scale = Dataset.open(path).manifest.get("label_scale", {})
    return int(scale.get("relevant_from", RELEVANT_FROM))


def _labelled(records: Records, source: str, relevant_from: int) -> Iterator[Pair | Dropped]:
    """The relevant pairs of the queries that are not for testing, in the order of the labels."""
    passages: dict[str, Passage] = {}
    queries: dict[str, Query] = {}
    labels: list[Qrel] = []
    for record in records:
        if isinstance(record, Passage):
            passages[record.passage_id] = record
        elif isinstance(record, Query):
            queries[record.query_id] = record
        elif isinstance(record, Qrel):
            labels.append(record)
        else:
            yield record
    for label in labels:
        query, passage = queries.get(label.query_id), passages.get(label.passage_id)
        if query is None or passage is None or label.grade < relevant_from:
            continue
        if query.split == "test":
            yield Dropped(
                f"{label.query_id} {label.passage_id}", "test_split", "a query to test with"
            )
        elif "uncertified" in label.flags:
            yield Dropped(
                f"{label.query_id} {label.passage_id}", "uncertified", "a label nobody has checked"
            )
        else:
            yield Pair(
                passage.text, query.text, passage.title, query.language or passage.language,
                passage.doc_id, source, query.split,
            )  # fmt: skip
