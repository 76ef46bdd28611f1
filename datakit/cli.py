"""The command line: every command is a library call plus printing.

Exit codes: 0 done, 1 done with findings or drops above a floor, 2 usage, 3 a missing optional
dependency. Heavy imports are in the commands: `datakit --help` loads none of them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Protocol, runtime_checkable

import typer

from datakit.commands.audit import audit
from datakit.commands.calibrate import calibrate
from datakit.commands.clusters import clusters
from datakit.commands.compare import compare
from datakit.commands.fix import fix
from datakit.commands.generate import generate
from datakit.commands.judge import judge
from datakit.commands.mine import mine
from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
    MaxCallsOption,
    MaxCostOption,
    OutOption,
    PlanOption,
    PricesOption,
    PurposeOption,
    QuietOption,
    SeedOption,
    SetOption,
    Sources,
    UseOption,
    WorkersOption,
    named_texts,
    settings_of,
)
from datakit.commands.project import project
from datakit.commands.prompts import prompts_app
from datakit.commands.register import register
from datakit.commands.review import review_app
from datakit.commands.stage import print_outcome, run_stage
from datakit.commands.train_generator import train_generator
from datakit.commands.train_retriever import train_retriever
from datakit.commands.verify import verify
from datakit.errors import DatakitError, UnknownName, UsageError
from datakit.version import __version__

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.plan import Plan
    from datakit.segmentation.evaluate import Row

app = typer.Typer(
    name="datakit",
    help="Raw documents in, a passage-retrieval dataset that people can trust out.\n\n"
    "Start with: datakit build --sample -o out",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
plan_app = typer.Typer(help="Show, write and explain plans.", no_args_is_help=True)
app.add_typer(plan_app, name="plan")
train_app = typer.Typer(help="Train models of your own.", no_args_is_help=True)
app.add_typer(train_app, name="train")
eval_app = typer.Typer(help="Measure models on data of your own.", no_args_is_help=True)
app.add_typer(eval_app, name="eval")
app.add_typer(prompts_app, name="prompts")
app.add_typer(review_app, name="review")

INTERRUPTED = 130  # the exit code after Ctrl-C


@runtime_checkable
class _Shown(Protocol):
    """Typer's usage errors print themselves; its stubs do not say so."""

    def show(self) -> None: ...


def main() -> NoReturn:
    """Run the command line; every expected failure is one line and an exit code."""
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # typer has made a code of it
            raise KeyboardInterrupt
    except DatakitError as error:
        code = _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        code = _fail(
            "stopped; what is finished is kept: run the same command to go on", INTERRUPTED
        )
    except BrokenPipeError:  # the reader of a pipe has gone: `datakit show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except typer.TyperException as error:
        if isinstance(error, _Shown):
            error.show()
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    print(f"datakit: {message}", file=sys.stderr)
    return code


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"datakit {__version__}")
        raise typer.Exit


# --- the main job -------------------------------------------------------------------------


@app.command()
def build(
    sources: Sources = None,
    out: OutOption = Path("out"),
    plan: PlanOption = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Use the documents that come with datakit.")
    ] = False,
    purpose: PurposeOption = None,
    seed: SeedOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many source files.")
    ] = None,
    max_calls: MaxCallsOption = None,
    max_cost: MaxCostOption = None,
    prices: PricesOption = None,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a dataset from documents: every stage, then the report.

    What is finished is not done again: after an interruption, the same command goes on.

    Example: datakit build filings/ terms/ -o out
    """
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.llm.calls import Spending
    from datakit.llm.endpoint import Limits

    if sample == bool(sources):
        raise UsageError(
            "give source files or folders, or --sample for the documents in datakit, not both."
        )
    if sample:
        from datakit import samples

        sources = [samples.root()]
    loud = not quiet and not as_json
    dataset = pipeline.build(
        list(sources or []),
        out,
        plans.load(plan, seed=seed, purpose=purpose),
        limit=limit,
        workers=workers or os.cpu_count() or 1,
        show=loud,
        report=print_outcome if loud else lambda _: None,
        spending=Spending(Limits(max_calls, max_cost), prices=prices),
    )
    if as_json:
        print(json.dumps(_summary(dataset), ensure_ascii=False))
    elif not quiet:
        _print_table(dataset)


def _summary(dataset: Dataset) -> dict[str, Any]:
    """What a build made, for the closing table and for scripts."""
    from collections import Counter

    from datakit import inspection

    count = {t: dataset.count(t) for t in dataset.tables() if not t.startswith("dropped/")}
    queries = dataset.arrow("query", ["level", "split", "language"]).to_pylist()
    labels = dataset.arrow("qrel/mined", ["source"])["source"].to_pylist()
    return {
        "out": str(dataset.path),
        "report": str(dataset.path / "report.html"),
        "content_hash": dataset.manifest["content_hash"],
        "rows": count,
        "queries": {
            field: dict(sorted(Counter(str(q[field]) for q in queries).items()))
            for field in ("level", "split", "language")
        },
        "labels": dict(sorted(Counter(labels).items())),
        "dropped": {
            name: entry["dropped_by_reason"]
            for name, entry in dataset.manifest["stages"].items()
            if entry["dropped_by_reason"]
        },
        **inspection.counts(dataset),
    }


def _print_table(dataset: Dataset) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    summary = _summary(dataset)
    rows = summary["rows"]
    table = Table(box=box.SIMPLE_HEAD, title=None, show_header=False)
    pairs = " ".join
    for name, value in (
        ("documents", f"{rows['document']:,}"),
        ("passages", f"{rows['passage']:,}"),
        ("queries", f"{rows['query']:,}"),
        ("  by level", pairs(f"{k} {v:,} " for k, v in summary["queries"]["level"].items())),
        ("  by split", pairs(f"{k} {v:,} " for k, v in summary["queries"]["split"].items())),
        ("  by language", pairs(f"{k} {v:,} " for k, v in summary["queries"]["language"].items())),
        ("labels", pairs(f"{k} {v:,} " for k, v in summary["labels"].items())),
        ("negatives", f"{rows['negative/mined']:,}"),
        *_headline(dataset),
        ("gates", pairs(f"{k.replace('_', ' ')} {v} " for k, v in summary["gates"].items())),
        ("audit", pairs(f"{k} {v} " for k, v in summary["findings"].items()) or "no findings"),
        ("report", summary["report"]),
    ):
        table.add_row(name, value)
    Console(soft_wrap=True, highlight=False).print(table)


def _headline(dataset: Dataset) -> list[tuple[str, str]]:
    """nDCG@10 of each retriever on the test split and the mined labels."""
    return [
        (
            f"nDCG@10 {m.run}",
            f"{m.value:.3f}  [{m.ci_low:.3f}, {m.ci_high:.3f}]  {m.n_queries:,} test queries",
        )
        for m in dataset.read("measure")
        if (m.measure, m.split, m.level, m.language, m.labels)
        == ("nDCG@10", "test", "all", "all", "mined")
    ]


# --- the stages, one by one ---------------------------------------------------------------


@app.command()
def ingest(
    sources: Sources = None,
    out: OutOption = Path("out"),
    plan: PlanOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many files.")] = None,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Read source files into documents.

    Example: datakit ingest filings/ -o out
    """
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset
    from datakit.sources import find

    if not sources:
        raise UsageError("ingest needs source files or folders.")
    dataset = Dataset.create(out)
    with dataset.locked():
        files = find(sources, skip=out)[:limit]
        work = pipeline.Build(
            dataset, plans.load(plan), files, workers or os.cpu_count() or 1, not quiet
        )
        work.run("ingest", print_outcome if not quiet else lambda _: None)


@app.command()
def segment(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Cut documents into passages, and find near-duplicates.

    Example: datakit segment out --use fixed_window --set target_tokens=200
    """
    run_stage("segment", out, plan, use, values, quiet, workers)
    run_stage("duplicates", out, None, None, None, quiet)


app.command(context_settings={"allow_extra_args": True})(generate)
app.command()(clusters)


@app.command()
def retrieve(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    quiet: QuietOption = False,
) -> None:
    """Run the retrievers over all queries.

    Example: datakit retrieve out --use bm25 --set k1=0.9 --set b=0.4
    """
    run_stage("retrieve", out, plan, use, values, quiet)


app.command(context_settings={"allow_extra_args": True})(mine)
app.command(context_settings={"allow_extra_args": True})(judge)
app.command()(calibrate)
app.command()(verify)
app.command()(compare)


@app.command()
def check(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: Annotated[
        str | None, typer.Option("--use", help="Run this retriever first (an imported dataset).")
    ] = None,
    values: SetOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the retrievers on the dataset's labels.

    Example: datakit check out --use bm25
    """
    from datakit.records import as_dict

    if use:
        run_stage("retrieve", out, plan, use, values, quiet or as_json)
    dataset = run_stage("check", out, None, None, None, quiet or as_json)
    measures = [as_dict(m) for m in dataset.read("measure")]
    if as_json:
        print(json.dumps(measures, ensure_ascii=False))
    elif not quiet:
        _print_measures(measures)


def _print_measures(measures: list[dict[str, Any]]) -> None:
    for m in measures:
        if m["level"] == m["language"] == "all":
            print(
                f"{m['labels']:<8} {m['split']:<6} {m['run']:<12} {m['measure']:<10} "
                f"{m['value']:.4f}  [{m['ci_low']:.4f}, {m['ci_high']:.4f}]  n={m['n_queries']:,}"
            )


app.command()(audit)
app.command()(fix)


@app.command()
def report(
    out: DatasetArgument,
    to: Annotated[Path | None, typer.Option("-o", "--to", help="Default: OUT/report.html.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="PREVIOUS", help="An earlier audit: show what is new and gone."),
    ] = None,
) -> None:
    """Write the HTML report of a dataset: what is established, and what to fix first.

    Shows what `datakit verify`, `audit` and `calibrate` left in OUT, and says what has not run.

    Example: datakit report out
    """
    from datakit.auditing.outputs import read_findings
    from datakit.dataset import Dataset
    from datakit.report import write_report

    before = read_findings(baseline) if baseline else None
    print(write_report(Dataset.open(out), to, before=before))


@app.command()
def export(
    out: DatasetArgument,
    to: Annotated[str, typer.Option("--to", help="The format: see `datakit plugins exporters`.")],
    folder: Annotated[Path, typer.Option("-o", "--out", help="A new folder.")],
    values: SetOption = None,
) -> None:
    """Write a dataset in another format, read it back and compare.

    Example: datakit export out --to beir -o out-beir
    """
    from datakit import engine, registry
    from datakit.dataset import Dataset

    dataset = Dataset.open(out)
    stale = engine.stale_steps(dataset)
    if stale:
        raise UsageError(
            f"{stale[0]} was made from tables that have since been replaced. "
            "Run `datakit build` again before exporting."
        )
    for path in registry.make("exporters", to.replace("-", "_"), settings_of(values))(
        dataset, folder
    ):
        print(path)


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="The folder or file to import.")],
    out: OutOption = Path("out"),
    form: Annotated[
        str | None, typer.Option("--from", help="The format; guessed if left out.")
    ] = None,
    values: SetOption = None,
) -> None:
    """Make a dataset of ours from someone else's.

    Example: datakit import scifact/ --from beir -o out
    """
    from datakit import importing

    dataset = importing.import_dataset(path, out, form, settings_of(values))
    for table in dataset.tables():
        print(f"{table:<24} {dataset.count(table):>10,}")
    for finding in importing.findings(dataset):
        print(f"{finding.severity}: {finding.message}")


app.command()(project)
app.command()(register)


# --- looking ------------------------------------------------------------------------------


@app.command()
def stats(out: DatasetArgument, as_json: JsonOption = False) -> None:
    """Tables with their rows, stages with their counts and drops.

    Example: datakit stats out
    """
    from datakit.dataset import Dataset
    from datakit.engine import stale_steps

    dataset = Dataset.open(out)
    stages = dataset.manifest["stages"]
    if as_json:
        rows = {name: dataset.count(name) for name in dataset.tables()}
        print(json.dumps({"tables": rows, "stages": stages, "stale": stale_steps(dataset)}))
        return
    for name in dataset.tables():
        print(f"{name:<32} {dataset.count(name):>10,}  {dataset.digest(name)[7:23]}")
    print()
    for name, entry in stages.items():
        counts = entry["counts"]
        drops = ", ".join(f"{reason} {n:,}" for reason, n in entry["dropped_by_reason"].items())
        print(
            f"{name:<32} {counts['in']:>8,} in {counts['out']:>8,} out "
            f"{counts['dropped']:>7,} dropped {entry['seconds']:>8.1f} s  {drops}"
        )
    for name in stale_steps(dataset):
        print(f"{name} was made from tables that have since been replaced: run `datakit build`")


@app.command()
def show(
    out: DatasetArgument,
    record_id: Annotated[
        str, typer.Argument(metavar="ID", help="Of a query, passage or document.")
    ],
    as_json: JsonOption = False,
) -> None:
    """A query, passage or document with its whole provenance chain.

    Example: datakit show out 3c19e07b5a2f4d10
    """
    from datakit.dataset import Dataset
    from datakit.provenance import chain, lines

    found = chain(Dataset.open(out), record_id)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))


@app.command()
def plugins(
    kind: Annotated[str | None, typer.Argument(help="ingestors, segmenters, generators, …")] = None,
) -> None:
    """The plugins with their settings.

    Example: datakit plugins retrievers
    """
    import inspect

    from datakit import registry

    if kind is not None and kind not in registry.KINDS:
        raise UnknownName("plugin kind", kind, registry.KINDS)
    for each in [kind] if kind else registry.KINDS:
        print(each)
        for name in registry.names(each):
            cls = registry.load(each, name)
            print(f"  {name:<22} {(inspect.getdoc(cls) or '').splitlines()[0]}")
            for field in registry.settings(cls).values():
                print(f"      {field.name} = {_default(field)}")


def _default(field: Any) -> str:
    import dataclasses

    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return "(needed)"


@plan_app.command("show")
def plan_show(
    name: Annotated[str | None, typer.Argument(help="A plan file or a shipped plan.")] = None,
) -> None:
    """A plan with every setting filled in.

    Example: datakit plan show default
    """
    from datakit import plan as plans

    print(plans.load(name).toml(), end="")


@plan_app.command("init")
def plan_init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("plan.toml"),
    start: Annotated[
        str, typer.Option("--from", help="The shipped plan to start from.")
    ] = "default",
) -> None:
    """Write a commented plan to change.

    Example: datakit plan init plan.toml
    """
    from datakit import plan as plans

    if path.exists():
        raise UsageError(f"{path} is there already: remove it or choose another name.")
    path.write_text(plans.plan_path(start).read_text("utf-8"), "utf-8")
    print(path)


@plan_app.command("explain")
def plan_explain(
    out: DatasetArgument,
    sources: Sources = None,
    plan: PlanOption = None,
) -> None:
    """Why a stage would run again, stage by stage.

    Example: datakit plan explain out --plan plan.toml
    """
    from datakit import engine, pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset
    from datakit.sources import find

    dataset = Dataset.open(out)
    chosen: Plan = plans.load(plan) if plan else pipeline.plan_of(dataset)
    files = find(sources, skip=out) if sources else pipeline.remembered_sources(dataset)
    earlier: list[str] = []
    for step in pipeline.Build(dataset, chosen, files, show=False).steps():
        causes = engine.explain(step, dataset)
        causes += [f"{e} would run again" for e in earlier if feeds(dataset, e, step.inputs)]
        print(f"{step.name:<32} " + ("would run again" if causes else "up to date"))
        for cause in causes:
            print(f"{'':<34}{cause}")
        if causes:
            earlier.append(step.name)


def feeds(dataset: Dataset, step: str, inputs: tuple[str, ...]) -> bool:
    """Whether a step writes one of the tables."""
    return any(
        table in dataset and dataset.manifest["tables"][table]["made_by"] == step
        for table in inputs
    )


# --- training -----------------------------------------------------------------------------


@train_app.command("segmenter")
def train_segmenter(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Documents with headings: dataset directories, or JSON lines of paragraphs with "
            "section paths.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")],
    arch: Annotated[
        str,
        typer.Option(
            help="hashed (small, from scratch), pair (cross-encoder on two paragraphs) or "
            "hierarchical (any encoder under a sequence transformer)."
        ),
    ] = "hashed",
    encoder: Annotated[
        str | None, typer.Option(help="Of pair and hierarchical: a name, folder or hub id.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the architecture, NAME=VALUE; repeatable."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="So many networks, whose probabilities are averaged.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of the first network.")] = 0,
    all_data: Annotated[
        bool, typer.Option("--all-data", help="Learn from the test documents too.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many documents of each split.")
    ] = None,
    licence: Annotated[
        list[str] | None, typer.Option(help="For the card, SET=TEXT; repeatable.")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a segmenter on documents with headings, and write its model card.

    After an interruption, the same command goes on after the last finished epoch.

    Example: datakit train segmenter corpus.jsonl --arch hashed -o model
    """
    import shlex

    from datakit.segmentation.train import Job, train

    settings = settings_of(values) | ({"encoder": encoder} if encoder else {})
    job = Job(
        data=tuple(data),
        out=out,
        arch=arch,
        settings=settings,
        seeds=seeds,
        seed=seed,
        all_data=all_data,
        limit=limit,
        licences=named_texts(licence, "--licence", "SET=TEXT"),
        command=shlex.join(["datakit", *sys.argv[1:]]),
    )
    loud = not quiet and not as_json
    model = train(job, (lambda line: print(line, file=sys.stderr, flush=True)) if loud else _silent)
    if as_json:
        print(json.dumps({"out": str(out), **model.identity(), **model.training}))
    elif not quiet:
        _print_quality(model.training["quality"])
        print(out / "README.md")


train_app.command("generator")(train_generator)
train_app.command("retriever")(train_retriever)


def _silent(line: str) -> None:
    """Where progress goes with --quiet."""


def _print_quality(rows: list[dict[str, Any]]) -> None:
    print(f"{'set':<18} {'form':<9} {'depth':<11} {'for':<3} {'Pk':>6} {'WD':>6} {'F1':>6}")
    for q in rows:
        print(
            f"{q['source'] + ' ' + q['language']:<18} {q['variant']:<9} {q['depth']:<11} "
            f"{q['threshold']:<3} {100 * q['pk']:>6.1f} {100 * q['window_diff']:>6.1f} "
            f"{100 * q['f1']:>6.1f}"
        )


# --- measuring ----------------------------------------------------------------------------


@eval_app.command("segmenter")
def eval_segmenter(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Documents with headings: dataset directories, or JSON lines of paragraphs with "
            "section paths.",
            show_default=False,
        ),
    ],
    segmenters: Annotated[
        str | None,
        typer.Option(
            help="Of none, every, random, even, texttiling, c99, cosine, headings; "
            "random_true_count and even_true_count are told the number of boundaries; shipped, or "
            "folders of models. With commas.",
            show_default="all but cosine and the told",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="test, dev, train or all; a hash of the group decides.")
    ] = "test",
    variants: Annotated[
        str, typer.Option(help="What is left of the headings, with commas.")
    ] = "marked,plain,stripped",
    depths: Annotated[str, typer.Option(help="With commas.")] = "section,subsection",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many documents of each set, drawn by hash.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Of cosine: a name, folder or hub id.")
    ] = None,
    tune: Annotated[
        str, typer.Option(help="What the baselines' cut-offs are chosen for: f1 or pk.")
    ] = "f1",
    n_boot: Annotated[int, typer.Option(min=0, help="Samples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 0,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The table as Markdown on stdout.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure segmenters against headings: Pk, WindowDiff, boundary similarity, F1, speed.

    Baselines choose their cut-off on development documents of the same set.

    Example: datakit eval segmenter corpus.jsonl --segmenters even,texttiling,shipped
    """
    from datakit.segmentation import evaluate

    settings = evaluate.settings(
        {
            "segmenters": segmenters.split(",") if segmenters else None,
            "split": split,
            "variants": variants.split(","),
            "depths": depths.split(","),
            "limit": limit,
            "encoder": encoder,
            "tune": tune,
            "n_boot": n_boot,
            "seed": seed,
        }
    )
    rows = evaluate.with_progress(data, settings, show=not (quiet or as_json))
    if as_json:
        print(json.dumps([row.as_json() for row in rows], ensure_ascii=False))
    elif as_markdown:
        print(evaluate.markdown(rows), end="")
    else:
        _print_rows(rows)


def _print_rows(rows: list[Row]) -> None:
    """One table for what is to be compared: a set, language, variant and depth."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from datakit.segmentation import evaluate

    console = Console(highlight=False)
    # whole numbers in a narrow terminal too: a line may go on below
    console.width = max(console.width, evaluate.WIDTH)
    for block in evaluate.blocks(rows):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column(evaluate.COLUMNS[0], no_wrap=True)
        for name in evaluate.COLUMNS[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in block:
            table.add_row(*evaluate.cells(row))
        console.print(evaluate.title(block), soft_wrap=True)
        console.print(table)
