"""`datakit calibrate`: thresholds that are certified on judged samples, level by level."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.grouped import SampleOptions, grouped
from datakit.commands.options import DatasetArgument, JsonOption, RunOption
from datakit.errors import Unfinished, UsageError

if TYPE_CHECKING:
    from datakit.calibration.sampling import Pair
    from datakit.judging.certifying import Calibrated

OPEN = "open.jsonl"  # in calibration/: the pairs that have to be judged first


@grouped
def calibrate(
    out: DatasetArgument,
    run: RunOption = None,
    *,
    samples: SampleOptions,
    depth: Annotated[
        int, typer.Option(min=1, help="Of a run, for sentence and passage queries.")
    ] = 20,
    topic_depth: Annotated[int, typer.Option(min=1, help="The same for topic queries.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Find the scores above which labels hold, and below which little is missed.

    Works on what `datakit judge` has graded. Pairs that are still to be judged are written to
    calibration/open.jsonl: give them to `datakit judge --pairs`, then run the same command again,
    until every level has its file calibration/<level>.json. `datakit mine --judge` does all of it.

    Example: datakit calibrate out
    """
    from datakit.dataset import Dataset
    from datakit.judging import cascading, pools

    dataset = Dataset.open(out)
    table = pools.table_of_scores(dataset, run)
    sizes = samples.samples(dataset, depth=depth, topic_depth=topic_depth)
    waiting: list[Pair] = []
    done: list[dict[str, Any]] = []
    with dataset.locked():
        for found in cascading.calibrated(dataset, table, sizes):
            waiting += found.waits_for
            if found.body is not None:
                done.append(_named(found.body))
            if not as_json:
                print("\n".join(level_lines(found)))
        file = _write_open(dataset.path, waiting)
    if as_json:
        print(json.dumps({"levels": done, "open": len(waiting)}, ensure_ascii=False))
    if waiting:
        raise Unfinished(
            f"{len(waiting):,} pairs have to be judged first: {file}. Run `datakit judge {out} "
            f"--pairs {file}`, then this command again."
        )
    if not done:
        raise UsageError(
            f"{out}: {table} has no pair beside the queries' own seeds: nothing to calibrate. Run "
            "`datakit retrieve` and `datakit mine`, or name another run with --run."
        )


def _named(body: Mapping[str, Any]) -> dict[str, Any]:
    """A calibration with its id, as its file has it."""
    from datakit.calibration.store import calibration_id

    return {"calibration_id": calibration_id(body), **body}


def _write_open(out: Path, pairs: Iterable[Pair]) -> Path:
    """Replace the list of open pairs; without any it goes."""
    from datakit.calibration.store import FOLDER
    from datakit.dataset import unwritable, write_atomic

    path = out / FOLDER / OPEN
    lines = [
        json.dumps({"query_id": query_id, "passage_id": passage_id}, ensure_ascii=False) + "\n"
        for query_id, passage_id in dict.fromkeys(pairs)
    ]
    with unwritable(out):
        path.unlink(missing_ok=True)
        if lines:
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, "".join(lines))
    return path


# --- as text ------------------------------------------------------------------------------


def level_lines(found: Calibrated) -> Iterator[str]:
    """What came of a level, for people."""
    if found.waits_for:
        yield (
            f"{found.level}: {found.n_pool:,} pairs in the pool, {len(found.waits_for):,} to be "
            "judged first"
        )
    elif found.body is None:
        yield f"{found.level}: no pair in the pool"
    else:
        yield from _level_lines(_named(found.body))


def _level_lines(body: dict[str, Any]) -> Iterator[str]:
    from datakit.calibration import needed

    yield (
        f"{body['level']}: {body['n_pool']:,} pairs of {body['n_queries']:,} queries by "
        f"{body['scorer']['run']}; curve from {body['fit']['n']:,} pairs "
        f"({body['fit']['n_null']:,} without a grade)"
    )
    for side, what, sign in (("above", "not relevant", ">="), ("below", "relevant", "<")):
        for one in body["steps"][side]["tried"]:
            yield (
                f"  {side} {one['share']:>6.1%}  score {sign} {one['threshold']:<10.4g} "
                f"{one['errors']:>4,} of {one['n']:,} {what}, at most {one['bound']:.1%} of "
                f"{one['n_region']:,}: {'pass' if one['passed'] else 'stop'}"
            )
    yield f"  {_thresholds(body)}"
    yield from (f"  {line}" for line in needed.lines(body["steps"]))
    yield from _estimates(body)
    yield f"  calibration_id {body['calibration_id']}"


def _thresholds(body: dict[str, Any]) -> str:
    from datakit.calibration.certify import Claim

    plus, minus = body["tau_plus"], body["tau_minus"]
    above = body["steps"]["above"]
    if body["level"] == "topic":
        return "topic queries get no label by score: all their pairs are for the judge"
    if plus is not None:
        said = f"tau plus {plus:.4g}"
    elif above["tried"]:
        said = "no threshold passes: this level has no automatic labels"
    else:
        said = (
            f"the pool is too small for any threshold ({Claim('above', above['limit']).least_n()} "
            "pairs beyond it are needed): this level has no automatic labels"
        )
    return f"{said}; tau minus {'none' if minus is None else f'{minus:.4g}'}"


def _estimates(body: dict[str, Any]) -> Iterator[str]:
    found = body["missed"]
    if found is not None:
        yield (
            f"  inside the pool: {shown(found['rate'])} of {found['n_unlabelled']:,} pairs "
            f"without a label by score are relevant; recall {shown(found['recall'])}"
        )
    beyond = body["outside"]
    if beyond["n"]:
        yield (
            f"  outside the pool: {beyond['n_relevant']:,} of {beyond['n']:,} relevant, at most "
            f"{beyond['rate']['high']:.1%}"
        )
    if (people := body["people"]) is not None:
        yield (
            f"  by people, {people['n']:,} pairs: the judge finds {people['sensitivity']:.3f} of "
            f"the relevant and {people['specificity']:.3f} of the others"
        )
    else:
        yield "  no person has graded these pairs: all of it is relative to the judge"


def shown(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "not established (no positive label, or none of some source judged)"
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"
