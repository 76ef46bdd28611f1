"""Segmenters side by side on documents with headings: measures, intervals, speed.

A document counts once; what the measures are means of, and their intervals over groups, see
`datakit.segmentation.estimates`.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from datakit import registry
from datakit.encoder_forms import Dtype
from datakit.errors import DatakitError, UnknownName
from datakit.models import BUNDLED
from datakit.progress import progress
from datakit.segmentation.baselines import (
    BASELINES,
    Baseline,
    Cosine,
    Criterion,
    CutOff,
    MeanLength,
    cuts,
)
from datakit.segmentation.corpus import (
    DEPTHS,
    VARIANTS,
    Depth,
    LabelledLines,
    SectionedDocument,
    Variant,
    read,
)
from datakit.segmentation.estimates import (
    N_FOUND,
    N_GOLD,
    Estimate,
    estimates,
    of_document,
)
from datakit.segmentation.model import SHIPPED, GapModel, TrainedModel, load

Chosen = Literal["train", "dev", "test", "all"]
SPLITS: tuple[Chosen, ...] = ("train", "dev", "test", "all")
ORACLES = {f"{name}_true_count": name for name in ("random", "even")}
DEFAULT = ("none", "every", "random", "even", "texttiling", "c99", "headings", SHIPPED)
LINES_AT_ONCE = 4096  # that a model gets, of whole documents
ALL = "all"


@dataclass(frozen=True)
class System:
    """A baseline or a trained model by its name in the table."""

    name: str
    model: GapModel
    is_oracle: bool = False  # the baseline is told the number of boundaries

    @property
    def needs_fitting(self) -> bool:
        """Whether it has something to choose on development documents."""
        return isinstance(self.model, MeanLength | CutOff) and not self.is_oracle

    def fitted(self, documents: Sequence[LabelledLines], criterion: Criterion) -> System:
        """With what it is free to choose, chosen on these documents."""
        assert isinstance(self.model, Baseline)
        return replace(self, model=self.model.fitted(documents, criterion))

    def cuts(self, documents: Sequence[LabelledLines]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) bool: section, sub-section."""
        if self.is_oracle and isinstance(self.model, MeanLength):
            return self.model.with_true_count(documents)
        return cuts(self.model, [document.lines for document in documents])

    def setting(self, depth: Depth) -> str:
        """What decides its number of boundaries at a depth, for people."""
        if self.is_oracle:
            return "true count"
        if isinstance(self.model, MeanLength):
            return f"length {getattr(self.model, depth):.1f}"
        if isinstance(self.model, CutOff):
            return f"c {getattr(self.model, depth):.2f}"
        if isinstance(self.model, TrainedModel):
            values = {of[depth] for of in self.model.thresholds.values.values()}
            return "p " + " to ".join(f"{v:.2f}" for v in sorted({min(values), max(values)}))
        return ""


def system(name: str, encoder: str = BUNDLED, dtype: Dtype = "float32") -> System:
    """A segmenter to measure: a baseline's name, "shipped", or the folder of a model.

    Args:
        name: as above, or `random_true_count`, `even_true_count`.
        encoder: of the baseline `cosine`.
        dtype: of that encoder, as `datakit.models.load_encoder` takes it.

    Raises:
        UnknownName: it is no baseline, and nothing on the disk.
        DatakitError: the model does not load.
    """
    if name in ORACLES:
        return System(name, BASELINES[ORACLES[name]](), is_oracle=True)
    if name == Cosine.label:
        return System(name, Cosine(encoder=encoder, dtype=dtype))
    if name in BASELINES:
        return System(name, BASELINES[name]())
    if name != SHIPPED and not Path(name).exists():
        known = [*BASELINES, *ORACLES, SHIPPED, "the folder of a model"]
        raise UnknownName("segmenter to evaluate", name, known)
    return System(Path(name).name, load(name))


# --- rows --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One segmenter on one set of documents."""

    system: str
    source: str  # the set
    language: str  # or all
    variant: Variant
    depth: Depth
    split: Chosen
    n_documents: int
    n_groups: int
    n_lines: int
    n_boundaries: int  # in the gold
    n_found: int
    setting: str  # what was chosen on development documents, or is stored with the model
    is_oracle: bool  # it knows the number of boundaries
    documents_per_cpu_second: float | None  # text to probabilities
    values: Mapping[str, Estimate]  # by the names in MEASURES
    against: str | None  # another segmenter, on the same documents
    differences: Mapping[str, Estimate] | None  # of `values` to those of `against`, paired

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    segmenters: Sequence[str] = DEFAULT
    split: Chosen = "test"
    variants: Sequence[Variant] = VARIANTS
    depths: Sequence[Depth] = DEPTHS
    limit: int | None = None  # documents of each set, and as many development documents
    max_lines: int | None = None  # documents with more are left out
    a_group: int | None = None  # documents of a group, the others are left out
    against: str | None = None  # one of the segmenters, to which the others' difference is told
    encoder: str = BUNDLED  # of the baseline `cosine`
    dtype: Dtype = "float32"  # of that encoder
    tune: Criterion = "f1"  # what a baseline's cut-off is chosen for
    n_boot: int = 1000
    seed: int = 0


def settings(values: Mapping[str, Any]) -> Settings:
    """Settings from what a command line gives, each checked; None leaves the default.

    Raises:
        PlanError: a value that does not fit.
    """
    found = registry.checked(
        Settings, "eval segmenter", {k: v for k, v in values.items() if v is not None}
    )
    assert isinstance(found, Settings)
    return found


def with_progress(data: Sequence[Path], settings: Settings, *, show: bool = True) -> list[Row]:
    """`evaluate` with a bar over documents."""
    documents = list(_documents(data))
    n = sum(len(of_set.chosen) for of_set in _sets(documents, settings))
    total = n * len(settings.variants) * len(settings.segmenters)
    with progress("eval segmenter", total, "documents", show) as bar:
        return evaluate(documents, settings, report=bar.advance)


def evaluate(
    data: Iterable[Path] | Iterable[SectionedDocument],
    settings: Settings = Settings(),
    *,
    report: Callable[[int], None] = lambda _: None,
) -> list[Row]:
    """Measure segmenters on documents with headings.

    Args:
        data: what `corpus.read` takes, or documents.
        settings: what to measure.
        report: told how many documents have been segmented since it was told last.

    Raises:
        DatakitError: there is no document of the split, or no development document for a baseline
            that has something to choose, or a model does not load.
        UnknownName: there is no such segmenter.

    Baselines choose what they are free to choose on the development documents of the same set,
    variant and depth. With split `all` these are among those measured.
    """
    systems = _systems(settings)
    sets = list(_sets(_documents(data), settings))
    if not sets:
        most = f" and at most {settings.max_lines:,}" if settings.max_lines else ""
        raise DatakitError(
            f"no document of split {settings.split!r} with two lines or more{most}: expected "
            "documents with headings. Splits are a hash of the group; --split all takes every "
            "document."
        )
    rows: list[Row] = []
    for of_set, variant in itertools.product(sets, settings.variants):
        tallies = {
            name: _tallied(one, of_set, variant, settings, report) for name, one in systems.items()
        }
        for name, tally in tallies.items():
            other = tallies.get(settings.against or "") if name != settings.against else None
            rows += _rows(tally, other, of_set, variant, settings)
    order = [one.name for one in systems.values()]
    return sorted(rows, key=lambda row: _place(row, order))


def _systems(settings: Settings) -> dict[str, System]:
    """What is measured, as it was asked for; folders with equal last parts show their paths.

    Raises:
        UnknownName: there is no such segmenter, or `against` is not among them.
    """
    found = {name: system(name, settings.encoder, settings.dtype) for name in settings.segmenters}
    if settings.against is not None and settings.against not in found:
        raise UnknownName("segmenter to compare with", settings.against, found)
    shown = Counter(one.name for one in found.values())
    return {
        name: replace(one, name=name) if shown[one.name] > 1 else one for name, one in found.items()
    }


def _place(row: Row, order: Sequence[str]) -> tuple[Any, ...]:
    """By set, language, variant and depth, segmenters as they were asked for."""
    return (
        row.source,
        row.language,
        VARIANTS.index(row.variant),
        DEPTHS.index(row.depth),
        order.index(row.system),
    )


def _documents(
    data: Iterable[Path] | Iterable[SectionedDocument],
) -> Iterator[SectionedDocument]:
    for one in data:
        if isinstance(one, SectionedDocument):
            yield one
        else:
            yield from read([one])


@dataclass(frozen=True)
class _Set:
    source: str
    chosen: tuple[SectionedDocument, ...]  # of the split
    dev: tuple[SectionedDocument, ...]


def _sets(documents: Iterable[SectionedDocument], settings: Settings) -> Iterator[_Set]:
    """The documents by set, those with a gap; with a limit those whose ids hash lowest."""
    by_source: dict[str, list[SectionedDocument]] = defaultdict(list)
    for document in documents:
        if 1 < len(document.lines) <= (settings.max_lines or len(document.lines)):
            by_source[document.source].append(document)
    for source in sorted(by_source):
        some = list(few_a_group(by_source[source], settings.a_group))
        drawn = sorted(some, key=_draw) if settings.limit else some
        chosen = [d for d in drawn if settings.split in (ALL, d.split)][: settings.limit]
        dev = [d for d in drawn if d.split == "dev"][: settings.limit]
        if chosen:
            yield _Set(source, tuple(chosen), tuple(dev))


def few_a_group(
    documents: Sequence[SectionedDocument], most: int | None
) -> Iterator[SectionedDocument]:
    """The first so many documents of each group of a language."""
    counts: Counter[tuple[str, str]] = Counter()
    for document in documents:
        counts[document.language, document.group] += 1
        if most is None or counts[document.language, document.group] <= most:
            yield document


def _draw(document: SectionedDocument) -> str:
    return hashlib.sha256(document.doc_id.encode("utf-8", "surrogatepass")).hexdigest()


# --- one segmenter on one set ------------------------------------------------------------------


@dataclass(frozen=True)
class _Tally:
    """A segmenter's documents, counted."""

    system: System  # as it was fitted
    speed: float | None  # documents a CPU second
    each: Mapping[Depth, np.ndarray]  # (n_documents, 12), see `estimates.of_document`


def _tallied(
    one: System, of_set: _Set, variant: Variant, settings: Settings, report: Callable[[int], None]
) -> _Tally:
    if one.needs_fitting and not of_set.dev:
        raise DatakitError(
            f"{of_set.source}: {one.name} has a setting to choose, found no development documents "
            "(a tenth of the groups, by hash). Give more documents, or --segmenters without it."
        )
    if one.needs_fitting:
        one = one.fitted([d.variant(variant) for d in of_set.dev], settings.tune)
    labelled = [d.variant(variant) for d in of_set.chosen]
    found, seconds = _timed_cuts(one, labelled, report)
    speed = None if one.is_oracle else len(labelled) / max(seconds, 1e-9)
    each = {
        depth: np.array([
            of_document(lines.gold(depth), cut[:, DEPTHS.index(depth)])
            for lines, cut in zip(labelled, found, strict=True)
        ])
        for depth in settings.depths
    }  # fmt: skip
    return _Tally(one, speed, each)


def _rows(
    tally: _Tally, other: _Tally | None, of_set: _Set, variant: Variant, settings: Settings
) -> Iterator[Row]:
    one = tally.system
    n_lines = [len(d.variant(variant).lines) for d in of_set.chosen]
    for depth, (language, at) in itertools.product(settings.depths, _languages(of_set.chosen)):
        groups = [of_set.chosen[i].group for i in at]
        each = tally.each[depth][at]
        total = each.sum(axis=0)
        boot = (groups, settings.n_boot, settings.seed)
        yield Row(
            system=one.name, source=of_set.source, language=language, variant=variant,
            depth=depth, split=settings.split, n_documents=len(at), n_groups=len(set(groups)),
            n_lines=sum(n_lines[i] for i in at), n_boundaries=int(total[N_GOLD]),
            n_found=int(total[N_FOUND]), setting=one.setting(depth), is_oracle=one.is_oracle,
            documents_per_cpu_second=tally.speed, values=estimates(each, *boot),
            against=other.system.name if other else None,
            differences=estimates(each, *boot, other.each[depth][at]) if other else None,
        )  # fmt: skip


def _timed_cuts(
    one: System, labelled: Sequence[LabelledLines], report: Callable[[int], None]
) -> tuple[list[np.ndarray], float]:
    """What the segmenter finds, and the CPU seconds of this process that it took."""
    found: list[np.ndarray] = []
    seconds = 0.0
    for batch in _batches(labelled):
        start = time.process_time()
        found += one.cuts(batch)
        seconds += time.process_time() - start
        report(len(batch))
    return found, seconds


def _batches(documents: Iterable[LabelledLines]) -> Iterator[list[LabelledLines]]:
    batch: list[LabelledLines] = []
    n_lines = 0
    for document in documents:
        batch.append(document)
        n_lines += len(document.lines)
        if n_lines >= LINES_AT_ONCE:
            yield batch
            batch, n_lines = [], 0
    if batch:
        yield batch


def _languages(documents: Sequence[SectionedDocument]) -> Iterator[tuple[str, list[int]]]:
    """Each language and the positions of its documents; all of them where there are several."""
    at: dict[str, list[int]] = defaultdict(list)
    for i, document in enumerate(documents):
        at[document.language].append(i)
    yield from sorted(at.items())
    if len(at) > 1:
        yield ALL, list(range(len(documents)))
