"""One way to train every architecture: data in, a model folder with its card out.

Around an architecture's `fit` stand what they share: reading, splitting by group, seeds, resuming,
calibration and thresholds on development documents, measures on test documents.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import re
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from datakit import registry
from datakit.errors import DatakitError, UsageError
from datakit.segmentation import calibration, card
from datakit.segmentation.corpus import (
    DEPTHS,
    VARIANTS,
    Depth,
    LabelledLines,
    SectionedDocument,
    Split,
    read,
)
from datakit.segmentation.epochs import Say
from datakit.segmentation.model import Fitted, TrainedModel, architecture, read_config, save
from datakit.version import __version__

if TYPE_CHECKING:
    import numpy as np

CHECKPOINTS = "checkpoints"
_LICENCE_CHARS = 400  # of a SOURCE.txt, in the card
_NEIGHBOURS = 5  # thresholds on each side that must be good too: one that is best by itself is luck
# of the documents of a condition: a set with fewer, such as the only English document of a Chinese
# set, does not decide as another does
_LEAST_SHARE = 0.05

Documents = dict[Split, list[SectionedDocument]]


@dataclass(frozen=True)
class Job:
    """What is to be trained on what; equal jobs give equal models and share checkpoints."""

    data: tuple[Path, ...]  # dataset directories, JSON-lines files or folders of these
    out: Path  # the model folder
    arch: str = "hashed"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seeds: int = 1  # networks, whose probabilities are averaged
    seed: int = 0  # of the first; the others count on
    all_data: bool = False  # learn from the test documents too
    limit: int | None = None  # only the first so many documents of each split
    licences: Mapping[str, str] = dataclasses.field(default_factory=dict)  # by set
    command: str = ""  # for the card


def train(job: Job, say: Say = lambda line: None) -> TrainedModel:
    """Train a segmentation model and write its folder: config, weights, README.md.

    A run that was killed goes on after its last finished epoch when the same job is run again; a
    job whose model is in `out` already is not run again.

    Raises:
        DatakitError: the data have too few documents with headings, or `out` has another model.
        PlanError: a setting that the architecture does not have, or a value that does not fit.
        UnknownName: there is no such architecture.
    """
    clock = _Clock()
    module = architecture(job.arch)
    settings = registry.checked(module.Settings, job.arch, job.settings)
    if job.seeds < 1:
        raise UsageError(f"seeds is {job.seeds}, expected at least 1.")
    documents = split(job)
    digest = _digest(job, settings, documents)
    there = _there(job.out, digest)
    if there is not None:
        say(f"{job.out} has this model already")
        return there
    folder = job.out / CHECKPOINTS / digest
    resumed = folder.exists()
    members = [
        module.fit(
            documents["train"],
            documents["dev"],
            settings,
            seed=job.seed + i,
            checkpoint_dir=folder / str(i),
            on_progress=_numbered(say, i, job.seeds),
        )
        for i in range(job.seeds)
    ]
    say("calibrates and measures")
    model, thresholds = calibrated(job, members, documents["dev"])
    about = _about(job, settings, model, documents, thresholds, clock.read(resumed))
    model = dataclasses.replace(model, training={"digest": digest, **about.as_json()})
    card.write(job.out, about)
    model = save(job.out, model)
    shutil.rmtree(job.out / CHECKPOINTS, ignore_errors=True)
    return model


def _numbered(say: Say, i: int, n: int) -> Say:
    return say if n == 1 else lambda line: say(f"network {i + 1} of {n}: {line}")


# --- data --------------------------------------------------------------------------------------


def split(job: Job) -> Documents:
    """The documents of a job for training, development and test, by their groups.

    Raises:
        DatakitError: there is none for training or for development.
    """
    found: Documents = {"train": [], "dev": [], "test": []}
    for document in read(job.data):
        if len(document.lines) > 1:
            found[document.split].append(document)
    if job.all_data:
        found["train"] += found["test"]
        found["test"] = []
    kept: Documents = {name: documents[: job.limit] for name, documents in found.items()}
    for name in ("train", "dev"):
        if not any(any(d.changes[1:]) for d in kept[name]):
            total = sum(map(len, kept.values()))
            raise DatakitError(
                f"{', '.join(map(str, job.data))}: found {len(kept[name])} documents for {name} "
                f"(of {total}; they are split by group) and no heading inside one, expected some. "
                "Give more documents with headings."
            )
    return kept


def _digest(job: Job, settings: Any, documents: Documents) -> str:
    """16 hex digits of what decides the weights."""
    total = hashlib.sha256()
    about = (job.arch, asdict(settings), job.seeds, job.seed, job.all_data, __version__)
    total.update(json.dumps(about, default=list).encode())
    for name, of in documents.items():
        for d in of:
            parts = (name, d.language, d.changes, d.headings, d.lines)
            total.update(repr(parts).encode("utf-8", "surrogatepass"))
    return total.hexdigest()[:16]


def _there(out: Path, digest: str) -> TrainedModel | None:
    """The model in the folder, if it is of this job."""
    from datakit.segmentation.model import CONFIG, load

    if not (out / CONFIG).is_file():
        return None
    if read_config(out).get("training", {}).get("digest") != digest:
        raise UsageError(
            f"{out} has a model that was trained on other data or with other settings. "
            "Choose another folder, or remove this one."
        )
    model = load(out)
    return model if isinstance(model, TrainedModel) else None


def licences(data: Sequence[Path], given: Mapping[str, str]) -> dict[str, str]:
    """By set, what is given, else the sentences on licence and origin in a SOURCE.txt beside it."""
    found = {}
    for path in data:
        for file in sorted((path if path.is_dir() else path.parent).rglob("SOURCE.txt")):
            lines = file.read_text("utf-8", "replace").splitlines()
            said = [line for line in lines if re.search(r"licen[cs]e|copyright", line, re.I)]
            text = " ".join(" ".join(said).split())
            found[file.parent.name] = text[:_LICENCE_CHARS] + "…" * (len(text) > _LICENCE_CHARS)
    return {**found, **given}


# --- calibration and thresholds ----------------------------------------------------------------


Kind = Literal["F1-Pk", "Pk"]  # what a threshold is chosen for: F1 less Pk, or Pk alone
KINDS: tuple[Kind, ...] = get_args(Kind)


def calibrated(
    job: Job, members: Sequence[Fitted], dev: Sequence[SectionedDocument]
) -> tuple[TrainedModel, dict[Kind, calibration.Thresholds]]:
    """The members as one model, calibrated on development documents in all their forms.

    Returns:
        The model, and thresholds by what they were chosen for: F1 less Pk (those of the model) and
        Pk alone.
    """
    raw = TrainedModel(
        name=str(job.out),
        arch=job.arch,
        members=tuple(members),
        calibration=calibration.Calibration.none(),
        thresholds=calibration.Thresholds.equal(0.5),
    )
    every = [d.variant(variant) for variant in VARIANTS for d in dev]
    sets = [(d.source, d.language) for _ in VARIANTS for d in dev]
    found = raw.raw([one.lines for one in every])
    gold = {depth: [one.gold(depth) for one in every] for depth in DEPTHS}
    scaled = calibration.fit(found, gold)
    p = [scaled(x) for x in found]
    thresholds = choose_thresholds(every, p, [x.condition for x in found], sets)
    return dataclasses.replace(raw, calibration=scaled, thresholds=thresholds[KINDS[0]]), thresholds


def choose_thresholds(
    documents: Sequence[LabelledLines],
    probabilities: Sequence[np.ndarray],
    conditions: Sequence[calibration.Condition],
    sets: Sequence[Any] | None = None,
) -> dict[Kind, calibration.Thresholds]:
    """For F1 less Pk and for Pk the best threshold of each condition and depth, by the mean over
    the sets. F1 alone hardly changes around its best threshold, where Pk still does.

    The mean over a threshold and its neighbours decides, and of thresholds that are equally good
    the one in the middle. A condition that no document is in takes the threshold of all documents.

    Args:
        documents: for development.
        probabilities: (n_gaps, 2) of each.
        conditions: under which each was calibrated.
        sets: what each belongs to, so that a large set does not decide for the others, nor a set
            with hardly a document of a condition.
    """
    by_set = list(sets) if sets is not None else [None] * len(documents)
    values: dict[Kind, dict[calibration.Condition, dict[Depth, float]]] = {k: {} for k in KINDS}
    for condition in calibration.CONDITIONS:
        chosen = [i for i, c in enumerate(conditions) if c == condition] or list(
            range(len(documents))
        )
        for kind in KINDS:
            values[kind][condition] = {
                depth: _best_threshold(kind, depth, documents, probabilities, by_set, chosen)
                for depth in DEPTHS
            }
    return {kind: calibration.Thresholds(each) for kind, each in values.items()}


def _best_threshold(
    kind: Kind, depth: Depth, documents: Sequence[LabelledLines],
    probabilities: Sequence[np.ndarray], sets: Sequence[Any], chosen: Sequence[int],
) -> float:  # fmt: skip
    total = [0.0] * len(calibration.GRID)
    counts = Counter(sets[i] for i in chosen)
    for name in [name for name, n in counts.items() if n >= _LEAST_SHARE * len(chosen)]:
        gold = [documents[i].gold(depth) for i in chosen if sets[i] == name]
        p = [probabilities[i][:, DEPTHS.index(depth)] for i in chosen if sets[i] == name]
        for k, t in enumerate(calibration.GRID):
            found = [x >= t for x in p]
            total[k] += micro_f1(gold, found) * (kind == "F1-Pk") - mean_pk(gold, found)
    mean = _running_mean(total, _NEIGHBOURS)
    best = [k for k, score in enumerate(mean) if score > max(mean) - 1e-9]
    return calibration.GRID[best[len(best) // 2]]


def _running_mean(values: Sequence[float], reach: int) -> list[float]:
    """Of each value and those at most `reach` places away."""
    near = [values[max(0, i - reach) : i + reach + 1] for i in range(len(values))]
    return [sum(of) / len(of) for of in near]


def micro_f1(gold: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """F1 over the gaps of all documents, 0 to 1; 1 where there is no boundary and none is found."""
    hits = sum(int((g & f).sum()) for g, f in zip(gold, found, strict=True))
    total = sum(int(g.sum()) + int(f.sum()) for g, f in zip(gold, found, strict=True))
    return 2 * hits / total if total else 1.0


def mean_pk(gold: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """The mean Pk of the documents, 0 (best) to 1."""
    from datakit.segmentation.measures import pk

    return sum(pk(g, f) for g, f in zip(gold, found, strict=True)) / max(1, len(gold))


# --- what the card says ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cost:
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    resumed: bool


class _Clock:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def read(self, resumed: bool) -> _Cost:
        import resource

        unit = 1 if platform.system() == "Darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        wall, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        return _Cost(wall, cpu, peak, resumed)


def _about(
    job: Job, settings: Any, model: TrainedModel, documents: Documents,
    thresholds: Mapping[Kind, calibration.Thresholds], cost: _Cost,
) -> card.Training:  # fmt: skip
    import torch

    tested_on: Split = "test" if documents["test"] else "dev"
    quality, reliability = measured(model, documents[tested_on], thresholds)
    tensors = [list(member.state().values()) for member in model.members]
    return card.Training(
        arch=job.arch,
        command=job.command,
        settings=asdict(settings),
        seeds=tuple(range(job.seed, job.seed + job.seeds)),
        parameters=sum(t.numel() for t in tensors[0] if t.is_floating_point()),
        weights_bytes=sum(t.numel() * t.element_size() for of in tensors for t in of),
        seconds=cost.seconds,
        cpu_seconds=cost.cpu_seconds,
        peak_bytes=cost.peak_bytes,
        resumed=cost.resumed,
        data=tuple(_data_sets(job, documents)),
        tested_on=tested_on,
        thresholds={kind: each.as_json() for kind, each in thresholds.items()},
        quality=tuple(quality),
        reliability=reliability,
        versions={
            "datakit": __version__,
            "torch": str(torch.__version__),
            "Python": platform.python_version(),
        },
    )


def _data_sets(job: Job, documents: Documents) -> list[card.DataSet]:
    said = licences(job.data, job.licences)
    of: dict[tuple[str, str], Documents] = defaultdict(lambda: {"train": [], "dev": [], "test": []})
    for name, every in documents.items():
        for d in every:
            of[d.source, d.language][name].append(d)
    return [
        card.DataSet(
            source=source,
            language=language,
            licence=said.get(source) or "not stated",
            documents=sum(map(len, parts.values())),
            groups=len({d.group for every in parts.values() for d in every}),
            paragraphs=sum(len(d.lines) for every in parts.values() for d in every),
            train=len(parts["train"]),
            dev=len(parts["dev"]),
            test=len(parts["test"]),
        )
        for (source, language), parts in sorted(of.items())
    ]


def measured(
    model: TrainedModel,
    documents: Sequence[SectionedDocument],
    thresholds: Mapping[Kind, calibration.Thresholds],
) -> tuple[list[card.Quality], dict[Depth, tuple[calibration.Bin, ...]]]:
    """Quality by set, language, form and depth, and how far the probabilities can be trusted."""
    import numpy as np

    sets = sorted({(d.source, d.language) for d in documents})
    quality: list[card.Quality] = []
    p: dict[Depth, list[np.ndarray]] = {depth: [] for depth in DEPTHS}
    gold: dict[Depth, list[np.ndarray]] = {depth: [] for depth in DEPTHS}
    for source, language in sets:
        of = [d for d in documents if (d.source, d.language) == (source, language)]
        for variant in VARIANTS:
            forms = [d.variant(variant) for d in of]
            raw = model.raw([one.lines for one in forms])
            found = [model.calibration(x) for x in raw]
            for column, depth in enumerate(DEPTHS):
                one_p = [x[:, column] for x in found]
                one_gold = [one.gold(depth) for one in forms]
                p[depth] += one_p
                gold[depth] += one_gold
                for kind, of_kind in thresholds.items():
                    at = [of_kind.values[x.condition][depth] for x in raw]
                    cuts = [x >= t for x, t in zip(one_p, at, strict=True)]
                    named = (source, language, variant)
                    quality.append(_quality(named, depth, kind, one_gold, cuts))
    bins = {
        d: calibration.reliability(np.concatenate(p[d]), np.concatenate(gold[d])) for d in DEPTHS
    }
    return quality, {depth: tuple(of) for depth, of in bins.items()}


def _quality(
    of: tuple[str, str, str], depth: Depth, kind: str, gold: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
) -> card.Quality:  # fmt: skip
    from datakit.segmentation.measures import window_diff

    return card.Quality(
        *of,
        depth,
        kind,
        len(gold),
        pk=mean_pk(gold, found),
        window_diff=sum(map(window_diff, gold, found)) / len(gold),
        f1=micro_f1(gold, found),
    )
