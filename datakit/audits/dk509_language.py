"""Are query and passage in one language?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.labels import mask_of
from datakit.registry import plugin
from datakit.text import base_language

if TYPE_CHECKING:
    import numpy as np

_LATIN, _HAN = 1, 2  # as in `Texts.script`
_SCRIPT_OF = {"zh": 2, "en": 1, "fr": 1, "de": 1, "es": 1, "it": 1, "pt": 1, "nl": 1}
LEAST = 20  # letters of a passage below which its script says nothing: tables, names
PROSE = 8  # words of lower case that a sentence in Latin script has; a table has codes and units
_WORD = re.compile(r"(?<![^\W_])[A-Z]?[a-z]{2,}(?![^\W_])")


@plugin("audits", "dk509_language")
@dataclass(frozen=True)
class Language:
    """Queries in another script than all their positives; passages in another than they say."""

    check: ClassVar[Check] = Check(
        "DK509",
        "Language",
        "queries",
        "Set the generator's language; leave strays out.",
        cost=2,
    )
    train: str = "W>1%"
    test: str = "W>1%"
    corpus: str = "W>1%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        passages, queries, labels = facts.passages, facts.queries, facts.labels
        named = facts.dataset.arrow("passage", ["language"])["language"].to_pylist()
        said = np.array([_SCRIPT_OF.get(base_language(x) or "", 0) for x in named], np.uint8)
        enough = passages.latin + passages.han + passages.other >= LEAST
        known = enough & (said > 0) & (passages.script > 0)
        wrong = np.flatnonzero(known & (said != passages.script))
        wrong = _without_tables(facts, wrong, said)
        yield rate(
            "corpus", len(wrong), int(known.sum()), f"{len(wrong):,} passages are in another "
            "script than their language has", records=passages.names(wrong),
            reason="no passage says its language",
        )  # fmt: skip
        for part, inside in facts.parts():
            rows = np.flatnonzero(labels.positive & mask_of(labels, inside))
            q, p = labels.query[rows], labels.passage[rows]
            clear = (queries.script[q] > 0) & (passages.script[p] > 0)
            same = np.zeros(len(queries), bool)
            # 'LED行业 MiniLED' is a Chinese query, whatever its letters outnumber
            chinese = (queries.han[q] >= 2) & (passages.script[p] == _HAN)
            same[q[clear & (chinese | (queries.script[q] == passages.script[p]))]] = True
            asked = np.unique(q[clear])
            if not len(asked):
                yield not_established(part, "no positive labels", entity="query")
                continue
            other = asked[~same[asked]]
            yield rate(
                part, len(other), len(asked), f"{len(other):,} queries are in another script than "
                "their positives", records=queries.names(other), entity="query",
            )  # fmt: skip


def _without_tables(facts: Facts, rows: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Rows without the Chinese passages that are numbers, tickers and units, and no sentences."""
    import numpy as np

    doubtful = (said[rows] == _HAN) & (facts.passages.script[rows] == _LATIN)
    names = facts.passages.names(rows[doubtful])
    texts = facts.texts_of("passage", names)
    prose = [len(_WORD.findall(texts[name])) >= PROSE for name in names]
    kept = ~doubtful
    kept[doubtful] = np.array(prose, bool)
    found: np.ndarray = rows[kept]
    return found
