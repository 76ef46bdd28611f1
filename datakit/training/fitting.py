"""The training of a query generator: settings, epochs, loss and samples."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datakit import models
from datakit.errors import DatakitError
from datakit.generators.t5 import T5Queries, filled
from datakit.records import Passage
from datakit.segmentation.epochs import Course, Epoch, Say, run, seed_of, warm_up_then_linear
from datakit.seq2seq import Dtype, Seq2Seq, Source
from datakit.seq2seq.decoding import Decoding, padded
from datakit.training.pairs import Pair

if TYPE_CHECKING:
    import torch

_POOL = 50  # batches among which pairs of like length are brought together
_CLIP = 1.0  # norm of the gradient


@dataclass(frozen=True)
class Settings:
    """How a query generator is trained."""

    model: str = "google/mt5-base"  # where it starts: a folder or a hub id
    from_config: bool = False  # the config and tokenizer of `model`, with random weights
    prompt: str = ""  # as of the generator t5; "": as the model's folder says
    epochs: int = 3
    patience: int = 2  # epochs without a lower held-out loss before it stops
    # an epoch is at most so many pairs, after which loss and samples are shown and the state is
    # kept; 0: all pairs
    epoch_pairs: int = 0
    dev_pairs: int = 500  # held out, at most
    batch_size: int = 32  # pairs a step
    step_tokens: int = 8192  # padded, of both sides; what is more of a step is computed in turns
    learning_rate: float = 3e-4  # customary for T5 with AdamW; from a config, 1e-3 and more
    weight_decay: float = 0.01
    warm_up: float = 0.05  # share of the steps
    max_source_tokens: int = 320  # of the passage with its template
    max_tokens: int = 64  # of the query; a longer one is left out
    samples: int = 3  # queries of held-out passages, shown after each epoch
    dtype: Dtype = "float32"  # of products; weights are float32
    device: str = "auto"
    allow_download: bool = False  # fetch a hub id that is not in the local cache

    def __post_init__(self) -> None:
        counts = (self.epochs, self.dev_pairs, self.batch_size, self.step_tokens, self.max_tokens)
        if min(counts) < 1 or min(self.epoch_pairs, self.samples) < 0:
            raise ValueError("numbers of epochs, pairs and tokens are at least 1")
        T5Queries(prompt=self.prompt)


@dataclass(frozen=True, slots=True)
class Example:
    """A pair as the network takes it."""

    source: list[int]
    target: list[int]  # with the closing token

    @property
    def size(self) -> int:
        return len(self.source) + len(self.target)


@dataclass(frozen=True)
class Data:
    pairs: Mapping[str, list[Pair]]  # train and dev
    examples: Mapping[str, list[Example]]
    left_out: Mapping[str, int]  # by reason


def fit(
    model: Seq2Seq, data: Data, settings: Settings, seed: int, folder: Path, say: Say
) -> tuple[float, list[Epoch]]:
    """The held-out loss before training, and the epochs; the best weights are loaded."""
    import torch

    network = model.model
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    course = Course(
        settings.epochs, settings.patience, seed, folder, say,
        lambda score: f"held-out loss {-score:.4f}",
    )  # fmt: skip

    def score() -> float:
        loss = held_out_loss(model, data.examples["dev"], settings)
        for passage, query, written in samples_of(model, data.pairs["dev"], settings):
            say(f"  {passage[:60]!r}: {written!r}, a person asked {query!r}")
        return -loss

    try:
        before = held_out_loss(model, data.examples["dev"], settings)
        say(f"before training: held-out loss {before:.4f}")
        history = run(
            network,
            optimiser,
            lambda number: _one_epoch(
                model, optimiser, data.examples["train"], settings, seed, number
            ),
            score,
            course,
        )
    except torch.OutOfMemoryError as error:
        raise DatakitError(
            f"step_tokens = {settings.step_tokens} does not fit into the memory of the device: "
            "halve it. What is finished is kept."
        ) from error
    return before, history


def _one_epoch(
    model: Seq2Seq,
    optimiser: torch.optim.Optimizer,
    examples: Sequence[Example],
    settings: Settings,
    seed: int,
    number: int,
) -> float:
    """One pass, or `epoch_pairs` of it; the mean loss of a token."""
    import torch

    size = min(settings.epoch_pairs or len(examples), len(examples))
    steps = math.ceil(size / settings.batch_size)
    total, tokens = 0.0, 0
    for i, batch in enumerate(_batches(examples, size, settings.batch_size, seed, number)):
        done = (number - 1) * steps + i
        factor = warm_up_then_linear(done, settings.epochs * steps, settings.warm_up)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * factor
        targets = sum(len(example.target) for example in batch)
        for part in _turns(batch, settings.step_tokens):
            loss = _loss(model, part, settings)
            (loss / targets).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        tokens += targets
        torch.nn.utils.clip_grad_norm_(model.model.parameters(), _CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return total / tokens


def _batches(
    examples: Sequence[Example], size: int, batch_size: int, seed: int, number: int
) -> Iterator[list[Example]]:
    """The examples of an epoch in random order, those of like length together."""
    import random

    draw = random.Random(seed_of(seed, number))
    chosen = [examples[i] for i in drawn(len(examples), size, seed, number)]
    batches = []
    for start in range(0, len(chosen), _POOL * batch_size):
        pool = sorted(chosen[start : start + _POOL * batch_size], key=lambda one: one.size)
        batches += [pool[k : k + batch_size] for k in range(0, len(pool), batch_size)]
    draw.shuffle(batches)
    yield from batches


def drawn(n: int, size: int, seed: int, number: int) -> list[int]:
    """The positions that an epoch takes; epochs go through all `n` before one comes again.

    Args:
        n: positions there are.
        size: of an epoch, at most `n`.
        seed: of the order, which is another one in every pass.
        number: of the epoch, from 1.
    """
    import random

    start = (number - 1) * size
    found: list[int] = []
    for number_of_pass in itertools.count(start // n):
        order = list(range(n))
        random.Random(seed_of(seed, -number_of_pass)).shuffle(order)
        offset = start - number_of_pass * n if not found else 0
        found += order[offset : offset + size - len(found)]
        if len(found) == size:
            return found
    raise AssertionError


def _turns(batch: Sequence[Example], budget: int) -> Iterator[list[Example]]:
    for rows in models.batches([example.size for example in batch], budget):
        yield [batch[i] for i in rows]


def _loss(model: Seq2Seq, batch: Sequence[Example], settings: Settings) -> torch.Tensor:
    """The negative log-probability of all target tokens, summed; a scalar."""
    import torch

    padding = model.tokeniser.pad_token_id or 0
    tokens, mask = padded([example.source for example in batch], padding)
    labels, known = padded([example.target for example in batch], padding)
    labels = labels.masked_fill(known == 0, -100)
    kind = model.device.split(":")[0]
    with torch.autocast(kind, torch.bfloat16, enabled=settings.dtype == "bfloat16"):
        mean: torch.Tensor = model.model(
            input_ids=tokens.to(model.device),
            attention_mask=mask.to(model.device),
            labels=labels.to(model.device),
        ).loss
    return mean * int(known.sum())


def held_out_loss(model: Seq2Seq, examples: Sequence[Example], settings: Settings) -> float:
    """The mean negative log-probability of a token, in nats."""
    import torch

    model.model.eval()
    with torch.inference_mode():
        total = sum(
            float(_loss(model, part, settings)) for part in _turns(examples, settings.step_tokens)
        )
    return total / sum(len(example.target) for example in examples)


def samples_of(
    model: Seq2Seq, pairs: Sequence[Pair], settings: Settings
) -> list[tuple[str, str, str]]:
    """(passage, query, what the model writes) of the first held-out pairs, greedily."""
    chosen = pairs[: settings.samples]
    sources = [Source(source_text(model.prompt, pair), (0,)) for pair in chosen]
    written = model.generate(sources, Decoding(settings.max_tokens, beams=1))
    return [
        (pair.passage, pair.query, outputs[0].text)
        for pair, outputs in zip(chosen, written, strict=True)
    ]


def source_text(prompt: str, pair: Pair) -> str:
    passage = Passage("", "", pair.passage, 0, len(pair.passage), 0, title=pair.title)
    return filled(prompt, passage, pair.language)
