"""Train a model that writes queries: from a checkpoint, or from its config with random weights.

The model folder is one that the generator `t5` reads: weights, tokenizer, the template of its
input, and a card. A run that was killed goes on after its last finished epoch.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from datakit import models, registry
from datakit.errors import DatakitError
from datakit.records import Dropped
from datakit.segmentation.epochs import Say, best_epoch
from datakit.seq2seq import OWN_SETTINGS, Seq2Seq, load_checkpoint, own_prompt
from datakit.training import card
from datakit.training.fitting import Data, Example, Settings, fit, samples_of, source_text
from datakit.training.folder import CHECKPOINTS, publish, trained
from datakit.training.pairs import Pair, held_out, read
from datakit.version import __version__


@dataclass(frozen=True)
class Job:
    """What is to be trained on what; equal jobs give equal models and share checkpoints."""

    data: tuple[Path, ...]  # see datakit.training.pairs
    out: Path  # the model folder
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    limit: int | None = None  # only the first so many training pairs
    licences: Mapping[str, str] = field(default_factory=dict)  # by set
    command: str = ""  # for the card


def train(job: Job, say: Say = lambda line: None) -> dict[str, Any]:
    """Train a query generator and write its folder: weights, tokenizer, template, README.md.

    Returns:
        What the card says, as plain values.

    Raises:
        DatakitError: there are no pairs to train on or none to hold out, the model is not here, or
            a step does not fit into the memory of the device.
        PlanError: a setting that does not exist, or a value that does not fit.
        UsageError: `out` has another model.
    """
    import torch

    started = time.monotonic()
    settings = registry.checked(Settings, "generator", job.settings)
    folder = models.find_model(settings.model, allow_download=settings.allow_download)
    pairs, left_out = _pairs(job, settings)
    digest = _digest(job, settings, folder, pairs)
    there = trained(job.out, OWN_SETTINGS, digest, ("config.json",))
    if there is not None:
        say(f"{job.out} has this model already")
        return there
    _tell(say, pairs, left_out)
    torch.manual_seed(job.seed)
    network, tokeniser = load_checkpoint(folder, settings.model, weights=not settings.from_config)
    device = models._device(settings.device)
    prompt = settings.prompt or own_prompt(folder)
    model = Seq2Seq(
        settings.model, "", prompt, network.to(device).eval(), tokeniser,
        settings.max_source_tokens, "float32", device,
    )  # fmt: skip
    data = Data(pairs, *_tokenised(pairs, model, settings, left_out))
    resumed = (job.out / CHECKPOINTS / digest).exists()
    before, history = fit(model, data, settings, job.seed, job.out / CHECKPOINTS / digest, say)
    samples = samples_of(model, data.pairs["dev"], settings)
    about = card.Training(
        base=settings.model,
        base_licence=card.licence_of(folder),
        from_config=settings.from_config,
        command=job.command,
        settings={**asdict(settings), "prompt": prompt, "seed": job.seed},
        parameters=sum(p.numel() for p in network.parameters()),
        data=tuple(card.data_sets(data.pairs, job.data, job.licences)),
        left_out=dict(data.left_out),
        loss_before=before,
        losses=tuple((e.number, e.loss, -e.score) for e in history),
        kept=best_epoch(history).number,
        samples=tuple(samples),
        seconds=time.monotonic() - started,
        resumed=resumed,
        versions={
            "datakit": __version__,
            "torch": str(torch.__version__),
            "Python": platform.python_version(),
        },
    )
    return _saved(job.out, model, about, digest)


# --- data ----------------------------------------------------------------------------------------


def _pairs(job: Job, settings: Settings) -> tuple[dict[str, list[Pair]], Counter[str]]:
    """Pairs to train on and pairs held out, no pair twice, and what is left out by reason."""
    every: list[Pair] = []
    left_out: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for record in read(job.data):
        if isinstance(record, Dropped):
            left_out[record.reason] += 1
        elif (record.passage, record.query) in seen:
            left_out["repeated"] += 1
        else:
            seen.add((record.passage, record.query))
            every.append(record)
    found = dict(zip(("train", "dev"), held_out(every), strict=True))
    # the same for every order of the files
    found["dev"].sort(key=lambda p: hashlib.sha256(f"{p.query}\n{p.passage}".encode()).digest())
    for part, most in (("train", job.limit), ("dev", settings.dev_pairs)):
        if most is not None and len(found[part]) > most:
            left_out[f"beyond the limit of {part}"] = len(found[part]) - most
            found[part] = found[part][:most]
    for part, want in (("train", "to train on"), ("dev", "to hold out")):
        if not found[part]:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in left_out.items())
            raise DatakitError(
                f"{', '.join(map(str, job.data))}: found no pair {want} (of {len(seen):,}, which "
                f"are split by passage, article or as their set says; left out: "
                f"{reasons or 'none'}). "
                "Give more pairs."
            )
    return found, left_out


def _tell(say: Say, pairs: Mapping[str, Sequence[Pair]], left_out: Mapping[str, int]) -> None:
    why = ", ".join(f"{reason} {n:,}" for reason, n in sorted(left_out.items()))
    say(f"{len(pairs['train']):,} pairs, {len(pairs['dev']):,} held out"
        + (f"; left out: {why}" if why else ""))  # fmt: skip


def _tokenised(
    pairs: Mapping[str, list[Pair]], model: Seq2Seq, settings: Settings, left_out: Counter[str]
) -> tuple[dict[str, list[Example]], Counter[str]]:
    """The pairs as numbers; a query that is too long would teach to write unfinished ones."""
    found: dict[str, list[Example]] = {}
    for part, of in pairs.items():
        sources = model.token_ids([source_text(model.prompt, pair) for pair in of])
        targets = model.tokeniser(text_target=[pair.query for pair in of])["input_ids"]
        found[part] = [
            Example(source, target)
            for source, target in zip(sources, targets, strict=True)
            if len(target) <= settings.max_tokens
        ]
        left_out["query_too_long"] += len(of) - len(found[part])
        if not found[part]:
            raise DatakitError(
                f"every query for {part} has more than max_tokens = {settings.max_tokens} tokens. "
                "Raise it, or give shorter queries."
            )
    return found, left_out


def _digest(job: Job, settings: Settings, folder: Path, pairs: Mapping[str, Sequence[Pair]]) -> str:
    """16 hex digits of what decides the weights."""
    total = hashlib.sha256()
    about = (asdict(settings), job.seed, models.weights_sha256(folder), __version__)
    total.update(json.dumps(about, default=list).encode())
    for part, of in pairs.items():
        for pair in of:
            line = (part, pair.passage, pair.query, pair.title, pair.language)
            total.update(json.dumps(line).encode())
    return total.hexdigest()[:16]


# --- the folder ----------------------------------------------------------------------------------


def _saved(out: Path, model: Seq2Seq, about: card.Training, digest: str) -> dict[str, Any]:
    """Write the folder of the trained model."""

    def save(folder: Path) -> None:
        model.model.save_pretrained(folder)
        model.tokeniser.save_pretrained(folder)

    value = {"prompt": model.prompt, "digest": digest, **about.as_json()}
    publish(out, save, card.text(about), OWN_SETTINGS, value)
    return value
