"""Train a retriever on a dataset: from a checkpoint, or a bag of vectors from scratch.

The folder is one of sentence-transformers: the retriever `dense` reads it, as does whatever reads
such models. A run that was killed goes on after its last finished epoch.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from datakit import models, registry
from datakit.dataset import Dataset
from datakit.errors import MissingDependency
from datakit.records import seed_for
from datakit.segmentation.epochs import Say, best_epoch
from datakit.significance import Difference, difference
from datakit.training import contrast, retriever_card, testing
from datakit.training.bag import bag_encoder
from datakit.training.card import licence_of
from datakit.training.contrast import Settings
from datakit.training.folder import CHECKPOINTS, publish, trained
from datakit.training.triples import Triples, read
from datakit.version import __version__

OWN_SETTINGS = "datakit.json"  # what the card says; written last: the folder is whole


@dataclass(frozen=True)
class Job:
    """What is to be trained on what; equal jobs give equal models and share checkpoints."""

    data: Path  # a dataset directory
    out: Path  # the model folder
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    tests: tuple[Path, ...] = ()  # further datasets to test on
    command: str = ""  # for the card


@dataclass(frozen=True)
class Tested:
    """nDCG@10 on one test set: BM25, the encoder before training, and after."""

    name: str
    n: int
    bm25: float
    before: float
    after: float
    gain: Difference  # after - before
    over_bm25: Difference  # after - BM25


def train(job: Job, say: Say = lambda line: None) -> dict[str, Any]:
    """Train a retriever, test it, and write its folder: weights, tokenizer, README.md.

    Returns:
        What the card says, as plain values.

    Raises:
        DatakitError: there is nothing to train on, or the model is not here.
        MissingDependency: sentence-transformers is not installed.
        PlanError: a setting that does not exist, or a value that does not fit.
        UsageError: `out` has another model.
    """
    started = time.monotonic()
    settings = registry.checked(Settings, "retriever", job.settings)
    _needs_sentence_transformers()
    dataset = Dataset.open(job.data)
    triples = read(dataset, settings.labels, settings.negatives > 0)
    digest = _digest(job, settings, triples)
    there = trained(job.out, OWN_SETTINGS, digest, ("modules.json", "config.json"))
    if there is not None:
        say(f"{job.out} has this model already")
        return there
    say(f"{len(triples.train):,} pairs to train on, {len(triples.dev):,} held out")
    sets = _labelled_sets(dataset, job, say)
    model, base = start(settings, triples, job.seed)
    before = [testing.with_encoder(one, _encoder(model, settings)) for one in sets]
    checkpoints = job.out / CHECKPOINTS / digest
    resumed = checkpoints.exists()
    score, history = contrast.fit(model, triples, settings, job.seed, checkpoints, say)
    after = [testing.with_encoder(one, _encoder(model, settings)) for one in sets]
    tested = [
        _tested(one, old, new, job.seed) for one, old, new in zip(sets, before, after, strict=True)
    ]
    about = retriever_card.Training(
        base=base,
        base_licence=_licence(settings),
        command=job.command,
        settings={**asdict(settings), "seed": job.seed},
        parameters=sum(p.numel() for p in model.parameters()),
        dataset=str(dataset.manifest["dataset_id"]),
        content_hash=str(dataset.manifest.get("content_hash", "")),
        languages=triples.languages,
        pairs={"train": len(triples.train), "dev": len(triples.dev)},
        negatives=sum(len(one.negatives) for one in triples.train),
        left_out=triples.left_out,
        score_before=score,
        scores=tuple((e.number, e.loss, e.score) for e in history),
        kept=best_epoch(history).number,
        tested=tuple(asdict(one) for one in tested),
        seconds=time.monotonic() - started,
        resumed=resumed,
        versions=_versions(),
    )
    return _saved(job.out, model, about, digest)


def start(settings: Settings, triples: Triples, seed: int) -> tuple[Any, str]:
    """The encoder before training, and how the card names it.

    Raises:
        DatakitError: the checkpoint is not here.
    """
    import torch

    torch.manual_seed(seed)
    if settings.arch == "bag":
        model = bag_encoder(triples.texts, settings.pieces, settings.dim, seed)
        return model, "a bag of vectors from scratch"
    from sentence_transformers import SentenceTransformer

    folder = models.find_model(settings.model, allow_download=settings.allow_download)
    with models._quiet_transformers(), models._loading(settings.model):
        model = SentenceTransformer(
            str(folder), device=models._device(settings.device), local_files_only=True
        )
    model.max_seq_length = min(settings.max_length, model.max_seq_length or settings.max_length)
    return model, f"`{settings.model}`"


def _encoder(model: Any, settings: Settings) -> Callable[[Sequence[str]], Any]:
    return lambda texts: contrast.encode(model, texts, settings.dtype)


def _needs_sentence_transformers() -> None:
    try:
        import sentence_transformers  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            "Training a retriever", "sentence-transformers", "offline"
        ) from error


def _labelled_sets(dataset: Dataset, job: Job, say: Say) -> list[testing.LabelledSet]:
    """The dataset's own test queries, where it has some, and the other sets."""
    sets = []
    has_test = any(split == "test" for split in dataset.manifest.get("splits", {}))
    if has_test:
        sets.append(testing.labelled_set(dataset))
    else:
        say(f"{job.data} has no test split: tested on the other sets alone, if any")
    return sets + [testing.labelled_set(Dataset.open(path)) for path in job.tests]


def _tested(one: testing.LabelledSet, before: Any, after: Any, seed: int) -> Tested:
    bm25 = testing.with_bm25(one)
    drawn = seed_for(seed, "train/retriever", one.name)
    gain, over = (_difference(other, after, drawn) for other in (before, bm25))
    return Tested(
        one.name, len(one.queries), float(bm25.mean()), float(before.mean()), float(after.mean()),
        gain, over,
    )  # fmt: skip


def _difference(a: Any, b: Any, seed: int) -> Difference:
    if len(a) < 2:
        value = float((b - a).mean())
        return Difference(value, value, value, 1.0, len(a), 0.0)
    return difference(a, b, seed)


def _licence(settings: Settings) -> str:
    if settings.arch == "bag":
        return "none: it starts from random vectors"
    return licence_of(models.find_model(settings.model, allow_download=settings.allow_download))


def _versions() -> dict[str, str]:
    import sentence_transformers
    import torch

    return {
        "datakit": __version__,
        "torch": str(torch.__version__),
        "sentence-transformers": str(sentence_transformers.__version__),
        "Python": platform.python_version(),
    }


def _digest(job: Job, settings: Settings, triples: Triples) -> str:
    """16 hex digits of what decides the weights."""
    weights = ""
    if settings.arch == "checkpoint":
        folder = models.find_model(settings.model, allow_download=settings.allow_download)
        weights = models.weights_sha256(folder)
    total = hashlib.sha256()
    tests = [str(path) for path in job.tests]
    total.update(json.dumps((asdict(settings), job.seed, weights, tests, __version__)).encode())
    for part in (triples.train, triples.dev):
        for one in part:
            row = (one.query, one.positive, [against.text for against in one.negatives])
            total.update(json.dumps(row).encode())
    return total.hexdigest()[:16]


# --- the folder ---------------------------------------------------------------------------


def _saved(out: Path, model: Any, about: retriever_card.Training, digest: str) -> dict[str, Any]:
    """Write the folder of the trained model."""
    value = {"digest": digest, **about.as_json()}

    def save(folder: Path) -> None:
        model.save(str(folder), create_model_card=False)

    publish(out, save, retriever_card.text(about), OWN_SETTINGS, value)
    return value
