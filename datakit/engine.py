"""Shards: finished pieces of work that are never done twice.

A step computes shards. A shard's key is the digest of everything that decides its rows: the
step's identity (datakit's version, the plugin's name, code and settings) and the digest of the
rows it reads. A finished shard lies in `out/.shards/<step>/<key>/` and says so in `done.json`,
which is written last. Going on after an interruption, skipping an unchanged stage and adding one
document to many are the same thing: a shard that is there is not computed again.

`map` steps have a shard per part of their input, `keyed` and `global` steps a single one: they
see the corpus as a whole and refuse to work on a part of it.
"""

from __future__ import annotations

import importlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from datakit.dataset import Dataset, unwritable, write_atomic
from datakit.errors import DatasetError, YieldTooLow
from datakit.progress import progress
from datakit.records import Dropped
from datakit.registry import digest
from datakit.tables import Part, PartWriter, record_class
from datakit.vectors import forget_unused
from datakit.version import __version__

Unit = Literal["map", "keyed", "global"]
SHARDS = ".shards"
JUDGED = "judge"  # the stage of what judges and people said: no build makes it or takes it back


@dataclass(frozen=True)
class Task:
    """One shard to compute; picklable, so that any worker can take it."""

    step: str
    key: str
    function: str  # "module:name", called as function(payload, sink)
    payload: Any
    folder: Path  # where the finished shard goes
    bytes: int = 0  # of its input


@dataclass(frozen=True)
class Step:
    """One step of a build: what it reads, what it writes, and how."""

    name: str  # "segment", "generate/extractive_bottom_up"
    unit: Unit
    plugin: str
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]  # what decides the output besides the input
    inputs: tuple[str, ...]  # tables; for a map step the first one is cut into shards
    outputs: tuple[str, ...]  # tables, besides dropped/<name>
    work: str | Callable[[Sink], None]  # map: "module:function"; else called with the sink
    payload: Any = None  # of a map step, the part that all shards share
    pieces: Mapping[str, Any] | None = None  # of a step without input tables: digest -> payload
    floor: float | None = None  # the least share kept; None: keeping nothing is no fault
    floor_counts: tuple[str, str] = ("in", "dropped")  # what the share is of, and what it lacks
    one_process: bool = False  # of a map step: its shards one after the other, in this process

    @property
    def stage(self) -> str:
        return self.name.split("/")[0]


@dataclass
class ShardResult:
    """What a finished shard holds, as in its `done.json`."""

    tables: dict[str, list[Part]] = field(default_factory=dict)
    seen: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    extra: dict[str, int] = field(default_factory=dict)  # further counts, added over the shards
    notes: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class Sink:
    """Where a step puts its records; drops go to `dropped/<step>` and are counted by reason."""

    def __init__(self, step: str, folder: Path, show: bool = False) -> None:
        self.seen = 0
        self.extra: Counter[str] = Counter()
        self.notes: dict[str, Any] = {}
        self.show = show  # progress is wanted
        self.reasons: Counter[str] = Counter()
        self.folder = folder  # of the unfinished shard; what a step leaves there goes with it
        self._step = step
        self._writers: dict[str, PartWriter] = {}

    def put(self, table: str, record: Any) -> None:
        if isinstance(record, Dropped):
            self.reasons[record.reason] += 1
            table = f"dropped/{self._step.replace('/', '.')}"
        if table not in self._writers:
            # all passages of a document in one part: generators read them together
            key = _doc_id if table == "passage" else None
            cls = record_class(table)
            self._writers[table] = PartWriter(cls, self.folder, table.replace("/", "."), key)
        self._writers[table].add(record)

    def reading(self, records: Iterator[Any], of: int | None = None) -> Iterator[Any]:
        """Pass records on, counting them as seen."""
        with progress(self._step, of, enabled=self.show) as bar:
            for record in bar.track(records):
                self.seen += 1
                yield record

    def close(self) -> dict[str, list[Part]]:
        return {name: writer.close() for name, writer in self._writers.items()}


def _doc_id(passage: Any) -> str:
    return str(passage.doc_id)


class Runner(Protocol):
    """Compute tasks, in any order, calling back for each that is finished."""

    def run(self, tasks: list[Task], finished: Callable[[], None]) -> None: ...


@dataclass
class Outcome:
    """What a step did, for the table at the end of a build."""

    step: str
    counts: dict[str, int]
    reasons: dict[str, int]
    shards: dict[str, int]
    seconds: float
    skipped: bool = False  # nothing had changed


class OneProcess:
    """One task after the other in this process, for a step that takes all cores or the GPU."""

    def run(self, tasks: list[Task], finished: Callable[[], None]) -> None:
        for task in tasks:
            compute(task)
            finished()


# --- computing ----------------------------------------------------------------------------


def compute(task: Task) -> None:
    """Compute one shard and commit it; in any process."""
    module, _, name = task.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    _commit(task.step, task.folder, lambda sink: function(task.payload, sink))


def _commit(step: str, folder: Path, work: Callable[[Sink], None], show: bool = False) -> None:
    unfinished = folder.with_name(folder.name + ".tmp")
    with unwritable(folder.parent):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        start = time.perf_counter()
        sink = Sink(step, unfinished, show)
        work(sink)
        result = ShardResult(
            sink.close(), sink.seen, dict(sink.reasons), dict(sink.extra), sink.notes,
            time.perf_counter() - start,
        )  # fmt: skip
        write_atomic(unfinished / "done.json", json.dumps(asdict(result)))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)


def finished(folder: Path) -> ShardResult | None:
    """The result of a shard, or None where there is no finished one."""
    try:
        raw = json.loads((folder / "done.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    tables = {name: [Part(**p) for p in parts] for name, parts in raw.pop("tables").items()}
    whole = all(
        (folder / p.file).is_file() and (folder / p.file).stat().st_size == p.bytes
        for parts in tables.values()
        for p in parts
    )
    return ShardResult(tables, **raw) if whole else None


def step_key(step: Step, dataset: Dataset) -> str:
    """16 hex digits over all that decides a step's rows."""
    inputs = {table: _input_digest(dataset, table, step) for table in step.inputs}
    pieces = sorted(step.pieces) if step.pieces is not None else None
    return _short(digest([step.name, __version__, step.identity, inputs, pieces]))


def _input_digest(dataset: Dataset, table: str, step: Step) -> str:
    if table not in dataset:
        raise DatasetError(
            f"{step.name} reads table {table!r}, which {dataset.path} does not have: "
            f"{_how_to_make(table, dataset.path)}"
        )
    return dataset.digest(table)


_COMMANDS = {
    "document": "ingest SOURCES -o", "passage": "segment", "query": "generate", "run": "retrieve",
    "duplicate": "mine", "pool": "mine", "judgement": "mine", "qrel": "mine", "negative": "mine",
}  # fmt: skip


def _how_to_make(table: str, path: Path) -> str:
    command = _COMMANDS.get(table.split("/", maxsplit=1)[0])
    return f"run `datakit {command} {path}` first." if command else "run `datakit build`."


def _short(sha: str) -> str:
    return sha.removeprefix("sha256:")[:16]


def run_step(step: Step, dataset: Dataset, runner: Runner, show: bool = True) -> Outcome:
    """Bring a step's tables up to date; what is there already is not computed again.

    Raises:
        YieldTooLow: nothing was kept, or less than the step's floor.
    """
    start = time.perf_counter()
    key = step_key(step, dataset)
    entry = dataset.manifest["stages"].get(step.name)
    if entry and entry["key"] == key and _tables_there(dataset, step.name):
        outcome = Outcome(
            step.name, entry["counts"], entry["dropped_by_reason"],
            {"total": entry["shards"]["total"], "computed": 0}, 0.0, skipped=True,
        )  # fmt: skip
        check_yield(step, outcome, dataset.path)  # a second try lowers no floor
        return outcome
    folders, computed = _compute_missing(step, dataset, key, runner, show)
    results = [_result_of(folder) for folder in folders]
    seconds = time.perf_counter() - start
    entry = _entry(step, dataset, key, results, computed, seconds)
    tables: dict[str, list[tuple[Path, Part]]] = {name: [] for name in step.outputs}
    for folder, result in zip(folders, results, strict=True):
        for name, parts in result.tables.items():
            tables.setdefault(name, []).extend((folder / p.file, p) for p in parts)
    dataset.publish(tables, step.name, entry)
    outcome = Outcome(
        step.name, entry["counts"], entry["dropped_by_reason"], entry["shards"], seconds
    )
    check_yield(step, outcome, dataset.path)
    return outcome


def _result_of(folder: Path) -> ShardResult:
    result = finished(folder)
    if result is None:
        raise DatasetError(
            f"{folder} holds no finished shard although it was just written: is another program "
            "changing the folder? Run the same command again."
        )
    return result


def _tables_there(dataset: Dataset, step: str) -> bool:
    made = [n for n, t in dataset.manifest["tables"].items() if t["made_by"] == step]
    return all(path.is_file() for name in made for path, _ in dataset.parts(name))


def _compute_missing(
    step: Step, dataset: Dataset, key: str, runner: Runner, show: bool
) -> tuple[list[Path], int]:
    home = dataset.path / SHARDS / step.name.replace("/", ".")
    if not isinstance(step.work, str):
        folder = home / key
        if finished(folder) is None:
            _commit(step.name, folder, step.work, show)
            return [folder], 1
        return [folder], 0
    tasks = [
        Task(step.name, shard, step.work, payload, home / shard, size)
        for shard, (payload, size) in _pieces(step, dataset).items()
    ]
    missing = [task for task in tasks if finished(task.folder) is None]
    with progress(step.name, len(missing), "shards", show) as bar:
        if step.one_process:
            runner = OneProcess()
        runner.run(missing, bar.advance)
    return [task.folder for task in tasks], len(missing)


def _pieces(step: Step, dataset: Dataset) -> dict[str, tuple[Any, int]]:
    """The shards of a map step: key -> what its function gets, and how many bytes that reads."""
    if step.pieces is not None:
        pieces = [
            (d, (step.payload, piece), sum(getattr(one, "bytes", 0) for one in piece))
            for d, piece in step.pieces.items()
        ]
    else:
        pieces = [
            (part.digest(), (step.payload, path), part.bytes)
            for path, part in dataset.parts(step.inputs[0])
        ]
    base = [step.name, __version__, step.identity]
    return {_short(digest([*base, d])): (payload, size) for d, payload, size in pieces}


def _entry(
    step: Step,
    dataset: Dataset,
    key: str,
    results: list[ShardResult],
    computed: int,
    seconds: float,
) -> dict[str, Any]:
    reasons = sum((Counter(r.reasons) for r in results), Counter[str]())
    extra = sum((Counter(r.extra) for r in results), Counter[str]())
    out = sum(p.rows for r in results for p in r.tables.get(step.outputs[0], []))
    notes: dict[str, Any] = {}
    for result in results:
        notes |= result.notes
    return {
        "stage": step.stage,
        "plugin": step.plugin,
        "settings": dict(step.settings),
        "unit": step.unit,
        "inputs": {table: dataset.digest(table) for table in step.inputs},
        "outputs": list(step.outputs),
        "counts": {
            "in": sum(r.seen for r in results), "out": out, "dropped": reasons.total(), **extra,
        },
        "dropped_by_reason": dict(sorted(reasons.items())),
        "shards": {"total": len(results), "computed": computed},
        "seconds": round(seconds, 3),
        "tool_version": __version__,
        "key": key,
        "identity": json.loads(json.dumps(step.identity, default=list)),
        "notes": notes,
    }  # fmt: skip


def check_yield(step: Step, outcome: Outcome, path: Path) -> None:
    """Raise YieldTooLow where a step kept nothing, or less than its floor."""
    out = outcome.counts["out"]
    seen, dropped = (outcome.counts.get(name, 0) for name in step.floor_counts)
    kept = (seen - dropped) / seen if seen else 1.0
    if step.floor is None or (out and kept >= step.floor) or not seen:
        return
    top = sorted(outcome.reasons.items(), key=lambda item: (-item[1], item[0]))[:3]
    why = "; ".join(f"{reason} {n:,}" for reason, n in top) or "no reason recorded"
    wanted = f"at least {step.floor:.0%}" if step.floor else "one or more"
    lower = ", or lower the floor in the plan's [floors]" if step.floor else ""
    raise YieldTooLow(
        f"{step.name} kept {out:,} records from {seen:,} read ({dropped:,} dropped: {why}), "
        f"expected {wanted}. Look at them: `datakit stats {path} "
        f"dropped/{step.name.replace('/', '.')}`{lower}."
    )


# --- housekeeping -------------------------------------------------------------------------


def prune(dataset: Dataset, steps: list[Step]) -> None:
    """Forget the tables of steps that are no longer planned, and shards of no current step."""
    manifest = dict(dataset.manifest)
    names = {step.name for step in steps}
    names |= {name for name, s in manifest["stages"].items() if s["stage"] == JUDGED}
    manifest["stages"] = {n: s for n, s in manifest["stages"].items() if n in names}
    manifest["tables"] = {n: t for n, t in manifest["tables"].items() if t["made_by"] in names}
    if manifest != dataset.manifest:
        dataset.save(manifest)
    dataset.prune()
    forget_unused(dataset.path / SHARDS / "vectors")
    for step in steps:
        home = dataset.path / SHARDS / step.name.replace("/", ".")
        if isinstance(step.work, str):
            keep = set(_pieces(step, dataset))
        else:
            keep = {dataset.manifest["stages"][step.name]["key"]}
        for folder in home.iterdir() if home.is_dir() else ():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def stale_steps(dataset: Dataset) -> list[str]:
    """Steps whose input has been replaced since they ran, and those that build on such a step."""
    stages: dict[str, dict[str, Any]] = dataset.manifest["stages"]
    digests = dataset.digests()
    made_by = {table: entry["made_by"] for table, entry in dataset.manifest["tables"].items()}
    stale = {
        name
        for name, entry in stages.items()
        if any(digests.get(table) != seen for table, seen in entry["inputs"].items())
    }
    more = stale
    while more:
        more = {
            name
            for name, entry in stages.items()
            if name not in stale and any(made_by.get(table) in stale for table in entry["inputs"])
        }
        stale |= more
    return [name for name in stages if name in stale]


def explain(step: Step, dataset: Dataset) -> list[str]:
    """Why a step would run again: a line for each cause; empty when it is up to date."""
    entry = dataset.manifest["stages"].get(step.name)
    if entry is None:
        return ["it has not run yet"]
    causes = _differences(
        "", entry["identity"], json.loads(json.dumps(step.identity, default=list))
    )
    if entry["tool_version"] != __version__:
        causes.append(f"datakit {entry['tool_version']} -> {__version__}")
    for table in step.inputs:
        if table not in dataset:
            causes.append(f"input {table} is not there")
        elif entry["inputs"].get(table) != dataset.digest(table):
            causes.append(f"input {table} has changed")
    if not _tables_there(dataset, step.name):
        causes.append("files of its tables are missing")
    if isinstance(step.work, str) and (step.pieces is not None or not causes):
        home = dataset.path / SHARDS / step.name.replace("/", ".")
        shards = _pieces(step, dataset)
        missing = [s for s in shards if finished(home / s) is None]
        total = entry["shards"]["total"]
        if step.pieces is not None and (missing or len(shards) != total):
            causes.append(f"sources: {len(missing)} of {len(shards)} shards are new or changed")
    return causes


def _differences(path: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key in sorted(set(old) | set(new)):
            lines += _differences(f"{path}.{key}".lstrip("."), old.get(key), new.get(key))
        return lines
    if old == new:
        return []
    if path.endswith("code"):
        return ["the plugin's code has changed"]
    return [f"{path}: {old!r} -> {new!r}"]
