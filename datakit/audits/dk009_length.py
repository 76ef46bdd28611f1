"""Are there empty, very short or very long texts?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

    from datakit.auditing.verdict import Part


@plugin("audits", "dk009_length")
@dataclass(frozen=True)
class Length:
    """Texts of no characters; texts below the least size or beyond a model's window.

    A Han character counts as three: 公司债券 says as much as a word of twelve letters.
    """

    check: ClassVar[Check] = Check(
        "DK009", "Empty, short and long texts", "integrity", "Leave them out, or segment anew."
    )
    train: str = "W>1%"
    test: str = "W>1%"
    corpus: str = "W>1%"
    empty: str = "E>0"
    least_passage: int = 10  # characters
    least_query: int = 5  # characters; keyword queries are short
    window: int = 8192  # tokens of the encoder's window; a word of Latin letters is about one

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        yield from self._of(facts, "corpus", "passage", np.ones(len(facts.passages), bool))
        for part, inside in facts.parts():
            yield from self._of(facts, part, "query", inside)

    def _of(self, facts: Facts, part: Part, entity: str, inside: np.ndarray) -> Iterator[Result]:
        import numpy as np

        texts = facts.passages if entity == "passage" else facts.queries
        n = int(inside.sum())
        empty = np.flatnonzero(inside & (texts.n_chars == 0))
        yield rate(
            part, len(empty), n, f"{len(empty):,} texts are empty", records=texts.names(empty),
            entity=entity, measure="empty", column="empty",
        )  # fmt: skip
        least = self.least_passage if entity == "passage" else self.least_query
        size = texts.n_chars + 2 * texts.han
        tokens = texts.han + (texts.n_chars - texts.han) // 5  # a word and its blank
        odd = inside & (texts.n_chars > 0) & ((size < least) | (tokens > self.window))
        yield rate(
            part, int(odd.sum()), n,
            f"{int((odd & (size < least)).sum()):,} texts are shorter than {least} characters, "
            f"{int((odd & (tokens > self.window)).sum()):,} longer than {self.window:,} tokens",
            records=texts.names(np.flatnonzero(odd)), entity=entity, measure="short or long",
        )  # fmt: skip
