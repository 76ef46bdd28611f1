"""What the words of a line say by themselves: does it open a section, close one, head one?

A linear model on the hashed words of the windows, one weight per feature, window and question.
The sequence network above it must see honest evidence, so that of a training document comes from
models that have not seen its group (stacking; Wolpert 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from datakit.segmentation.calibration import is_cjk
from datakit.segmentation.corpus import SECTION, SUBSECTION, SectionedDocument, Variant
from datakit.segmentation.features import N_OWN, N_WINDOWS, Bags, features, own_layout

if TYPE_CHECKING:
    import scipy.sparse

Model = TypeVar("Model", bound=nn.Module)

# opens a section, opens a sub-section or section, closes either, is a heading
N_QUESTIONS = 5
HEADING_QUESTION = 4
DIM = N_WINDOWS * N_QUESTIONS  # of the evidence of a line
_NEIGHBOURS = 2  # lines on each side of a gap whose layout the linear model sees beside its own
_BATCH = 4000  # gaps
_FEWEST = 3  # documents that a feature is in


@dataclass(frozen=True)
class EvidenceSettings:
    """How the linear model is trained."""

    n_features: int = 65_536
    epochs: int = 6
    learning_rate: float = 0.02
    word_dropout: float = 0.5


@dataclass(frozen=True)
class StoredDocument:
    """Where the lines of a document are in the store, and its gold."""

    first: int
    is_heading: np.ndarray  # (n_lines,) bool, headings among the lines
    changes: np.ndarray  # (n_lines,) int8 before each line, headings among the lines
    group: str
    source: str
    language: str

    def lines(self, variant: Variant) -> tuple[np.ndarray, np.ndarray]:
        """Places in the store (n,) and the change before each line (n,)."""
        if variant != "stripped":
            return self.first + np.arange(len(self.changes)), self.changes
        kept = np.flatnonzero(~self.is_heading)
        before = np.concatenate([[-1], kept[:-1]])
        largest = [self.changes[a + 1 : b + 1].max() for a, b in zip(before, kept, strict=True)]
        return self.first + kept, np.array(largest, np.int8)


class LineStore:
    """The features of the lines of many documents, each line once whatever the variants."""

    def __init__(self, documents: Sequence[SectionedDocument], n_buckets: int) -> None:
        self.n_buckets = self.n_features = n_buckets
        self.documents: list[StoredDocument] = []
        ids, lengths, plain, marked, spaces, above = [], [], [], [], [], []
        words, pairs = [], []
        first = 0
        for document in documents:
            lines, shown = document.variant("plain"), document.variant("marked")
            found = features(lines.lines, n_buckets)
            ids.append(found.ids)
            lengths.append(np.diff(np.append(found.offsets, len(found.ids))))
            words.append(found.words)
            pairs.append(found.pairs)
            plain.append(found.layout[:, :N_OWN])
            marked.append(own_layout(shown.lines))
            heads = np.array([line.kind == "heading" for line in shown.lines], bool)
            changes = np.array((SECTION, *lines.changes), np.int8)
            spaces.append(np.full(len(heads), int(is_cjk(document.lines)), np.int64))
            at = np.where(heads, first + np.arange(len(heads)), -1)
            above.append(np.maximum.accumulate(at))
            self.documents.append(
                StoredDocument(
                    first, heads, changes, document.group, document.source, document.language
                )
            )
            first += len(lines.lines)
        self.ids = np.concatenate(ids)
        self.lengths = np.concatenate(lengths).reshape(-1, N_WINDOWS)
        self.starts = np.cumsum(self.lengths.sum(axis=1)) - self.lengths.sum(axis=1)
        self.is_heading = np.concatenate([d.is_heading for d in self.documents])
        self.spaces = np.concatenate(spaces)  # 1: written without spaces
        self.heading_of = np.concatenate(above)  # place of the last heading, itself included; -1
        self._plain, self._marked = np.concatenate(plain), np.concatenate(marked)
        self._words, self._pairs = _joined(words), _joined(pairs)

    def __len__(self) -> int:
        return len(self.lengths)

    def frequent(self, n_features: int) -> np.ndarray:
        """(at most n_features,) int32, sorted: the hashes in the largest share of the documents of
        a set and language, and in three documents at least. Rarer words only teach what one
        document says.
        """
        shares = np.zeros(self.n_buckets, np.float32)
        for kind in sorted({(d.source, d.language) for d in self.documents}):
            of = [d for d in self.documents if (d.source, d.language) == kind]
            counts = np.zeros(self.n_buckets, np.int32)
            for d in of:
                last = d.first + len(d.changes)
                end = self.starts[last] if last < len(self) else len(self.ids)
                counts[np.unique(self.ids[self.starts[d.first] : end])] += 1
            shares = np.maximum(shares, np.where(counts >= _FEWEST, counts / len(of), 0))
        order = np.argsort(-shares, kind="stable")[:n_features]
        return np.sort(order[shares[order] > 0]).astype(np.int32)

    def keep(self, hashes: np.ndarray) -> None:
        """Make the ids rows of a table of these hashes; the others are left out."""
        self.n_features = len(hashes)
        self.ids, self.lengths = rows(self.ids, self.lengths, row_of(hashes, self.n_buckets))
        self.starts = np.cumsum(self.lengths.sum(axis=1)) - self.lengths.sum(axis=1)

    def layout(self, lines: np.ndarray, variant: Variant) -> np.ndarray:
        """(n, N_OWN) float32 of the lines at these places."""
        chosen: np.ndarray = (self._marked if variant == "marked" else self._plain)[lines]
        return chosen

    def bodies(self, lines: np.ndarray) -> tuple[Bags, Bags]:
        """The words and the pairs of words of the lines at these places, for `likeness`."""
        return _of_lines(self._words, lines), _of_lines(self._pairs, lines)

    def counts(self, lines: np.ndarray, window: int) -> scipy.sparse.csr_matrix:
        """(n, n_features) float32: how often each feature is in a window of some lines."""
        import scipy.sparse as sp

        before = self.lengths[lines, :window].sum(axis=1)
        sizes = self.lengths[lines, window]
        ends = np.cumsum(sizes)
        shift = np.repeat(self.starts[lines] + before - (ends - sizes), sizes)
        ids = self.ids[shift + np.arange(sizes.sum())]
        parts = (np.ones(len(ids), np.float32), ids, np.concatenate([[0], ends]))
        matrix = sp.csr_matrix(parts, (len(lines), self.n_features))
        matrix.sum_duplicates()
        return matrix

    def bags(
        self, lines: np.ndarray, dropout: float = 0.0, rng: np.random.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of the windows of some lines: ids, and how many each window has."""
        sizes = self.lengths[lines].sum(axis=1)
        shift = np.repeat(self.starts[lines] - (np.cumsum(sizes) - sizes), sizes)
        ids = self.ids[shift + np.arange(sizes.sum())]
        lengths = self.lengths[lines].reshape(-1)
        if dropout and rng is not None:
            kept = rng.random(len(ids)) >= dropout
            bag = np.repeat(np.arange(len(lengths)), lengths)[kept]
            ids, lengths = ids[kept], np.bincount(bag, minlength=len(lengths))
        return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(lengths)


@dataclass(frozen=True)
class _Stored:
    """Bags of many lines, and where those of each line begin."""

    bags: Bags
    starts: np.ndarray  # (n_lines,)


def _joined(parts: Sequence[Bags]) -> _Stored:
    bags = Bags(*map(np.concatenate, zip(*parts, strict=True)))
    return _Stored(bags, np.cumsum(bags.sizes) - bags.sizes)


def _of_lines(stored: _Stored, lines: np.ndarray) -> Bags:
    sizes = stored.bags.sizes[lines]
    shift = np.repeat(stored.starts[lines] - (np.cumsum(sizes) - sizes), sizes)
    return Bags(stored.bags.ids[shift + np.arange(sizes.sum())], sizes)


def row_of(hashes: np.ndarray, n_buckets: int) -> np.ndarray:
    """(n_buckets,) int32: the row of each hash in a table of these, -1 where it has none."""
    index = np.full(n_buckets, -1, np.int32)
    index[hashes] = np.arange(len(hashes))
    return index


def rows(ids: np.ndarray, lengths: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids of windows one after the other and their lengths, as rows and without what has none."""
    found = index[ids]
    known = found >= 0
    window = np.repeat(np.arange(lengths.size), lengths.reshape(-1))[known]
    return found[known], np.bincount(window, minlength=lengths.size).reshape(lengths.shape)


class Evidence(nn.Module):
    """Weights of the features, and of the layout around a gap (which only training needs)."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.n_features = n_features
        self.table = nn.Parameter(torch.zeros(N_WINDOWS * n_features, N_QUESTIONS))
        self.around = nn.Linear((2 * _NEIGHBOURS + 2) * N_OWN, 2)
        self.heading = nn.Linear(N_OWN, 1)
        nn.init.zeros_(self.around.weight)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(n_lines, N_WINDOWS, N_QUESTIONS): the sum over the words, by the root of their number.

        Args:
            ids: (n_ids,) int64 rows, window after window of each line.
            lengths: (n_lines · N_WINDOWS,) int64.
        """
        window = torch.arange(len(lengths)) % N_WINDOWS
        ids = ids + torch.repeat_interleave(window * self.n_features, lengths)
        offsets = torch.cumsum(lengths, 0) - lengths
        sums = functional.embedding_bag(ids, self.table, offsets, mode="sum")
        scaled = sums / lengths.clamp(min=1)[:, None].sqrt()
        return scaled.view(-1, N_WINDOWS, N_QUESTIONS)


def out_of_fold(
    store: LineStore,
    folds: int,
    seed: int,
    fit: Callable[[list[StoredDocument], int], Model],
    said: Callable[[Model, np.ndarray], np.ndarray],
) -> tuple[Model, np.ndarray]:
    """The mean of the models of all folds, and for each line what a model says without its group.

    Args:
        store: the lines.
        folds: of the groups.
        seed: of the folds and, counted on, of the models.
        fit: from documents and a seed to a model.
        said: from a model and places of lines to (n, dim) float32.
    """
    groups = sorted({d.group for d in store.documents})
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[g]: i % folds for i, g in enumerate(order.tolist())}
    honest: list[np.ndarray] = [np.zeros(0)] * len(store.documents)
    models = []
    for fold in range(folds):
        model = fit([d for d in store.documents if fold_of[d.group] != fold], seed + fold)
        for i, d in enumerate(store.documents):
            if fold_of[d.group] == fold:
                honest[i] = said(model, d.first + np.arange(len(d.changes)))
        models.append(model)
    return _mean(models), np.concatenate(honest)


def _mean(models: Sequence[Model]) -> Model:
    states = [model.state_dict() for model in models]
    mean = models[0]
    mean.load_state_dict(
        {name: torch.stack([s[name] for s in states]).mean(dim=0) for name in states[0]}
    )
    return mean


def evidence_of(model: Evidence, store: LineStore, lines: np.ndarray) -> np.ndarray:
    """(n, DIM) float32 of the lines at these places in the store."""
    with torch.inference_mode():
        found: np.ndarray = model(*store.bags(lines)).reshape(len(lines), DIM).numpy()
    return found


def fit(
    store: LineStore, documents: Sequence[StoredDocument], settings: EvidenceSettings, seed: int
) -> Evidence:
    """Learn the five questions from documents of the store, in two of their forms."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Evidence(settings.n_features)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    left, right, change, around = _gaps(store, documents)
    total, step = settings.epochs * -(-len(left) // _BATCH), 0
    for _ in range(settings.epochs):
        order = rng.permutation(len(left))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * (1 - 0.95 * step / total)
            step += 1
            lines, place = np.unique(
                np.concatenate([left[batch], right[batch]]), return_inverse=True
            )
            said = model(*store.bags(lines, settings.word_dropout, rng)).sum(dim=1)
            at = torch.from_numpy(place)
            opens, closes = said[at[len(batch) :], 0:2], said[at[: len(batch)], 2:4]
            gap = opens + closes + model.around(torch.from_numpy(around[batch]))
            own = torch.from_numpy(store.layout(lines, "plain"))
            heads = said[:, HEADING_QUESTION] + model.heading(own)[:, 0]
            loss = _loss(gap, change[batch], heads, store.is_heading[lines])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model


def _loss(
    gap: torch.Tensor, change: np.ndarray, heads: torch.Tensor, is_heading: np.ndarray
) -> torch.Tensor:
    gold = np.stack([change >= SECTION, change >= SUBSECTION], axis=1).astype(np.float32)
    of_gaps = functional.binary_cross_entropy_with_logits(gap, torch.from_numpy(gold))
    of_lines = functional.binary_cross_entropy_with_logits(
        heads, torch.from_numpy(is_heading.astype(np.float32))
    )
    return 2 * of_gaps + 0.5 * of_lines


def _gaps(
    store: LineStore, documents: Sequence[StoredDocument]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Line on the left, on the right, change and layout around: gaps between paragraphs, and
    those before headings.
    """
    rows: list[tuple[np.ndarray, ...]] = []
    for document in documents:
        for variant in ("stripped", "plain"):
            lines, changes = document.lines("stripped" if variant == "stripped" else "plain")
            if len(lines) < 2:
                continue
            kept = np.ones(len(lines) - 1, bool)
            if variant == "plain":
                kept = document.is_heading[1:] & ~document.is_heading[:-1]
            around = _around(store.layout(lines, "plain"))
            rows.append((lines[:-1][kept], lines[1:][kept], changes[1:][kept], around[kept]))
    left, right, change, around = (np.concatenate(column) for column in zip(*rows, strict=True))
    return left, right, change, around


def _around(layout: np.ndarray) -> np.ndarray:
    """(n_lines - 1, 6 · N_OWN): the layout of three lines on each side of a gap."""
    n = len(layout) - 1
    edge = np.zeros((_NEIGHBOURS, layout.shape[1]), np.float32)
    padded = np.concatenate([edge, layout, edge])
    return np.concatenate([padded[k : k + n] for k in range(2 * _NEIGHBOURS + 2)], axis=1)
