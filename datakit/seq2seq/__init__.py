"""Sequence-to-sequence models: texts to short texts, on plain torch and transformers.

A model is a folder or a hub id; nothing is downloaded unless a setting allows it. Texts of like
length are read together, within a budget of tokens and within the memory of the device.
"""

from __future__ import annotations

import functools
import gc
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from datakit import models
from datakit.errors import DatakitError, MissingDependency
from datakit.seq2seq.decoding import Decoding, Output, Unit, decoded, searched

Dtype = Literal["float32", "bfloat16"]
T = TypeVar("T")

OWN_SETTINGS = "datakit_generator.json"  # beside the weights: what the model was trained to read
PLAIN_PROMPT = "{title} {passage}"  # as BEIR's and GPL's generators read a passage
# source tokens, padding included, times the outputs of each source: what the decoder attends to,
# 74 kB a token in T5-base; on a processor smaller batches are slower, larger ones are not faster
TOKENS_A_BATCH = {"cpu": 8192, "cuda": 65_536}
# mT5 scores 250,112 tokens an output and step: 1 MB
OUTPUTS_A_BATCH = {"cpu": 64, "cuda": 512}


@dataclass(frozen=True, slots=True)
class Source:
    """A text to read, and a seed for each output that is wanted of it."""

    text: str
    seeds: tuple[int, ...]  # 63 bits each; beam search takes their number only


@functools.lru_cache(maxsize=1)
def load_seq2seq(
    model: str,
    *,
    max_source_tokens: int = 512,
    dtype: Dtype = "float32",
    device: str = "auto",
    allow_download: bool = False,
) -> Seq2Seq:
    """A model by folder or hub id; the last one stays in memory.

    Args:
        model: a folder, or a hub id.
        max_source_tokens: more of a text is not read.
        dtype: of weights and products; scores are float32 always.
        device: "auto" takes a CUDA device where there is one.
        allow_download: fetch a hub id that is not in the local cache.

    Raises:
        DatakitError: there is no such model here, or it does not load.
        MissingDependency: its tokenizer needs a package that is not installed.
    """
    import torch

    folder = models.find_model(model, allow_download=allow_download)
    network, tokeniser = load_checkpoint(folder, model)
    where = models._device(device)
    network = network.to(where, torch.bfloat16 if dtype == "bfloat16" else torch.float32)
    return Seq2Seq(
        name=model,
        weights=models.weights_sha256(folder),
        prompt=own_prompt(folder),
        model=network.eval(),
        tokeniser=tokeniser,
        max_source_tokens=max_source_tokens,
        dtype=dtype,
        device=where,
    )


def load_checkpoint(folder: Path, name: str, *, weights: bool = True) -> tuple[Any, Any]:
    """Network (float32, on the processor) and tokenizer of a folder.

    Args:
        folder: with config.json, the tokenizer and, where they are wanted, the weights.
        name: for messages.
        weights: False: the network as its config says, with weights drawn from torch's generator.
    """
    import torch
    import transformers

    _check_tokeniser(folder, name)
    with models._quiet_transformers(), models._loading(name):
        tokeniser = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        auto = transformers.AutoModelForSeq2SeqLM
        if weights:
            network = auto.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        else:
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            network = auto.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return network, tokeniser


def _check_tokeniser(folder: Path, name: str) -> None:
    """Older checkpoints bring their tokenizer as a SentencePiece model only."""
    import importlib.util

    if (folder / "tokenizer.json").is_file() or not list(folder.glob("*.model")):
        return
    for module, package in (("sentencepiece", "sentencepiece"), ("google.protobuf", "protobuf")):
        try:
            there = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            raise MissingDependency(f"The tokenizer of {name}", package, "seq2seq")


def own_prompt(folder: Path) -> str:
    """The template that the model was trained with, where its folder says so; else title and text.

    Raises:
        DatakitError: the file is not what `datakit train generator` writes.
    """
    path = folder / OWN_SETTINGS
    if not path.is_file():
        return PLAIN_PROMPT
    try:
        return str(json.loads(path.read_text("utf-8"))["prompt"])
    except (ValueError, KeyError, TypeError) as error:
        raise DatakitError(
            f'{path}: expected {{"prompt": "…"}}, found something else ({error}). Remove the file, '
            "or write the template in it that the model was trained with."
        ) from error


@dataclass(frozen=True)
class Seq2Seq:
    """An encoder-decoder with its tokenizer."""

    name: str
    weights: str  # sha256
    prompt: str  # the template of its input, see `own_prompt`
    model: Any
    tokeniser: Any
    max_source_tokens: int
    dtype: Dtype
    device: str

    @property
    def family(self) -> str:
        """t5, mt5, bart, …"""
        return str(self.model.config.model_type)

    def generate(self, sources: Sequence[Source], decoding: Decoding) -> list[list[Output]]:
        """The outputs of each source, in the order of its seeds.

        Sources of like length are read together. A batch that does not fit into the memory of the
        device is halved, and no later one is larger; any other error is raised.

        Raises:
            DatakitError: a single output does not fit into the memory.
        """
        import torch

        ids = self.token_ids([source.text for source in sources])
        found: list[list[Output]] = [[] for _ in sources]
        run = searched if decoding.beams > 1 else decoded
        with torch.inference_mode():
            batches = self._batches(ids, sources, decoding.beams)
            for batch, rows in in_memory(batches, lambda batch: run(self, ids, batch, decoding)):
                for unit, outputs in zip(batch, rows, strict=True):
                    found[unit.source] += outputs
        return found

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Of each text its tokens as numbers, cut at `max_source_tokens`."""
        if not texts:
            return []
        found: list[list[int]] = self.tokeniser(
            list(texts), truncation=True, max_length=self.max_source_tokens
        )["input_ids"]
        return found

    def _batches(
        self, ids: Sequence[Sequence[int]], sources: Sequence[Source], beams: int
    ) -> list[list[Unit]]:
        """Outputs in batches, those of a source together, longest sources first."""
        kind = self.device.split(":")[0]
        budget = TOKENS_A_BATCH.get(kind, TOKENS_A_BATCH["cpu"])
        most = OUTPUTS_A_BATCH.get(kind, OUTPUTS_A_BATCH["cpu"])
        # a short text counts as much as one of which the most outputs fill the budget
        sizes = [
            max(len(one), budget // most) * max(1, beams, len(source.seeds))
            for one, source in zip(ids, sources, strict=True)
        ]
        return [
            [unit for i in batch for unit in _units(i, sources[i], beams)]
            for batch in models.batches(sizes, budget)
        ]


def _units(i: int, source: Source, beams: int) -> list[Unit]:
    if beams > 1:
        return [Unit(i, source.seeds)] if source.seeds else []
    return [Unit(i, (seed,)) for seed in source.seeds]


def in_memory(
    batches: Sequence[list[T]], run: Callable[[list[T]], list[list[Output]]]
) -> list[tuple[list[T], list[list[Output]]]]:
    """Run every batch, halving those that do not fit into the device's memory.

    Raises:
        DatakitError: one item alone does not fit.
    """
    import torch

    waiting = deque(batches)
    done: list[tuple[list[T], list[list[Output]]]] = []
    most = max(map(len, batches), default=1)  # items; the longest come first
    while waiting:
        batch = waiting.popleft()
        if len(batch) > most:
            waiting.extendleft([batch[most:], batch[:most]])
            continue
        try:
            found = run(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise DatakitError(
                    "the memory of the device is too small for a single text: lower "
                    'max_source_tokens, set dtype = "bfloat16" or device = "cpu".'
                ) from error
            most = (len(batch) + 1) // 2
        else:
            done.append((batch, found))
            continue
        # out of the handler, whose traceback keeps the tensors
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        waiting.extendleft([batch[most:], batch[:most]])
    return done
