"""Who judged: models and people, how many pairs, which grades, and how far they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from datakit.dataset import Dataset
from datakit.judging.tables import judged
from datakit.records import GRADES
from datakit.reviewing.agreeing import FEW, Agreed, agree, ratings

MOST = 6  # assessors that are compared
N_BOOT = 500
_TOO_MANY = 200_000  # judgements above which agreement is left to `datakit review agree`


@dataclass(frozen=True, slots=True)
class AssessorFact:
    """One assessor's grades."""

    name: str
    kind: str  # model or person
    n: int
    grades: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class JudgeCard:
    assessors: tuple[AssessorFact, ...]
    agreement: tuple[Agreed, ...]
    few: int  # pairs below which agreement says little
    left_out: bool  # too many judgements to compare here


def judge_card(dataset: Dataset) -> JudgeCard | None:
    """None where nobody judged."""
    counts: Counter[tuple[str, str, int | None]] = Counter()
    for one in judged(dataset):
        if one.source in ("judge", "human"):
            counts[one.source, one.assessor_id or one.source, one.grade] += 1
    if not counts:
        return None
    names = Counter[tuple[str, str]]()
    for (kind, name, _), n in counts.items():
        names[kind, name] += n
    top = names.most_common(MOST)
    assessors = tuple(
        AssessorFact(
            name,
            "model" if kind == "judge" else "person",
            n,
            tuple(
                ("not sure" if g is None else f"grade {g}", counts[kind, name, g])
                for g in (*sorted(GRADES, reverse=True), None)
            ),
        )
        for (kind, name), n in top
    )
    many = counts.total() > _TOO_MANY
    agreement: list[Agreed] = []
    if len(top) > 1 and not many:
        seed = int(dataset.manifest.get("seed") or 13)
        found = ratings(dataset, judges=True, assessors=[name for (_, name), _ in top])
        agreement = agree(found, seed, N_BOOT)
    return JudgeCard(assessors, tuple(agreement), FEW, many)
