"""What a line is about, in the words of headings: a vector learnt from which headings stand over
which words.

Headings that stand over the same words get vectors that are near each other (positive pointwise
mutual information, factorised); a linear model on the hashed words of a line then tells the vector
of the heading that it stands under. Languages written with and without spaces have spaces of
their own, side by side.

Source:
    Levy and Goldberg (2014), "Neural Word Embedding as Implicit Matrix Factorization".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from datakit.segmentation.features import BODY_WINDOW, HEAD_WINDOW, N_WINDOWS

if TYPE_CHECKING:
    import scipy.sparse

    from datakit.segmentation.evidence import EvidenceSettings, LineStore, StoredDocument

N_SPACES = 2  # without and with CJK writing
_HEADING_WORDS = 4096  # the most frequent ones of headings, of each space
_FEWEST = 3  # times that a word stands under a heading word
_BATCH = 4000  # lines
_LEARNING_RATE = 0.01
_LENGTH_LOSS = 0.1  # weight of the squared distance beside the cosine
_LEAST_LENGTH = 0.1  # shorter counts as this long: the cosine's gradient is unbounded at 0


class Topics(nn.Module):
    """A vector for each feature, and a gain for each window."""

    def __init__(self, n_features: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(n_features, dim))
        self.gains = nn.Parameter(torch.ones(N_WINDOWS))
        self.offset = nn.Parameter(torch.zeros(N_SPACES, dim))

    def forward(
        self, ids: torch.Tensor, lengths: torch.Tensor, spaces: torch.Tensor
    ) -> torch.Tensor:
        """(n_lines, N_SPACES · dim): the vector of each line in its space, 0 in the others.

        Args:
            ids: (n_ids,) int64 rows, window after window of each line.
            lengths: (n_lines · N_WINDOWS,) int64.
            spaces: (n_lines,) int64.
        """
        dim = self.table.shape[1]
        offsets = torch.cumsum(lengths, 0) - lengths
        sums = functional.embedding_bag(ids, self.table, offsets, mode="sum")
        scaled = (sums / lengths.clamp(min=1)[:, None].sqrt()).view(-1, N_WINDOWS, dim)
        vectors = (scaled * self.gains[:, None]).sum(dim=1) + self.offset[spaces]
        placed = functional.one_hot(spaces, N_SPACES).to(vectors.dtype)
        return (placed[:, :, None] * vectors[:, None]).flatten(1)


def fit(
    store: LineStore, documents: Sequence[StoredDocument], targets: np.ndarray,
    settings: EvidenceSettings, seed: int,
) -> Topics:  # fmt: skip
    """Learn to tell the vector of its heading from the words of a line.

    Args:
        store: the lines.
        documents: those to learn from.
        targets: (n_lines, N_SPACES · dim), see `heading_vectors`; rows of zeros teach nothing.
        settings: epochs and word dropout.
        seed: of the order and the dropout.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Topics(settings.n_features, targets.shape[1] // N_SPACES)
    optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    lines = np.concatenate([d.first + np.arange(len(d.changes)) for d in documents])
    lines = lines[np.abs(targets[lines]).sum(axis=1) > 0]
    total, step = settings.epochs * -(-len(lines) // _BATCH), 0
    for _ in range(settings.epochs):
        order = rng.permutation(lines)
        for start in range(0, len(order), _BATCH):
            batch = np.sort(order[start : start + _BATCH])
            for group in optimiser.param_groups:
                group["lr"] = _LEARNING_RATE * (1 - 0.95 * step / total)
            step += 1
            spaces = torch.from_numpy(store.spaces[batch])
            said = model(*store.bags(batch, settings.word_dropout, rng), spaces)
            gold = torch.from_numpy(targets[batch])
            far = 1 - functional.cosine_similarity(said, gold, eps=_LEAST_LENGTH).mean()
            loss = far + _LENGTH_LOSS * (said - gold).square().sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model


def topics_of(model: Topics, store: LineStore, lines: np.ndarray) -> np.ndarray:
    """(n, N_SPACES · dim) float32 of the lines at these places in the store."""
    with torch.inference_mode():
        spaces = torch.from_numpy(store.spaces[lines])
        found: np.ndarray = model(*store.bags(lines), spaces).numpy()
    return found


def heading_vectors(store: LineStore, dim: int, seed: int) -> np.ndarray:
    """(n_lines, N_SPACES · dim) float32: of each line the unit vector of its heading, in its
    space; zeros under no heading.
    """
    found = np.zeros((len(store), N_SPACES * dim), np.float32)
    for space in range(N_SPACES):
        headings = np.flatnonzero(store.is_heading & (store.spaces == space))
        if len(headings) > dim:
            vectors = _vectors_of(store, headings, dim, seed)
            place = np.full(len(store) + 1, -1)
            place[headings] = np.arange(len(headings))
            of = place[store.heading_of]  # -1 takes the last place, which is -1
            inside = np.flatnonzero(of >= 0)
            found[inside, space * dim : (space + 1) * dim] = vectors[of[inside]]
    return found


def _vectors_of(store: LineStore, headings: np.ndarray, dim: int, seed: int) -> np.ndarray:
    """(n_headings, dim) float32 of unit length, or 0 for a heading of rare words alone."""
    import scipy.sparse as sp
    from sklearn.utils.extmath import randomized_svd

    words = store.counts(headings, HEAD_WINDOW)
    often = np.argsort(-np.asarray((words > 0).sum(axis=0)).ravel(), kind="stable")
    words = words[:, np.sort(often[:_HEADING_WORDS])]
    together = (_shares(words).T @ _below(store, headings)).tocoo()
    of_heading = np.asarray(together.sum(axis=1)).ravel()
    of_word = np.asarray(together.sum(axis=0)).ravel()
    total = of_heading.sum()
    kept = together.data >= _FEWEST
    row, column, n = together.row[kept], together.col[kept], together.data[kept]
    if not len(n):
        return np.zeros((len(headings), dim), np.float32)
    information = np.log(n * total / (of_heading[row] * of_word[column]))
    positive = information > 0
    weights = information[positive] * np.sqrt(np.log1p(n[positive]))
    matrix = sp.csr_matrix((weights, (row[positive], column[positive])), shape=together.shape)
    if min(matrix.shape) <= dim:
        return np.zeros((len(headings), dim), np.float32)
    left, values, _ = randomized_svd(matrix, dim, n_iter=4, random_state=seed)
    space = _unit(left * np.sqrt(values))
    rarity = np.clip(np.log(total / (of_heading + 10)), 0, None)
    of_words = sp.csr_matrix(words) @ sp.diags(rarity) @ space
    return _unit(np.asarray(of_words)).astype(np.float32)


def _below(store: LineStore, headings: np.ndarray) -> scipy.sparse.csr_matrix:
    """(n_headings, n_features): the words of the lines that stand under each heading."""
    import scipy.sparse as sp

    place = np.full(len(store) + 1, -1)
    place[headings] = np.arange(len(headings))
    of = place[store.heading_of]
    lines = np.flatnonzero((of >= 0) & ~store.is_heading)
    ones = np.ones(len(lines), np.float32)
    under = sp.csr_matrix((ones, (of[lines], np.arange(len(lines)))), (len(headings), len(lines)))
    return under @ store.counts(lines, BODY_WINDOW)


def _shares(words: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    import scipy.sparse as sp

    lengths = np.sqrt(np.maximum(np.asarray(words.sum(axis=1)).ravel(), 1))
    return sp.diags(1 / lengths) @ words


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.maximum(lengths, 1e-9)
    return unit
