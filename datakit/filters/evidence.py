"""F6: is the claimed evidence there? The judges' part of F6 is in `retrieved`."""

from __future__ import annotations

from collections.abc import Sequence

from datakit.filters.settings import FilterSettings, Wrong
from datakit.records import Passage, Query


def unverified(query: Query, seeds: Sequence[Passage], settings: FilterSettings) -> Wrong | None:
    """F6: nobody has found the answer: no evidence, or a span that no seed passage holds."""
    if not query.evidence:
        return Wrong("unverified", f"{query.text!r} names no evidence: only a judge can confirm it")
    for span in query.evidence:
        where = f"{span.doc_id}:{span.start}-{span.end}"
        if not span.verified:
            return Wrong("unverified", f"evidence {where} of {query.text!r} was not verified")
        if not any(
            seed.doc_id == span.doc_id and seed.start <= span.start < span.end <= seed.end
            for seed in seeds
        ):
            return Wrong("unverified", f"evidence {where} of {query.text!r} is in no seed passage")
    return None
