"""How many unlabelled pairs are relevant?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.registry import plugin

LEAST = 200  # pairs judged


@plugin("audits", "dk303_false_negatives")
@dataclass(frozen=True)
class FalseNegatives:
    """The rate of relevant pairs without a label, as `datakit calibrate` estimated it by level."""

    check: ClassVar[Check] = Check(
        "DK303", "False negatives", "completeness",
        "Have unlabelled pairs judged (datakit judge), then datakit calibrate.", tier="judge",
    )  # fmt: skip
    train: str = "W>10% E>25%"
    test: str = "W>10% E>25%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        for part, _ in facts.parts():
            files = sorted((facts.dataset.path / "calibration").glob("*.json"))
            estimates = [found for file in files if (found := _estimate(file)) is not None]
            if not estimates:
                reason = "no sample of unlabelled pairs was judged: datakit judge, then calibrate"
                yield not_established(part, reason, entity="qrel")
            for level, missed, people in estimates:
                n, rate = int(missed["n_drawn"]), missed["rate"]
                if n < LEAST or rate["value"] is None:
                    reason = f"{n} pairs without a label were judged, {LEAST} are needed"
                    yield not_established(part, reason, entity="qrel", measure=level)
                    continue
                relative = "" if people else " (judge-relative: no person graded them)"
                yield Result(
                    part, rate["value"], n, f"{rate['value']:.1%} of the {level} pairs without a "
                    f"label are relevant{relative}", low=rate["low"], high=rate["high"],
                    entity="qrel", measure=level, sampled=True,
                )  # fmt: skip


def _estimate(file: Any) -> tuple[str, dict[str, Any], Any] | None:
    try:
        body = json.loads(file.read_text("utf-8"))
        missed = body["missed"]
        return (str(body["level"]), missed, body.get("people")) if missed else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
