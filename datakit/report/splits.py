"""The splits: how large they are, and what they share that they should not."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.dataset import Dataset
from datakit.records import LEVELS, SPLITS, normal_key
from datakit.report.reading import lookup, main_labels, pieces, relevant_from, tabulate, whole
from datakit.report.shaping import Cross, cross, level_name, ordered

if TYPE_CHECKING:
    import pyarrow as pa

STRICT = ("query text", "relevant passage", "copies of a relevant passage")


@dataclass(frozen=True, slots=True)
class Leak:
    """What two splits share, of one kind."""

    kind: str
    strict: bool  # splits must not share it; the others are shared where a mined label crosses
    shared: tuple[int, ...]  # for each pair of splits
    totals: tuple[int, ...]  # distinct ones in the later split of each pair


@dataclass(frozen=True, slots=True)
class SplitFacts:
    sizes: Cross  # split x level, queries
    pairs: tuple[tuple[str, str], ...]
    leaks: tuple[Leak, ...]
    labels: Mapping[str, int]  # split -> relevant pairs
    n_unsplit: int

    def queries(self, split: str) -> int:
        return {name: sum(cells) for name, cells in self.sizes.items()}.get(split, 0)

    @property
    def leaking(self) -> int:
        """Shared items between train and test, of the kinds that must not be shared."""
        return sum(n for _, n in self.train_and_test(strict=True))

    def train_and_test(self, strict: bool) -> list[tuple[str, int]]:
        """Kind of leak and how many train and test share; empty without these two splits."""
        if ("train", "test") not in self.pairs:
            return []
        at = self.pairs.index(("train", "test"))
        return [(leak.kind, leak.shared[at]) for leak in self.leaks if leak.strict == strict]


def split_facts(dataset: Dataset) -> SplitFacts | None:
    """Sizes and leaks of the splits; None where no query has a split."""
    counted = tabulate(dataset, "query", "split", "level")
    sizes = {(split, level_name(lv)): n for (split, lv), n in counted.items() if split}
    if not sizes:
        return None
    splits = ordered({split for split, _ in sizes}, SPLITS)
    levels = ordered({level for _, level in sizes}, LEVELS)
    pairs = tuple(itertools.combinations(splits, 2))
    positives = _positive_splits(dataset)
    keys = _split_keys(dataset, positives)
    leaks = tuple(_leak(kind, by_split, pairs) for kind, by_split in keys.items())
    return SplitFacts(
        sizes=cross(sizes, splits, levels),
        pairs=pairs,
        leaks=leaks,
        labels=_labels_by_split(positives),
        n_unsplit=sum(n for (split, _), n in counted.items() if not split),
    )


def _leak(kind: str, keys: Mapping[str, set[str]], pairs: Sequence[tuple[str, str]]) -> Leak:
    none: set[str] = set()
    shared = tuple(len(keys.get(a, none) & keys.get(b, none)) for a, b in pairs)
    return Leak(kind, kind in STRICT, shared, tuple(len(keys.get(b, none)) for _, b in pairs))


def _split_keys(dataset: Dataset, positives: pa.Table | None) -> dict[str, dict[str, set[str]]]:
    """Per kind of leak and split, the things that no two splits should share."""
    import pyarrow.compute as pc

    texts: dict[str, set[str]] = defaultdict(set)
    for piece in pieces(dataset, "query", ("text", "split")):
        for text, split in zip(*(c.to_pylist() for c in piece.columns), strict=True):
            if split:
                texts[split].add(normal_key(text))
    keys = {"query text": dict(texts)}
    if positives is None:
        return keys
    keys["relevant passage"] = _by_split(positives["passage_id"], positives["split"])
    copies = whole(dataset, "duplicate", "passage_id", "cluster_id", "relation")
    if copies is not None:
        # template variants carry other facts: they are not copies
        copies = copies.filter(pc.not_equal(copies["relation"], "template"))
        clusters = lookup(positives["passage_id"], copies, "passage_id", "cluster_id")
        keys["copies of a relevant passage"] = _by_split(clusters, positives["split"])
    return keys | _document_keys(dataset, positives)


def _document_keys(dataset: Dataset, positives: pa.Table) -> dict[str, dict[str, set[str]]]:
    import pyarrow.compute as pc

    passages = whole(dataset, "passage", "passage_id", "doc_id")
    if passages is None:
        return {}
    owners = lookup(positives["passage_id"], passages, "passage_id", "doc_id")
    keys = {"document of a relevant passage": _by_split(owners, positives["split"])}
    documents = whole(dataset, "document", "doc_id", "family_id")
    if documents is not None and documents["family_id"].null_count < documents.num_rows:
        families = lookup(owners, documents, "doc_id", "family_id")
        families = pc.coalesce(families, owners)
        keys["versions of one document"] = _by_split(families, positives["split"])
    return keys


def _positive_splits(dataset: Dataset) -> pa.Table | None:
    """passage_id and the split of its query, for every relevant pair."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table, queries = main_labels(dataset), whole(dataset, "query", "query_id", "split")
    if table is None or queries is None:
        return None
    labels = dataset.arrow(table, ["query_id", "passage_id", "grade"])
    labels = labels.filter(pc.greater_equal(labels["grade"], relevant_from(dataset)))
    splits = lookup(labels["query_id"], queries, "query_id", "split")
    return pa.table({"passage_id": labels["passage_id"], "split": splits})


def _by_split(keys: pa.ChunkedArray, splits: pa.ChunkedArray) -> dict[str, set[str]]:
    import pyarrow as pa

    found: dict[str, set[str]] = defaultdict(set)
    pairs = pa.table({"key": keys, "split": splits}).group_by(["key", "split"]).aggregate([])
    for key, split in zip(pairs["key"].to_pylist(), pairs["split"].to_pylist(), strict=True):
        if key is not None and split:
            found[split].add(key)
    return found


def _labels_by_split(positives: pa.Table | None) -> dict[str, int]:
    if positives is None:
        return {}
    counts = positives["split"].value_counts().to_pylist()
    return {entry["values"]: entry["counts"] for entry in counts if entry["values"]}
