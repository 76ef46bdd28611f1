"""Write a dataset anew with the changes of a repair."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset, unwritable
from datakit.fixing.repair import Pair, Repair, TextEdit
from datakit.records import Dropped, Evidence, Negative, Passage, Qrel, Query
from datakit.tables import Part, PartWriter, record_class
from datakit.version import __version__

STAGE = "fix"
LOG = "dropped/fix"
# what was measured on the old version is not true of the new one
LEFT_OUT = ("measure", "finding")


class Writer:
    """One pass over all tables; what is taken away is told in `dropped/fix`."""

    def __init__(self, old: Dataset, repair: Repair, check_id: str) -> None:
        self.old = old
        self.repair = repair
        self.check_id = check_id
        self.dropped: list[Dropped] = []
        self._led: set[Pair] = set()  # pairs that rows of the table were led to
        self._there: set[Pair] = set()  # pairs of it that such rows may meet
        self._texts: dict[str, str] = {}  # of the documents that were repaired

    def write(self, out: Path) -> Dataset:
        """Write the new version; tables that do not change are linked, not rewritten.

        Raises:
            DatasetError: the folder holds something else or cannot be written.
        """
        new = Dataset.create(out)
        manifest = dict(self.old.manifest)
        with new.locked():
            folder = new.path / ".shards" / STAGE
            shutil.rmtree(folder, ignore_errors=True)
            made: dict[str, list[tuple[Path, Part]]] = {}
            with unwritable(new.path):
                for table in self._tables():
                    made[table] = self._table(table, folder)
                made[LOG] = self._log(folder)
            new.manifest = manifest | {
                "tables": {},
                "version": _next(str(manifest.get("version", "1"))),
                "made_from": {
                    "content_hash": manifest.get("content_hash"),
                    "version": manifest.get("version"),
                },
                # what the stages read is no longer here: their outputs are not stale for it
                "stages": {n: s | {"inputs": {}} for n, s in manifest["stages"].items()},
            }
            new.publish(made, STAGE, self._entry(sorted(made)))
            self._write_id_map(new.path)
            shutil.rmtree(folder, ignore_errors=True)
        return new

    def _tables(self) -> list[str]:
        """Documents first: what their edits move is needed by what follows; labels by passage."""
        found = [t for t in self.old.tables() if t.split("/")[0] not in LEFT_OUT and t != LOG]
        return sorted(found, key=lambda t: (t != "document", t != "passage", t))

    def _table(self, table: str, folder: Path) -> list[tuple[Path, Part]]:
        if not self._touches(table):
            return self.old.parts(table)
        writer = PartWriter(record_class(table), folder, table.replace("/", "."))
        self._led, self._there = set(), self._natural(table)
        for row in self._rows(table):
            writer.add(row)
        return [(folder / part.file, part) for part in writer.close()]

    def _touches(self, table: str) -> bool:
        r, kind = self.repair, table.split("/", maxsplit=1)[0]
        ids = bool(r.passages or r.queries or r.renamed_passages or r.renamed_queries)
        return {
            "document": bool(r.document_edits or r.repeated_rows.get("document")),
            "passage": ids or bool(r.document_edits or r.passage_edits or r.repeated_rows),
            "query": ids or bool(r.document_edits or r.query_edits or r.repeated_rows),
            "qrel": ids or bool(r.labels or r.new_labels or r.document_edits),
            "judgement": ids or bool(r.document_edits),
            "negative": ids or bool(r.negatives),
            "run": ids,
            "duplicate": ids,
        }.get(kind, False)

    def _rows(self, table: str) -> Iterator[Any]:
        kind = table.split("/", maxsplit=1)[0]
        seen: set[str] = set()
        again = self.repair.repeated_rows.get(kind, set())
        nth: dict[Pair, int] = {}
        for row in self.old.read(table):
            name = _id(row, kind)
            if name in again:
                if name in seen:
                    self._drop(str(name), f"{table}: the id is there already, the first row stays")
                    continue
                seen.add(str(name))
            changed = self._changed(row, kind, table, nth)
            if changed is not None:
                yield changed
        if kind == "qrel" and table == self._new_home():
            yield from self.repair.new_labels

    def _new_home(self) -> str:
        """The table of new labels: the one whose labels count."""
        found = [t for t in self.old.tables() if t.split("/")[0] == "qrel"]
        return "qrel/mined" if "qrel/mined" in found else found[0]

    def _changed(self, row: Any, kind: str, table: str, nth: dict[Pair, int]) -> Any:
        if kind == "document":
            edit = self.repair.document_edits.get(row.doc_id)
            if edit is None:
                return row
            new = edited_document(row, edit)
            self._texts[row.doc_id] = new.text
            return new
        if kind == "passage":
            return self._passage(row)
        if kind == "query":
            return self._query(row, table)
        if kind in ("qrel", "negative", "run", "judgement"):
            return self._pair(row, kind, table, nth)
        if kind == "duplicate":
            gone = self.repair.passages
            kept = row.passage_id not in gone and row.cluster_id not in gone
            named = self.repair.renamed_passages
            return (
                replace(
                    row,
                    passage_id=named.get(row.passage_id, row.passage_id),
                    cluster_id=named.get(row.cluster_id, row.cluster_id),
                )
                if kept
                else None
            )
        return row

    def _passage(self, p: Passage) -> Passage | None:
        r = self.repair
        if p.passage_id in r.passages:
            other = r.passages[p.passage_id]
            self._drop(p.passage_id, f"{other} stands for it" if other else "dropped")
            return None
        if p.doc_id in r.document_edits:
            edit = r.document_edits[p.doc_id]
            start, end = edit.moved(p.start), edit.moved(p.end)
            p = replace(p, text=self._texts[p.doc_id][start:end], start=start, end=end)
        elif p.passage_id in r.passage_edits:
            text = r.passage_edits[p.passage_id].apply(p.text)
            p = replace(p, text=text, end=p.start + len(text))
        return replace(p, passage_id=r.renamed_passages.get(p.passage_id, p.passage_id))

    def _query(self, q: Query, table: str) -> Query | None:
        r = self.repair
        if q.query_id in r.queries:
            if table == "query":
                other = r.queries[q.query_id]
                self._drop(q.query_id, f"merged into {other}" if other else "dropped")
            return None
        if q.query_id in r.query_edits:
            q = replace(q, text=r.query_edits[q.query_id].apply(q.text))
        return replace(
            q,
            query_id=self._led_query(q.query_id) or q.query_id,
            seed_passage_ids=_led(q.seed_passage_ids, self._led_passage),
            parent_ids=_led(q.parent_ids, self._led_query),
            child_ids=_led(q.child_ids, self._led_query),
            evidence=tuple(map(self._evidence, q.evidence)),
        )

    def _evidence(self, e: Evidence) -> Evidence:
        edit = self.repair.document_edits.get(e.doc_id)
        return replace(e, start=edit.moved(e.start), end=edit.moved(e.end)) if edit else e

    def _led_query(self, name: str) -> str | None:
        if name in self.repair.queries:
            return self.repair.queries[name]
        return self.repair.renamed_queries.get(name, name)

    def _led_passage(self, name: str) -> str | None:
        if name in self.repair.passages:
            return self.repair.passages[name]
        return self.repair.renamed_passages.get(name, name)

    def _pair(self, row: Any, kind: str, table: str, nth: dict[Pair, int]) -> Any:
        """A label, judgement, negative or row of a run, led to what stands for its ends."""
        r, old = self.repair, (row.query_id, row.passage_id)
        if kind == "qrel" and old in r.labels:
            at = nth.get(old, 0)
            nth[old] = at + 1
            if at != r.labels[old]:
                self._drop(" ".join(old), f"{table}: grade {row.grade} of a pair labelled again")
                return None
        if kind == "negative" and isinstance(row, Negative) and old in r.negatives:
            self._drop(" ".join(old), f"{table}: ratio {row.ratio:.3f} to a positive's score")
            return None
        query, passage = self._led_query(row.query_id), self._led_passage(row.passage_id)
        if query is None or passage is None:
            if kind == "judgement":  # what people said stays, whatever becomes of the record
                return row
            if isinstance(row, Qrel):
                self._drop(" ".join(old), f"{table}: its query or passage goes")
            return None
        pair = query, passage
        if kind in ("qrel", "run", "negative") and self._meets(row, pair, old, table):
            return None
        if hasattr(row, "evidence"):
            row = replace(row, evidence=tuple(map(self._evidence, row.evidence)))
        return row if pair == old else replace(row, query_id=query, passage_id=passage)

    def _natural(self, table: str) -> set[Pair]:
        """The pairs of a table whose ends stand for others: what is led there may meet them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        heads = [
            {v for v in gone.values() if v} for gone in (self.repair.queries, self.repair.passages)
        ]
        if table.split("/", maxsplit=1)[0] not in ("qrel", "run", "negative") or not any(heads):
            return set()
        rows = self.old.arrow(table, ["query_id", "passage_id"])
        some = pc.or_(
            *(
                pc.is_in(rows[c], value_set=pa.array(sorted(h), pa.string()))
                for c, h in zip(("query_id", "passage_id"), heads, strict=True)
            )
        )
        return set(zip(*(c.to_pylist() for c in rows.filter(some).columns), strict=True))

    def _meets(self, row: Any, pair: Pair, old: Pair, table: str) -> bool:
        """Whether a row that was led to another pair meets one that is there."""
        if pair == old:
            return False
        if pair in self._there or pair in self._led:
            if isinstance(row, Qrel):
                self._drop(" ".join(old), f"{table}: {' '.join(pair)} has a label already")
            return True
        self._led.add(pair)
        return False

    def _drop(self, name: str, detail: str) -> None:
        self.dropped.append(Dropped(name, self.check_id, detail))

    def _log(self, folder: Path) -> list[tuple[Path, Part]]:
        writer = PartWriter(Dropped, folder, "dropped.fix")
        for row in self.old.read(LOG) if LOG in self.old else ():
            writer.add(row)
        for row in self.dropped:
            writer.add(row)
        return [(folder / part.file, part) for part in writer.close()]

    def _entry(self, outputs: list[str]) -> dict[str, Any]:
        before = sum(self.old.count(t) for t in self.old.tables())
        earlier = self.old.count(LOG) if LOG in self.old else 0
        n = len(self.dropped) + earlier
        reasons: dict[str, int] = {}
        for row in (*(self.old.read(LOG) if LOG in self.old else ()), *self.dropped):
            reasons[row.reason] = reasons.get(row.reason, 0) + 1
        return {
            "stage": STAGE, "plugin": STAGE, "settings": {"check": self.check_id}, "inputs": {},
            "outputs": outputs, "counts": {"in": before, "out": before - n, "dropped": n},
            "dropped_by_reason": dict(sorted(reasons.items())), "seconds": 0.0,
            "tool_version": __version__,
        }  # fmt: skip

    def _write_id_map(self, out: Path) -> None:
        r = self.repair
        if r.renamed_passages or r.renamed_queries:
            rows = [
                (kind, new, _cell(old))
                for kind, named in (("passage", r.renamed_passages), ("query", r.renamed_queries))
                for old, new in sorted(named.items())
            ]
            lines = ["table\tid\toriginal_id", *("\t".join(row) for row in rows)]
            (out / "id_map.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def edited_document(document: Any, edit: TextEdit) -> Any:
    """A document with its text repaired, its blocks and sections moved along."""

    def moved(spans: Any) -> Any:
        return tuple(
            replace(s, start=edit.moved(s.start), end=edit.moved(s.end)) for s in spans
        )  # fmt: skip

    return replace(
        document, text=edit.apply(document.text), blocks=moved(document.blocks),
        sections=moved(document.sections),
    )  # fmt: skip


def _led(ids: tuple[str, ...], lead: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in map(lead, ids) if name is not None))


def _id(row: Any, kind: str) -> str | None:
    column = {"document": "doc_id", "passage": "passage_id", "query": "query_id"}.get(kind)
    return getattr(row, column) if column else None


def _next(version: str) -> str:
    return str(int(version) + 1) if version.isdecimal() else f"{version}.fix"


def _cell(text: str) -> str:
    """A cell of a TSV file: what would end it is written as JSON does."""
    import json

    return json.dumps(text, ensure_ascii=False)[1:-1]
