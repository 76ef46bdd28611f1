"""Are paraphrases of test queries in train?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.records import Passage
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

MOST = 100_000  # queries of train that are compared


@plugin("audits", "dk202_paraphrase_in_train")
@dataclass(frozen=True)
class ParaphraseInTrain:
    """Test queries with a cosine of .95 or more to a train query; equal ones are DK201's."""

    check: ClassVar[Check] = Check(
        "DK202", "Paraphrases in train", "leakage", "datakit fix PATH --check DK202 -o NEW",
        tier="retriever", cost=3,
    )  # fmt: skip
    test: str = "E>.5%"
    retriever: str = "dense"
    model: str = ""  # of the retriever; its own default when empty
    least: float = 0.95  # cosine

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        train, test = facts.in_part("train"), facts.in_part("test")
        if not train.any() or not test.any():
            yield not_established("test", "the dataset has no train and test parts", entity="query")
            return
        keys = facts.queries.keys
        rows = np.flatnonzero(test & ~np.isin(keys, keys[train]))
        near = self.near(facts, np.flatnonzero(train)[:MOST], rows)
        yield rate(
            "test", len(near), int(test.sum()), f"{len(near):,} queries of test are nearly those "
            "of train", records=near, entity="query",
        )  # fmt: skip

    def near(self, facts: Facts, train: np.ndarray, test: np.ndarray) -> list[str]:
        """Of the queries in `test`, by row, those that are near to one in `train`."""
        from datakit import registry

        ids = facts.queries.names(test)
        as_passages = [
            Passage(q.query_id, q.query_id, q.text, 0, len(q.text), 0, language=q.language)
            for q in facts.dataset.where("query", "query_id", facts.queries.names(train))
        ]
        values = {"model": self.model} if self.model else {}
        index = registry.make("retrievers", self.retriever, values).fit(as_passages)
        asked = list(facts.dataset.where("query", "query_id", ids))
        return sorted({r.query_id for r in index.search(asked, 1) if r.score >= self.least})
