"""A batch of pairs for people: how it was drawn, with what chances, and who is to see what.

Batches are kept in `OUT/review/<batch_id>.json`; grades that come back carry the chance with
which their pair was drawn, so that rates can be estimated from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset, unwritable, write_atomic
from datakit.errors import DatasetError, UsageError
from datakit.judging.pairs import judged_by_people, looked_up, shuffled
from datakit.records import Dropped
from datakit.registry import digest
from datakit.reviewing.frames import frame_of
from datakit.version import __version__

FOLDER = "review"
NAME = re.compile(r"[\w.@-][\w .@-]{0,59}")  # of an assessor
MOST_PAIRS = 100_000  # of a batch
_MOST_BYTES = 256 << 20
_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Plan:
    """How a batch is drawn."""

    strategy: str  # of `frames`, or `pairs` for those of a file, or `adjudication`
    n: int
    seed: int = 13
    split: str | None = None  # only queries of this split
    assessors: tuple[str, ...] = ()  # empty: whoever comes
    overlap: int = 0  # so many pairs go to every assessor, each other one to one of them
    again: bool = False  # pairs that people have graded too


@dataclass(frozen=True)
class Row:
    """A pair of a batch."""

    query_id: str
    passage_id: str
    inclusion_probability: float | None  # None: chosen, not drawn at random
    assessors: tuple[str, ...] = ()  # who is to see it; empty: everybody

    @property
    def pair(self) -> Pair:
        return self.query_id, self.passage_id


@dataclass(frozen=True)
class Batch:
    """Pairs for people."""

    batch_id: str
    plan: Plan
    frame: str  # what the pairs were drawn from
    n_frame: int
    rows: tuple[Row, ...]
    content_hash: str  # of the dataset
    tool_version: str

    def of(self, assessor: str) -> tuple[Row, ...]:
        """What an assessor is to see; somebody whom the plan does not name sees what nobody has."""
        return tuple(r for r in self.rows if not r.assessors or assessor in r.assessors)


# --- made ---------------------------------------------------------------------------------


def draw(dataset: Dataset, plan: Plan) -> Batch:
    """Draw a batch by the plan's strategy, and keep it.

    Raises:
        UsageError: the strategy finds no pair, or the plan cannot be what was meant.
    """
    _check(plan)
    frame = frame_of(dataset, plan.strategy)
    left = _left(dataset, frame.pairs, plan)
    if not left:
        raise UsageError(
            f"{dataset.path}: {plan.strategy} finds {len(frame.pairs):,} pairs, and "
            f"{'people have graded all of them' if frame.pairs else 'there is nothing to grade'}"
            f"{f' or they are not of the split {plan.split}' if plan.split else ''}."
        )
    if frame.is_sample:
        chosen = shuffled(left, plan.seed, f"review/{plan.strategy}")[: plan.n]
        chance: float | None = len(chosen) / len(left)
        what = frame.what
    else:
        # the order in which people see them says nothing about them
        chosen = shuffled(left[: plan.n], plan.seed, f"review/{plan.strategy}")
        chance, what = None, frame.what
    return keep(dataset, plan, what, len(left), [(pair, chance) for pair in chosen])


def keep(
    dataset: Dataset, plan: Plan, frame: str, n_frame: int,
    chosen: Sequence[tuple[Pair, float | None]],
) -> Batch:  # fmt: skip
    """Make a batch of chosen pairs and write it down."""
    rows = tuple(_assigned(plan, chosen))
    body = {"plan": asdict(plan), "rows": [asdict(row) for row in rows]}
    name = digest(body).removeprefix("sha256:")[:12]
    content = str(dataset.manifest.get("content_hash", ""))
    batch = Batch(name, plan, frame, n_frame, rows, content, __version__)
    path = path_of(dataset, name)
    with unwritable(dataset.path):
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, json.dumps(asdict(batch), ensure_ascii=False, indent=1) + "\n")
    return batch


def _check(plan: Plan) -> None:
    for name in plan.assessors:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"assessor {name[:80]!r}: expected letters, digits, blanks and _ . @ -, at most 60."
            )
    if len(set(plan.assessors)) < len(plan.assessors):
        raise UsageError(f"an assessor is named twice: {', '.join(plan.assessors)}.")
    if plan.overlap and len(plan.assessors) < 2:
        raise UsageError("--overlap needs at least two --assessor NAME.")
    if not 0 < plan.n <= MOST_PAIRS:
        raise UsageError(f"--n {plan.n:,}: expected 1 to {MOST_PAIRS:,} pairs.")
    if plan.overlap > plan.n:
        raise UsageError(f"--overlap {plan.overlap:,} is more than --n {plan.n:,}.")


def _left(dataset: Dataset, pairs: Sequence[Pair], plan: Plan) -> list[Pair]:
    """Without what people graded, other splits, and records that are gone."""
    done = set() if plan.again else judged_by_people(dataset)
    left = [pair for pair in pairs if pair not in done]
    if plan.split is not None:
        import pyarrow.compute as pc

        if "query" not in dataset:
            raise UsageError(f"{dataset.path} has no table query, so no split {plan.split!r}.")
        table = dataset.arrow("query", ["query_id", "split"])
        inside = table.filter(pc.equal(table["split"], plan.split))
        wanted = set(inside["query_id"].to_pylist())
        left = [pair for pair in left if pair[0] in wanted]
    return left


def _assigned(plan: Plan, chosen: Sequence[tuple[Pair, float | None]]) -> list[Row]:
    people = plan.assessors
    rows = []
    for i, ((query_id, passage_id), chance) in enumerate(chosen):
        shared = not people or i < plan.overlap
        who = people if shared else (people[i % len(people)],)
        rows.append(Row(query_id, passage_id, chance, who))
    return rows


# --- kept ---------------------------------------------------------------------------------


def path_of(dataset: Dataset, batch_id: str) -> Path:
    return dataset.path / FOLDER / f"{batch_id}.json"


def batches(dataset: Dataset) -> list[str]:
    """Ids of the kept batches, the newest last."""
    found = [p for p in (dataset.path / FOLDER).glob("*.json") if _ID.fullmatch(p.stem)]
    return [p.stem for p in sorted(found, key=lambda p: (p.stat().st_mtime_ns, p.stem))]


def load(dataset: Dataset, batch_id: str | None = None) -> Batch:
    """A kept batch by its id; without one the newest.

    Raises:
        UsageError: there is none.
        DatasetError: its file cannot be read.
    """
    known = batches(dataset)
    if batch_id is None and not known:
        raise UsageError(
            f"{dataset.path} has no batch of pairs yet: add --strategy random --n 100, or run "
            "`datakit review export` first."
        )
    name = batch_id or known[-1]
    if name not in known:
        raise UsageError(f"{dataset.path} has no batch {name[:40]!r}; there is {', '.join(known)}.")
    path = path_of(dataset, name)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"larger than {_MOST_BYTES >> 20} MB")
        raw = json.loads(path.read_text("utf-8"))
        return _batch(raw)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"{path} is no batch ({error}); draw another.") from None


def _batch(raw: dict[str, Any]) -> Batch:
    plan = raw["plan"] | {"assessors": tuple(raw["plan"]["assessors"])}
    rows = tuple(Row(**(row | {"assessors": tuple(row["assessors"])})) for row in raw["rows"])
    return Batch(**(raw | {"plan": Plan(**plan), "rows": rows}))


def chances(dataset: Dataset) -> dict[Pair, float]:
    """The chance with which each pair of the kept batches was drawn; the newest batch counts."""
    return {
        row.pair: row.inclusion_probability
        for name in batches(dataset)
        for row in load(dataset, name).rows
        if row.inclusion_probability is not None
    }


def missing(dataset: Dataset, batch: Batch) -> list[Dropped]:
    """Pairs whose records the dataset no longer has."""
    found = looked_up(dataset, [row.pair for row in batch.rows])
    return [one for one in found if isinstance(one, Dropped)]
