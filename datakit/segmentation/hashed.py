"""The small model from scratch: hashed words of each line under a transformer over the lines.

Two stages. The evidence is linear in the hashed words of a line: what they say of boundaries and
headings (`evidence.py`) and of the topic (`topics.py`). A few small transformers then read the
evidence and the layout of all lines of a document and decide at each gap; their probabilities are
averaged. Documents without headings have networks of their own (`sight.py` tells, from what the
first network of the other kind finds); those of the others have learnt all forms, since to miss
headings costs more than to look in vain.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from datakit.errors import DatakitError
from datakit.segmentation import sight, topics
from datakit.segmentation.augment import FORMS, augmented
from datakit.segmentation.calibration import Raw, best_f1, condition, is_cjk
from datakit.segmentation.corpus import (
    DEPTHS,
    SECTION,
    SUBSECTION,
    VARIANTS,
    Line,
    SectionedDocument,
    Variant,
)
from datakit.segmentation.epochs import Course, Say, run, seed_of
from datakit.segmentation.evidence import (
    DIM,
    HEADING_QUESTION,
    N_QUESTIONS,
    Evidence,
    EvidenceSettings,
    LineStore,
    evidence_of,
    out_of_fold,
    row_of,
    rows,
)
from datakit.segmentation.evidence import (
    fit as fit_evidence,
)
from datakit.segmentation.features import (
    N_LAYOUT,
    N_OWN,
    N_WINDOWS,
    Features,
    features,
    in_document,
)
from datakit.segmentation.model import mean_logits, write_bytes
from datakit.segmentation.network import NetworkSettings, SequenceNetwork
from datakit.segmentation.pieces import pieces
from datakit.segmentation.topics import Topics

CLIP = 1.0  # norm of the gradient
_WARM_UP = 60  # steps
_LEAST_SHARE = 0.03  # of the learning rate, at the end of its cosine
_LEAST_DEVIATION = 1e-3  # of evidence: a scale fits into half precision
_SCORED = 25  # development documents of each set and language that choose the best epoch
_EVIDENCE = "evidence.safetensors"

# documents that have headings among their lines, and those that have none: each kind has networks
# of its own
Kind = Literal["shown", "hidden"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMS_OF: dict[Kind, tuple[Variant, ...]] = {  # that decide for the best epoch
    "shown": ("marked", "plain"),
    "hidden": ("stripped",),
}


@dataclass(frozen=True)
class Settings:
    """How the evidence and the sequence networks are trained."""

    n_buckets: int = 2**20  # of the hash of a word or a pair of words
    n_features: int = 65_536  # the most frequent hashes, rows of the tables
    topics: int = 16  # size of the vector of a line's topic
    folds: int = 5  # of the groups, for honest evidence
    evidence_epochs: int = 6
    word_dropout: float = 0.5  # share of the words left out, in training the evidence
    # for documents without headings, and one more for the others, so that both kinds cost alike:
    # where no heading is marked, the first of the others reads the document before it is known what
    # it is. Probabilities are averaged; every second network does not read the topics, which help
    # most where the others know least
    networks: int = 3
    dim: int = 64
    layers: int = 3
    heads: int = 4
    dropout: float = 0.2
    epochs: int = 10
    patience: int = 6  # epochs without a better F1 before it stops
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    batch_documents: int = 24  # pieces of documents in a step
    crop: int = 160  # lines of a piece, in training
    max_lines: int = 256  # of a document in one piece, in use; longer ones in overlapping pieces
    line_dropout: float = 0.1  # share of the lines without evidence, in training
    shuffled: float = 0.5  # share of the documents whose sections come in another order
    mixed: float = 0.15  # share of the documents that get sections of another one of their set
    other_units: float = 0.3  # share of the documents that come in another form too
    shares: tuple[float, float, float] = (0.2, 0.5, 0.3)  # of marked, plain, stripped for "shown"
    documents_a_group: int = 12  # at most
    documents_a_set: int = 2000  # at most in an epoch, drawn anew

    def __post_init__(self) -> None:
        least = {
            "n_buckets": 1, "n_features": 1, "topics": 1, "folds": 2, "evidence_epochs": 1,
            "networks": 1, "dim": 1, "layers": 1, "heads": 1, "epochs": 1, "patience": 1,
            "batch_documents": 1, "crop": 16, "max_lines": 4, "documents_a_group": 1,
            "documents_a_set": 1,
        }  # fmt: skip
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(
                    f"expected {name} of at least {value}, found {getattr(self, name)}"
                )
        shares = (
            "word_dropout", "dropout", "line_dropout", "shuffled", "mixed", "other_units",
        )  # fmt: skip
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"expected {name} within 0 and 1, found {getattr(self, name)}")
        if min(self.shares) < 0 or not sum(self.shares):
            raise ValueError(f"expected shares from 0 and not all 0, found {self.shares}")
        if self.dim % self.heads:
            raise ValueError(
                f"expected dim to be a multiple of heads, found {self.dim} and {self.heads}"
            )
        if self.learning_rate <= 0:
            raise ValueError(f"expected a learning_rate above 0, found {self.learning_rate}")

    def networks_of(self, kind: Kind) -> int:
        return self.networks + (kind == "shown")

    @property
    def network(self) -> NetworkSettings:
        return NetworkSettings(self.dim, self.layers, self.heads, self.dropout)

    @property
    def input_dim(self) -> int:
        """Numbers that a network reads of a line beside its layout."""
        return DIM + topics.N_SPACES * self.topics

    @property
    def evidence(self) -> EvidenceSettings:
        return EvidenceSettings(
            n_features=self.n_features,
            epochs=self.evidence_epochs,
            word_dropout=self.word_dropout,
        )


class GapNetwork(nn.Module):
    """A sequence transformer beside a direct way from the evidence at a gap to the decision."""

    def __init__(self, input_dim: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.scale: torch.Tensor
        self.register_buffer("scale", torch.ones(input_dim))  # to evidence of unit variance
        self.sequence = SequenceNetwork(input_dim, N_LAYOUT, settings)
        self.direct = nn.Linear(2 * input_dim, 2)

    def forward(
        self, evidence: torch.Tensor, layout: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """(batch, n_lines - 1, 2): logits of a change, and of its being one of a section."""
        x = evidence * self.scale
        logits: torch.Tensor = self.sequence(x, layout, lengths)
        direct: torch.Tensor = self.direct(torch.cat([x[:, :-1], x[:, 1:]], dim=-1))
        return logits + direct


@dataclass(frozen=True)
class Tables:
    """What the words of a line say: of boundaries and headings, and of its topic."""

    evidence: Evidence
    topics: Topics

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor, spaces: torch.Tensor) -> Any:
        """(n_lines, input_dim), see the two for the arguments."""
        return torch.cat(
            [self.evidence(ids, lengths).flatten(1), self.topics(ids, lengths, spaces)], dim=1
        )


@dataclass(frozen=True)
class Hashed:
    """A trained model; its tensors are float32 with the values of float16, as they are stored."""

    hashes: np.ndarray  # (n_features,) int32, sorted
    tables: Tables
    sight: np.ndarray  # (sight.N_TRAITS + 1,) float32
    networks: Mapping[Kind, tuple[GapNetwork, ...]]
    settings: Settings

    @functools.cached_property
    def index(self) -> np.ndarray:
        """(n_buckets,) int32: the row of each hash."""
        return row_of(self.hashes, self.settings.n_buckets)

    def raw(self, documents: Sequence[Sequence[Line]]) -> list[Raw]:
        """The logits of each document's gaps, and what it shows of its headings.

        One document after the other on one thread, so neither batching nor the number of threads
        changes a bit; the speed is that of a core, and processes share documents.
        """
        with _one_thread(), torch.inference_mode():
            return [self._of_document(lines) for lines in documents]

    def logits(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) of a section and of a sub-section boundary."""
        return [found.logits for found in self.raw(documents)]

    def _of_document(self, lines: Sequence[Line]) -> Raw:
        if len(lines) < 2:
            return Raw(np.zeros((0, len(DEPTHS))), condition(lines, False))
        found = features(lines, self.settings.n_buckets)
        evidence, layout = self._evidence(lines, found), torch.from_numpy(found.layout)
        said = functools.partial(
            _of_evidence, evidence=evidence, layout=layout, size=self.settings.max_lines
        )
        first = said(self.networks["shown"][0])
        shows = any(line.kind == "heading" for line in lines) or sight.headings_show(
            self.sight,
            sight.traits(found.layout[:, :N_OWN], like_heading(evidence.numpy()), first[:, 1]),
        )
        if shows:
            members = [first, *map(said, self.networks["shown"][1:])]
        else:
            members = [*map(said, self.networks["hidden"])]
        return Raw(mean_logits([[one] for one in members])[0], condition(lines, shows))

    def _evidence(self, lines: Sequence[Line], found: Features) -> torch.Tensor:
        """(n_lines, input_dim)."""
        every = np.diff(np.append(found.offsets, len(found.ids)))
        known, lengths = rows(found.ids, every, self.index)
        spaces = torch.full((len(lines),), int(is_cjk(lines)))
        ids = torch.from_numpy(known.astype(np.int64))
        evidence: torch.Tensor = self.tables(ids, torch.from_numpy(lengths), spaces)
        return evidence

    def state(self) -> dict[str, torch.Tensor]:
        """Half precision: the tables, and each network under its kind and number."""
        state = {
            "hashes": torch.from_numpy(self.hashes),
            "evidence": self.tables.evidence.table.detach().half(),
            "sight": torch.from_numpy(self.sight),
        }
        for name, value in self.tables.topics.state_dict().items():
            state[f"topics.{name}"] = value.half()
        for kind, networks in self.networks.items():
            for i, network in enumerate(networks):
                state |= {f"{kind}.{i}.{k}": v.half() for k, v in network.state_dict().items()}
        return state

    def config(self) -> dict[str, Any]:
        return asdict(self.settings)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _of_evidence(
    network: GapNetwork, evidence: torch.Tensor, layout: torch.Tensor, size: int
) -> np.ndarray:
    """(n_lines, input_dim) and (n_lines, N_LAYOUT) to (n_lines - 1, 2) float64 logits."""
    raw = np.zeros((len(evidence) - 1, 2))
    for start, end, first, last in pieces(len(evidence), size):
        lengths = torch.tensor([end - start])
        of_piece = network(evidence[None, start:end], layout[None, start:end], lengths)[0]
        raw[first:last] = of_piece[first - start : last - start].double().numpy()
    return _in_order(raw)


def _in_order(raw: np.ndarray) -> np.ndarray:
    """Logits of a section and of a sub-section boundary, from those of a change and its depth."""
    log_p = -np.logaddexp(0, -raw).sum(axis=1)  # of a change, and that it is one of a section
    log_not = np.log(-np.expm1(np.minimum(log_p, -1e-12)))
    return np.stack([log_p - log_not, raw[:, 0]], axis=1)


def from_state(config: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> Hashed:
    """The model of a folder.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: config and weights do not fit each other.
    """
    settings = Settings(**{**config, "shares": tuple(config["shares"])})
    hashes, weights = state["hashes"].numpy(), state["sight"].numpy()
    if len(hashes) and not 0 <= hashes.min() <= hashes.max() < settings.n_buckets:
        raise ValueError(f"a hash is not below n_buckets, {settings.n_buckets}")
    evidence = Evidence(len(hashes))
    for found, expected in (
        (tuple(state["evidence"].shape), tuple(evidence.table.shape)),
        (weights.shape, (sight.N_TRAITS + 1,)),
    ):
        if found != expected:
            raise ValueError(f"a table is {found}, expected {expected}")
    evidence.table.data = state["evidence"].float()
    about = topics.Topics(len(hashes), settings.topics)
    about.load_state_dict(_below(state, "topics."))
    networks: dict[Kind, tuple[GapNetwork, ...]] = {}
    for kind in KINDS:
        of_kind = []
        for i in range(settings.networks_of(kind)):
            network = GapNetwork(settings.input_dim, settings.network)
            network.load_state_dict(_below(state, f"{kind}.{i}."))
            of_kind.append(network.eval())
        networks[kind] = tuple(of_kind)
    tables = Tables(evidence.eval(), about.eval())
    return Hashed(hashes, tables, weights, networks, settings)


def _below(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v.float() for k, v in state.items() if k.startswith(prefix)}


def like_heading(evidence: np.ndarray) -> np.ndarray:
    """(n_lines,): what the evidence says of each line's being a heading."""
    of_windows = evidence[:, :DIM].reshape(-1, N_WINDOWS, N_QUESTIONS)
    found: np.ndarray = of_windows[:, :, HEADING_QUESTION].sum(axis=1)
    return found


# --- training ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sequence:
    """Lines of a document, or a part of one, with their evidence."""

    lines: np.ndarray  # (n_lines,) places in the store
    evidence: np.ndarray  # (n_lines, input_dim)
    layout: np.ndarray  # (n_lines, N_OWN), or N_LAYOUT once it is known what document it is
    changes: np.ndarray  # (n_lines,) int8, before each line

    def __getitem__(self, lines: Any) -> _Sequence:
        return _Sequence(
            self.lines[lines], self.evidence[lines], self.layout[lines], self.changes[lines]
        )

    def __len__(self) -> int:
        return len(self.changes)


def fit(
    train: Sequence[SectionedDocument],
    dev: Sequence[SectionedDocument],
    settings: Settings,
    *,
    seed: int,
    checkpoint_dir: Path,
    on_progress: Say,
) -> Hashed:
    """Train the evidence out of fold, then the networks over it; the best epoch by F1 on `dev`.

    Raises:
        DatakitError: too few documents with headings.
    """
    learnt = _chosen(train, settings, seed)
    if len({d.group for d in learnt}) < settings.folds:
        raise DatakitError(
            f"found {len(learnt)} documents to learn from, of {len({d.group for d in learnt})} "
            f"groups; expected at least {settings.folds} groups of documents with two boundaries "
            "or more. Give more documents, or set folds lower."
        )
    with _one_thread():  # matrices this small only lose by a second one
        store = LineStore(learnt, settings.n_buckets)
        on_progress(f"{len(learnt):,} documents, {len(store):,} lines")
        hashes = store.frequent(settings.n_features)
        settings = dataclasses.replace(settings, n_features=len(hashes))
        store.keep(hashes)
        tables, evidence = _evidence(store, settings, seed, checkpoint_dir, on_progress)
        scored = _sequences(_some_of_each(dev), hashes, tables, settings)

        def network(kind: Kind, i: int) -> GapNetwork:
            course = Course(
                settings.epochs, settings.patience, seed * settings.networks + i,
                checkpoint_dir / f"{kind}-{i}", _named(on_progress, kind, i),
            )  # fmt: skip
            return _network(store, evidence, scored, kind, settings, course, i % 2 == 0)

        networks = {
            kind: tuple(network(kind, i) for i in range(settings.networks_of(kind)))
            for kind in KINDS
        }
        unseen = _sequences(dev, hashes, tables, settings)
        weights = _sight(store, evidence, unseen, networks["shown"][0], settings)
    trained = Hashed(hashes, tables, weights, networks, settings)
    return from_state(trained.config(), trained.state())


def _named(say: Say, kind: Kind, i: int) -> Say:
    return lambda line: say(f"{kind} {i + 1}: {line}")


def _chosen(
    documents: Sequence[SectionedDocument], settings: Settings, seed: int
) -> list[SectionedDocument]:
    """Documents with enough boundaries, some of each group, and other forms of a share of them."""
    rng = np.random.default_rng(seed)
    of_group: dict[str, int] = defaultdict(int)
    chosen: list[SectionedDocument] = []
    for document in documents:
        if not _is_telling(document):
            continue
        of_group[document.group] += 1
        if of_group[document.group] > settings.documents_a_group:
            continue
        chosen.append(document)
        if rng.random() < settings.other_units:
            form = FORMS[int(rng.integers(len(FORMS)))]
            chosen.append(augmented(document, form, rng))
    return chosen


def _is_telling(document: SectionedDocument) -> bool:
    """Not a list of links under headings, nor one long text: those teach what is no boundary."""
    n = len(document.lines) - 1
    boundaries = sum(change >= SUBSECTION for change in document.changes[1:])
    return n >= 5 and boundaries >= 2 and boundaries <= 0.7 * n and n / (boundaries + 1) < 60


def _evidence(
    store: LineStore, settings: Settings, seed: int, folder: Path, say: Say
) -> tuple[Tables, np.ndarray]:
    """The evidence models and what they say out of fold, from the checkpoint where it is there."""
    from safetensors.torch import load_file, save

    path = folder / _EVIDENCE
    tables = Tables(Evidence(settings.n_features), Topics(settings.n_features, settings.topics))
    if path.is_file():
        kept = load_file(path)
        tables.evidence.load_state_dict(_below(kept, "evidence."))
        tables.topics.load_state_dict(_below(kept, "topics."))
        say("evidence: taken from the checkpoint")
        return tables, kept["honest"].numpy()
    how = settings.evidence
    evidence, of_boundaries = out_of_fold(
        store, settings.folds, seed,
        lambda documents, seed: fit_evidence(store, documents, how, seed),
        lambda model, lines: evidence_of(model, store, lines),
    )  # fmt: skip
    say("evidence of boundaries: done")
    targets = topics.heading_vectors(store, settings.topics, seed)
    of, of_topics = out_of_fold(
        store, settings.folds, seed,
        lambda documents, seed: topics.fit(store, documents, targets, how, seed),
        lambda model, lines: topics.topics_of(model, store, lines),
    )  # fmt: skip
    say("evidence of topics: done")
    honest = np.concatenate([of_boundaries, of_topics], axis=1)
    tables = Tables(evidence.eval(), of.eval())
    state = {f"evidence.{k}": v.contiguous() for k, v in evidence.state_dict().items()}
    state |= {f"topics.{k}": v.contiguous() for k, v in of.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save({**state, "honest": torch.from_numpy(honest)}))
    return tables, honest


def _sight(
    store: LineStore, evidence: np.ndarray, unseen: Mapping[Variant, Sequence[_Sequence]],
    network: GapNetwork, settings: Settings,
) -> np.ndarray:  # fmt: skip
    """Weights that tell documents with their headings as plain lines from those without.

    Args:
        store: the lines of the training documents.
        evidence: (n_lines, input_dim) of them.
        unseen: development documents in their forms.
        network: that tells in use, too.
        settings: of the model.
    """

    def of_lines(form: Variant) -> list[np.ndarray]:
        found = []
        for document in store.documents:
            lines, _ = document.lines(form)
            own = store.layout(lines, "plain")
            found.append(sight.of_lines(own, like_heading(evidence[lines])))
        return found

    def traits(form: Variant) -> list[np.ndarray]:
        found = []
        for one in unseen[form]:
            own, said = one.layout[:, :N_OWN], _of_sequence(network, one, settings)
            found.append(sight.traits(own, like_heading(one.evidence), said[:, 1]))
        return found

    with torch.inference_mode():
        first = sight.fit(of_lines("plain"), of_lines("stripped"))
        return sight.refined(first, traits("plain"), traits("stripped"))


def _some_of_each(dev: Sequence[SectionedDocument]) -> list[SectionedDocument]:
    """Development documents, some of each set and language."""
    of_set: dict[tuple[str, str], int] = defaultdict(int)
    some = []
    for document in sorted(dev, key=lambda d: d.doc_id):
        of_set[document.source, document.language] += 1
        if of_set[document.source, document.language] <= _SCORED:
            some.append(document)
    return some


def _sequences(
    documents: Sequence[SectionedDocument], hashes: np.ndarray, tables: Tables, settings: Settings
) -> dict[Variant, list[_Sequence]]:
    """Documents of two lines or more in their variants, as a model in use sees them."""
    some = [document for document in documents if len(document.lines) > 1]
    if not some:
        return {variant: [] for variant in VARIANTS}
    store = LineStore(some, settings.n_buckets)
    store.keep(hashes)
    lines = np.arange(len(store))
    of_boundaries = evidence_of(tables.evidence, store, lines)
    every = np.concatenate([of_boundaries, topics.topics_of(tables.topics, store, lines)], axis=1)
    return {
        v: [_known(store, _sequence(store, every, d, v)) for d in store.documents] for v in VARIANTS
    }


def _sequence(store: LineStore, evidence: np.ndarray, document: Any, variant: Variant) -> _Sequence:
    lines, changes = document.lines(variant)
    return _Sequence(lines, evidence[lines], store.layout(lines, variant), changes)


def _known(store: LineStore, whole: _Sequence) -> _Sequence:
    """A document whose lines and their order are settled."""
    return dataclasses.replace(whole, layout=in_document(whole.layout, *store.bodies(whole.lines)))


def _network(
    store: LineStore, evidence: np.ndarray, scored: Mapping[Variant, Sequence[_Sequence]],
    kind: Kind, settings: Settings, course: Course, reads_topics: bool,
) -> GapNetwork:  # fmt: skip
    torch.manual_seed(course.seed)
    network = GapNetwork(settings.input_dim, settings.network)
    deviation = evidence.std(axis=0)  # 0 in the space of a writing system that no document has
    scale = np.where(deviation > 0, 1 / np.maximum(deviation, _LEAST_DEVIATION), 0)
    scale[DIM:] *= reads_topics
    network.scale.copy_(torch.from_numpy(scale.astype(np.float32)))
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, (0.9, 0.98),
        weight_decay=settings.weight_decay,
    )  # fmt: skip
    by_set: dict[str, list[Any]] = defaultdict(list)
    for document in store.documents:
        by_set[document.source].append(document)

    def one_epoch(epoch: int) -> float:
        rng = np.random.default_rng(seed_of(course.seed, epoch))
        drawn = list(_drawn(store, evidence, by_set, kind, settings, rng))
        return _one_epoch(network, optimiser, drawn, settings, rng, epoch)

    own = {form: scored[form] for form in FORMS_OF[kind]}
    run(network, optimiser, one_epoch, lambda: _score(network, own, settings), course)
    return network


def _drawn(
    store: LineStore, evidence: np.ndarray, by_set: Mapping[str, Sequence[Any]],
    kind: Kind, settings: Settings, rng: np.random.Generator,
) -> Iterator[_Sequence]:  # fmt: skip
    """The pieces of an epoch: each document in one form, perhaps shuffled and mixed."""
    shares = np.array(settings.shares) / sum(settings.shares)
    for documents in by_set.values():
        order = rng.permutation(len(documents))[: settings.documents_a_set].tolist()
        for i in order:
            variant: Variant = "stripped"
            if kind == "shown":
                variant = VARIANTS[int(rng.choice(len(VARIANTS), p=shares))]
            whole = _sequence(store, evidence, documents[i], variant)
            if rng.random() < settings.mixed and len(documents) > 1:
                other = documents[(i + int(rng.integers(1, len(documents)))) % len(documents)]
                whole = _mixed(whole, _sequence(store, evidence, other, variant), rng)
            if rng.random() < settings.shuffled:
                whole = _shuffled(whole, rng)
            first = int(rng.integers(8, settings.crop)) if len(whole) > settings.crop else None
            yield from _cut(_known(store, whole), first, settings.crop)


def _cut(whole: _Sequence, first: int | None, size: int) -> Iterator[_Sequence]:
    edges = [0, *range(first, len(whole), size), len(whole)] if first else [0, len(whole)]
    for start, end in itertools.pairwise(edges):
        if end - start >= 4:
            yield whole[start:end]


def _parts(whole: _Sequence) -> list[np.ndarray]:
    """Places of the lines of each section."""
    return np.split(np.arange(len(whole)), np.flatnonzero(whole.changes[1:] >= SECTION) + 1)


def _shuffled(whole: _Sequence, rng: np.random.Generator) -> _Sequence:
    """The same sections in another order; the first stays, as an opening does."""
    first, *rest = _parts(whole)
    order = rng.permutation(len(rest)).tolist()
    return whole[np.concatenate([first, *(rest[i] for i in order)])]


def _mixed(whole: _Sequence, other: _Sequence, rng: np.random.Generator) -> _Sequence:
    """With half of the sections of another document in between."""
    own = [whole[part] for part in _parts(whole)]
    for part in _parts(other):
        if rng.random() < 0.5:
            guest = other[part]
            guest.changes[0] = SECTION
            own.insert(int(rng.integers(1, len(own) + 1)), guest)
    return _Sequence(
        np.concatenate([p.lines for p in own]),
        np.concatenate([p.evidence for p in own]),
        np.concatenate([p.layout for p in own]),
        np.concatenate([p.changes for p in own]),
    )


def _one_epoch(
    network: GapNetwork, optimiser: torch.optim.Optimizer, drawn: Sequence[_Sequence],
    settings: Settings, rng: np.random.Generator, epoch: int,
) -> float:  # fmt: skip
    batches = list(_batches([len(piece) for piece in drawn], settings.batch_documents, rng))
    losses = []
    for i, batch in enumerate(batches):
        step = (epoch - 1) * len(batches) + i
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * _rate(step, settings.epochs * len(batches))
        some = [drawn[k] for k in batch]
        lengths = torch.tensor([len(piece) for piece in some])
        rows = pad_sequence([torch.from_numpy(p.evidence) for p in some], batch_first=True)
        rows = rows * (torch.rand(rows.shape[:2]) >= settings.line_dropout)[..., None]
        layout = pad_sequence([torch.from_numpy(p.layout) for p in some], batch_first=True)
        raw = network(rows, layout, lengths)
        flat = torch.cat([raw[k, : n - 1] for k, n in enumerate(lengths.tolist())])
        loss = _loss(flat, np.concatenate([piece.changes[1:] for piece in some]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _batches(lengths: Sequence[int], size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Pieces of like length together, in random order."""
    order = np.argsort(np.array(lengths) + 20 * rng.random(len(lengths)))
    starts = np.arange(0, len(order), size)
    for start in rng.permutation(starts):
        yield order[start : start + size].tolist()


def _rate(step: int, total: int) -> float:
    """Up over the first steps, then down along a cosine."""
    cosine = 0.5 * (1 + np.cos(np.pi * min(1.0, step / total)))
    up = min(1.0, (step + 1) / _WARM_UP)
    return float(up * (cosine * (1 - _LEAST_SHARE) + _LEAST_SHARE))


def _loss(raw: torch.Tensor, changes: np.ndarray) -> torch.Tensor:
    """Of both depths alike: a section is a change and a section given that it is one."""
    change, depth = raw[:, 0], raw[:, 1]
    is_change = torch.from_numpy((changes >= SUBSECTION).astype(np.float32))
    is_section = torch.from_numpy((changes >= SECTION).astype(np.float32))
    of_change = functional.binary_cross_entropy_with_logits(change, is_change)
    log_p = functional.logsigmoid(change) + functional.logsigmoid(depth)
    log_not = torch.log1p(-log_p.exp().clamp(max=1 - 1e-6))
    return of_change - (is_section * log_p + (1 - is_section) * log_not).mean()


def _of_sequence(network: GapNetwork, one: _Sequence, settings: Settings) -> np.ndarray:
    """(n_lines - 1, 2) float64 logits of a whole document in training."""
    evidence, layout = map(torch.from_numpy, (one.evidence, one.layout))
    return _of_evidence(network, evidence, layout, settings.max_lines)


def _score(
    network: GapNetwork, scored: Mapping[Variant, Sequence[_Sequence]], settings: Settings
) -> float:
    """The mean over variants and depths of the micro F1 at its best threshold."""
    found = []
    with torch.inference_mode():
        for sequences in scored.values():
            raw = [_of_sequence(network, s, settings) for s in sequences]
            for column, least in enumerate((SECTION, SUBSECTION)):
                gold = [s.changes[1:] >= least for s in sequences]
                found.append(best_f1([r[:, column] for r in raw], gold)[1])
    return float(np.mean(found)) if found else 0.0
