"""Do queries copy the words of the passage that answers them?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.intervals import of_mean
from datakit.auditing.keys import comparison_key
from datakit.auditing.sampling import sample
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

SAMPLE = 2000  # queries of a part
_UNIT = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]|\w+")


@plugin("audits", "dk504_copying")
@dataclass(frozen=True)
class Copying:
    """Queries that stand word for word in a positive; longest common subsequence / query length.

    Short keyword queries cannot but copy, so a query of fewer than four units does not count.
    """

    check: ClassVar[Check] = Check(
        "DK504", "Copying", "queries", "Reword: such queries measure the matching of terms.", cost=4
    )
    train: str = "W>5%"
    test: str = "W>5%"
    common: str = "W>.6"  # of the mean

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np
        from rapidfuzz.distance import LCSseq

        for part, inside in facts.parts():
            pairs = self._pairs(facts, inside, part)
            if not pairs:
                yield not_established(part, "no query has a positive", entity="query")
                continue
            shares, verbatim = [], []
            for name, query, passages in pairs:
                own = _UNIT.findall(query.casefold())
                if len(own) < 4:
                    continue
                key = comparison_key(query)
                if any(key in comparison_key(p) for p in passages):
                    verbatim.append(name)
                units = (_UNIT.findall(p.casefold()) for p in passages)
                shares.append(max(LCSseq.similarity(own, u) for u in units) / len(own))
            if not shares:
                yield not_established(part, "queries of keywords alone", entity="query")
                continue
            sampled = len(pairs) >= SAMPLE
            yield rate(
                part, len(verbatim), len(shares), f"{len(verbatim):,} of {len(shares):,} queries "
                "stand word for word in a positive", records=verbatim, entity="query",
                measure="verbatim", sampled=sampled,
            )  # fmt: skip
            values = np.array(shares)
            low, high = of_mean(values)
            yield Result(
                part, float(values.mean()), len(values), f"{values.mean():.0%} of a query's words "
                "stand in its positive in the same order", (), low, high, "query", "LCS",
                "common", sampled,
            )  # fmt: skip

    def _pairs(
        self, facts: Facts, inside: np.ndarray, part: str
    ) -> list[tuple[str, str, list[str]]]:
        """(query_id, its text, texts of up to three positives) of a sample."""
        import numpy as np

        labels = facts.labels
        mine = np.flatnonzero(labels.positive)
        mine = mine[inside[labels.query[mine]]]
        rows = sample(np.unique(labels.query[mine]), SAMPLE, part)
        mine = mine[np.isin(labels.query[mine], rows)]
        of: dict[int, list[int]] = {}
        for q, p in zip(labels.query[mine].tolist(), labels.passage[mine].tolist(), strict=True):
            if len(of.setdefault(q, [])) < 3:
                of[q].append(p)
        ids = facts.passages.names(sorted({p for own in of.values() for p in own}))
        names = dict(zip(sorted({p for own in of.values() for p in own}), ids, strict=True))
        passages = facts.texts_of("passage", ids)
        query_ids = dict(zip(of, facts.queries.names(list(of)), strict=True))
        queries = facts.texts_of("query", query_ids.values())
        return [
            (query_ids[q], queries[query_ids[q]], [passages[names[p]] for p in own])
            for q, own in of.items()
        ]
