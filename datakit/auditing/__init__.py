"""What all audits share: facts of a dataset, limits, intervals, the run and its outputs."""

from __future__ import annotations

from datakit.auditing.facts import Facts
from datakit.auditing.verdict import Check, Result, not_established, rate

__all__ = ["Check", "Facts", "Result", "not_established", "rate"]
