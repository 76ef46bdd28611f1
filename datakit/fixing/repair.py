"""What a repair changes, as data: it is counted before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from datakit.records import Qrel

Pair = tuple[str, str]


@dataclass(frozen=True)
class TextEdit:
    """Spans of a text that are replaced: start, end, and what stands there then; in order."""

    spans: tuple[tuple[int, int, str], ...]

    def apply(self, text: str) -> str:
        pieces, at = [], 0
        for start, end, new in self.spans:
            pieces += [text[at:start], new]
            at = end
        return "".join([*pieces, text[at:]])

    def moved(self, offset: int) -> int:
        """Where an offset of the old text is in the new one; inside a span it is the span's end."""
        shift = 0
        for start, end, new in self.spans:
            if offset <= start:
                break
            inside = min(offset, end)
            shift += len(new) - (inside - start)
        return offset + shift


@dataclass
class Repair:
    """The changes of one repair, by id.

    A record that goes may name another that stands for it: labels, seeds, runs and judgements are
    led to that one.
    """

    passages: dict[str, str | None] = field(default_factory=dict)  # gone -> stands for it
    queries: dict[str, str | None] = field(default_factory=dict)
    renamed_passages: dict[str, str] = field(default_factory=dict)
    renamed_queries: dict[str, str] = field(default_factory=dict)
    document_edits: dict[str, TextEdit] = field(default_factory=dict)
    passage_edits: dict[str, TextEdit] = field(default_factory=dict)  # without a document
    query_edits: dict[str, TextEdit] = field(default_factory=dict)
    labels: dict[Pair, int] = field(default_factory=dict)  # repeated: which row of the pair stays
    new_labels: list[Qrel] = field(default_factory=list)
    negatives: set[Pair] = field(default_factory=set)  # that go
    repeated_rows: dict[str, set[str]] = field(default_factory=dict)  # table -> ids there again
    left: list[str] = field(default_factory=list)  # what no repair may decide, in sentences

    def size(self) -> dict[str, int]:
        """How many records change, by what is done."""
        counts: Mapping[str, int] = {
            "passages dropped": len(self.passages),
            "queries dropped": len(self.queries),
            "passages renamed": len(self.renamed_passages),
            "queries renamed": len(self.renamed_queries),
            "documents repaired": len(self.document_edits),
            "passages repaired": len(self.passage_edits),
            "queries repaired": len(self.query_edits),
            "repeated labels merged": len(self.labels),
            "labels added": len(self.new_labels),
            "negatives dropped": len(self.negatives),
            "repeated rows dropped": sum(map(len, self.repeated_rows.values())),
        }
        return {what: n for what, n in counts.items() if n}
