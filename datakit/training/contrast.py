"""The training of a bi-encoder: settings, steps, losses, and the score on held-out queries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datakit.segmentation.epochs import Course, Epoch, Say, run, seed_of, warm_up_then_linear
from datakit.seq2seq import Dtype
from datakit.training.triples import Example, Triples, batches, columns

if TYPE_CHECKING:
    import numpy as np
    import torch

DEV_QUERIES = 500  # held out, at most, for the choice of the epoch
_CLIP = 1.0  # norm of the gradient


@dataclass(frozen=True)
class Settings:
    """How a retriever is trained; `arch` chooses what of it has a meaning."""

    arch: Literal["bag", "checkpoint"] = "checkpoint"
    model: str = "all-MiniLM-L6-v2"  # of a checkpoint: that name, a folder, or a hub id
    dim: int = 256  # of bag
    pieces: int = 16_000  # of bag: the most in its vocabulary
    labels: Literal["direct", "all"] = "all"
    negatives: int = 2  # mined ones of a query in a step; 0: only those of the others in the batch
    epochs: int = 3
    patience: int = 2  # epochs without a better held-out score before it stops
    steps: int = 0  # at most, of all epochs together; 0: as the epochs have it
    batch_size: int = 32  # queries a step
    learning_rate: float = 0.0  # 0: 2e-5 of a checkpoint, 3e-3 of bag
    weight_decay: float = 0.0
    warm_up: float = 0.1  # share of the steps
    scale: float = 20.0  # of cosines, as of MultipleNegativesRanking
    distil: float = 0.0  # weight of the teacher's margins beside it
    max_length: int = 256  # tokens of a text, of a checkpoint
    dtype: Dtype = "float32"  # of products; weights are float32
    device: str = "auto"
    allow_download: bool = False  # fetch a hub id that is not in the local cache

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.dim, self.pieces, self.max_length) < 1:
            raise ValueError("numbers of epochs, queries, pieces and tokens are at least 1")
        if min(self.negatives, self.steps, self.distil, self.learning_rate) < 0:
            raise ValueError("negatives, steps, distil and learning_rate are at least 0")

    @property
    def rate(self) -> float:
        return self.learning_rate or (3e-3 if self.arch == "bag" else 2e-5)


def fit(
    model: Any, triples: Triples, settings: Settings, seed: int, folder: Path, say: Say
) -> tuple[float, list[Epoch]]:
    """The held-out score before training, and the epochs; the best weights are loaded."""
    import torch

    optimiser = torch.optim.AdamW(
        model.parameters(), settings.rate, weight_decay=settings.weight_decay
    )
    course = Course(
        settings.epochs, settings.patience, seed, folder, say,
        lambda score: f"held-out RR {score:.4f}",
    )  # fmt: skip
    per_epoch = _per_epoch(triples, settings)
    total = settings.epochs * per_epoch
    if settings.steps:
        total = min(total, settings.steps)
    loop = _Loop(model, optimiser, triples, settings, seed, per_epoch, total)

    def score() -> float:
        return held_out(model, triples, settings.dtype)

    before = score()
    say(f"before training: held-out RR {before:.4f}")
    return before, run(model, optimiser, loop.epoch, score, course)


def fit_steps(model: Any, triples: Triples, settings: Settings, seed: int) -> None:
    """Exactly `settings.steps` steps, the last weights kept: for models that are compared."""
    import torch

    optimiser = torch.optim.AdamW(
        model.parameters(), settings.rate, weight_decay=settings.weight_decay
    )
    per_epoch = _per_epoch(triples, settings)
    loop = _Loop(model, optimiser, triples, settings, seed, per_epoch, settings.steps)
    model.train()
    for number in range(1, math.ceil(settings.steps / per_epoch) + 1):
        torch.manual_seed(seed_of(seed, number))
        loop.epoch(number)
    model.eval()


def _per_epoch(triples: Triples, settings: Settings) -> int:
    """Steps of an epoch: what has to wait for a later batch makes for a few more."""
    return max(1, math.ceil(len(triples.train) / settings.batch_size))


class _Loop:
    """Steps of an epoch."""

    def __init__(
        self,
        model: Any,
        optimiser: torch.optim.Optimizer,
        triples: Triples,
        settings: Settings,
        seed: int,
        per_epoch: int,
        total: int,
    ) -> None:
        from sentence_transformers import util

        try:
            from sentence_transformers.sentence_transformer import losses
        except ImportError:  # before 6.0
            from sentence_transformers import losses  # type: ignore[attr-defined,no-redef]

        self.model, self.optimiser = model, optimiser
        self.triples, self.settings, self.seed = triples, settings, seed
        self.per_epoch, self.total = per_epoch, total
        self.ranking = losses.MultipleNegativesRankingLoss(model, scale=settings.scale)
        self.margins = losses.MarginMSELoss(model, similarity_fct=util.pairwise_cos_sim)

    def epoch(self, number: int) -> float:
        import torch

        losses = []
        for i, batch in enumerate(self._batches(number)):
            done = (number - 1) * self.per_epoch + i
            factor = warm_up_then_linear(done, self.total, self.settings.warm_up)
            for group in self.optimiser.param_groups:
                group["lr"] = self.settings.rate * factor
            loss = self._loss(batch, seed_of(self.seed, number))
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            losses.append(float(loss.detach()))
        return sum(losses) / max(1, len(losses))

    def _batches(self, number: int) -> Iterator[list[Example]]:
        left = self.total - (number - 1) * self.per_epoch
        whole = batches(
            self.triples, self.triples.train, self.settings.batch_size, seed_of(self.seed, number)
        )
        return itertools.islice(whole, max(0, min(left, self.per_epoch)))

    def _loss(self, batch: Sequence[Example], seed: int) -> torch.Tensor:
        """A scalar: MultipleNegativesRanking, and where they are asked for the margins."""
        texts, margins = columns(batch, self.settings.negatives, self.triples.texts, seed)
        with _products(self.model, self.settings.dtype):
            return self._loss_of(texts, margins)

    def _loss_of(self, texts: list[list[str]], margins: list[list[float | None]]) -> torch.Tensor:
        import torch

        loss: torch.Tensor = self.ranking([self._features(c) for c in texts], torch.empty(0))
        rows = [i for i, of in enumerate(margins) if of and of[0] is not None]
        if self.settings.distil and rows:
            three = [self._features([column[i] for i in rows]) for column in texts[:3]]
            wanted = torch.tensor([margins[i][0] for i in rows], device=self.model.device)
            loss = loss + self.settings.distil * self.margins(three, wanted)
        return loss

    def _features(self, texts: list[str]) -> dict[str, torch.Tensor]:
        return features(self.model, texts)


def features(model: Any, texts: list[str]) -> dict[str, torch.Tensor]:
    """Texts as the model takes them, on its device."""
    read = getattr(model, "preprocess", None) or model.tokenize  # `tokenize` before 6.0
    return {
        name: value.to(model.device) if hasattr(value, "to") else value
        for name, value in read(texts).items()
    }


def _products(model: Any, dtype: Dtype) -> torch.autocast:
    import torch

    return torch.autocast(model.device.type, torch.bfloat16, enabled=dtype == "bfloat16")


def encode(model: Any, texts: Sequence[str], dtype: Dtype = "float32") -> np.ndarray:
    """(n_texts, dim) float32, unit length."""
    with _products(model, dtype):
        vectors: np.ndarray = model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=64
        )
    return vectors


def held_out(model: Any, triples: Triples, dtype: Dtype = "float32") -> float:
    """Mean reciprocal rank of the held-out queries' positives among their passages and negatives.

    Of a set without a dev split, and of one without a query in it, nan is of no use: then the
    first train queries stand in, which the card says.
    """
    import numpy as np

    chosen = (triples.dev or triples.train)[:DEV_QUERIES]
    rows = {text: i for i, text in enumerate(dict.fromkeys(_texts(chosen)))}
    vectors = encode(model, list(rows), dtype)
    asked = encode(model, [one.query for one in chosen], dtype)
    scores = asked @ vectors.T
    ranks = []
    positives: dict[str, set[int]] = {}
    for one in chosen:
        positives.setdefault(one.query_id, set()).add(rows[one.positive])
    for row, one in zip(scores, chosen, strict=True):
        mine = row[rows[one.positive]]
        better = np.flatnonzero(row > mine)
        ranks.append(1 + len(set(better.tolist()) - positives[one.query_id]))
    return math.fsum(1 / rank for rank in ranks) / len(ranks)


def _texts(chosen: Sequence[Example]) -> Iterator[str]:
    for one in chosen:
        yield one.positive
        yield from (against.text for against in one.negatives)
