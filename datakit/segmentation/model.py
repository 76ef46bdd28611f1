"""Models that score the gaps between lines: what they are, and the one way to load them.

A model folder has `config.json` (format, architecture, settings, calibration, thresholds),
`model.safetensors` and `README.md`, the model card. A transformers folder with two labels is read
too, as the pair classifier that it is. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from datakit.errors import DatakitError
from datakit.segmentation.corpus import Depth, Line

if TYPE_CHECKING:
    import numpy as np
    import torch

    from datakit.segmentation.calibration import Calibration, Raw, Thresholds

FORMAT, VERSION = "datakit-topic-change", 2
SHIPPED = "shipped"
ARCHITECTURES = {
    "hashed": "datakit.segmentation.hashed",
    "pair": "datakit.segmentation.pair",
    "hierarchical": "datakit.segmentation.hierarchical",
}
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


class Scored(NamedTuple):
    """The gaps of a document: how probable a boundary is, and from where on it counts as one.

    Column 0 of `p`: that the gap is a section boundary; column 1: that it is a boundary at
    sub-section depth or above; column 1 >= column 0. The thresholds depend on what the document
    shows of its headings; a model's are chosen on development documents.
    """

    p: np.ndarray  # (n_lines - 1, 2) float32 in [0, 1], of a trained model calibrated
    thresholds: Mapping[Depth, float]


class GapModel(Protocol):
    """Says for each gap between consecutive lines how likely the topic changes there."""

    @property
    def name(self) -> str: ...

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        """The gaps of each document. Bit-equal for any batching and thread count."""
        ...

    def identity(self) -> dict[str, Any]:
        """What decides the output: name, architecture, sha256 of the weights."""
        ...


class Fitted(Protocol):
    """What an architecture's `fit` and `from_state` give: a trained network."""

    def raw(self, documents: Sequence[Sequence[Line]]) -> list[Raw]:
        """The logits of each document's gaps, and what it shows of its headings."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """The weights by name."""
        ...

    def config(self) -> dict[str, Any]:
        """What `from_state` needs beside the weights, as JSON values."""
        ...


@dataclass(frozen=True)
class TrainedModel:
    """One network or the mean of several, calibrated."""

    name: str
    arch: str
    members: tuple[Fitted, ...]  # of several, the probabilities are averaged
    calibration: Calibration
    thresholds: Thresholds
    weights: str = ""  # sha256 of the weights
    training: Mapping[str, Any] = field(default_factory=dict)

    def raw(self, documents: Sequence[Sequence[Line]]) -> list[Raw]:
        """Before calibration: the members' mean, under the condition that the first one sees."""
        found = [member.raw(documents) for member in self.members]
        logits = mean_logits([[one.logits for one in of_member] for of_member in found])
        return [one._replace(logits=x) for one, x in zip(found[0], logits, strict=True)]

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        """See `GapModel.scored`; whether it is bit-equal is up to the architecture."""
        return [
            Scored(self.calibration(raw), self.thresholds.values[raw.condition])
            for raw in self.raw(documents)
        ]

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) float32 in [0, 1], as `Scored.p`."""
        return [found.p for found in self.scored(documents)]

    def identity(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "arch": self.arch,
            "weights_sha256": self.weights,
            "calibration": self.calibration.as_json(),
            "thresholds": self.thresholds.as_json(),
        }


def mean_logits(members: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """The logit of the members' mean probability, (n_gaps, 2) float64 for each document.

    One member's logits pass unchanged.
    """
    import numpy as np

    if len(members) == 1:
        return [np.asarray(raw, np.float64) for raw in members[0]]
    means = []
    for of_document in zip(*members, strict=True):
        stacked = np.stack([np.asarray(raw, np.float64) for raw in of_document])
        # log of the mean of p and of the mean of 1 - p, neither of which rounds to 0
        yes = np.logaddexp.reduce(-np.logaddexp(0, -stacked), axis=0)
        no = np.logaddexp.reduce(-np.logaddexp(0, stacked), axis=0)
        means.append(yes - no)
    return means


# --- loading -----------------------------------------------------------------------------------


def load(model: str | Path = SHIPPED) -> GapModel:
    """A model by folder, or the one in the package by the name "shipped".

    Raises:
        DatakitError: there is no such folder, or its config or weights are missing, corrupt or
            of something else.
    """
    folder = shipped_folder() if str(model) == SHIPPED else Path(model)
    return _load(str(model), folder, _stamp(folder))


def shipped_folder() -> Path:
    return Path(__file__).with_name("weights")


def _stamp(folder: Path) -> tuple[int, ...]:
    """Changes when the model does: a folder that is trained again is loaded again."""
    files = [folder / CONFIG, folder / WEIGHTS]
    return tuple(f.stat().st_mtime_ns if f.is_file() else 0 for f in files)


@functools.lru_cache(maxsize=4)
def _load(name: str, folder: Path, stamp: tuple[int, ...]) -> GapModel:
    config = read_config(folder)
    if "format" not in config and "model_type" in config:
        from datakit.segmentation.pair import load_checkpoint

        return load_checkpoint(folder, name)
    _check_format(folder, config)
    tensors, digest = read_weights(folder, config)
    module = architecture(config["arch"])
    with _foreign(folder):
        members = [
            module.from_state(config["settings"], part(tensors, i))
            for i in range(config["members"])
        ]
        return _assembled(name, config, members, digest)


def _assembled(
    name: str, config: Mapping[str, Any], members: Sequence[Fitted], digest: str
) -> TrainedModel:
    from datakit.segmentation.calibration import Calibration, Thresholds

    return TrainedModel(
        name=name,
        arch=config["arch"],
        members=tuple(members),
        calibration=Calibration.from_json(config["calibration"]),
        thresholds=Thresholds.from_json(config["thresholds"]),
        weights=digest,
        training=config.get("training", {}),
    )


def architecture(name: str) -> Any:
    """The module of an architecture: `Settings`, `fit` and `from_state`.

    Raises:
        UnknownName: there is no such architecture.
    """
    if name not in ARCHITECTURES:
        from datakit.errors import UnknownName

        raise UnknownName("architecture", name, ARCHITECTURES)
    return importlib.import_module(ARCHITECTURES[name])


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder.

    Raises:
        DatakitError: there is none, or it is not a JSON object.
    """
    path = folder / CONFIG
    if not path.is_file():
        found = "no such folder" if not folder.is_dir() else f"a folder without {CONFIG}"
        raise DatakitError(
            f"segmentation model {folder}: found {found}, expected a folder with {CONFIG} and "
            f"{WEIGHTS}. `datakit train segmenter` makes one; {SHIPPED!r} names the one in datakit."
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatakitError(
            f"{path}: expected a JSON object, found {one_line(error)}. Get the model again."
        ) from error
    if not isinstance(config, dict):
        raise DatakitError(
            f"{path}: expected a JSON object, found {type(config).__name__}. Get the model again."
        )
    return config


def _check_format(folder: Path, config: Mapping[str, Any]) -> None:
    found = config.get("format"), config.get("version")
    if found[0] != FORMAT:
        raise DatakitError(
            f"{folder / CONFIG}: format is {found[0]!r}, expected {FORMAT!r}. "
            "Is this another kind of model?"
        )
    if found[1] != VERSION:
        raise DatakitError(
            f"{folder / CONFIG}: version is {found[1]!r}, this datakit reads {VERSION}. "
            "Train the model again, or install the datakit that wrote it."
        )
    needed = ("arch", "settings", "members", "calibration", "thresholds", "weights_sha256")
    missing = [key for key in needed if key not in config]
    if missing:
        raise DatakitError(
            f"{folder / CONFIG}: {', '.join(missing)} not found. Get the model again."
        )
    if not isinstance(config["members"], int) or config["members"] < 1:
        raise DatakitError(
            f"{folder / CONFIG}: members is {config['members']!r}, expected a number from 1. "
            "Get the model again."
        )


def read_weights(folder: Path, config: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors of a model folder, and the sha256 of their file.

    Raises:
        DatakitError: the file is missing, is no safetensors file, or is not that of the config.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    path = folder / WEIGHTS
    if not path.is_file():
        others = sorted(f.name for ext in ("*.bin", "*.pt", "*.pkl") for f in folder.glob(ext))
        found = f"only {', '.join(others)}, which can hide code and is not read" if others else (
            "no weights"
        )  # fmt: skip
        raise DatakitError(f"{folder}: found {found}, expected {WEIGHTS}. Get the model again.")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != config["weights_sha256"]:
        raise DatakitError(
            f"{path}: sha256 is {digest[:16]}…, {CONFIG} expects "
            f"{str(config['weights_sha256'])[:16]}…: the weights are corrupt or those of another "
            "model. Get both files again."
        )
    try:
        return parse(content), digest
    except (SafetensorError, ValueError) as error:
        raise DatakitError(
            f"{path}: no safetensors file ({one_line(error)}). Get the model again."
        ) from error


@contextlib.contextmanager
def _foreign(folder: Path) -> Iterator[None]:
    """Weights or settings that do not fit the architecture are one line, not a traceback."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise DatakitError(
            f"{folder}: {CONFIG} and {WEIGHTS} do not fit each other or this datakit "
            f"({type(error).__name__}: {one_line(error)}). Train the model again."
        ) from error


def one_line(error: BaseException, limit: int = 160) -> str:
    """The message of an exception on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[:limit] + "…"


# --- saving ------------------------------------------------------------------------------------


def save(folder: Path, model: TrainedModel) -> TrainedModel:
    """Write config and weights, the config last; the model with the digest of its weights.

    The config names the sha256 of the weights, so a save that was cut off does not load.
    """
    from safetensors.torch import save as to_bytes

    tensors = {
        f"{i}.{name}": tensor.detach().cpu().contiguous()
        for i, member in enumerate(model.members)
        for name, tensor in member.state().items()
    }
    content = to_bytes(tensors)
    digest = hashlib.sha256(content).hexdigest()
    config = {
        "format": FORMAT,
        "version": VERSION,
        "arch": model.arch,
        "settings": model.members[0].config(),
        "members": len(model.members),
        "calibration": model.calibration.as_json(),
        "thresholds": model.thresholds.as_json(),
        "weights_sha256": digest,
        "training": dict(model.training),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS, content)
    text = json.dumps(config, indent=1, ensure_ascii=False) + "\n"
    write_bytes(folder / CONFIG, text.encode())
    return TrainedModel(
        model.name, model.arch, model.members, model.calibration, model.thresholds, digest,
        model.training,
    )  # fmt: skip


def part(tensors: Mapping[str, torch.Tensor], member: int) -> dict[str, torch.Tensor]:
    """The tensors of one member of an ensemble, by its own names."""
    prefix = f"{member}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old content or the new one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
