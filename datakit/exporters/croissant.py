"""Croissant: the tables as Parquet, described in JSON-LD down to every field."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.errors import ExportMismatch
from datakit.exporters import _card
from datakit.exporters._parquet import Columns, read_parquet
from datakit.exporters._tsv import LOST_LABELS
from datakit.exporters._view import View
from datakit.exporters._write import Draft, Tally, compare, export
from datakit.registry import plugin

_TABLES: dict[str, dict[str, str]] = {
    "passage": {
        "passage_id": "string", "doc_id": "string", "title": "string", "text": "string",
        "start": "int64", "end": "int64", "language": "string",
    },
    "query": {
        "query_id": "string", "text": "string", "split": "string", "level": "string",
        "form": "string", "language": "string",
    },
    "qrel": {"query_id": "string", "passage_id": "string", "grade": "int32", "source": "string"},
}  # fmt: skip
_KEYS = {"passage": ["passage_id"], "query": ["query_id"], "qrel": ["query_id", "passage_id"]}
_TYPES = {"string": "sc:Text", "int32": "sc:Integer", "int64": "sc:Integer"}
# what JSON-LD needs to read the rest; mlcroissant 1.1 writes the same
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs",
    "column": "cr:column", "equivalentProperty": "cr:equivalentProperty",
    "samplingRate": "cr:samplingRate", "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
    "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex",
    "repeated": "cr:repeated", "replace": "cr:replace", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip


@plugin("exporters", "croissant")
@dataclass(frozen=True)
class Croissant:
    """Three Parquet files and croissant.json, which says what they mean and how they came about.

    Source:
        docs.mlcommons.org/croissant 1.0 and its responsible-AI vocabulary.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out
    licence: str = "unknown"  # of the description: a name or an address
    url: str = "https://example.org/"  # where the dataset is to be had
    published: str = "1970-01-01"  # the day, ISO 8601

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return ["section paths, documents, seeds of queries", LOST_LABELS, "runs, negatives"]

    def write(self, view: View, draft: Draft) -> None:
        for table, columns in _TABLES.items():
            draft.start_table(f"{table}.parquet", columns)
        for passage in view.passages():
            _row(draft, "passage", passage)
        for query in view.queries.values():
            _row(draft, "query", query)
        for qrel in view.labels():
            _row(draft, "qrel", qrel)
        draft.close()
        sums = {table: _sha256(draft.folder / f"{table}.parquet") for table in _TABLES}
        text = json.dumps(self._description(view, sums), indent=1, ensure_ascii=False)
        draft.raw("croissant.json", text + "\n")

    def _description(self, view: View, sums: dict[str, str]) -> dict[str, Any]:
        manifest = view.dataset.manifest
        return {
            "@context": _CONTEXT, "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": str(manifest["dataset_id"]),
            "description": "A passage-retrieval dataset: passages, queries and graded labels.",
            "license": self.licence, "url": self.url, "datePublished": self.published,
            "version": f"{manifest.get('version', '1')}.0.0",
            **_responsible(view),
            "distribution": [
                {
                    "@type": "cr:FileObject", "@id": f"{table}.parquet", "name": f"{table}.parquet",
                    "contentUrl": f"{table}.parquet",
                    "encodingFormat": "application/x-parquet", "sha256": sums[table],
                }
                for table in _TABLES
            ],
            "recordSet": [_record_set(table, columns) for table, columns in _TABLES.items()],
        }  # fmt: skip

    def read(self, name: str, path: Path) -> Iterator[Any]:
        return read_parquet(path, _TABLES[name.removesuffix(".parquet")])

    def read_with_others(self, draft: Draft) -> str | None:
        """The description checked, and every record set read, with mlcroissant."""
        try:
            import mlcroissant
        except ImportError:
            return None
        logging.getLogger("absl").setLevel(logging.ERROR)  # it recommends what is not known
        version = f"mlcroissant {metadata.version('mlcroissant')}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own libraries
            try:
                data = mlcroissant.Dataset(jsonld=str(draft.folder / "croissant.json"))
            except mlcroissant.ValidationError as error:
                raise ExportMismatch(f"croissant.json: {version} says {error}"[:500]) from None
            for table, columns in _TABLES.items():
                found = Tally.of(_cells(row, table, columns) for row in data.records(table))
                compare(f"{table}.parquet", draft.tallies[f"{table}.parquet"], found, version)
        return version


def _row(draft: Draft, table: str, record: Any) -> None:
    columns = _TABLES[table]
    cells = (getattr(record, name) for name in columns)
    # an empty text for what is not known: mlcroissant reads a null text as "None"
    row = tuple("" if cell is None else cell for cell in cells)
    draft.row(f"{table}.parquet", columns, row)


def _cells(row: dict[str, Any], table: str, columns: Columns) -> tuple[Any, ...]:
    values = [row[f"{table}/{name}"] for name in columns]
    return tuple(v.decode() if isinstance(v, bytes) else v for v in map(_plain, values))


def _plain(value: Any) -> Any:
    """Without numpy's types."""
    return value.item() if hasattr(value, "item") else value


def _record_set(table: str, columns: Columns) -> dict[str, Any]:
    fields = []
    for name, kind in columns.items():
        field: dict[str, Any] = {
            "@type": "cr:Field", "@id": f"{table}/{name}", "name": name, "dataType": _TYPES[kind],
            "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": name}},
        }  # fmt: skip
        if table == "qrel" and name.endswith("_id"):
            home = name.removesuffix("_id")
            field["references"] = {"field": {"@id": f"{home}/{name}"}}
        fields.append(field)
    keys = [{"@id": f"{table}/{name}"} for name in _KEYS[table]]
    return {"@type": "cr:RecordSet", "@id": table, "name": table, "key": keys, "field": fields}


def _responsible(view: View) -> dict[str, Any]:
    """What the dataset says of how it came about, in the responsible-AI vocabulary."""
    manifest = view.dataset.manifest
    scale = manifest["label_scale"]
    judged = "judgement" in view.dataset
    models = sorted(manifest.get("models") or {})
    return {
        "rai:dataCollection": "; ".join(
            f"{name}: {stage.get('plugin')}" for name, stage in manifest["stages"].items()
        ),
        "rai:dataAnnotationProtocol": "; ".join(
            f"{grade}: {text}" for grade, text in sorted(scale["grades"].items())
        ) + "; a pair without a label is unjudged",
        "rai:machineAnnotationTools": models or ["none"],
        "rai:annotationsPerItem": "one or more" if judged else _card.unjudged(view),
        "rai:personalSensitiveInformation": "not examined",
        "rai:dataBiases": "not examined",
        "rai:dataLimitations": _card.unjudged(view) if not judged else "see the report",
    }  # fmt: skip


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
