"""`datakit review`: pairs for people, by file or on a page of one's own, and their agreement."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import DatasetArgument, JsonOption, named_texts
from datakit.errors import DatasetBusy, UsageError

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.reviewing.agreeing import Agreed, Ratings
    from datakit.reviewing.batch import Batch

review_app = typer.Typer(
    help="Pairs for people: export, import, agree, and a page to label on.", no_args_is_help=True
)
StrategyOption = Annotated[
    str | None,
    typer.Option(
        help="random: labels, feeds rates · unjudged-top: unlabelled pairs in some first ten, "
        "feeds rates · disagreement, uncertain: the pairs that need a person most."
    ),
]
NOption = Annotated[int, typer.Option("--n", min=1, help="Pairs of the batch.")]
AssessorsOption = Annotated[
    list[str] | None,
    typer.Option("--assessor", metavar="NAME", help="Who is to grade; repeatable."),
]
OverlapOption = Annotated[
    int,
    typer.Option(min=0, help="So many pairs go to every assessor; the others to one each."),
]
SplitOption = Annotated[str | None, typer.Option(help="Only queries of this split.")]
AgainOption = Annotated[
    bool, typer.Option("--again", help="Also pairs that people have graded already.")
]


@review_app.command("export")
def export(
    out: DatasetArgument,
    strategy: StrategyOption = None,
    n: NOption = 100,
    to: Annotated[str, typer.Option(help="csv, jsonl, label_studio or argilla.")] = "csv",
    file: Annotated[
        Path | None, typer.Option("-o", "--out", help="The file; by default review-<batch>.csv.")
    ] = None,
    assessors: AssessorsOption = None,
    overlap: OverlapOption = 0,
    split: SplitOption = None,
    again: AgainOption = False,
    seed: Annotated[int | None, typer.Option(help="Of the draw; default: the dataset's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw pairs for people and write them for a spreadsheet, Label Studio or Argilla.

    The draw is kept in OUT/review/ with the chance of every pair. With several assessors there is
    a file for each.

    Example: datakit review export out --strategy random --n 150 --assessor ann --assessor bob
    --overlap 100
    """
    from datakit.dataset import Dataset
    from datakit.reviewing import files

    dataset = Dataset.open(out)
    if to not in files.FORMS:
        from datakit.errors import UnknownName

        raise UnknownName("form", to, files.FORMS)
    batch = _drawn(dataset, strategy or "random", n, assessors, overlap, (split, again, seed))
    path = file or Path(f"review-{batch.batch_id}{files.SUFFIX[to]}")
    written = files.write_batch(dataset, batch, path, to)
    if as_json:
        said = {"batch_id": batch.batch_id, "frame": batch.frame, "n_frame": batch.n_frame}
        print(json.dumps(said | {"files": {str(p): count for p, count in written}}))
        return
    print(_about(batch))
    for path, count in written:
        print(f"  {path}: {count:,} pairs")
    print(
        "Grades: 3 answers it fully, 2 a needed part, 1 related, 0 not relevant, ? not sure. Then:"
        f"\n  datakit review import {dataset.path} {written[0][0]} --assessor NAME"
    )


@review_app.command("import")
def import_(
    out: DatasetArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE…", help="What people filled in; none: the page's answers."),
    ] = None,
    assessor: Annotated[str, typer.Option(help="Who graded, for rows that name nobody.")] = "",
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="ID=NAME", help="The name behind a tool's id; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add people's grades to the dataset; what is there already is not added twice.

    Reads the CSV or JSON lines of `review export`, Label Studio's JSON export, and records of
    Argilla.

    Example: datakit review import out review.csv --assessor ann
    """
    from datakit.dataset import Dataset
    from datakit.reviewing.bringing import bring_in

    known = named_texts(names, "--name", "ID=NAME")
    dataset = Dataset.open(out)
    with dataset.locked():
        total = bring_in(dataset, files or (), assessor or None, lambda who: known.get(who, who))
    if as_json:
        print(json.dumps(total))
        return
    print(_added(dataset, total))


@review_app.command("agree")
def agree(
    out: DatasetArgument,
    assessors: AssessorsOption = None,
    judges: Annotated[
        bool, typer.Option("--judges", help="Language models count as assessors too.")
    ] = False,
    batch: Annotated[str | None, typer.Option(help="Only the pairs of this batch.")] = None,
    adjudicate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the pairs on which they differ, to be decided."),
    ] = None,
    n_boot: Annotated[int, typer.Option(min=0, help="Samples for the intervals.")] = 2000,
    as_json: JsonOption = False,
) -> None:
    """How far assessors agree: Cohen, Fleiss and Krippendorff, with 95 % intervals over pairs.

    Example: datakit review agree out --adjudicate differ.csv
    """
    from datakit.dataset import Dataset
    from datakit.reviewing import agreeing
    from datakit.reviewing.batch import load

    dataset = Dataset.open(out)
    pairs = {row.pair for row in load(dataset, batch).rows} if batch else None
    found = agreeing.ratings(dataset, judges, assessors or (), pairs)
    figures = agreeing.agree(found, int(dataset.manifest.get("seed", 13)), n_boot)
    if not figures:
        raise UsageError(
            f"{out}: no pair has been graded by two assessors "
            f"({', '.join(found.assessors) or 'nobody has graded anything'}). Give both the same "
            "pairs: `datakit review export … --overlap`, or `datakit review serve`."
        )
    differing = agreeing.disputed(found)
    if as_json:
        said = [asdict(one) for one in figures]
        print(json.dumps({"agreement": said, "disputed": len(differing)}, ensure_ascii=False))
    else:
        _print_agreement(found, figures, len(differing))
    if adjudicate is not None:
        _adjudicate(dataset, adjudicate, [pair for pair, _ in differing], as_json)


@review_app.command("serve")
def serve(
    out: DatasetArgument,
    strategy: StrategyOption = None,
    n: NOption = 100,
    batch: Annotated[
        str | None, typer.Option(help="A batch by its id; default: the newest.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    assessors: AssessorsOption = None,
    overlap: OverlapOption = 0,
    split: SplitOption = None,
    again: AgainOption = False,
) -> None:
    """Label on a page of your own: keys 0 to 3, undo, neighbours, several assessors.

    Listens on this machine alone, behind the secret in the printed address. Each answer is on the
    disk before the page goes on; Ctrl-C adds all of them to the dataset. Without --strategy the
    newest batch goes on where it was left.

    Example: datakit review serve out --strategy random --n 50
    """
    from datakit.dataset import Dataset
    from datakit.reviewing.answers import Log
    from datakit.reviewing.batch import load
    from datakit.reviewing.server import Server, Session

    dataset = Dataset.open(out)
    if strategy is not None and batch is not None:
        raise UsageError("--batch and --strategy: one or the other.")
    if strategy is not None:
        chosen = _drawn(dataset, strategy, n, assessors, overlap, (split, again, None))
    else:
        chosen = load(dataset, batch)
    with Log(dataset) as log:
        _bring_in(dataset)
        session = Session(dataset, chosen, log)
        server = Server(session, port)
        print(_about(chosen))
        if session.n_shown < len(chosen.rows):
            gone = len(chosen.rows) - session.n_shown
            print(f"  {gone:,} pairs are no longer in the dataset and are not shown")
        print(f"{server.address}\nOpen this address in a browser; Ctrl-C when done.", flush=True)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print()
        finally:
            server.server_close()
        _bring_in(dataset)


def _bring_in(dataset: Dataset) -> None:
    """Add the page's answers to the dataset; where another process writes it, later."""
    from datakit.dataset import Dataset
    from datakit.reviewing.bringing import bring_in

    try:
        current = Dataset.open(dataset.path)
        with current.locked():
            total = bring_in(current)
    except DatasetBusy as busy:
        print(
            f"datakit: {busy} The answers are kept: run `datakit review import {dataset.path}` "
            "then.",
            file=sys.stderr,
        )
        return
    if total["added"] or total["dropped"]:
        print(_added(current, total))


def _drawn(
    dataset: Dataset, strategy: str, n: int, assessors: list[str] | None, overlap: int,
    more: tuple[str | None, bool, int | None],
) -> Batch:  # fmt: skip
    from datakit.reviewing.batch import Plan, draw

    split, again, seed = more
    chosen = int(dataset.manifest.get("seed", 13)) if seed is None else seed
    return draw(dataset, Plan(strategy, n, chosen, split, tuple(assessors or ()), overlap, again))


def _adjudicate(dataset: Dataset, path: Path, pairs: list[Any], as_json: bool) -> None:
    """A batch of the pairs on which assessors differ; nobody's grade stands in it."""
    from datakit.reviewing import files
    from datakit.reviewing.batch import Plan, keep

    if not pairs:
        print("Nothing to decide: no pair crosses relevance or is two grades apart.")
        return
    plan = Plan("adjudication", len(pairs), again=True)
    what = "pairs on which assessors differ"
    batch = keep(dataset, plan, what, len(pairs), [(pair, None) for pair in pairs])
    form = "csv" if path.suffix.lower() == ".csv" else "jsonl"
    for to, count in files.write_batch(dataset, batch, path, form):
        print(f"{to}: {count:,} pairs to decide", file=sys.stderr if as_json else sys.stdout)


# --- as text ------------------------------------------------------------------------------


def _about(batch: Batch) -> str:
    chances = {row.inclusion_probability for row in batch.rows}
    drawn = (
        "chosen, not drawn: no rate can be estimated from them"
        if None in chances
        else f"each drawn with probability {next(iter(chances)):.4g}"
    )
    return (
        f"batch {batch.batch_id}: {len(batch.rows):,} of {batch.n_frame:,} pairs by "
        f"{batch.plan.strategy} ({batch.frame}), {drawn}"
    )


def _added(dataset: Dataset, total: dict[str, int]) -> str:
    said = f"judgement/human: {total['added']:,} new grades, {total['dropped']:,} rows dropped"
    if total["dropped"]:
        said += f"\n  see them: `datakit stats {dataset.path} dropped/judge.human`"
    if total["added"] and "judgement" in dataset:
        said += f"\nLabels, splits and negatives follow it: datakit mine {dataset.path}"
    return said


def _print_agreement(r: Ratings, figures: list[Agreed], n_disputed: int) -> None:
    from datakit.reviewing.agreeing import FEW

    who: tuple[str, ...] = ()
    for one in figures:
        if one.who != who:
            who = one.who
            names = " and ".join(who) if who else f"all {len(r.assessors)} assessors"
            print(f"{names}, {one.estimate.n:,} pairs")
        print(f"  {one.figure:<30} {_shown(one)}")
    if max(one.estimate.n for one in figures) < FEW:
        print(f"Fewer than {FEW} pairs: agreement is not established.")
    print(f"{n_disputed:,} pairs to decide: two grades apart, or on both sides of relevance.")


def _shown(one: Agreed) -> str:
    e = one.estimate
    if e.value is None:
        return "not defined: every grade is the same"
    interval = "" if e.low is None else f"  [{e.low:.3f}, {e.high:.3f}]"
    return f"{e.value:.3f}{interval}" + (f"  n = {e.n:,}; {one.note}" if one.note else "")
