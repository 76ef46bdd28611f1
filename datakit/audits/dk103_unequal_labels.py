"""Do copies of a relevant passage count as relevant too?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.auditing.labels import mask_of
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np


@plugin("audits", "dk103_unequal_labels")
@dataclass(frozen=True)
class UnequalLabels:
    """Positives with an unjudged duplicate, among all positives."""

    check: ClassVar[Check] = Check(
        "DK103", "Unequal labels among copies", "duplicates",
        "datakit fix PATH --check DK103 -o NEW", cost=6,
    )  # fmt: skip
    train: str = "W>.5%"
    test: str = "E>.5%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels = facts.labels
        for part, inside in facts.parts():
            positive = labels.positive & mask_of(labels, inside)
            unequal = np.flatnonzero(positive & with_unjudged_copy(facts))
            yield rate(
                part, len(unequal), int(positive.sum()), f"{len(unequal):,} positives have a copy "
                "that nobody judged for the query", records=labels.pair(unequal), entity="qrel",
                reason="no positive labels",
            )  # fmt: skip


def copies_of_issuer(facts: Facts) -> np.ndarray:
    """(n_passages,) int64 the first copy of each passage in the documents of its own issuer.

    What one service says in the words of another answers no query about that other.
    """
    import numpy as np

    if "copies_of_issuer" not in facts.kept:
        near = facts.copies.near
        column = facts.dataset.arrow("passage", ["issuer"])["issuer"].combine_chunks()
        issuer = column.fill_null("").dictionary_encode().indices.to_numpy()
        _, first, group = np.unique(
            np.stack([near, issuer], axis=1), axis=0, return_index=True, return_inverse=True
        )
        facts.kept["copies_of_issuer"] = first[group.reshape(-1)]
    kept: np.ndarray = facts.kept["copies_of_issuer"]
    return kept


def with_unjudged_copy(facts: Facts) -> np.ndarray:
    """(n_labels,) whether some copy of the label's passage has no label for its query."""
    import numpy as np

    labels, head = facts.labels, copies_of_issuer(facts)
    whole = labels.whole
    size = np.bincount(head, minlength=len(head))
    cluster = head[labels.passage[whole]]
    n = len(head)
    judged = np.unique(labels.query[whole] * n + labels.passage[whole])
    group, count = np.unique(judged // n * n + head[judged % n], return_counts=True)
    mine = labels.query[whole] * n + cluster
    found = np.zeros(len(labels), bool)
    found[whole] = count[np.searchsorted(group, mine)] < size[cluster]
    return found
