"""The evidence of queries: what it says, and where in its passage it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from datakit.auditing.keys import key_hash
from datakit.auditing.texts import batches

if TYPE_CHECKING:
    from datakit.auditing.facts import Facts


class Span(NamedTuple):
    doc_id: str
    start: int
    end: int


def spans(facts: Facts) -> dict[int, list[Span]]:
    """The evidence of each query that has some, by row."""
    if "evidence" not in facts.kept:
        found: dict[int, list[Span]] = {}
        at = 0
        for batch in batches(facts.dataset, "query", ["evidence"]):
            for row, evidence in enumerate(batch.column(0).to_pylist(), at):
                if evidence:
                    found[row] = [Span(e["doc_id"], e["start"], e["end"]) for e in evidence]
            at += len(batch)
        facts.kept["evidence"] = found
    kept: dict[int, list[Span]] = facts.kept["evidence"]
    return kept


def answers(facts: Facts) -> dict[int, set[int]]:
    """Hashes of the keys of what the evidence says, by row of the query."""
    if "document" not in facts.dataset:
        return {}
    wanted: dict[str, list[tuple[int, int, int]]] = {}
    for row, own in spans(facts).items():
        for span in own:
            wanted.setdefault(span.doc_id, []).append((row, span.start, span.end))
    found: dict[int, set[int]] = {}
    for batch in batches(facts.dataset, "document", ["doc_id", "text"]):
        for doc_id, text in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            for row, start, end in wanted.get(doc_id, ()):
                found.setdefault(row, set()).add(key_hash(text[start:end]))
    return found


def positions(facts: Facts) -> dict[int, float]:
    """Where the first evidence of a query starts in its seed passage: 0 the start, 1 the end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seeds = facts.query_columns["seed_passage_ids"]
    own = {row: spans(facts)[row][0] for row in spans(facts)}
    first = {row: seeds[row].as_py() for row in own}
    ids = pa.array(sorted({s for found in first.values() for s in found or ()}), pa.string())
    places: dict[str, tuple[str, int, int]] = {}
    for batch in batches(facts.dataset, "passage", ["passage_id", "doc_id", "start", "end"]):
        some = batch.filter(pc.is_in(batch.column("passage_id"), value_set=ids))
        for name, *place in zip(*(c.to_pylist() for c in some.columns), strict=True):
            places[name] = tuple(place)
    found = {}
    for row, span in own.items():
        for seed in first[row] or ():
            doc_id, start, end = places.get(seed, ("", 0, 0))
            room = (end - start) - (span.end - span.start)
            # evidence that fills its passage has no place in it
            if doc_id == span.doc_id and start <= span.start < end and room > 0:
                found[row] = min(1.0, (span.start - start) / room)
                break
    return found
