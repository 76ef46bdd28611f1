"""Any sentence encoder under the sequence transformer: a vector a line, a decision a gap.

The encoder is frozen (its vectors are made once and only the sequence part is trained and stored)
or fine-tuned with it (then its weights are stored too).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit import models
from datakit.errors import DatakitError
from datakit.segmentation.calibration import Raw, best_f1, condition
from datakit.segmentation.corpus import (
    DEPTHS,
    SECTION,
    SUBSECTION,
    VARIANTS,
    LabelledLines,
    Line,
    SectionedDocument,
    Variant,
)
from datakit.segmentation.epochs import Course, Say, run, seed_of, warm_up_then_linear
from datakit.segmentation.pieces import pieces

if TYPE_CHECKING:
    import numpy as np
    import torch

CHUNK = 2000  # texts encoded between two lines of progress, and kept together
CLIP = 1.0  # norm of the gradient


@dataclass(frozen=True)
class Settings:
    """How a sequence transformer over an encoder is trained."""

    encoder: str = models.BUNDLED  # that name (extra `offline`), a folder, or a hub id
    fine_tune: bool = False  # train the encoder too; it has to be a plain transformer
    dim: int = 128  # of the sequence transformer
    layers: int = 2
    heads: int = 4
    dropout: float = 0.2
    variants: tuple[Variant, ...] = VARIANTS  # forms of a document to learn from
    epochs: int = 20
    patience: int = 4  # epochs without a better F1 before it stops
    batch_lines: int = 1024  # lines of all documents of a step
    max_lines: int = 256  # of a document in one piece; longer ones are read in overlapping pieces
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 2e-5
    warm_up: float = 0.1  # share of the steps
    weight_decay: float = 0.01
    max_length: int | None = None  # tokens read of a line; none: the encoder's own
    device: str = "auto"
    allow_download: bool = False  # fetch a hub id that is not in the local cache

    def __post_init__(self) -> None:
        if self.max_lines < 4 or self.dim % self.heads or min(self.epochs, self.layers) < 1:
            raise ValueError(
                "expected max_lines of at least 4, dim a multiple of heads, and at least one epoch "
                f"and layer, found {self.max_lines}, {self.dim}, {self.heads}, {self.epochs} and "
                f"{self.layers}"
            )


@dataclass(frozen=True)
class Hierarchical:
    """An encoder and the sequence network over its vectors."""

    encoder: models.Encoder
    network: Any  # network.SequenceNetwork
    settings: Settings
    input_dim: int

    def raw(self, documents: Sequence[Sequence[Line]]) -> list[Raw]:
        """The logits, and what the lines alone tell of the headings."""
        logits = self.logits(documents)
        return [Raw(x, condition(lines)) for x, lines in zip(logits, documents, strict=True)]

    def logits(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) float32.

        Each document is read by itself, so batching changes nothing; the encoder's vectors are
        equal up to float rounding (about 1e-6) for any batching, not to the bit.
        """
        texts = [line.text for lines in documents for line in lines]
        vectors = self.encoder.encode(texts)
        out, start = [], 0
        for lines in documents:
            out.append(self.of_vectors(vectors[start : start + len(lines)], lines))
            start += len(lines)
        return out

    def of_vectors(self, vectors: np.ndarray, lines: Sequence[Line]) -> np.ndarray:
        """(n_lines, input_dim) vectors to (n_lines - 1, 2) float32 logits, piece by piece."""
        import numpy as np
        import torch

        from datakit.segmentation.features import layout

        out = np.zeros((max(0, len(lines) - 1), len(DEPTHS)), np.float32)
        if len(lines) < 2:
            return out
        shape = layout(lines)
        with torch.inference_mode():
            for start, end, first, last in pieces(len(lines), self.settings.max_lines):
                raw = forward(self.network, [vectors[start:end]], [shape[start:end]])[0]
                out[first:last] = raw[first - start : last - start].numpy()
        return out

    def state(self) -> dict[str, torch.Tensor]:
        """The sequence network, and where it was fine-tuned the encoder with its tokeniser."""
        import torch

        weights = {f"network.{k}": v.clone() for k, v in self.network.state_dict().items()}
        if self.settings.fine_tune:
            encoder = _plain(self.encoder, self.settings.encoder)
            weights |= {f"encoder.{k}": v.clone() for k, v in encoder.model.state_dict().items()}
            vocabulary = bytearray(encoder.tokeniser.backend_tokenizer.to_str().encode())
            weights["tokeniser"] = torch.frombuffer(vocabulary, dtype=torch.uint8)
        return weights

    def config(self) -> dict[str, Any]:
        """Settings, and which encoder it is or how it is built."""
        config: dict[str, Any] = {"settings": asdict(self.settings), "input_dim": self.input_dim}
        if not self.settings.fine_tune:
            return config | {"encoder": self.encoder.identity()}
        encoder = _plain(self.encoder, self.settings.encoder)
        network = encoder.model.config.to_dict()
        network.pop("_name_or_path", None)  # where the encoder lay on the machine of the training
        return config | {
            "network": json.loads(json.dumps(network)),
            "pooling": encoder.pooling,
            "max_length": encoder.max_length,
            "lower_case": encoder.lower_case,
            "pad_token": encoder.tokeniser.pad_token,
        }


def forward(
    network: Any, vectors: Sequence[Any], layouts: Sequence[np.ndarray]
) -> list[torch.Tensor]:
    """For each document (n_lines - 1, 2) logits of a section and a sub-section boundary.

    Args:
        network: the sequence network.
        vectors: for each document (n_lines, input_dim), array or tensor.
        layouts: for each document (n_lines, n_layout).
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    lengths = torch.tensor([len(v) for v in vectors])
    rows = pad_sequence([torch.as_tensor(v) for v in vectors], batch_first=True)
    shapes = pad_sequence([torch.as_tensor(v) for v in layouts], batch_first=True)
    raw = network(rows, shapes, lengths)
    return [raw[i, : max(0, int(n) - 1)] for i, n in enumerate(lengths)]


# --- loading -----------------------------------------------------------------------------------


def from_state(config: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> Hierarchical:
    """The model of a folder; a frozen encoder is found by its name and has to be the same one.

    Raises:
        DatakitError: the encoder is not here, or has other weights than in training.
        KeyError, TypeError, ValueError, RuntimeError: config and weights do not fit each other.
    """
    known = config["settings"]
    settings = Settings(**{**known, "variants": tuple(known["variants"])})
    network = _network(int(config["input_dim"]), settings)
    network.load_state_dict(_below(state, "network."))
    network.eval()
    if settings.fine_tune:
        encoder: models.Encoder = _tuned(config, state, settings)
    else:
        encoder = _encoder(settings)
        trained_on, found = config["encoder"], encoder.identity()
        if trained_on != json.loads(json.dumps(found)):
            raise DatakitError(
                f"encoder {settings.encoder!r} has sha256 {found['weights_sha256'][:16]}…, the "
                f"segmentation model was trained on {trained_on['weights_sha256'][:16]}… (or on "
                "another length or precision). Get that encoder, or train again."
            )
    return Hierarchical(encoder, network, settings, int(config["input_dim"]))


def _tuned(
    config: Mapping[str, Any], state: Mapping[str, torch.Tensor], settings: Settings
) -> models.TransformerEncoder:
    import tokenizers
    import transformers

    network_config = dict(config["network"])
    known = transformers.AutoConfig.for_model(network_config.pop("model_type"), **network_config)
    model = transformers.AutoModel.from_config(known)  # type: ignore[no-untyped-call]
    model.load_state_dict(_below(state, "encoder."))
    text = bytes(state["tokeniser"].numpy()).decode()
    tokeniser = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizers.Tokenizer.from_str(text), pad_token=config["pad_token"]
    )
    device = models._device(settings.device)
    return models.TransformerEncoder(
        name=settings.encoder,
        weights="fine-tuned",
        model=model.to(device).eval(),
        tokeniser=tokeniser,
        pooling=config["pooling"],
        max_length=int(config["max_length"]),
        lower_case=bool(config["lower_case"]),
        dtype="float32",
        device=device,
    )


def _encoder(settings: Settings) -> models.Encoder:
    return models.load_encoder(
        settings.encoder,
        max_length=settings.max_length,
        device=settings.device,
        allow_download=settings.allow_download,
    )


def _plain(encoder: models.Encoder, name: str) -> models.TransformerEncoder:
    if not isinstance(encoder, models.TransformerEncoder):
        raise DatakitError(
            f"encoder {name!r} has more modules than a transformer and pooling, so fine_tune does "
            "not know how to train it. Leave fine_tune off, or choose a plain transformer."
        )
    return encoder


def _network(input_dim: int, settings: Settings) -> Any:
    from datakit.segmentation.features import N_LAYOUT
    from datakit.segmentation.network import NetworkSettings, SequenceNetwork

    size = NetworkSettings(settings.dim, settings.layers, settings.heads, settings.dropout)
    return SequenceNetwork(input_dim, N_LAYOUT, size)


def _below(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


# --- training ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """A part of a document in one of its forms, as long as is read at once."""

    texts: tuple[str, ...]
    layout: np.ndarray  # (n_lines, n_layout)
    gold: np.ndarray  # (n_lines - 1, 2) float32, in the order of DEPTHS


def fit(
    train: Sequence[SectionedDocument],
    dev: Sequence[SectionedDocument],
    settings: Settings,
    *,
    seed: int,
    checkpoint_dir: Path,
    on_progress: Say,
) -> Hierarchical:
    """Train the sequence network, and the encoder where that is set; the best epoch by F1 on `dev`.

    The score is the mean over forms of the documents and depths of the best micro F1.

    Raises:
        DatakitError: the encoder is not here or cannot be fine-tuned, or there are no documents.
        MissingDependency: the encoder comes with a package that is not installed.
    """
    import torch

    learnt = [d.variant(v) for v in settings.variants for d in train]
    held_out = {v: [d.variant(v) for d in dev] for v in settings.variants}
    if not any(any(one.changes) for one in learnt):
        raise DatakitError("no document for training has a heading inside. Give more documents.")
    torch.manual_seed(seed)
    encoder = _to_train(settings)
    every = [*learnt, *(one for of in held_out.values() for one in of)]
    vectors = {} if settings.fine_tune else _vectors(encoder, every, checkpoint_dir, on_progress)
    input_dim = len(encoder.encode([every[0].lines[0].text])[0])
    model = Hierarchical(encoder, _network(input_dim, settings), settings, input_dim)
    trained, optimiser = _optimiser(model)
    cut = [piece for one in learnt for piece in _cut(one, settings.max_lines)]
    run(
        trained,
        optimiser,
        lambda epoch: _one_epoch(model, optimiser, cut, vectors, seed_of(seed, epoch), epoch),
        lambda: _score(model, held_out, vectors),
        Course(settings.epochs, settings.patience, seed, checkpoint_dir, on_progress),
    )
    return model


def _to_train(settings: Settings) -> models.Encoder:
    """The shared encoder where it stays as it is, one of our own where it is trained."""
    if not settings.fine_tune:
        return _encoder(settings)
    folder = models.find_model(settings.encoder, allow_download=settings.allow_download)
    _plain(_encoder(settings), settings.encoder)
    return models.TransformerEncoder.load(
        folder, settings.encoder, settings.max_length, "float32", settings.device
    )


def _vectors(
    encoder: models.Encoder, documents: Sequence[LabelledLines], folder: Path, say: Say
) -> dict[str, np.ndarray]:
    """The vector of each distinct text; kept in the checkpoint's folder, a chunk at a time."""
    texts = sorted({line.text for one in documents for line in one.lines})
    found: dict[str, np.ndarray] = {}
    with models.vectors_kept_in(folder.parent / "vectors"):
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            found.update(zip(chunk, encoder.encode(chunk), strict=True))
            say(f"{len(found):,} of {len(texts):,} lines encoded")
    return found


def _optimiser(model: Hierarchical) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """What is trained as one module, and the optimiser over it."""
    import torch

    settings = model.settings
    parts = {"sequence": model.network}
    groups: list[dict[str, Any]] = [
        {"params": list(model.network.parameters()), "peak": settings.learning_rate}
    ]
    if settings.fine_tune:
        transformer = _plain(model.encoder, settings.encoder).model
        parts["encoder"] = transformer
        peak = settings.encoder_learning_rate
        groups.append({"params": list(transformer.parameters()), "peak": peak})
    optimiser = torch.optim.AdamW(groups, lr=0.0, weight_decay=settings.weight_decay)
    return torch.nn.ModuleDict(parts), optimiser


def _cut(document: LabelledLines, size: int) -> Iterator[_Piece]:
    import numpy as np

    from datakit.segmentation.features import layout

    shape = layout(document.lines)
    changes = np.asarray(document.changes, np.int8)
    gold = np.stack([changes >= SECTION, changes >= SUBSECTION], axis=1).astype(np.float32)
    for start in range(0, max(1, len(document.lines) - 1), size):
        end = min(len(document.lines), start + size)
        texts = tuple(line.text for line in document.lines[start:end])
        yield _Piece(texts, shape[start:end], gold[start : end - 1])


def _one_epoch(
    model: Hierarchical, optimiser: torch.optim.Optimizer, cut: Sequence[_Piece],
    vectors: Mapping[str, np.ndarray], seed: int, epoch: int,
) -> float:  # fmt: skip
    import numpy as np
    import torch

    settings = model.settings
    rng = np.random.default_rng(seed)
    order = list(_steps([len(piece.texts) for piece in cut], settings.batch_lines, rng))
    losses = []
    for i, step in enumerate(order):
        done = (epoch - 1) * len(order) + i
        factor = warm_up_then_linear(done, settings.epochs * len(order), settings.warm_up)
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        rows = [_rows(model, cut[k].texts, vectors) for k in step]
        raw = torch.cat(forward(model.network, rows, [cut[k].layout for k in step]))
        gold = torch.from_numpy(np.concatenate([cut[k].gold for k in step]))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(raw, gold)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for group in optimiser.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], CLIP)
        optimiser.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _steps(lengths: Sequence[int], budget: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Pieces in random order, as many to a step as have so many lines, at least one."""
    step: list[int] = []
    for i in rng.permutation(len(lengths)).tolist():
        if step and sum(lengths[k] for k in step) + lengths[i] > budget:
            yield step
            step = []
        if lengths[i] > 1:
            step.append(i)
    if step:
        yield step


def _rows(model: Hierarchical, texts: Sequence[str], vectors: Mapping[str, np.ndarray]) -> Any:
    """(n_lines, input_dim): vectors made before, or by the encoder in training."""
    import numpy as np

    if vectors:
        return np.stack([vectors[text] for text in texts])
    encoder = _plain(model.encoder, model.settings.encoder)
    lowered = [text.lower() if encoder.lower_case else text for text in texts]
    ids = encoder.tokeniser(lowered, truncation=True, max_length=encoder.max_length)["input_ids"]
    return encoder._forward(ids).cpu()


def _score(
    model: Hierarchical, held_out: Mapping[Variant, Sequence[LabelledLines]],
    vectors: Mapping[str, np.ndarray],
) -> float:  # fmt: skip
    import numpy as np

    def raw(document: LabelledLines) -> np.ndarray:
        if not vectors:
            return model.logits([document.lines])[0]
        rows = np.stack([vectors[line.text] for line in document.lines])
        return model.of_vectors(rows, document.lines)

    return mean_best_f1(held_out, raw)


def mean_best_f1(
    held_out: Mapping[Variant, Sequence[LabelledLines]],
    logits: Callable[[LabelledLines], np.ndarray],
) -> float:
    """The mean over forms and depths of the micro F1 at its best threshold, 0 to 1."""
    import numpy as np

    found = []
    for documents in held_out.values():
        raw = [logits(one) for one in documents]
        for column, depth in enumerate(DEPTHS):
            gold = [one.gold(depth) for one in documents]
            found.append(best_f1([r[:, column] for r in raw], gold)[1])
    return float(np.mean(found)) if found else 0.0
