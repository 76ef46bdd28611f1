"""Where a record came from: the chain from a label back to the bytes of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datakit.calibration import store
from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.records import Evidence, Passage, Query, as_dict

ID_COLUMN = {"query": "query_id", "passage": "passage_id", "document": "doc_id"}
SHOWN = 400  # characters of a text on the screen
FILTERED = ("query/filtered", "query/candidate")  # queries of all generators, the later first


def chain(dataset: Dataset, record_id: str) -> dict[str, Any]:
    """A query, passage or document with all that is known about how it came to be.

    Raises:
        DatasetError: no such record; if it was dropped, the message says where and why.
    """
    for table in ("query", *FILTERED, "passage", "document"):
        if table not in dataset:
            continue
        kind = table.split("/")[0]
        for record in dataset.where(table, ID_COLUMN[kind], [record_id]):
            return {"kind": kind, "table": table} | _follow(kind, dataset, record)
    for table in dataset.tables():
        if table.startswith("dropped/"):
            for drop in dataset.where(table, "record_id", [record_id]):
                raise DatasetError(
                    f"{record_id} was dropped ({table}): {drop.reason}: {drop.detail}"
                )
    raise DatasetError(
        f"{dataset.path} has no query, passage or document {record_id!r}. "
        "`datakit stats` lists the tables; ids are in their first columns."
    )


def _follow(kind: str, dataset: Dataset, record: Any) -> dict[str, Any]:
    if kind == "query":
        return _query(dataset, record)
    return _passage(dataset, record) if kind == "passage" else _document(dataset, record)


def _query(dataset: Dataset, query: Query) -> dict[str, Any]:
    labels = [
        as_dict(label) | {"table": table}
        for table in dataset.tables()
        if table.startswith("qrel/")
        for label in dataset.where(table, "query_id", [query.query_id])
    ]
    judged = [
        row
        for table in dataset.tables()
        if table.split("/")[0] == "judgement"
        for row in _rows(dataset, table, "query_id", query.query_id)
    ]
    wanted = {*query.seed_passage_ids, *(label["passage_id"] for label in labels)}
    passages = {p.passage_id: p for p in _records(dataset, "passage", "passage_id", wanted)}
    return {
        "record": as_dict(query),
        "generator": _generator(dataset, query),
        "evidence": [_quote(dataset, span) for span in query.evidence],
        "labels": labels,
        "judgements": judged,
        "pool": _pooled(dataset, query.query_id, {*wanted, *(row["passage_id"] for row in judged)}),
        "calibrations": _calibrations(dataset, labels),
        "passages": [_passage_summary(dataset, p) for _, p in sorted(passages.items())],
        "negatives": _rows(dataset, "negative/mined", "query_id", query.query_id),
        "ranks": dict(_ranks(dataset, query.query_id, set(passages))),
    }


def _pooled(dataset: Dataset, query_id: str, wanted: set[str]) -> list[dict[str, Any]]:
    """What proposed the pairs that have a label or a judgement, and what they score."""
    rows = _rows(dataset, "pool", "query_id", query_id)
    return [row for row in rows if row["passage_id"] in wanted]


def _calibrations(dataset: Dataset, labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The thresholds that labels name, with what they rest on."""
    found = []
    for level in sorted({str(label["level"]) for label in labels if label["calibration_id"]}):
        body = store.read(dataset.path, level) or {}
        for wanted in sorted({one["calibration_id"] for one in labels if one["calibration_id"]}):
            if body.get("calibration_id") != wanted:
                found.append({"calibration_id": wanted, "file": "replaced by another since"})
                continue
            passed = [one for one in body["steps"]["above"]["tried"] if one["passed"]]
            found.append(
                {
                    "calibration_id": wanted,
                    "file": f"{store.FOLDER}/{level}.json",
                    "scores": body["scorer"]["run"],
                    "tau_plus": body["tau_plus"],
                    "judged": passed[-1]["n"] if passed else 0,
                    "not_relevant": passed[-1]["errors"] if passed else 0,
                    "error_rate_at_most": passed[-1]["bound"] if passed else None,
                    "assessors": body["assessors"],
                }
            )
    return found


def _passage(dataset: Dataset, passage: Passage) -> dict[str, Any]:
    labels = [
        as_dict(label) | {"table": table}
        for table in dataset.tables()
        if table.startswith("qrel/")
        for label in dataset.where(table, "passage_id", [passage.passage_id])
    ]
    ids = {label["query_id"] for label in labels}
    return {
        "record": as_dict(passage),
        "document": _document_summary(dataset, passage.doc_id),
        "segmenter": _stage(dataset, "segment"),
        "duplicates": _rows(dataset, "duplicate", "passage_id", passage.passage_id),
        "labels": labels,
        "queries": [
            {"query_id": q.query_id, "text": q.text, "level": q.level}
            for q in _records(dataset, "query", "query_id", ids)
        ],
    }


def _document(dataset: Dataset, document: Any) -> dict[str, Any]:
    passages = _records(dataset, "passage", "doc_id", {document.doc_id})
    return {
        "record": as_dict(document) | {"blocks": len(document.blocks)},
        "ingestor": _stage(dataset, "ingest"),
        "passages": [
            {"passage_id": p.passage_id, "section_path": p.section_path, "n_tokens": p.n_tokens}
            for p in passages
        ],
    }


def _records(dataset: Dataset, table: str, column: str, values: set[str]) -> list[Any]:
    return list(dataset.where(table, column, values)) if table in dataset and values else []


def _rows(dataset: Dataset, table: str, column: str, value: str) -> list[dict[str, Any]]:
    return [as_dict(record) for record in _records(dataset, table, column, {value})]


def _stage(dataset: Dataset, name: str) -> dict[str, Any] | None:
    entry = dataset.manifest["stages"].get(name)
    return entry and {key: entry[key] for key in ("plugin", "settings", "tool_version")}


def _generator(dataset: Dataset, query: Query) -> dict[str, Any]:
    """Who wrote the query: the stage whose table has it."""
    for table in dataset.tables():
        if table.startswith("query/") and table not in FILTERED:
            for _ in dataset.where(table, "query_id", [query.query_id]):
                name = dataset.manifest["tables"][table]["made_by"]
                return {"step": name} | (_stage(dataset, name) or {})
    return {"step": "import"}


def _quote(dataset: Dataset, span: Evidence) -> dict[str, Any]:
    for document in _records(dataset, "document", "doc_id", {span.doc_id}):
        return as_dict(span) | {"text": document.text[span.start : span.end]}
    return as_dict(span) | {"text": None}


def _passage_summary(dataset: Dataset, passage: Passage) -> dict[str, Any]:
    return {
        "passage_id": passage.passage_id,
        "header": passage.header,
        "text": passage.text,
        "document": _document_summary(dataset, passage.doc_id),
    }


def _document_summary(dataset: Dataset, doc_id: str) -> dict[str, Any] | None:
    for document in _records(dataset, "document", "doc_id", {doc_id}):
        keys = ("doc_id", "title", "issuer", "date", "source_uri", "ingestor", "media_type")
        return {key: getattr(document, key) for key in keys}
    return None


def _ranks(dataset: Dataset, query_id: str, passages: set[str]) -> Iterator[tuple[str, Any]]:
    """Rank from 1 of each passage in each run; ties by descending passage_id."""
    for table in dataset.tables():
        if table.startswith("run/"):
            rows = dataset.where(table, "query_id", [query_id])
            order = sorted(rows, key=lambda r: (r.score, r.passage_id), reverse=True)
            ranks = {r.passage_id: n for n, r in enumerate(order, 1) if r.passage_id in passages}
            yield table, ranks


# --- as text ------------------------------------------------------------------------------


def lines(found: dict[str, Any]) -> Iterator[str]:
    """A chain as indented text; long texts are cut, empty fields left out."""
    record = found["record"]
    yield f"{found['kind']} {record[ID_COLUMN[found['kind']]]}  (table {found['table']})"
    for key, value in found.items():
        if key not in ("kind", "table"):
            yield from _block(key, value, "  ")


def _block(name: str, value: Any, indent: str) -> Iterator[str]:
    if value in (None, "", [], {}, ()):
        return
    if isinstance(value, dict):
        yield f"{indent}{name}"
        for key, inner in value.items():
            yield from _block(str(key), inner, indent + "  ")
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value, 1):
            yield from _block(f"{name} {number} of {len(value)}", inner, indent)
    elif isinstance(value, list | tuple):
        yield f"{indent}{name}: {', '.join(str(v) for v in value)}"
    else:
        text = " ".join(str(value).split())
        yield f"{indent}{name}: {text if len(text) <= SHOWN else text[:SHOWN] + ' …'}"
