"""Steps from files to passages: ingest, segment, duplicates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.engine import Sink, Step
from datakit.plan import Plan
from datakit.reading import Spec, made, reader
from datakit.records import Document, Dropped
from datakit.sources import SourceFile, shards
from datakit.stages.shared import identity, spec
from datakit.tables import read_part

MOST_DROPS = 100_000  # of a file that are kept back until its first document


# --- ingest -------------------------------------------------------------------------------


def ingest_step(plan: Plan, files: list[SourceFile]) -> Step:
    plugins = [use.plugin for use in plan.uses["ingest"]]
    return Step(
        name="ingest",
        unit="map",
        plugin=", ".join(p.plugin_name for p in plugins),
        settings={p.plugin_name: spec(p)[2] for p in plugins} | dataclasses.asdict(plan.reading),
        identity={p.plugin_name: identity(p) for p in plugins} | dataclasses.asdict(plan.reading),
        inputs=(),
        outputs=("document",),
        work="datakit.stages.documents:ingest_files",
        payload=(
            [spec(p) for p in plugins],
            sorted({type(p).__module__ for p in plugins}),
            plan.reading.seconds_per_document,
            plan.reading.leave_out,
        ),
        pieces=shards(files),
        floor=0.0,  # the plan's floor counts at the end of the build
    )


def ingest_files(
    payload: tuple[tuple[list[Spec], list[str], float, Sequence[str]], tuple[SourceFile, ...]],
    sink: Sink,
) -> None:
    """Map function: read each file with the ingestor that recognises it best."""
    how, files = payload
    read = reader(*how)
    for file in files:
        sink.extra["files"] += 1
        seen: set[str] = set()
        for record in _once(file, read(file, sink.folder / "scratch")):
            sink.seen += 1
            sink.put("document", _taken(record, file, seen))
            if isinstance(record, Document):
                sink.extra["characters"] += len(record.text)


def _once(file: SourceFile, records: Iterable[Document | Dropped]) -> Iterator[Document | Dropped]:
    """One drop for a file that gives nothing but drops of one kind, however many."""
    drops: list[Dropped] = []
    found = False
    for record in records:
        if isinstance(record, Dropped) and not found and len(drops) < MOST_DROPS:
            drops.append(record)
            continue
        yield from drops
        found, drops = True, []
        yield record
    if len(drops) > 1 and len({drop.reason for drop in drops}) == 1:
        detail = f"{len(drops):,} records, the first: {drops[0].detail}"
        drops = [Dropped(file.uri, drops[0].reason, detail)]
    yield from drops


def _taken(record: Document | Dropped, file: SourceFile, seen: set[str]) -> Document | Dropped:
    """A document with its file's metadata, once."""
    if isinstance(record, Dropped):
        return record
    if record.doc_id in seen:
        return Dropped(record.source_uri, "repeated", "the same text a second time in this file")
    seen.add(record.doc_id)
    fields: dict[str, Any] = dict(file.metadata)
    return dataclasses.replace(record, **fields) if fields else record


# --- segment ------------------------------------------------------------------------------


def segment_step(plan: Plan) -> Step:
    plugin = plan.one("segment").plugin
    return Step(
        name="segment",
        unit="map",
        plugin=plugin.plugin_name,
        settings=spec(plugin)[2],
        identity=identity(plugin),
        inputs=("document",),
        outputs=("passage",),
        work="datakit.stages.documents:segment_part",
        payload=spec(plugin),
        floor=plan.floors.segment,
    )


def segment_part(payload: tuple[Spec, Path], sink: Sink) -> None:
    """Map function: the documents of one part into passages."""
    segmenter, path = made(payload[0]), payload[1]
    for record in segmenter(sink.reading(read_part(Document, path))):
        sink.put("passage", record)


# --- duplicates ---------------------------------------------------------------------------


def duplicates_step(plan: Plan, dataset: Dataset) -> Step:
    plugin = plan.one("duplicates").plugin

    def work(sink: Sink) -> None:
        passages = sink.reading(dataset.read("passage"), dataset.count("passage"))
        for record in plugin(passages):
            sink.put("duplicate", record)

    return Step(
        "duplicates", "keyed", plugin.plugin_name, spec(plugin)[2], identity(plugin),
        ("passage",), ("duplicate",), work,
    )  # fmt: skip
