"""Is every passage the slice of its document, and every evidence inside it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.texts import batches
from datakit.registry import plugin


@plugin("audits", "dk008_offsets")
@dataclass(frozen=True)
class Offsets:
    """Passages that are not `document.text[start:end]`; evidence outside its document."""

    check: ClassVar[Check] = Check(
        "DK008", "Offsets", "integrity", "Segment the documents again: datakit segment OUT", cost=2
    )
    corpus: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        if "document" not in facts.dataset:
            yield not_established("corpus", "the dataset has no documents")
            return
        wrong, lengths = _wrong_slices(facts)
        yield Result(
            "corpus", float(len(wrong)), len(facts.passages),
            f"{len(wrong):,} passages are not the slice of their document that they say",
            wrong, measure="passages",
        )  # fmt: skip
        outside, n = _outside(facts, lengths)
        yield Result(
            "corpus", float(len(outside)), n,
            f"{len(outside):,} queries have evidence outside its document",
            outside, entity="query", measure="evidence",
        )  # fmt: skip


def _wrong_slices(facts: Facts) -> tuple[list[str], dict[str, int]]:
    """Passages that are no slice, and the lengths of all documents.

    Documents are read once; the passages of a batch of documents are looked up by their ids.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ["passage_id", "doc_id", "start", "end"]
    spans = facts.dataset.arrow("passage", columns).combine_chunks()
    order = pc.sort_indices(spans["doc_id"])
    spans = spans.take(order)
    texts = _Texts(facts, spans)
    lengths: dict[str, int] = {}
    wrong: list[str] = []
    for batch in batches(facts.dataset, "document", ["doc_id", "text"]):
        documents = dict(zip(*(c.to_pylist() for c in batch.columns), strict=True))
        lengths.update((name, len(text)) for name, text in documents.items())
        mine = spans.filter(pc.is_in(spans["doc_id"], value_set=pa.array(list(documents))))
        wrong += texts.differing(mine, documents)
    known = pc.is_in(spans["doc_id"], value_set=pa.array(list(lengths), pa.string()))
    wrong += spans.filter(pc.invert(known))["passage_id"].to_pylist()
    return sorted(wrong), lengths


class _Texts:
    """Hashes of the passages' texts, so that no text is held."""

    def __init__(self, facts: Facts, spans: Any) -> None:
        import numpy as np

        self.rows = facts.passages
        self.hashes = np.fromiter(
            (_hash(p.text) for p in facts.short_passages()), np.uint64, len(facts.passages)
        )

    def differing(self, spans: Any, documents: dict[str, str]) -> list[str]:
        names, docs, starts, ends = (spans[c].to_pylist() for c in spans.column_names)
        at = self.rows.rows_of(spans["passage_id"])
        found = self.hashes[at].tolist()
        return [
            name
            for name, doc, start, end, kept in zip(names, docs, starts, ends, found, strict=True)
            if start < 0 or _hash(documents[doc][start:end]) != kept
        ]


def _hash(text: str) -> int:
    import xxhash

    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _outside(facts: Facts, lengths: dict[str, int]) -> tuple[list[str], int]:
    outside, n = [], 0
    for batch in batches(facts.dataset, "query", ["query_id", "evidence"]):
        for name, spans in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            n += bool(spans)
            if any(
                not 0 <= s["start"] < s["end"] <= lengths.get(s["doc_id"], -1) for s in spans or ()
            ):
                outside.append(name)
    return outside, n
