"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/<split>.tsv, read strictly.

What BEIR's own loader passes by in silence is told here: a bad line, an id that is there twice, a
label that points nowhere or is no whole number is one Dropped row, and the rest is read on.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datakit import records
from datakit.records import LEVELS, SPLITS, Dropped, Passage, Qrel, Query, Split, safe_id
from datakit.registry import plugin
from datakit.text import LATIN_LANGUAGES, count_tokens, detect_language, normalise

_PASSAGE_ID = re.compile(r"(.+):(\d+)-(\d+)")
_SPLIT_OF = {"train": "train", "dev": "dev", "test": "test", "validation": "dev", "val": "dev"}
_FORMS = ("keyword", "question", "need")


@plugin("importers", "beir")
@dataclass(frozen=True)
class Beir:
    """The layout that BEIR's `GenericDataLoader` reads.

    A passage without a known document is its own document. A query belongs to the split whose
    file labels it; where several do, test comes before dev and dev before train, and the labels
    of the other files are dropped.
    """

    source: records.Source = "human"  # who decided the labels: a BEIR folder does not say
    # of all texts; None: detected text by text, where a short one is in doubt as most of the corpus
    language: str | None = None

    def matches(self, path: Path) -> bool:
        """Whether the folder has BEIR's two files."""
        return (path / "corpus.jsonl").is_file() and (path / "queries.jsonl").is_file()

    def __call__(self, path: Path) -> Iterator[Passage | Query | Qrel | Dropped]:
        """Passages, then queries, then labels; what cannot be read is Dropped where it stands."""
        seen = _Ids(main_language=None if self.language else _main_language(path / "corpus.jsonl"))
        for row in _objects(path / "corpus.jsonl", seen.passages):
            yield row if isinstance(row, Dropped) else self._passage(row, seen)
        labels = _Labels()
        for file in sorted((path / "qrels").glob("*.tsv"), key=_priority):
            yield from labels.read(file)
        for row in _objects(path / "queries.jsonl", seen.queries):
            yield row if isinstance(row, Dropped) else self._query(row, labels, seen)
        yield from self._qrels(labels, seen)

    def _passage(self, row: _Row, seen: _Ids) -> Passage:
        text, metadata = normalise(row.text), row.metadata
        doc_id, start = row.safe_id, 0
        if isinstance(metadata.get("doc_id"), str) and metadata["doc_id"]:
            doc_id = safe_id(metadata["doc_id"])
        own = _PASSAGE_ID.fullmatch(row.safe_id)
        if own and own[1] == doc_id and int(own[3]) - int(own[2]) == len(text):
            start = int(own[2])
        ordinal = seen.in_document[doc_id]
        seen.in_document[doc_id] += 1
        language = self._language(text, metadata, seen)
        title = row.values.get("title")
        return Passage(
            row.safe_id, doc_id, text, start, start + len(text), ordinal,
            title=normalise(title) if isinstance(title, str) and title else None,
            issuer=_text(metadata.get("issuer")), date=_text(metadata.get("date")),
            language=language, n_tokens=count_tokens(text, language), flags=row.flags,
        )  # fmt: skip

    def _query(self, row: _Row, labels: _Labels, seen: _Ids) -> Query:
        text, metadata = normalise(row.text), row.metadata
        level, form = metadata.get("level"), metadata.get("form")
        return Query(
            row.safe_id, text, self._language(text, metadata, seen),
            level if level in LEVELS else None, form if form in _FORMS else None,
            split=labels.split_of.get(row.id), flags=row.flags,
        )  # fmt: skip

    def _language(self, text: str, metadata: dict[str, Any], seen: _Ids) -> str | None:
        known = self.language or _text(metadata.get("language"))
        if known:
            return known
        found, main = detect_language(text), seen.main_language
        doubtful = found is None or (found in LATIN_LANGUAGES and main in LATIN_LANGUAGES)
        return main if main and doubtful else found

    def _qrels(self, labels: _Labels, seen: _Ids) -> Iterator[Qrel | Dropped]:
        for (query_id, passage_id), (grade, where) in labels.grades.items():
            missing = [
                (what, name)
                for what, name, known in (
                    ("query", query_id, seen.queries), ("passage", passage_id, seen.passages),
                )
                if name not in known
            ]  # fmt: skip
            if missing:
                what, name = missing[0]
                file = "queries.jsonl" if what == "query" else "corpus.jsonl"
                detail = f"{where}: {what} {name!r} is not in {file}"
                yield Dropped(f"{query_id} {passage_id}", f"unknown_{what}", detail)
            else:
                split = labels.split_of[query_id]
                yield Qrel(safe_id(query_id), safe_id(passage_id), grade, self.source, split=split)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


SAMPLE = 500  # passages that tell the language of a corpus
MAIN_SHARE = 0.9  # of those whose language is known


def _main_language(corpus: Path) -> str | None:
    """The language of nearly all passages; None where there is no such language."""
    rows = itertools.islice(_objects(corpus, set()), SAMPLE)
    found = Counter(detect_language(row.text) for row in rows if isinstance(row, _Row))
    found.pop(None, None)
    language, n = next(iter(found.most_common(1)), (None, 0))
    return language if n >= MAIN_SHARE * found.total() else None


# --- corpus.jsonl and queries.jsonl -----------------------------------------------------------


@dataclass
class _Ids:
    """The ids that are there, as the files write them, and what the corpus is written in."""

    passages: set[str] = field(default_factory=set)
    queries: set[str] = field(default_factory=set)
    in_document: Counter[str] = field(default_factory=Counter)
    main_language: str | None = None  # of the corpus


@dataclass(frozen=True)
class _Row:
    """One JSON line with an id and a text."""

    id: str
    text: str
    values: dict[str, Any]

    @property
    def safe_id(self) -> str:
        return safe_id(self.id)

    @property
    def flags(self) -> tuple[str, ...]:
        return () if self.safe_id == self.id else (f"original_id={self.id}",)

    @property
    def metadata(self) -> dict[str, Any]:
        found = self.values.get("metadata")
        return found if isinstance(found, dict) else {}


def _objects(path: Path, seen: set[str]) -> Iterator[_Row | Dropped]:
    """The rows of a JSONL file; ids are added to `seen`."""
    with path.open("rb") as file:
        for at, line in enumerate(file, start=1):
            if line.strip():
                row = _row(line, f"{path.name}:{at}", seen)
                if isinstance(row, _Row):
                    seen.add(row.id)
                yield row


def _row(line: bytes, where: str, seen: set[str]) -> _Row | Dropped:
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Dropped(where, "not_utf8", f"byte {error.start} of the line: {error.reason}")
    except (ValueError, RecursionError) as error:
        return Dropped(where, "bad_json", f"{error}"[:200])
    if not isinstance(values, dict):
        return Dropped(where, "bad_json", f"expected an object, found {type(values).__name__}")
    name, text = values.get("_id"), values.get("text")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name:
        return Dropped(where, "no_id", f"expected a string under _id, found {name!r}"[:200])
    if not isinstance(text, str):
        return Dropped(where, "no_text", f"{name}: expected a string under text, found {text!r}")
    if name in seen:
        return Dropped(where, "repeated_id", f"{name!r} is there already; the first is kept")
    return _Row(name, text, values)


# --- qrels ------------------------------------------------------------------------------------


def _priority(file: Path) -> tuple[int, str]:
    """Test before dev before train: a query that several files label is never trained on."""
    split = _SPLIT_OF.get(file.stem)
    return (-SPLITS.index(split) if split in SPLITS else 1, file.name)


@dataclass
class _Labels:
    """Grades by pair and splits by query, as the files write the ids."""

    grades: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    split_of: dict[str, Split] = field(default_factory=dict)

    def read(self, file: Path) -> Iterator[Dropped]:
        """Take in one file; what is not taken is told."""
        split = _SPLIT_OF.get(file.stem)
        if split not in SPLITS:
            detail = f"qrels/{file.name}: expected train, dev or test as its name; rename it"
            yield Dropped(f"qrels/{file.name}", "unknown_split", detail)
            return
        text = file.read_bytes().decode("utf-8-sig", "replace")
        for at, line in enumerate(text.split("\n"), start=1):
            where = f"qrels/{file.name}:{at}"
            cells = line.removesuffix("\r").split("\t")
            if cells == [""] or (at == 1 and _is_header(cells)):
                continue
            dropped = self._take(cells, where, split)
            if dropped:
                yield dropped

    def _take(self, cells: list[str], where: str, split: Split) -> Dropped | None:
        if len(cells) != 3:
            return Dropped(
                where, "bad_row", f"expected three tab-separated cells, found {cells}"[:300]
            )
        query_id, passage_id, grade = cells
        if not re.fullmatch(r"\d{1,9}", grade, re.ASCII):
            return Dropped(where, "bad_grade", f"expected a whole number from 0, found {grade!r}")
        home = self.split_of.setdefault(query_id, split)
        if home != split:
            return Dropped(where, "other_split", f"query {query_id} is labelled in {home} already")
        before = self.grades.get((query_id, passage_id))
        self.grades[query_id, passage_id] = (int(grade), where)
        if before:
            detail = f"{query_id} {passage_id}: grade {before[0]} here, {grade} at {where}, is kept"
            return Dropped(before[1], "repeated_pair", detail)
        return None


def _is_header(cells: list[str]) -> bool:
    return not cells[-1].strip().lstrip("-").isdecimal()
