"""Do train and test share relevant passages, or versions of one source?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np


@plugin("audits", "dk203_shared_positive")
@dataclass(frozen=True)
class SharedPositive:
    """Test queries with a positive passage that train has too, or with one in a document of which
    train has another version. Two passages of one document are no versions of each other.
    """

    check: ClassVar[Check] = Check(
        "DK203", "Positives shared with train", "leakage",
        "datakit fix PATH --check DK203 -o NEW, or split anew by documents", cost=2,
    )  # fmt: skip
    test: str = "W>1%"
    family: str = "E>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        train, test = facts.in_part("train"), facts.in_part("test")
        if not train.any() or not test.any():
            yield not_established("test", "the dataset has no train and test parts", entity="query")
            return
        n = int(test.sum())
        shared = sharing(facts, train, test, facts.labels.passage)
        yield rate(
            "test", len(shared), n, f"{len(shared):,} held-out queries share a positive with train",
            records=facts.queries.names(shared), entity="query", measure="passage",
        )  # fmt: skip
        of = families(facts)
        if of is None:
            yield not_established(
                "test", "no document has a family_id", entity="query", measure="family",
                column="family",
            )  # fmt: skip
            return
        shared = other_versions(facts, train, test, of)
        yield rate(
            "test", len(shared), n, f"{len(shared):,} held-out queries have a positive of which "
            "train has another version", records=facts.queries.names(shared), entity="query",
            measure="family", column="family",
        )  # fmt: skip


def sharing(facts: Facts, train: np.ndarray, test: np.ndarray, things: np.ndarray) -> np.ndarray:
    """Rows of the test queries with a positive whose thing some train query's positive has.

    Args:
        facts: of the dataset.
        train: (n_queries,) bool.
        test: (n_queries,) bool.
        things: (n_labels,) int: what a label's passage is, or is of; -1 for nothing.
    """
    import numpy as np

    labels = facts.labels
    rows = np.flatnonzero(labels.positive & (things >= 0))
    query, thing = labels.query[rows], things[rows]
    seen = np.unique(thing[train[query]])
    found: np.ndarray = np.unique(query[test[query] & np.isin(thing, seen)])
    return found


def other_versions(
    facts: Facts, train: np.ndarray, test: np.ndarray, family: np.ndarray
) -> np.ndarray:
    """Rows of the test queries with a positive in a document of whose family train has another.

    Args:
        facts: of the dataset.
        train: (n_queries,) bool.
        test: (n_queries,) bool.
        family: (n_passages,) as `families` gives it.
    """
    import numpy as np

    labels = facts.labels
    doc = facts.dataset.arrow("passage", ["doc_id"])["doc_id"].combine_chunks()
    docs = doc.dictionary_encode().indices.to_numpy().astype(np.int64)
    rows = np.flatnonzero(labels.positive & (family[labels.passage] >= 0))
    query, of, at = labels.query[rows], family[labels.passage[rows]], docs[labels.passage[rows]]
    seen = np.unique(np.stack([of, at], axis=1)[train[query]], axis=0)  # (n, 2) family, document
    n_seen = np.bincount(seen[:, 0], minlength=int(family.max()) + 1)
    others = n_seen[of] - np.isin(at, seen[:, 1])  # a document has one family
    found: np.ndarray = np.unique(query[test[query] & (others > 0)])
    return found


def families(facts: Facts) -> np.ndarray | None:
    """(n_passages,) number of each passage's family, -1 without one; None where there are none."""
    import numpy as np
    import pyarrow.compute as pc

    if "document" not in facts.dataset:
        return None
    documents = facts.dataset.arrow("document", ["doc_id", "family_id"])
    codes: Any = pc.fill_null(
        documents["family_id"].combine_chunks().dictionary_encode().indices, -1
    ).to_numpy()
    if not len(codes) or codes.max() < 0:
        return None
    doc_ids = facts.dataset.arrow("passage", ["doc_id"])["doc_id"]
    at = pc.fill_null(pc.index_in(doc_ids, value_set=documents["doc_id"].combine_chunks()), -1)
    found: np.ndarray = np.append(codes, -1)[at.to_numpy()].astype(np.int64)
    return found
