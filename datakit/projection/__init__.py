"""Labels on another segmentation: `datakit project OUT --segmenter NAME -o NEW`.

`rules` says for which passages a label holds then, and with which grade. What is moved:

* documents as they are, and the labels of every table `qrel/…`, recomputed from `judgement`;
* `judgement` has a row for every label and every passage that touches its evidence: with a grade
  where the label holds, with None where the passage holds too little of the evidence and is for a
  judge to look at. Each row keeps the whole evidence and the first grade, so that projecting back
  gives the labels that were there;
* seeds of queries, by the same rules; negatives, to passages half of which is theirs and that
  have no relevant label there; near-duplicates are found anew;
* single judgements of judges and people, to a passage with the very text that was judged; what
  the others decided is in the labels.

Not moved: runs and measures. Labels, seeds, negatives and judgements without a place are rows of
`dropped/project`, with the reason; their queries stay.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from datakit import registry
from datakit.dataset import Dataset, unwritable
from datakit.errors import DatasetError, UsageError
from datakit.progress import progress
from datakit.projection import passages as cuts
from datakit.projection.intervals import Spans
from datakit.projection.judged import judgements_of
from datakit.projection.labels import STAGE, Corpus, codes, given
from datakit.projection.moving import Rule, Target, labels_of, moved_queries, negatives_of
from datakit.records import Dropped, Passage, Query
from datakit.tables import Part, PartWriter
from datakit.version import __version__

PART = 0.5  # the least share of evidence that counts as a part
DROPPED = f"dropped/{STAGE}"
KEPT_FIELDS = ("purpose", "label_scale", "splits", "seed", "languages")


@dataclass(frozen=True)
class Outcome:
    """What `project` did."""

    dataset: Dataset
    counts: dict[str, int]  # labels given, whole, part, not moved; passages, queries, negatives
    reasons: dict[str, int]  # of what was dropped


def project(
    path: str | Path,
    out: str | Path,
    passages: str | Path | None = None,
    segmenter: str | None = None,
    values: Mapping[str, Any] | None = None,
    part: float = PART,
    show: bool = False,
) -> Outcome:
    """Move the labels of a dataset to other passages of the same documents.

    Args:
        path: a dataset directory with documents.
        out: a new one.
        passages: a file of spans or another dataset directory of the same documents; or
        segmenter: the name of a plugin.
        values: its settings.
        part: the least share of its evidence for which a label holds in part.
        show: progress on stderr.

    Raises:
        UsageError: not one of passages and segmenter, `part` out of range, or `out` is taken.
        DatasetError: the dataset has no documents or no labels.
    """
    if (passages is None) == (segmenter is None):
        raise UsageError("project needs either --passages or --segmenter, not both.")
    if not 0 < part <= 1:
        raise UsageError(f"part is {part}: expected a share above 0 and at most 1.")
    dataset = Dataset.open(path)
    _refuse(dataset)
    if (Path(out) / "manifest.json").exists():
        raise UsageError(f"{out} holds a dataset already: choose a new folder for -o.")
    if segmenter is not None:
        plugin = registry.make("segmenters", segmenter, values)
        records: Iterable[Any] = cuts.of_segmenter(dataset, plugin)
        settings = {"segmenter": segmenter, **registry.identity(plugin)["settings"]}
    else:
        records = cuts.of_file(dataset, Path(str(passages)))
        settings = {"passages": Path(str(passages)).name}
    new = Dataset.create(out)
    with new.locked():
        return _Work(dataset, new, show).run(records, part, settings | {"part": part})


def _refuse(dataset: Dataset) -> None:
    for table in ("document", "passage", "query"):
        if table not in dataset or not dataset.count(table):
            why = {
                "document": "labels are moved over the text of documents",
                "passage": "labels are of passages",
                "query": "labels are of queries",
            }[table]
            raise DatasetError(
                f"{dataset.path} has nothing in table {table!r}: {why}. Build the dataset from its "
                "sources."
            )
    if not any(name.startswith("qrel/") for name in dataset.tables()):
        raise DatasetError(f"{dataset.path} has no labels: run `datakit build` to its end.")


class _Work:
    """One projection: the tables that it writes, and what it drops."""

    def __init__(self, dataset: Dataset, new: Dataset, show: bool) -> None:
        self.dataset, self.new, self.show = dataset, new, show
        self.folder = new.path / ".shards" / STAGE
        self.writers: dict[str, PartWriter] = {}
        self.reasons: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.label_tables: list[str] = []
        self.direct: dict[str, list[str]] = {}  # passages with a direct label, by query
        self.started = time.monotonic()

    def put(self, table: str, record: Any) -> None:
        if table not in self.writers:
            self.writers[table] = PartWriter(type(record), self.folder, table.replace("/", "."))
        self.writers[table].add(record)

    def drop(self, dropped: Dropped) -> None:
        self.reasons[dropped.reason] += 1
        self.put(DROPPED, dropped)

    def run(self, records: Iterable[Any], part: float, settings: dict[str, Any]) -> Outcome:
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            with unwritable(self.new.path):
                self._write(records, part)
                self._publish(settings)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return Outcome(self.new, dict(self.counts), dict(sorted(self.reasons.items())))

    def _write(self, records: Iterable[Any], part: float) -> None:
        corpus = Corpus.of(self.dataset)
        target = self._passages(records, corpus)
        needed = int(self.dataset.manifest["label_scale"]["relevant_from"])
        labels = given(self.dataset, corpus)
        self.label_tables = labels.tables
        self.counts["labels"] = len(labels.labels.grade)
        queries = dict(self._about_queries())
        relevant = self._take(labels_of(labels, target, Rule(part, needed), queries))
        for query in self._queries(corpus, target, part):
            self.put("query", query)
        self._take(negatives_of(self.dataset, corpus, target, relevant, needed))
        for table, record in judgements_of(self.dataset, corpus, target):
            if isinstance(record, Dropped):
                self.drop(record)
            else:
                self.put(table, record)
                self.counts["single judgements"] += 1

    def _take(self, rows: Iterator[tuple[str, Any]]) -> dict[str, dict[str, int]]:
        """Write rows with their tables; the grades of labels, by query and passage."""
        grades: dict[str, dict[str, int]] = {}
        with progress("project", unit="rows", enabled=self.show) as shown:
            for table, record in shown.track(rows):
                if isinstance(record, Dropped):
                    self.drop(record)
                    continue
                self.put(table, record)
                self.counts[table.partition("/")[0]] += 1
                if table.startswith("qrel/"):
                    own = grades.setdefault(record.query_id, {})
                    own[record.passage_id] = max(record.grade, own.get(record.passage_id, 0))
                elif table == "judgement":
                    kind = "left to judges" if record.grade is None else "graded"
                    self.counts[f"judgement {kind}"] += 1
                    if record.source == "direct" and record.grade is not None:
                        self.direct.setdefault(record.query_id, []).append(record.passage_id)
        return grades

    def _about_queries(self) -> Iterator[tuple[str, tuple[Any, Any]]]:
        """Level and split by query."""
        table = self.dataset.arrow("query", ["query_id", "level", "split"])
        for query_id, *about in zip(*(c.to_pylist() for c in table.columns), strict=True):
            yield query_id, (about[0], about[1])

    def _queries(self, corpus: Corpus, target: Target, part: float) -> Iterator[Query]:
        """The queries with the seeds that direct labels name, else with their own, moved."""
        for query, lost in moved_queries(self.dataset, corpus, target, part):
            seeds = self.direct.get(query.query_id)
            if seeds:
                query = replace(query, seed_passage_ids=tuple(dict.fromkeys(seeds)))  # noqa: PLW2901
            for seed in () if seeds else lost:
                detail = f"no passage has enough of seed {seed}"
                self.drop(Dropped(query.query_id, "seed_not_moved", detail))
            self.counts["queries"] += 1
            yield query

    def _passages(self, records: Iterable[Any], corpus: Corpus) -> Target:
        """Write the new passages and their near-duplicates."""
        import pyarrow as pa

        ids: list[str] = []
        docs: list[str] = []
        bounds: list[tuple[int, int]] = []
        with progress("passages", unit="passages", enabled=self.show) as shown:
            for record in shown.track(records):
                if isinstance(record, Dropped):
                    self.drop(record)
                    continue
                self.put("passage", record)
                ids.append(record.passage_id)
                docs.append(record.doc_id)
                bounds.append((record.start, record.end))
        if not ids:
            raise UsageError("there is no passage to move labels to: look at --passages.")
        if "duplicate" in self.dataset:
            for row in registry.make("miners", "duplicates")(self._written()):
                self.put("duplicate", row)
        self.counts["passages"] = len(ids)
        start, end = np.array(bounds, np.int64).T
        return Target(pa.array(ids), Spans(codes(pa.array(docs), corpus.docs), start, end))

    def _written(self) -> Iterator[Passage]:
        """The new passages once more, from their parts."""
        from datakit.tables import read_part

        writer = self.writers["passage"]
        writer.flush()
        for one in writer.parts:
            yield from read_part(Passage, self.folder / one.file)

    def _publish(self, settings: dict[str, Any]) -> None:
        made: dict[str, list[tuple[Path, Part]]] = {
            name: [(self.folder / part.file, part) for part in writer.close()]
            for name, writer in self.writers.items()
        }
        made["document"] = self.dataset.parts("document")
        for table in self.label_tables:  # one whose labels all stay behind is empty, not absent
            made.setdefault(table, [])
        n_dropped = self.reasons.total()
        n_rows = sum(part.rows for parts in made.values() for _, part in parts)
        kept = {key: self.dataset.manifest.get(key) for key in KEPT_FIELDS}
        self.new.manifest |= {key: value for key, value in kept.items() if value is not None}
        self.new.manifest["projected_from"] = {
            key: self.dataset.manifest.get(key) for key in ("dataset_id", "content_hash")
        }
        self.new.publish(
            made,
            STAGE,
            {
                "stage": STAGE, "plugin": STAGE, "settings": settings, "inputs": {},
                "outputs": sorted(made), "counts": {
                    "in": n_rows, "out": n_rows - n_dropped, "dropped": n_dropped,
                },
                "notes": dict(self.counts),
                "dropped_by_reason": dict(sorted(self.reasons.items())),
                "seconds": round(time.monotonic() - self.started, 3),
                "tool_version": __version__,
            },
        )  # fmt: skip
