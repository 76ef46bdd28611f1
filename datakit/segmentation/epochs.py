"""Training by epochs: stop early, keep the best weights, go on after an interruption."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.errors import DatakitError

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.safetensors"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Course:
    """How long to train, where to keep the state, and whom to tell."""

    epochs: int  # at most
    patience: int  # epochs without a better score before it stops
    seed: int  # with the number of the epoch, of what is drawn from torch (dropout)
    folder: Path  # of the checkpoint
    say: Say  # takes a line of progress
    show: Callable[[float], str] = "score {:.4f}".format  # the score as progress names it


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training data gave."""

    number: int  # from 1
    loss: float  # mean over the batches
    score: float  # on development documents, more is better
    seconds: float


def run(
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    one_epoch: Callable[[int], float],
    score: Callable[[], float],
    course: Course,
) -> list[Epoch]:
    """Train until the score has not risen for long enough; the best weights stay loaded.

    Weights, optimiser and history are written after each epoch, in one file that is
    replaced at once: a run that was killed goes on after its last finished epoch, and ends as it
    would have without the interruption, because each epoch draws from its own seed.

    Args:
        network: the weights to train; on return those of the best epoch, in evaluation mode.
        optimiser: over the parameters of the network.
        one_epoch: given the number of the epoch from 1, trains and returns the mean loss.
        score: the quality on development documents now, more is better.
        course: how long, with which seed, where.

    Source:
        Prechelt (1998), "Early stopping - but when?", the third class of criteria (UP) on a score.
    """
    import torch

    history, best = _resume(course.folder, network, optimiser)
    if history:
        course.say(f"goes on after epoch {history[-1].number}")
    for number in range(len(history) + 1, course.epochs + 1):
        if _is_over(history, course.patience):
            break
        started = time.monotonic()
        torch.manual_seed(seed_of(course.seed, number))
        network.train()
        loss = one_epoch(number)
        network.eval()
        done = Epoch(number, loss, score(), time.monotonic() - started)
        if done.score > max((e.score for e in history), default=-math.inf):
            best = _copy(network)
        history.append(done)
        _write(course.folder, network, optimiser, best, history)
        told = f"loss {loss:.4f}, {course.show(done.score)}, {done.seconds:.0f} s"
        course.say(f"epoch {number}: {told}")
    if best:
        _load(network, best)
    network.eval()
    return history


def seed_of(seed: int, epoch: int) -> int:
    """What an epoch draws depends on nothing that was drawn before it."""
    return seed * 100_003 + epoch


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The first of the epochs with the highest score."""
    return max(history, key=lambda e: (e.score, -e.number))


def _is_over(history: Sequence[Epoch], patience: int) -> bool:
    return bool(history) and history[-1].number - best_epoch(history).number >= patience


def _copy(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    tensors = network.state_dict()
    return {name: tensors[name].detach().cpu().clone() for name in _names(network)}


def _names(network: torch.nn.Module) -> list[str]:
    """The names of the state, without the second names of weights that are tied."""
    first: dict[int, str] = {}
    for name, tensor in network.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), name)
    return list(first.values())


def _load(network: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    found = network.load_state_dict(state, strict=False)
    lacking = set(found.missing_keys) & set(_names(network))
    if found.unexpected_keys or lacking:
        raise DatakitError(
            f"{CHECKPOINT} holds other weights than the network has, such as "
            f"{[*found.unexpected_keys, *sorted(lacking)][0]}. Remove it to begin again."
        )


def _write(
    folder: Path,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    best: Mapping[str, torch.Tensor],
    history: Sequence[Epoch],
) -> None:
    from safetensors.torch import save_file

    tensors = {f"network.{k}": v for k, v in _copy(network).items()}
    tensors |= {f"best.{k}": v for k, v in best.items()}
    plain: dict[str, Any] = {}
    state = optimiser.state_dict()
    for i, values in state["state"].items():
        for name, value in values.items():
            key = f"optimiser.{i}.{name}"
            if hasattr(value, "detach"):
                tensors[key] = value.detach().cpu().clone().contiguous()
            else:
                plain[key] = value
    meta = {
        "history": json.dumps([asdict(e) for e in history]),
        "groups": json.dumps(state["param_groups"]),
        "plain": json.dumps(plain),
    }
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    unfinished = folder / f".{CHECKPOINT}.{os.getpid()}.part"
    save_file(contiguous, unfinished, metadata=meta)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(folder / CHECKPOINT)


def _resume(
    folder: Path, network: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[list[Epoch], dict[str, torch.Tensor]]:
    from safetensors import safe_open

    path = folder / CHECKPOINT
    if not path.is_file():
        return [], {}
    with safe_open(path, framework="pt") as file:
        meta = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    _load(network, _below(tensors, "network."))
    state: dict[int, dict[str, Any]] = {}
    kept: dict[str, Any] = _below(tensors, "optimiser.")
    plain = _below(json.loads(meta["plain"]), "optimiser.")
    for key, value in {**kept, **plain}.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": json.loads(meta["groups"])})
    history = [Epoch(**e) for e in json.loads(meta["history"])]
    return history, _below(tensors, "best.")


def _below(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def warm_up_then_linear(step: int, total: int, warm_up: float) -> float:
    """The factor of the learning rate: up to 1 over the first share of the steps, then down to 0.

    Args:
        step: from 0.
        total: steps in all epochs together.
        warm_up: share of the steps, 0 to 1.
    """
    up = max(1, math.ceil(total * warm_up))
    if step < up:
        return (step + 1) / up
    return max(0.0, (total - step) / max(1, total - up))
