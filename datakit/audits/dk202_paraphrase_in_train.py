"""Are paraphrases of test queries in train?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.records import Passage
from datakit.registry import plugin
from datakit.text import base_language

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
    model: str = "all-MiniLM-L6-v2"  # of the retriever
    languages: tuple[str, ...] = ("en",)  # that the model reads; other queries are not compared
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
        read = np.array([self.reads(x) for x in facts.query_columns["language"].to_pylist()], bool)
        n = int((test & read).sum())
        yield rate(
            "test", len(near), n, f"{len(near):,} held-out queries are nearly those of train; "
            f"{int(test.sum()) - n:,} are in languages that the encoder does not read",
            records=near, entity="query",
            reason=f"the encoder reads {', '.join(self.languages)}: set DK202.model and .languages",
        )  # fmt: skip

    def reads(self, language: str | None) -> bool:
        """Whether the encoder reads the language of a query."""
        return not self.languages or base_language(language) in self.languages

    def near(self, facts: Facts, train: np.ndarray, test: np.ndarray) -> list[str]:
        """Of the queries in `test`, by row, those that are near to one in `train`."""
        from datakit import registry

        ids = facts.queries.names(test)
        as_passages = [
            Passage(q.query_id, q.query_id, q.text, 0, len(q.text), 0, language=q.language)
            for q in facts.dataset.where("query", "query_id", facts.queries.names(train))
        ]
        values = {"model": self.model, "languages": self.languages}
        index = registry.make("retrievers", self.retriever, values).fit(as_passages)
        asked = list(facts.dataset.where("query", "query_id", ids))
        return sorted({r.query_id for r in index.search(asked, 1) if r.score >= self.least})
