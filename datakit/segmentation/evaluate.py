"""Segmenters side by side on documents with headings: measures, intervals, speed.

A document counts once. Pk, WindowDiff, boundary similarity and macro F1 are means over documents,
micro F1 is over all boundaries. Intervals are 95 % percentile intervals over groups (documents of
one publisher or near-duplicates), which are drawn whole.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from datakit import registry
from datakit.errors import DatakitError, UnknownName
from datakit.models import BUNDLED
from datakit.progress import progress
from datakit.segmentation import measures
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
from datakit.segmentation.model import SHIPPED, GapModel, TrainedModel, load

Chosen = Literal["train", "dev", "test", "all"]
SPLITS: tuple[Chosen, ...] = ("train", "dev", "test", "all")
ORACLES = {f"{name}_true_count": name for name in ("random", "even")}
DEFAULT = ("none", "every", "random", "even", "texttiling", "c99", "headings", SHIPPED)
MEASURES = (
    "pk", "window_diff", "boundary_similarity", "f1", "f1_near", "macro_f1", "macro_f1_near",
    "exact", "nearly_exact",
)  # fmt: skip
NEAR = 1  # gaps that a boundary may be off in f1_near and macro_f1_near
FEW_WRONG = 2  # gaps that may be wrong in a document that is nearly exact
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


def system(name: str, encoder: str = BUNDLED) -> System:
    """A segmenter to measure: a baseline's name, "shipped", or the folder of a model.

    Args:
        name: as above, or `random_true_count`, `even_true_count`.
        encoder: of the baseline `cosine`.

    Raises:
        UnknownName: it is no baseline, and nothing on the disk.
        DatakitError: the model does not load.
    """
    if name in ORACLES:
        return System(name, BASELINES[ORACLES[name]](), is_oracle=True)
    if name == Cosine.label:
        return System(name, Cosine(encoder=encoder))
    if name in BASELINES:
        return System(name, BASELINES[name]())
    if name != SHIPPED and not Path(name).exists():
        known = [*BASELINES, *ORACLES, SHIPPED, "the folder of a model"]
        raise UnknownName("segmenter to evaluate", name, known)
    return System(Path(name).name, load(name))


# --- rows --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure with its 95 % interval over groups; None where one group says nothing of others."""

    value: float
    low: float | None
    high: float | None


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
    encoder: str = BUNDLED  # of the baseline `cosine`
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
    systems = [system(name, settings.encoder) for name in settings.segmenters]
    sets = list(_sets(_documents(data), settings))
    if not sets:
        raise DatakitError(
            f"no document of split {settings.split!r} with two lines or more: expected documents "
            "with headings. Splits are a hash of the group; --split all takes every document."
        )
    rows: list[Row] = []
    for of_set, variant, one in itertools.product(sets, settings.variants, systems):
        rows += _rows(one, of_set, variant, settings, report)
    return sorted(rows, key=_place(settings))


def _place(settings: Settings) -> Callable[[Row], tuple[Any, ...]]:
    """The order of rows: by set, language, variant and depth, segmenters as they were asked for."""
    order = {system: i for i, system in enumerate(settings.segmenters)}
    return lambda row: (
        row.source,
        row.language,
        VARIANTS.index(row.variant),
        DEPTHS.index(row.depth),
        order.get(row.system, len(order)),
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
        if len(document.lines) > 1:
            by_source[document.source].append(document)
    for source in sorted(by_source):
        drawn = sorted(by_source[source], key=_draw) if settings.limit else by_source[source]
        chosen = [d for d in drawn if settings.split in (ALL, d.split)][: settings.limit]
        dev = [d for d in drawn if d.split == "dev"][: settings.limit]
        if chosen:
            yield _Set(source, tuple(chosen), tuple(dev))


def _draw(document: SectionedDocument) -> str:
    return hashlib.sha256(document.doc_id.encode("utf-8", "surrogatepass")).hexdigest()


# --- one segmenter on one set ------------------------------------------------------------------


def _rows(
    one: System, of_set: _Set, variant: Variant, settings: Settings, report: Callable[[int], None]
) -> Iterator[Row]:
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
    for depth in settings.depths:
        column = DEPTHS.index(depth)
        golds = [lines.gold(depth) for lines in labelled]
        each = np.array([_of_document(g, f[:, column]) for g, f in zip(golds, found, strict=True)])
        for language, at in _languages(of_set.chosen):
            groups = [of_set.chosen[i].group for i in at]
            total = each[at].sum(axis=0)
            yield Row(
                system=one.name, source=of_set.source, language=language, variant=variant,
                depth=depth, split=settings.split, n_documents=len(at), n_groups=len(set(groups)),
                n_lines=sum(len(labelled[i].lines) for i in at), n_boundaries=int(total[_N_GOLD]),
                n_found=int(total[_N_FOUND]), setting=one.setting(depth), is_oracle=one.is_oracle,
                documents_per_cpu_second=speed,
                values=_estimates(each[at], groups, settings.n_boot, settings.seed),
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


# columns of what is summed over documents
_N, _PK, _WINDOW_DIFF, _SIMILARITY, _MACRO, _MACRO_NEAR, _EXACT, _NEARLY = range(8)
_N_GOLD, _N_FOUND, _MATCHED, _MATCHED_NEAR = range(8, 12)


def _of_document(gold: np.ndarray, found: np.ndarray) -> tuple[float, ...]:
    """(12,) the columns above for one document."""
    matched = measures.n_matches(gold, found)
    near = measures.n_matches(gold, found, NEAR)
    n_gold, n_found = int(gold.sum()), int(found.sum())
    macro, macro_near = measures.f_scores(np.array([matched, near]), n_gold, n_found)[2].tolist()
    wrong = measures.n_wrong(gold, found)
    return (
        1.0,
        measures.pk(gold, found),
        measures.window_diff(gold, found),
        measures.boundary_similarity(gold, found),
        macro,
        macro_near,
        float(wrong == 0),
        float(wrong <= FEW_WRONG),
        n_gold,
        n_found,
        matched,
        near,
    )


def _estimates(
    each: np.ndarray, groups: Sequence[str], n_boot: int, seed: int
) -> dict[str, Estimate]:
    """Each measure over the documents, with an interval over resampled groups.

    Args:
        each: (n_documents, 12), the columns above.
        groups: of each document.
        n_boot: samples; 0 leaves the intervals out.
        seed: of the samples.
    """
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), each.shape[1]))
    np.add.at(sums, at, each)
    values = _measures(sums.sum(axis=0, keepdims=True))[0]
    if len(names) < 2 or not n_boot:
        return {m: Estimate(v, None, None) for m, v in zip(MEASURES, values.tolist(), strict=True)}
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), n_boot)
    low, high = np.percentile(_measures(counts @ sums), [2.5, 97.5], axis=0)
    return {
        measure: Estimate(*numbers)
        for measure, *numbers in zip(MEASURES, values.tolist(), low.tolist(), high.tolist(),
                                     strict=True)
    }  # fmt: skip


def _measures(sums: np.ndarray) -> np.ndarray:
    """(n, 12) sums over documents to (n, 9) measures, in the order of MEASURES."""
    mean = sums / sums[:, [_N]]
    micro, micro_near = (
        measures.f_scores(sums[:, matched], sums[:, _N_GOLD], sums[:, _N_FOUND])[2]
        for matched in (_MATCHED, _MATCHED_NEAR)
    )
    columns = [
        mean[:, _PK], mean[:, _WINDOW_DIFF], mean[:, _SIMILARITY], micro, micro_near,
        mean[:, _MACRO], mean[:, _MACRO_NEAR], mean[:, _EXACT], mean[:, _NEARLY],
    ]  # fmt: skip
    return np.stack(columns, axis=1)


# --- tables ------------------------------------------------------------------------------------

COLUMNS = (
    "segmenter", "Pk", "WD", "B", "F1", "±1", "macro F1", "±1", "exact", f"≤{FEW_WRONG} wrong",
    "docs/CPU s", "chosen",
)  # fmt: skip
WIDTH = 150  # characters that a table has room in


def title(block: Sequence[Row]) -> str:
    """What the rows of a block have in common."""
    row = block[0]
    return (
        f"{row.source} {row.language}, {row.variant}, {row.depth}: {row.n_documents:,} documents "
        f"of {row.n_groups:,} groups, split {row.split}, {row.n_lines:,} lines, "
        f"{row.n_boundaries:,} boundaries"
    )


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of COLUMNS; shares in percent, intervals for Pk and F1."""
    shown = [_shown(row.values[measure], measure in {"pk", "f1"}) for measure in MEASURES]
    speed = row.documents_per_cpu_second
    name = f"{row.system} (oracle)" if row.is_oracle else row.system
    return (name, *shown, "" if speed is None else f"{speed:,.{speed < 10:d}f}", row.setting)


def _shown(estimate: Estimate, with_interval: bool) -> str:
    text = f"{100 * estimate.value:.1f}"
    if with_interval and estimate.low is not None and estimate.high is not None:
        text += f" [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    return text


def blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of one set, language, variant and depth, which are to be compared."""
    for _, block in itertools.groupby(
        rows, lambda row: (row.source, row.language, row.variant, row.depth)
    ):
        yield list(block)


def markdown(rows: Sequence[Row]) -> str:
    """The tables as Markdown, each under its title."""
    rule = ("---", *["---:"] * (len(COLUMNS) - 1))
    parts = []
    for block in blocks(rows):
        lines = [COLUMNS, rule, *map(cells, block)]
        escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
        parts += [f"{title(block)}\n\n", *(f"| {' | '.join(line)} |\n" for line in escaped), "\n"]
    return "".join(parts).rstrip("\n") + "\n"
