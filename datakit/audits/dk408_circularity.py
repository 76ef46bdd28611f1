"""Does one family of models write, judge and compete?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.registry import plugin


@plugin("audits", "dk408_circularity")
@dataclass(frozen=True)
class Circularity:
    """Families of models that both wrote queries and judged labels."""

    check: ClassVar[Check] = Check(
        "DK408", "Circularity", "correctness", "Judge with a model of another family than wrote."
    )
    train: str = "I"
    test: str = "E>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        dataset = facts.dataset
        column = dataset.arrow("query", ["generator_family"])["generator_family"]
        writers = {name for name in column.unique().to_pylist() if name}
        judges: Counter[str] = Counter()
        for table in dataset.tables():
            if table.split("/")[0] == "judgement":
                rows = dataset.arrow(table, ["source", "assessor_id"]).to_pylist()
                judges.update(_family(r) for r in rows if r["source"] == "judge")
        judges.pop("", None)
        for part, _ in facts.parts():
            if not writers or not judges:
                reason = "the dataset names no family of a generator, or has no model's judgement"
                yield not_established(part, reason, entity="model")
                continue
            both = sorted(w for w in writers if any(_same(w, j) for j in judges))
            yield Result(
                part, float(len(both)), len(writers), f"wrote and judged: {', '.join(both)}" if both
                else "no family both wrote and judged", both, entity="model",
            )  # fmt: skip


def _family(row: dict[str, Any]) -> str:
    return str(row["assessor_id"] or "")


def _same(writer: str, judge: str) -> bool:
    return writer.casefold() in judge.casefold()
