"""How good each kind of query is: the share that a reader found good, and what follows from it.

A kind is the rule that made a query (`Query.pattern`). The shares are counts of real queries, read
one by one (notebooks/LOG.md); a kind with too few of them has the middle value.
"""

from __future__ import annotations

from datakit.generators._context import Context

_MIDDLE = 0.8  # of a kind that nobody has counted
_LEAST = 0.5  # below it a kind is not asked; our default
_PULL = 3.0  # weight that a kind gains for a share of 1 above the middle; our default

_OF_TERMS = {
    "age": 0.9, "provider_right": 0.88, "definition": 0.88, "warranty": 0.83, "liability": 0.83,
    "provider_duty": 0.75, "practice": 0.74, "consequence": 0.69, "whether": 0.68,
    "prohibition": 0.68, "permission": 0.64, "how_to": 0.62, "faq": 0.44,
}  # fmt: skip


def is_asked(pattern: str, context: Context) -> bool:
    """Whether queries of this kind are good often enough."""
    return _share(pattern, context) >= _LEAST


def bonus(pattern: str, context: Context) -> float:
    """What the kind of a question adds to its weight."""
    return _PULL * (_share(pattern, context) - _MIDDLE)


def _share(pattern: str, context: Context) -> float:
    if context.language not in ("en", "") or context.kind != "terms":
        return _MIDDLE
    return _OF_TERMS.get(pattern, _MIDDLE)
