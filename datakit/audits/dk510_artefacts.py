"""Can labels be guessed from one side of a pair alone?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.sampling import sample
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

SAMPLE = 2000  # passages of each kind
LEAST = 200


@plugin("audits", "dk510_artefacts")
@dataclass(frozen=True)
class Artefacts:
    """AUC of a classifier that sees the passage alone: positives of queries against other passages.

    Documents that no query asks about teach their topic, not an artefact, so both kinds are of
    documents with a positive where these are known. TF-IDF and logistic regression, five folds.
    """

    check: ClassVar[Check] = Check(
        "DK510", "Artefacts", "queries", "Draw seed passages at random; look at what tells them.",
        tier="retriever", cost=3,
    )  # fmt: skip
    train: str = "W>.6 E>.75"
    test: str = "W>.6 E>.75"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels = facts.labels
        doc = facts.dataset.arrow("passage", ["doc_id"])["doc_id"].combine_chunks()
        docs = doc.dictionary_encode().indices.to_numpy()
        # where every passage is a document of its own, no other passage shares its topic
        cut = len(np.unique(docs)) < len(docs) / 2
        for part, inside in facts.parts():
            rows = np.flatnonzero(labels.positive)
            positive = np.unique(labels.passage[rows[inside[labels.query[rows]]]])
            others = np.setdiff1d(np.arange(len(facts.passages)), labels.passage[labels.whole])
            shared = others[np.isin(docs[others], docs[positive])]
            others = shared if cut else others
            if min(len(positive), len(others)) < LEAST:
                of = " of their documents" if cut else ""
                reason = f"{LEAST} positives and {LEAST} other passages{of} are needed"
                yield not_established(part, reason)
                continue
            yield _auc(facts, part, positive, others)


def _auc(facts: Facts, part: str, positive: np.ndarray, others: np.ndarray) -> Result:
    from datakit.auditing.classifier import auc

    kinds = [sample(rows, SAMPLE, f"{part}{i}") for i, rows in enumerate((positive, others))]
    names = [facts.passages.names(rows) for rows in kinds]
    texts = facts.texts_of("passage", [*names[0], *names[1]])
    value, low, high = auc([texts[n] for n in names[0]], [texts[n] for n in names[1]])
    return Result(
        part, value, len(texts), f"positives are told from other passages by their text alone, "  # type: ignore[arg-type]
        f"AUC {value:.2f}", (), low, high, measure="passage only", sampled=True,
    )  # fmt: skip
