"""What the checks read: computed when the first check asks, kept for the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from datakit.auditing.labels import Labels, read_labels
from datakit.auditing.texts import Texts, batches, scan
from datakit.auditing.verdict import Part, Tier
from datakit.dataset import Dataset
from datakit.records import Dropped

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from datakit.auditing.copies import Copies
    from datakit.auditing.systems import Systems

TEST_SPLITS = ("dev", "test")


class Short(NamedTuple):
    """As much of a passage as the comparison of texts needs."""

    passage_id: str
    text: str


@dataclass(eq=False)
class Facts:
    """A dataset as the audits see it.

    Args:
        dataset: what is audited.
        whole: `train` or `test` where one part is asked for: queries without a split are of it.
        tier: the dearest checks that may run.
        shown: whether long steps show how far they are.
    """

    dataset: Dataset
    whole: Part | None = None
    tier: Tier = "cheap"
    shown: bool = False
    kept: dict[str, Any] = field(default_factory=dict)  # what checks share among themselves

    @cached_property
    def passages(self) -> Texts:
        return scan(self.dataset, "passage", self.shown)

    @cached_property
    def queries(self) -> Texts:
        return scan(self.dataset, "query", self.shown)

    @cached_property
    def labels(self) -> Labels:
        return read_labels(self.dataset, self.queries, self.passages)

    @cached_property
    def copies(self) -> Copies:
        """Near-duplicates of the passages."""
        from datakit.auditing.copies import find_copies

        return find_copies(self)

    @cached_property
    def systems(self) -> Systems:
        """What retrievers find for the queries of the test part."""
        from datakit.auditing.systems import Systems

        return Systems(self)

    @cached_property
    def query_columns(self) -> pa.Table:
        """What is known of the queries beside their texts."""
        columns = [
            "split", "level", "language", "form", "generator_id", "seed_passage_ids",
            "supporting_doc_ids",
        ]  # fmt: skip
        return self.dataset.arrow("query", columns)

    def in_part(self, part: Part) -> np.ndarray:
        """(n_queries,) bool: which queries are of `train`, or of `test`: dev and test.

        A query without a split is of the part that is asked for, else of `train` in a dataset for
        training whose other queries have splits, else of `test`.
        """
        import numpy as np

        split = self.query_columns["split"].to_pylist()
        some = any(s is not None for s in split)
        home = self.whole or ("train" if some and self.purpose == "train" else "test")
        splits = TEST_SPLITS if part == "test" else ("train",)
        return np.array([(s in splits) if s else home == part for s in split], bool)

    def parts(self) -> Iterator[tuple[Part, np.ndarray]]:
        """Train and test with their queries; a part without any is left out."""
        for part in ("train", "test"):
            inside = self.in_part(part)
            if inside.any():
                yield part, inside

    @property
    def purpose(self) -> str:
        return str(self.dataset.manifest.get("purpose", "train"))

    def short_passages(self) -> Iterator[Short]:
        """Ids and texts of all passages, streamed."""
        for batch in batches(self.dataset, "passage", ["passage_id", "text"]):
            columns = (batch.column(c).to_pylist() for c in ("passage_id", "text"))
            yield from map(Short, *columns)

    def texts_of(self, table: str, ids: Any) -> dict[str, str]:
        """The texts of some passages or queries, by id."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(set(ids)), pa.string())
        found: dict[str, str] = {}
        for batch in batches(self.dataset, table, [f"{table}_id", "text"]):
            some = batch.filter(pc.is_in(batch.column(f"{table}_id"), value_set=wanted))
            found.update(zip(*(c.to_pylist() for c in some.columns), strict=True))
        return found

    def not_imported(self, *reasons: str) -> list[Dropped]:
        """What an importer has left out for one of these reasons."""
        if "dropped/import" not in self.dataset:
            return []
        return list(self.dataset.where("dropped/import", "reason", reasons))
