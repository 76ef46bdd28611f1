"""`datakit judge`: grades for pairs by a language model, live or in batch files, or by people."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands import calling
from datakit.commands.grouped import CallOptions, PlanOptions, ShownOptions, grouped
from datakit.commands.options import DatasetArgument, DryRunOption, settings_of
from datakit.errors import EndpointError, Unfinished, UsageError, YieldTooLow

if TYPE_CHECKING:
    from datakit.calibration.sampling import Pair
    from datakit.dataset import Dataset
    from datakit.judging.asking import Judging
    from datakit.llm.asking import Tally
    from datakit.pipeline import Build
    from datakit.plan import Plan, Use

_NAME = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True)
class WhichOptions:
    """The pairs that are graded."""

    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV or JSON lines with query_id and passage_id. Default: the mined labels, then "
            "what lies between calibrated thresholds, the least certain first.",
        ),
    ] = None
    queue: Annotated[
        bool,
        typer.Option("--queue", help="The pairs that were too near to be negatives unjudged."),
    ] = False
    budget: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many pairs; for people, random.")
    ] = None
    second_look: Annotated[
        str | None,
        typer.Option(metavar="JUDGE", help="Only pairs on which this judge is unsure: 1, 2 or "
                     "none, or against the calibrated score."),
    ] = None  # fmt: skip


@dataclass(frozen=True)
class PeopleOptions:
    """Files for people, and from them."""

    review_out: Annotated[
        Path | None,
        typer.Option("--review-out", metavar="FILE", help="Write pairs for people: CSV or JSONL."),
    ] = None
    review_in: Annotated[
        list[Path] | None,
        typer.Option("--review-in", metavar="FILE", help="Read people's grades; repeatable."),
    ] = None
    assessor: Annotated[
        str, typer.Option(help="Who graded, for rows of a review that name nobody.")
    ] = ""


@dataclass(frozen=True)
class JudgePlanOptions(PlanOptions):
    """Which plan, and the judge that is asked."""

    use: Annotated[
        str | None, typer.Option("--use", help="A judge of the plan by name, or another plugin.")
    ] = None


@grouped
def judge(
    context: typer.Context,
    out: DatasetArgument,
    which: WhichOptions,
    chosen: JudgePlanOptions,
    dry_run: DryRunOption = False,
    *,
    calls: CallOptions,
    people: PeopleOptions,
    shown: ShownOptions,
) -> None:
    """Grade pairs of query and passage, by a language model or by people.

    Rows are added to the table judgement/<judge>, which a build keeps; a pair that has been judged
    by the same model in the same words is not asked about again. Labels take the person's grade
    first, then the judge's. A reply that cannot be read leaves its pair unjudged.

    Example: datakit judge out --endpoint model=qwen3-32b --endpoint
    base_url=http://localhost:8000/v1 --max-calls 500

    People: datakit judge out --review-out review.csv --budget 150, then
    datakit judge out --review-in review.csv --assessor ann
    """
    from datakit import pipeline
    from datakit.dataset import Dataset
    from datakit.judging.asking import Judging

    calls.check(context, dry_run=dry_run, review_out=people.review_out, review_in=people.review_in)
    dataset = Dataset.open(out)
    if people.review_in:
        with dataset.locked():
            _review_in(dataset, people.review_in, people.assessor, shown)
        return
    plan = chosen.loaded(dataset)
    found = _pairs(dataset, which)
    if people.review_out is not None:
        to = (people.review_out, people.assessor)
        _review_out(dataset, found[:], which.budget, plan.seed, to, shown.as_json)
        return
    plan, who = with_judge(calls.with_endpoint(plan), chosen.use, settings_of(chosen.values))
    build = pipeline.Build(dataset, plan, [], os.cpu_count() or 1, shown.loud, calls.spending())
    judging = Judging.of(plan, dataset, who, found[: which.budget])
    if dry_run:
        calling.print_estimates([judging.asking()], build.calls, shown.as_json)
        return
    with dataset.locked():
        if calls.export_batch is not None:
            calling.export_batch([judging.asking()], build.calls, calls.export_batch, shown.as_json)
            return
        ask(build, judging, calls.files(context), shown.loud, shown.as_json)


# --- which pairs, which judge -------------------------------------------------------------


def _pairs(dataset: Dataset, which: WhichOptions) -> list[Pair]:
    from datakit.calibration.cascade import is_disputed
    from datakit.judging import pairs as known
    from datakit.judging.certified import between, probabilities
    from datakit.judging.tables import judged_tables, table_of

    if which.pairs is not None:
        found = known.read_pairs(which.pairs)
    elif which.queue:
        found = known.queued(dataset)
    else:
        found = list(dict.fromkeys([*known.labelled_pairs(dataset), *between(dataset)]))
    if which.second_look is None:
        return found
    table = table_of(which.second_look)
    if table not in dataset:
        names = ", ".join(t.partition("/")[2] for t in judged_tables(dataset)) or "nobody yet"
        raise UsageError(
            f"{which.second_look!r} has judged nothing in {dataset.path}; judges: {names}."
        )
    grades = known.grades_by(dataset, table)
    found = [pair for pair in found if pair in grades]
    likely = probabilities(dataset, found)
    return [pair for pair in found if is_disputed(grades[pair], likely.get(pair))]


def with_judge(plan: Plan, use: str | None, settings: dict[str, Any]) -> tuple[Plan, Use]:
    """The plan with the judge that is asked, and the judge."""
    from datakit import plan as plans
    from datakit.judging.review import NAME as PEOPLE

    raw = plan.as_dict()
    entries: list[dict[str, Any]] = list(raw.get("judge", []))
    names = [entry.get("name", entry["use"]) for entry in entries]
    if use is None and len(names) > 1:
        raise UsageError(f"the plan has several judges: add --use, one of {', '.join(names)}.")
    name = use or next(iter(names), "llm")
    if name not in names:
        entries.append({"use": name})
    entries = [
        entry | settings if entry.get("name", entry["use"]) == name else entry for entry in entries
    ]
    made = plans.parse(raw | {"judge": entries})
    if name == PEOPLE or not _NAME.fullmatch(name):
        raise UsageError(f'a judge cannot be called {name!r}: give it another name = "…".')
    return made, next(one for one in made.uses["judge"] if one.name == name)


# --- a model ------------------------------------------------------------------------------


def ask(build: Build, judging: Judging, files: list[Path], loud: bool, as_json: bool) -> None:
    """Ask, or read what was answered; whatever has a reply becomes rows, also where it stops.

    Raises:
        Unfinished: a limit is reached, or something is open after reading files.
        YieldTooLow: too few of the replies could be read.
    """
    from datakit.judging.tables import append

    began = time.monotonic()
    asking, calls = judging.asking(), build.calls
    stopped: BaseException | None = None
    try:
        if files:
            calling.import_batch([asking], calls, files, loud)
        else:
            calls.complete(asking, len(judging.pairs), loud)
    except (Unfinished, EndpointError, KeyboardInterrupt) as error:
        stopped = error
    tally = calls.tally(asking)
    rows = list(judging.rows(calls, tally))
    seconds = time.monotonic() - began
    counts = append(judging.dataset, judging.use.name, rows, judging.about(tally), seconds)
    if counts["added"]:
        build.describe()
    _print_judged(judging, counts, tally, loud, as_json)
    if stopped is not None:
        raise stopped
    _check_replies(build, judging, tally)


def _check_replies(build: Build, judging: Judging, tally: Tally) -> None:
    answered = tally.asked - judging.open
    unread, floor = tally.states["dropped"], build.plan.floors.replies
    if answered and (answered - unread) / answered < floor:
        raise YieldTooLow(
            f"judge/{judging.use.name}: {unread:,} of {answered:,} replies could not be read, "
            f"expected at most {1 - floor:.0%}; their pairs stay unjudged. Does the model follow "
            "the schema? See structured in [llm.<name>]."
        )


def _print_judged(
    judging: Judging, counts: dict[str, int], tally: Tally, loud: bool, as_json: bool
) -> None:
    grades = {"none" if g is None else str(g): judging.grades[g] for g in (3, 2, 1, 0, None)}
    said = {
        "judge": judging.use.name, "model": judging.endpoint.model, "pairs": len(judging.pairs),
        "open": judging.open, **counts, "grades": grades, "llm": tally.as_json(),
    }  # fmt: skip
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
    elif loud:
        shown = ", ".join(f"{n:,} × {grade}" for grade, n in grades.items())
        print(
            f"judge/{judging.use.name} by {judging.endpoint.model}: {counts['added']:,} new "
            f"grades of {len(judging.pairs):,} pairs ({shown}); {judging.open:,} open, "
            f"{counts['dropped']:,} dropped"
        )
        print(f"  {calling.usage_line(tally.as_json())}")
        _print_next(judging.dataset, counts["added"])


def _print_next(dataset: Dataset, added: int) -> None:
    if added and "judgement" in dataset:
        print(f"Labels, splits and negatives follow it: datakit mine {dataset.path}")


# --- people -------------------------------------------------------------------------------


def _review_out(
    dataset: Dataset,
    found: Sequence[Pair],
    budget: int | None,
    seed: int,
    to: tuple[Path, str],
    as_json: bool,
) -> None:
    """Write the pairs that no person has graded, in random order."""
    from datakit.judging import pairs as known
    from datakit.judging.review import write_review

    done = known.judged_by_people(dataset)
    new = [pair for pair in found if pair not in done]
    drawn = known.shuffled(new, seed, "judge/review")[:budget]
    n, dropped = write_review(to[0], known.looked_up(dataset, drawn), to[1])
    if as_json:
        print(json.dumps({"file": str(to[0]), "pairs": n, "dropped": len(dropped)}))
        return
    print(
        f"{to[0]}: {n:,} pairs for people, {len(found) - len(new):,} graded already, "
        f"{len(dropped):,} not in the dataset. Fill in grade (3 answers it fully, 2 a needed part, "
        f"1 related, 0 not relevant, ? not sure), then: datakit judge {dataset.path} --review-in "
        f"{to[0]} --assessor NAME"
    )


def _review_in(dataset: Dataset, files: Sequence[Path], assessor: str, shown: ShownOptions) -> None:
    from datakit.judging.review import NAME, read_review
    from datakit.judging.tables import append

    total = {"added": 0, "dropped": 0}
    for file in files:
        rows = list(read_review(file, dataset, assessor or None))
        counts = append(dataset, NAME, rows, {"plugin": "review"})
        total = {key: total[key] + counts[key] for key in total}
    if shown.as_json:
        print(json.dumps(total))
    elif shown.loud:
        print(f"judge/{NAME}: {total['added']:,} new grades, {total['dropped']:,} rows dropped")
        if total["dropped"]:
            print(f"  see them: `datakit stats {dataset.path} dropped/judge.{NAME}`")
        _print_next(dataset, total["added"])
