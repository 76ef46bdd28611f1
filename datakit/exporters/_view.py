"""What of a dataset is exported: final queries by split, the labels that count, runs, negatives."""

from __future__ import annotations

import heapq
import pickle
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.records import SPLITS, Negative, Passage, Qrel, Query, ScoredPassage, sha256

Labels = Literal["mined", "seed"]
Title = Literal["keep", "fold", "drop"]
T = TypeVar("T")

_SAFE = re.compile("[!#-&(-~]{1,200}")  # printable ASCII without quotes and blanks
_CHUNK = 50_000  # records sorted in memory at a time: about 75 MB of passages
_OPEN_FILES = 200  # merged at a time; systems allow a process 256 or more


def safe_id(name: str) -> str:
    """The id itself if every format can hold it, else `x` and 20 hex digits of its SHA-256."""
    return name if _SAFE.fullmatch(name) else "x" + sha256(name)[:20]


class View:
    """A dataset as the exporters see it; everything comes sorted by its ids.

    Args:
        dataset: what is exported.
        labels: the label table; where `mined` is missing and there is one other table, that one.
        drop_zero: leave out labels of grade 0.

    Raises:
        DatasetError: no passages, queries or labels, or labels that do not fit them.
    """

    def __init__(self, dataset: Dataset, labels: Labels = "mined", drop_zero: bool = False) -> None:
        self.dataset = dataset
        self.drop_zero = drop_zero
        self.rules: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.new_ids: dict[str, str] = {}  # as exported: as in the dataset
        for table in ("passage", "query"):
            if table not in dataset:
                raise DatasetError(
                    f"{dataset.path} has no table {table!r}; it has "
                    f"{', '.join(dataset.tables()) or 'none'}. Run `datakit build` to its end."
                )
        self.label_table = self._label_table(labels)

    def _label_table(self, labels: Labels) -> str:
        found = [name for name in self.dataset.tables() if name.startswith("qrel/")]
        if f"qrel/{labels}" in found:
            return f"qrel/{labels}"
        if labels == "mined" and len(found) == 1:
            self.rules.append(f"labels are {found[0]}: the dataset has no other label table")
            return found[0]
        raise DatasetError(
            f"{self.dataset.path} has no table 'qrel/{labels}'; its label tables are "
            f"{', '.join(found) or 'none'}. Run `datakit build` to its end, or --set labels=seed."
        )

    @cached_property
    def queries(self) -> dict[str, Query]:
        """The final queries by id; every one has a split."""
        rows = [self._renamed(query) for query in self.dataset.read("query")]
        homeless = sum(query.split is None for query in rows)
        if homeless:
            self.rules.append(f"{homeless:,} queries without a split are in test")
        rows = [replace(query, split=query.split or "test") for query in rows]
        queries = {query.query_id: query for query in sorted(rows, key=lambda q: q.query_id)}
        if len(queries) != len(rows):
            raise DatasetError(f"{self.dataset.path} has two queries with the same query_id.")
        return queries

    @property
    def splits(self) -> list[str]:
        """The splits that have queries, in the order train, dev, test."""
        present = {query.split for query in self.queries.values()}
        return [split for split in SPLITS if split in present]

    def split_of(self, query_id: str) -> str:
        return str(self.queries[query_id].split)

    def passages(self) -> Iterator[Passage]:
        rows = (self._renamed(passage) for passage in self.dataset.read("passage"))
        return in_order(rows, lambda passage: passage.passage_id)

    def labels(self) -> Iterator[Qrel]:
        """The labels of the final queries, by query and passage."""
        return in_order(self._labels(), lambda qrel: (qrel.query_id, qrel.passage_id))

    def _labels(self) -> Iterator[Qrel]:
        certified_only = self.dataset.manifest["purpose"] == "eval"
        counted: Counter[str] = Counter()
        for record in self.dataset.read(self.label_table):
            qrel = self._renamed(record)
            reason = None
            if certified_only and "uncertified" in qrel.flags:
                reason = "uncertified labels of an eval dataset"
            elif qrel.query_id not in self.queries:
                reason = "labels of queries that are not final"
            elif self.drop_zero and qrel.grade == 0:
                reason = "labels of grade 0"
            if reason is None:
                yield qrel
            else:
                counted[reason] += 1
        self.left_out |= counted  # the larger count: labels are read more than once

    @cached_property
    def grades(self) -> dict[str, dict[str, int]]:
        """The grades by query and passage."""
        grades: dict[str, dict[str, int]] = defaultdict(dict)
        for qrel in self.labels():
            grades[qrel.query_id][qrel.passage_id] = qrel.grade
        return dict(grades)

    def check_labels(self) -> None:
        """Make sure that every label is of a passage of the corpus.

        Raises:
            DatasetError: one is not.
        """
        lost = {passage for judged in self.grades.values() for passage in judged}
        lost -= self._corpus_ids(lost)
        if lost:
            raise DatasetError(
                f"{self.label_table} has labels of {len(lost):,} passages that table passage "
                f"lacks, such as {min(lost)!r}. Run `datakit build` again."
            )

    def _corpus_ids(self, wanted: set[str]) -> set[str]:
        """Those of the ids that are in the corpus; memory for one part."""
        import pyarrow.parquet as pq

        found: set[str] = set()
        for path, _ in self.dataset.parts("passage"):
            for name in pq.read_table(path, columns=["passage_id"])["passage_id"].to_pylist():
                found |= {safe_id(name)} & wanted
        return found

    @property
    def runs(self) -> list[str]:
        """The names of the runs."""
        tables = self.dataset.tables()
        return [name.removeprefix("run/") for name in tables if name.startswith("run/")]

    def run(self, name: str) -> Iterator[ScoredPassage]:
        """A run over the final queries: by query, then score and passage_id descending."""
        rows = (self._renamed(scored) for scored in self.dataset.read(f"run/{name}"))
        final = (scored for scored in rows if scored.query_id in self.queries)
        return in_order(final, lambda s: (s.query_id, -s.score, descending(s.passage_id)))

    def negatives(self) -> Iterator[Negative]:
        """The negatives of the final queries whose passage is in the corpus, by their ids."""
        tables = [name for name in self.dataset.tables() if name.startswith("negative/")]
        rows = [self._renamed(row) for table in tables for row in self.dataset.read(table)]
        corpus = self._corpus_ids({row.passage_id for row in rows})
        kept = {}
        for row in rows:
            if row.query_id in self.queries and row.passage_id in corpus:
                kept.setdefault((row.query_id, row.passage_id), row)
        reason = "negatives: twice, of no final query, or not in the corpus"
        self.left_out |= Counter({reason: len(rows) - len(kept)})
        yield from (kept[pair] for pair in sorted(kept))

    def unlabelled(self) -> int:
        """How many queries have no label."""
        return len(self.queries.keys() - self.grades.keys())

    @property
    def relevant_from(self) -> int:
        return int(self.dataset.manifest["label_scale"]["relevant_from"])

    def language(self, table: str) -> str | None:
        """The language of all records of a table; None where there are several or none known."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        found: set[str | None] = set()
        for path, _ in self.dataset.parts(table):
            found |= set(pc.unique(pq.read_table(path, columns=["language"])[0]).to_pylist())
        return next(iter(found)) if len(found) == 1 else None

    def _renamed(self, record: T) -> T:
        """The record with ids that every format can hold."""
        changed = {}
        for name in ("query_id", "passage_id", "doc_id"):
            old = getattr(record, name, None)
            if old is not None and safe_id(old) != old:
                changed[name] = safe_id(old)
                self.new_ids[changed[name]] = old
        return replace(record, **changed) if changed else record  # type: ignore[type-var]


def in_order(rows: Iterable[T], key: Callable[[T], Any]) -> Iterator[T]:
    """The rows sorted by a key, with memory for `_CHUNK` of them: sorted pieces are merged."""
    with tempfile.TemporaryDirectory(prefix="datakit-sort-") as folder:
        files: list[Path] = []
        chunk: list[T] = []
        n_files = 0
        for row in rows:
            if len(chunk) == _CHUNK:
                files.append(_spooled(sorted(chunk, key=key), Path(folder) / str(n_files)))
                chunk, n_files = [], n_files + 1
                if len(files) == _OPEN_FILES:
                    merged = heapq.merge(*map(_unspooled, files), key=key)
                    files = [_spooled(merged, Path(folder) / f"merged-{n_files}")]
            chunk.append(row)
        chunk.sort(key=key)
        yield from heapq.merge(*map(_unspooled, files), chunk, key=key) if files else chunk


def _spooled(rows: Iterable[Any], path: Path) -> Path:
    with path.open("wb") as file:
        for row in rows:
            pickle.dump(row, file, pickle.HIGHEST_PROTOCOL)
    return path


def _unspooled(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


_COMPLEMENT = bytes(255 - code for code in range(256))


def descending(name: str) -> bytes:
    """A sort key that puts names in descending order; 0xff ends it: `ab` comes before `a`."""
    return name.encode().translate(_COMPLEMENT) + b"\xff"


def titled(passage: Passage, title: Title) -> tuple[str, str]:
    """Title and text as exported."""
    own = passage.title or ""
    if title == "fold":
        return "", f"{own} {passage.text}" if own else passage.text
    return own if title == "keep" else "", passage.text
