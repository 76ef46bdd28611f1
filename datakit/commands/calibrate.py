"""`datakit calibrate`: thresholds that are certified on judged samples, level by level."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import DatasetArgument, JsonOption
from datakit.errors import Unfinished, UsageError

if TYPE_CHECKING:
    from datakit.calibration.sampling import Pair

OPEN = "open.jsonl"  # in calibration/: the pairs that have to be judged first


def calibrate(
    out: DatasetArgument,
    run: Annotated[
        str | None, typer.Option(help="The run whose scores are calibrated: `bm25`, `dense`, …")
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="To be shown of what lies above tau plus.")
    ] = 0.90,
    missed: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Most that is relevant below tau minus.")
    ] = 0.05,
    fit: Annotated[int, typer.Option(min=20, help="Pairs for the curve, per level.")] = 400,
    step: Annotated[int, typer.Option(min=10, help="Pairs for each threshold tried.")] = 208,
    outside: Annotated[int, typer.Option(min=0, help="Pairs outside the pool, per level.")] = 200,
    depth: Annotated[
        int, typer.Option(min=1, help="Of the pool, for sentence and passage queries.")
    ] = 20,
    topic_depth: Annotated[int, typer.Option(min=1, help="The same for topic queries.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Find the scores above which labels hold, and below which little is missed.

    Works on what `datakit judge` has graded. Pairs that are still to be judged are written to
    calibration/open.jsonl: give them to `datakit judge --pairs`, then run the same command again,
    until every level has its file calibration/<level>.json.

    Example: datakit calibrate out --run dense
    """
    from datakit.calibration import store
    from datakit.dataset import Dataset
    from datakit.judging import certifying
    from datakit.judging.pairs import records_of

    dataset = Dataset.open(out)
    name = certifying.run_of(dataset, run)
    samples = certifying.Samples(
        fit=fit, step=step, outside=outside, precision=precision, missed=missed, depth=depth,
        topic_depth=topic_depth, seed=int(dataset.manifest.get("seed", 13)),
    )  # fmt: skip
    queries = records_of(dataset)
    waiting: list[Pair] = []
    done: list[dict[str, Any]] = []
    with dataset.locked():
        for level in certifying.levels(queries):
            found = certifying.calibrate(dataset, name, level, queries, samples)
            waiting += found.waits_for
            if found.body is not None:
                path = store.write(dataset.path, level, found.body)
                done.append(json.loads(path.read_text("utf-8")))
            if not as_json:
                print("\n".join(_lines(found, done)))
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
            f"{out}: the run {name!r} has no pair beside the queries' own seeds: nothing to "
            "calibrate. Run `datakit retrieve`, or name another with --run."
        )


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


def _lines(found: Any, done: list[dict[str, Any]]) -> Iterator[str]:
    if found.waits_for:
        yield (
            f"{found.level}: {found.n_pool:,} pairs in the pool, {len(found.waits_for):,} to be "
            "judged first"
        )
    elif found.body is None:
        yield f"{found.level}: no pair in the pool"
    else:
        yield from _level_lines(done[-1])


def _level_lines(body: dict[str, Any]) -> Iterator[str]:
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
    yield from _estimates(body)
    yield f"  calibration_id {body['calibration_id']}"


def _thresholds(body: dict[str, Any]) -> str:
    plus, minus = body["tau_plus"], body["tau_minus"]
    above = body["steps"]["above"]
    if plus is not None:
        said = f"tau plus {plus:.4g}"
    elif above["tried"]:
        said = "no threshold passes: this level has no automatic labels"
    else:
        said = "the pool is too small for any threshold: this level has no automatic labels"
    return f"{said}; tau minus {'none' if minus is None else f'{minus:.4g}'}"


def _estimates(body: dict[str, Any]) -> Iterator[str]:
    found = body["missed"]
    if found is not None:
        yield (
            f"  inside the pool: {_shown(found['rate'])} of {found['n_unlabelled']:,} pairs "
            f"without a label are relevant; recall {_shown(found['recall'])}"
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


def _shown(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "not known (no label of some source is judged)"
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"
