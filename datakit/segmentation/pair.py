"""Topical change between two consecutive paragraphs, by a cross-encoder that reads both.

As in "Structural Text Segmentation of Legal Documents" (arXiv 2012.03619): `{p1} [SEP] {p2}`, two
classes, label 1 = same topic. The change of topic is label 0.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datakit import models
from datakit.errors import DatakitError
from datakit.records import normal_key
from datakit.segmentation.calibration import Raw, condition
from datakit.segmentation.corpus import SECTION, Line, SectionedDocument, Variant
from datakit.segmentation.epochs import Course, Say, run, seed_of, warm_up_then_linear

if TYPE_CHECKING:
    import numpy as np
    import torch

    from datakit.segmentation.model import TrainedModel

Sampling = Literal["consecutive", "document", "random", "section"]
SAMPLINGS: tuple[Sampling, ...] = ("consecutive", "document", "random", "section")

CHARS_A_TOKEN = 32  # more of a text than this many times its tokens is not even tokenised
POOL = 50  # batches among which pairs of like length are brought together
CLIP = 1.0  # norm of the gradient


@dataclass(frozen=True)
class Settings:
    """How a pair classifier is trained; defaults from the paper where it has them."""

    encoder: str = models.BUNDLED  # that name (extra `offline`), a folder, or a hub id
    # consecutive: neighbours in a document, as they are met when it segments; document: any two
    # paragraphs of a document; random: of the corpus, same topic = same heading; section: whole
    # sections, same topic = same heading
    sampling: Sampling = "consecutive"
    samples: int = 3  # positive and as many negative samples of each unit
    max_pairs: int = 0  # training pairs in all, drawn at random; 0: every one
    dev_pairs: int = 1000
    variants: tuple[Variant, ...] = ("stripped", "plain")  # forms of a document to draw from
    epochs: int = 2
    patience: int = 2  # epochs without a lower loss on development pairs before it stops
    batch_size: int = 32
    learning_rate: float = 2e-5  # customary for encoders of this kind; the paper's is not known
    warm_up: float = 0.1  # share of the steps
    max_length: int = 512  # tokens of both paragraphs together
    # "": as the encoder's tokeniser joins two texts; else this text stands between them
    separator: str = ""
    device: str = "auto"
    allow_download: bool = False  # fetch a hub id that is not in the local cache

    def __post_init__(self) -> None:
        if min(self.samples, self.epochs, self.batch_size, self.dev_pairs) < 1:
            raise ValueError("samples, epochs, batch_size and dev_pairs are at least 1")
        if not self.variants:
            raise ValueError("variants: at least one of marked, plain, stripped is expected")


# --- pairs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts and whether they are about the same topic."""

    left: str
    right: str
    same: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A top section: its heading, "" where it has none, and its paragraphs."""

    topic: str
    texts: tuple[str, ...]


def sections(document: SectionedDocument, variant: Variant) -> list[Section]:
    """The top sections of a document in one of its forms, in order."""
    labelled = document.variant(variant)
    starts = [0, *(i for i, change in enumerate(labelled.changes, 1) if change == SECTION)]
    topics = ["", *_topics(document)][-len(starts) :]
    ends = [*starts[1:], len(labelled.lines)]
    return [
        Section(topic, tuple(line.text for line in labelled.lines[a:b]))
        for topic, a, b in zip(topics, starts, ends, strict=True)
    ]


def _topics(document: SectionedDocument) -> list[str]:
    """The heading of each top section; the first section has the one that opens the document."""
    opened = zip(document.headings, document.changes, strict=True)
    return [
        normal_key(headings[0].text) if headings else ""
        for i, (headings, change) in enumerate(opened)
        if change == SECTION or i == 0
    ]


def sample(
    documents: Sequence[SectionedDocument], settings: Settings, limit: int, seed: int
) -> list[Pair]:
    """Training pairs, about as many of the same topic as of different ones, in random order.

    Args:
        documents: the headings say what belongs together.
        settings: sampling, samples, variants.
        limit: at most so many pairs, drawn at random; 0: all.
        seed: of the draw.

    Source:
        arXiv 2012.03619. Its "consecutive" sampling takes any two paragraphs of a document, which
        is `document` here; `consecutive` here takes neighbours only.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    found: list[Pair] = []
    corpora = [[sections(d, variant) for d in documents] for variant in settings.variants]
    for corpus in corpora:
        if settings.sampling == "consecutive":
            found += _neighbours(corpus, settings.samples, rng)
        elif settings.sampling == "document":
            found += _within_documents(corpus, settings.samples, rng)
        else:
            found += _by_heading(corpus, settings.samples, settings.sampling == "section", rng)
    order = rng.permutation(len(found))
    return [found[i] for i in (order[:limit] if limit else order)]


def _neighbours(
    corpus: Sequence[Sequence[Section]], samples: int, rng: np.random.Generator
) -> Iterator[Pair]:
    """Both sides of each boundary, and as many gaps inside of sections, at most `samples` each."""
    same: list[Pair] = []
    n_boundaries = 0
    for document in corpus:
        for before, after in itertools.pairwise(document):
            yield Pair(before.texts[-1], after.texts[0], same=False)
            n_boundaries += 1
        for section in document:
            gaps = list(itertools.pairwise(section.texts))
            chosen = rng.permutation(len(gaps))[:samples]
            same += [Pair(gaps[i][0], gaps[i][1], same=True) for i in chosen]
    for i in rng.permutation(len(same))[:n_boundaries]:
        yield same[i]


def _within_documents(
    corpus: Sequence[Sequence[Section]], samples: int, rng: np.random.Generator
) -> Iterator[Pair]:
    """Each paragraph with others of its section, and with as many of the document's others."""
    for document in corpus:
        for i, section in enumerate(document):
            others = [text for j, other in enumerate(document) if j != i for text in other.texts]
            for k, text in enumerate(section.texts):
                rest = section.texts[:k] + section.texts[k + 1 :]
                for j in rng.permutation(len(rest))[:samples] if others else ():
                    yield Pair(text, rest[j], same=True)
                    yield Pair(text, others[rng.integers(len(others))], same=False)


def _by_heading(
    corpus: Sequence[Sequence[Section]], samples: int, whole: bool, rng: np.random.Generator
) -> Iterator[Pair]:
    """Units of the whole corpus; those under the same heading are about the same topic."""
    found: dict[str, list[str]] = defaultdict(list)
    for section in itertools.chain.from_iterable(corpus):
        if section.topic:
            found[section.topic] += [" ".join(section.texts)] if whole else section.texts
    distinct = {topic: list(dict.fromkeys(texts)) for topic, texts in found.items()}
    units = {topic: texts for topic, texts in distinct.items() if len(texts) > 1}
    topics = list(units)
    for i, topic in enumerate(topics if len(topics) > 1 else []):
        texts = units[topic]
        for k, text in enumerate(texts):
            for _ in range(samples):
                other = (k + rng.integers(1, len(texts))) % len(texts)
                yield Pair(text, texts[other], same=True)
                far = units[topics[(i + rng.integers(1, len(topics))) % len(topics)]]
                yield Pair(text, far[rng.integers(len(far))], same=False)


# --- the classifier ----------------------------------------------------------------------------


@dataclass(frozen=True)
class PairClassifier:
    """A cross-encoder with two labels; label 0 is a change of topic."""

    network: Any  # a transformers model for sequence classification
    tokeniser: Any  # tokenizers.Tokenizer
    max_length: int  # tokens of both texts together
    separator: str
    pad: int  # id of the padding token
    device: str

    def raw(self, documents: Sequence[Sequence[Line]]) -> list[Raw]:
        """The logits, and what the lines alone tell of the headings."""
        logits = self.logits(documents)
        return [Raw(x, condition(lines)) for x, lines in zip(logits, documents, strict=True)]

    def logits(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) float32, both columns the same.

        Equal up to float rounding (about 1e-5) for any batching and thread count, not to the bit:
        a matrix product of other shape adds in another order.
        """
        import numpy as np

        pairs = [(a.text, b.text) for lines in documents for a, b in itertools.pairwise(lines)]
        scores = self.score(pairs)
        ends = np.cumsum([max(0, len(lines) - 1) for lines in documents])
        both = np.stack([scores, scores], axis=1)
        return np.split(both, ends[:-1]) if len(documents) else []

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n_pairs,) float32: the logit of a change of topic; equal pairs score equal."""
        import numpy as np
        import torch

        unique = list(dict.fromkeys(pairs))
        encoded = self.encode(unique)
        budget = models.TOKENS_A_BATCH["cuda" if self.device.startswith("cuda") else "cpu"]
        out = np.empty(len(unique), np.float32)
        with torch.inference_mode():
            for batch in models.batches([len(one.ids) for one in encoded], budget):
                raw = self.forward([encoded[i] for i in batch]).float()
                out[batch] = (raw[:, 0] - raw[:, 1]).cpu().numpy()
        place = {pair: i for i, pair in enumerate(unique)}
        return out[[place[pair] for pair in pairs]]

    def encode(self, pairs: Sequence[tuple[str, str]]) -> list[Any]:
        """Token ids of both texts, what stands between them, and no padding."""
        most = self.max_length * CHARS_A_TOKEN
        cut = [(left[:most], right[:most]) for left, right in pairs]
        if not self.separator:
            return list(self.tokeniser.encode_batch(cut))
        return list(self.tokeniser.encode_batch([self._joined(*pair) for pair in cut]))

    def _joined(self, left: str, right: str) -> str:
        """Both in one text; of what is too long the longer one loses its end."""
        middle = f" {self.separator} "
        sizes = [self._ends(text) for text in (left, right)]
        room = self.max_length - len(self._ends(middle)) - self.tokeniser.num_special_tokens_to_add(
            is_pair=False
        )  # fmt: skip
        kept: list[str] = []
        for text, own, other in ((left, sizes[0], sizes[1]), (right, sizes[1], sizes[0])):
            most = max(1, room // 2, room - len(other))
            kept.append(text if len(own) <= most else text[: own[most - 1]])
        return kept[0] + middle + kept[1]

    def _ends(self, text: str) -> list[int]:
        encoded = self.tokeniser.encode(text, add_special_tokens=False)
        return [end for _, end in encoded.offsets]

    def forward(self, encoded: Sequence[Any]) -> torch.Tensor:
        """(n_pairs, 2) logits of the labels."""
        import torch

        longest = max(len(one.ids) for one in encoded)
        shape = (len(encoded), longest)
        tokens = torch.full(shape, self.pad)
        types, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        for row, one in enumerate(encoded):
            size = len(one.ids)
            tokens[row, :size] = torch.tensor(one.ids)
            types[row, :size] = torch.tensor(one.type_ids)
            mask[row, :size] = 1
        inputs = {"input_ids": tokens, "attention_mask": mask}
        if getattr(self.network.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = types
        raw: torch.Tensor = self.network(**{k: v.to(self.device) for k, v in inputs.items()}).logits
        return raw

    def state(self) -> dict[str, torch.Tensor]:
        """The weights, and the tokeniser as bytes, so that the two cannot be parted."""
        import torch

        weights = {f"network.{k}": v.clone() for k, v in self.network.state_dict().items()}
        vocabulary = bytearray(self.tokeniser.to_str().encode())
        return weights | {"tokeniser": torch.frombuffer(vocabulary, dtype=torch.uint8)}

    def config(self) -> dict[str, Any]:
        """The network's own config and how texts are given to it."""
        network = self.network.config.to_dict()
        network.pop("_name_or_path", None)  # where the encoder lay on the machine of the training
        return {
            "network": json.loads(json.dumps(network)),
            "max_length": self.max_length,
            "separator": self.separator,
            "pad": self.pad,
        }


def from_state(config: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> PairClassifier:
    """The classifier of a model folder; nothing else is read, in particular not the encoder.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: config and weights do not fit each other.
    """
    import tokenizers
    import transformers

    network_config = dict(config["network"])
    known = transformers.AutoConfig.for_model(network_config.pop("model_type"), **network_config)
    network = transformers.AutoModelForSequenceClassification.from_config(known)  # type: ignore[no-untyped-call]
    weights = {k.removeprefix("network."): v for k, v in state.items() if k != "tokeniser"}
    network.load_state_dict(weights)
    text = bytes(state["tokeniser"].numpy()).decode()
    return _classifier(
        network, tokenizers.Tokenizer.from_str(text), config["max_length"], config["separator"],
        config["pad"], "auto",
    )  # fmt: skip


def _classifier(
    network: Any, tokeniser: Any, max_length: int, separator: str, pad: int, device: str
) -> PairClassifier:
    tokeniser.no_padding()
    tokeniser.enable_truncation(max_length)
    where = models._device(device)
    return PairClassifier(
        network.to(where).eval(), tokeniser, max_length, separator, pad, where
    )  # fmt: skip


def load_checkpoint(folder: Path, name: str) -> TrainedModel:
    """A transformers folder with two labels, as others trained it: label 1 = same topic.

    The paragraphs are joined by " [SEP] " into one text, as the model cards of such checkpoints
    say. Without a calibration, P(label 0) is the probability at both depths and 0.5 the threshold.

    Raises:
        DatakitError: it does not load, is not such a model, or has no safetensors weights.
    """
    from datakit.segmentation.calibration import Calibration, Thresholds
    from datakit.segmentation.model import TrainedModel

    _check_checkpoint(folder)
    network, tokeniser = _pretrained(folder, str(folder), fresh=False)
    limit = models._length(None, None, tokeniser, network)
    classifier = _classifier(
        network, tokeniser.backend_tokenizer, min(512, limit), "[SEP]",
        tokeniser.pad_token_id or 0, "auto",
    )  # fmt: skip
    return TrainedModel(
        name=name,
        arch="pair",
        members=(classifier,),
        calibration=Calibration.none(),
        thresholds=Thresholds.equal(0.5),
        weights=models.weights_sha256(folder),
        training={"checkpoint": "transformers"},
    )


def _check_checkpoint(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    kinds = config.get("architectures") or ["none"]
    n_labels = len(config.get("id2label") or "01")
    if not str(kinds[0]).endswith("ForSequenceClassification") or n_labels != 2:
        raise DatakitError(
            f"{folder}: found {kinds[0]} with {n_labels} labels, expected a model for sequence "
            "classification with 2 (0 = change of topic, 1 = same topic). Choose another folder, "
            "or train one on this encoder with `datakit train segmenter --arch pair`."
        )
    if not list(folder.glob("*.safetensors")):
        raise DatakitError(
            f"{folder}: no .safetensors weights, and other formats can hide code. Convert them: "
            "load the model with transformers and call `save_pretrained`."
        )


def _pretrained(folder: Path, name: str, *, fresh: bool) -> tuple[Any, Any]:
    """A transformers model for two labels and its tokeniser; fresh: with a new head."""
    import torch
    import transformers

    labels = {"num_labels": 2} if fresh else {}
    with models._quiet_transformers(), models._loading(name):
        tokeniser = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, use_safetensors=True, **labels
        )
    if getattr(tokeniser, "backend_tokenizer", None) is None:
        raise DatakitError(
            f"model {name!r}: its tokeniser is one in Python only, expected one of the package "
            "tokenizers (tokenizer.json). Choose another encoder."
        )
    return network, tokeniser


# --- training ----------------------------------------------------------------------------------


def fit(
    train: Sequence[SectionedDocument],
    dev: Sequence[SectionedDocument],
    settings: Settings,
    *,
    seed: int,
    checkpoint_dir: Path,
    on_progress: Say,
) -> PairClassifier:
    """Fine-tune the encoder on pairs of paragraphs; the best epoch by log loss on `dev`.

    Raises:
        DatakitError: the encoder is not here, or the documents give no pairs.
        MissingDependency: the encoder comes with a package that is not installed.
    """
    import torch

    pairs = sample(train, settings, settings.max_pairs, seed)
    held_out = sample(dev, settings, settings.dev_pairs, 0)
    _check_pairs(pairs, "training", settings)
    _check_pairs(held_out, "development", settings)
    torch.manual_seed(seed)
    classifier = new(settings)
    optimiser = torch.optim.AdamW(
        classifier.network.parameters(), lr=settings.learning_rate, weight_decay=0.01
    )
    on_progress(f"{len(pairs):,} pairs for training, {len(held_out):,} for development")
    run(
        classifier.network,
        optimiser,
        lambda epoch: _one_epoch(classifier, optimiser, pairs, settings, epoch, seed),
        lambda: -log_loss(classifier, held_out),
        Course(settings.epochs, settings.patience, seed, checkpoint_dir, on_progress),
    )
    return classifier


def new(settings: Settings) -> PairClassifier:
    """A classifier on a pre-trained encoder, its head untrained."""
    folder = models.find_model(settings.encoder, allow_download=settings.allow_download)
    network, tokeniser = _pretrained(folder, settings.encoder, fresh=True)
    limit = models._length(None, None, tokeniser, network)
    return _classifier(
        network, tokeniser.backend_tokenizer, min(settings.max_length, limit), settings.separator,
        tokeniser.pad_token_id or 0, settings.device,
    )  # fmt: skip


def accuracy(classifier: PairClassifier, pairs: Sequence[Pair]) -> float:
    """The share of pairs whose label, same topic or not, is the likelier one."""
    import numpy as np

    scores = classifier.score([(p.left, p.right) for p in pairs])
    return float(np.mean((scores < 0) == np.array([p.same for p in pairs])))


def log_loss(classifier: PairClassifier, pairs: Sequence[Pair]) -> float:
    """The mean of -log P(the label of the pair), 0 (best) upwards."""
    import numpy as np

    scores = classifier.score([(p.left, p.right) for p in pairs]).astype(np.float64)
    towards = np.where([p.same for p in pairs], scores, -scores)
    return float(np.mean(np.logaddexp(0, towards)))


def _check_pairs(pairs: Sequence[Pair], what: str, settings: Settings) -> None:
    n_same = sum(p.same for p in pairs)
    if not 0 < n_same < len(pairs):
        raise DatakitError(
            f"{what} documents give {n_same} pairs of the same topic and {len(pairs) - n_same} of "
            f"different topics by sampling {settings.sampling!r}, expected some of each. Give more "
            "documents with several sections, or choose another sampling."
        )


def _one_epoch(
    classifier: PairClassifier, optimiser: torch.optim.Optimizer, pairs: Sequence[Pair],
    settings: Settings, epoch: int, seed: int,
) -> float:  # fmt: skip
    import numpy as np
    import torch

    rng = np.random.default_rng(seed_of(seed, epoch))
    order = batches_of_like_length([len(p.left) + len(p.right) for p in pairs], settings, rng)
    losses = []
    for i, batch in enumerate(order):
        step = (epoch - 1) * len(order) + i
        factor = warm_up_then_linear(step, settings.epochs * len(order), settings.warm_up)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * factor
        chosen = [pairs[k] for k in batch]
        raw = classifier.forward(classifier.encode([(p.left, p.right) for p in chosen]))
        labels = torch.tensor([int(p.same) for p in chosen], device=raw.device)
        loss = torch.nn.functional.cross_entropy(raw.float(), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(classifier.network.parameters(), CLIP)
        optimiser.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def batches_of_like_length(
    lengths: Sequence[int], settings: Settings, rng: np.random.Generator
) -> list[list[int]]:
    """Every position once, in batches of the set size, in random order.

    Lengths are alike within a batch, since pairs are sorted by length in pools of 50 batches.
    """
    import numpy as np

    size = settings.batch_size
    order = rng.permutation(len(lengths))
    by_length = np.asarray(lengths)
    made: list[list[int]] = []
    for start in range(0, len(order), size * POOL):
        pool = order[start : start + size * POOL]
        pool = pool[np.argsort(by_length[pool], kind="stable")]
        made += [pool[i : i + size].tolist() for i in range(0, len(pool), size)]
    return [made[i] for i in rng.permutation(len(made))]
