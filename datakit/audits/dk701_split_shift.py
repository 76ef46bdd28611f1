"""Are train and test of one kind?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.sampling import sample
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

SAMPLE = 2000  # queries of each part
LEAST = 100
LEAST_DOCUMENTS = 20  # of each part: the topics of fewer differ however they are drawn


@plugin("audits", "dk701_split_shift")
@dataclass(frozen=True)
class SplitShift:
    """AUC of a classifier that tells queries of train from queries of test.

    It is asked about documents that it has not seen: a split by documents gives each part topics
    of its own, and that these can be learned is no shift.
    """

    check: ClassVar[Check] = Check(
        "DK701", "Split shift", "splits", "Split at random within each source and level.", cost=4
    )
    test: str = "W>.6"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        from datakit.auditing.classifier import auc

        parts = [np.flatnonzero(facts.in_part(p)) for p in ("train", "test")]
        if min(map(len, parts)) < LEAST:
            reason = f"train and test of {LEAST} queries are needed"
            yield not_established("test", reason, entity="query")
            return
        rows = [sample(r, SAMPLE, f"shift{i}") for i, r in enumerate(parts)]
        about = [_document_of(facts)[r] for r in rows]
        n_documents = [len(np.unique(own)) for own in about]
        if min(n_documents) < LEAST_DOCUMENTS:
            reason = (
                f"the queries are about {n_documents[0]} documents of train and {n_documents[1]} "
                f"of test; {LEAST_DOCUMENTS} of each are needed to tell a shift from topics"
            )
            yield not_established("test", reason, entity="query")
            return
        names = [facts.queries.names(r) for r in rows]
        texts = facts.texts_of("query", [*names[0], *names[1]])
        first, second = ([texts[n] for n in own] for own in names)
        value, low, high = auc(first, second, np.concatenate(about))
        yield Result(
            "test", value, len(texts), f"held-out queries are told from those of train, AUC "
            f"{value:.2f}", (), low, high, "query", sampled=True,
        )  # fmt: skip


def _document_of(facts: Facts) -> np.ndarray:
    """(n_queries,) number of the document of a query's first positive; its own without one."""
    import numpy as np

    labels = facts.labels
    doc = facts.dataset.arrow("passage", ["doc_id"])["doc_id"].combine_chunks()
    docs = doc.dictionary_encode().indices.to_numpy()
    rows = np.flatnonzero(labels.positive)
    query, first = np.unique(labels.query[rows], return_index=True)
    about: np.ndarray = np.arange(len(facts.queries), dtype=np.int64) + len(docs)
    about[query] = docs[labels.passage[rows[first]]]
    return about
