"""Queries by a sequence-to-sequence model: T5, mT5, and others that transformers can load."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from string import Formatter
from typing import Any, ClassVar, Literal

from datakit.generators._names import LANGUAGES, primary
from datakit.records import Dropped, Form, Passage, Query, normal_key, query_id, seed_for
from datakit.registry import digest, identity, plugin
from datakit.retrievers import covers
from datakit.seq2seq import PLAIN_PROMPT, Dtype, Seq2Seq, Source, load_seq2seq
from datakit.seq2seq.decoding import Decoding, Output

_STAGE = "generate/t5"
_WINDOW = 512  # passages among which those of like length are brought together
# GPL, arXiv 2112.07577: so many queries in all, and three of each passage at least
_GPL_QUERIES, _GPL_LEAST = 250_000, 3
_GPL_MOST = 50  # of a passage; our default
_FIELDS = ("language", "title", "passage")
_ASKS_ENGLISH = re.compile(
    r"(what|whats|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could"
    r"|may|must|should|will|would|has|have)\b",
    re.I,
)
_ASKS_CHINESE = re.compile(
    "什么|怎么|怎样|如何|为何|多少|多久|多长|多大|哪|谁|几|是否|何时|何种|能否|可否|会不会|能不能|吗$|呢$"
)


@plugin("generators", "t5")
@dataclass(frozen=True)
class T5Queries:
    """Queries drawn from a T5, mT5 or other encoder-decoder that was trained to write them.

    Level is `passage` and the seed label is 2: the model quotes no evidence, and which sentence a
    query is about takes a cross-encoder to tell. `scores` has the mean log-probability of the
    query's tokens (`logprob`), how many outputs were drawn of the passage (`asked`) and how many
    of them were this query (`times`); the rest of them were empty or unfinished. A passage in a
    language that is not wanted, or that "auto" does not draw, is not asked and not dropped.

    It runs in one process at a time, with all cores or the GPU: several would each hold the model
    and share the same units.
    """

    unit: ClassVar[Literal["map"]] = "map"
    one_process: ClassVar[bool] = True

    # a folder or a hub id. This one writes English, Chinese and twelve other languages; for English
    # alone, BeIR/query-gen-msmarco-t5-base-v1
    model: str = "doc2query/msmarco-14langs-mt5-base-v1"
    languages: tuple[str, ...] = ()  # of passages: ("en",) only these, ("!en",) all but these
    # what the model reads; {language} is the English name of the language to ask in. "": as the
    # model's folder says, else "{title} {passage}". Another wording than the model was trained with
    # makes its queries worse, and nothing tells: read its card
    prompt: str = ""
    # "auto": 250,000 in all and at most 50 of a passage; of a corpus for which that would be under
    # 3, 3 each of 83,334 passages
    queries_per_passage: int | Literal["auto"] = 3
    target_languages: tuple[str, ...] = ()  # ask in these instead of the passage's own
    queries_per_language: int = 1  # of a passage, with target_languages
    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 25  # 0: all tokens
    beams: int = 0  # 0: sampling; 1: the most probable token each time; more: beam search
    max_tokens: int = 64  # of a query
    max_source_tokens: int = 512  # of the passage; what is beyond is not read
    dtype: Dtype = "float32"
    device: str = "auto"  # cpu, cuda, cuda:1; auto: cuda where there is one
    allow_download: bool = False  # fetch a hub id that is not in the local cache
    corpus_passages: int | None = None  # for "auto"; a build fills it in
    seed: int = 13

    def __post_init__(self) -> None:
        counts = (self.queries_per_language, self.max_tokens, self.max_source_tokens)
        wanted = self.queries_per_passage
        if min(counts) < 1 or (wanted != "auto" and wanted < 1):
            raise ValueError("numbers of queries and of tokens are at least 1")
        if not 0 < self.top_p <= 1 or self.temperature <= 0 or min(self.top_k, self.beams) < 0:
            raise ValueError(
                "expected 0 < top_p <= 1, temperature > 0, top_k >= 0 and beams >= 0; the most "
                "probable query is beams = 1"
            )
        each = self.queries_per_language if self.target_languages else wanted
        if self.beams and (each == "auto" or each > self.beams):
            raise ValueError(
                f"beams = {self.beams} gives at most {self.beams} of a passage, and {each} are "
                "wanted: lower queries_per_passage or queries_per_language, or set beams = 0"
            )
        self._check_prompt()

    def _check_prompt(self) -> None:
        try:
            fields = [(f, spec, conv) for _, f, spec, conv in Formatter().parse(self.prompt) if f]
        except ValueError as error:
            raise ValueError(f"prompt: {error}") from None
        names = [name for name, _, _ in fields]
        if any(name not in _FIELDS or spec or conv for name, spec, conv in fields):
            raise ValueError("prompt may have {language}, {title} and {passage}, nothing else")
        if self.prompt and "passage" not in names:
            raise ValueError("prompt has no {passage}")
        unknown = [code for code in self.target_languages if primary(code) not in LANGUAGES]
        if unknown:
            raise ValueError(f"target_languages: {unknown[0]!r} is none of {', '.join(LANGUAGES)}")

    def fingerprint(self) -> dict[str, Any]:
        """The weights, and the template where the model brings its own."""
        from datakit.models import find_model, weights_sha256
        from datakit.seq2seq import own_prompt

        folder = find_model(self.model, allow_download=self.allow_download)
        prompt = self.prompt or own_prompt(folder)
        return {"weights_sha256": weights_sha256(folder), "prompt": prompt}

    def for_corpus(self, n_passages: int) -> T5Queries:
        """The plugin for a corpus of so many passages, of which it may see a part."""
        if self.queries_per_passage != "auto" or self.corpus_passages is not None:
            return self
        return replace(self, corpus_passages=n_passages)

    def __call__(self, passages: Iterable[Passage]) -> Iterator[Query | Dropped]:
        """Queries in the order of the passages; one that is asked and gives none is dropped."""
        if self.queries_per_passage == "auto" and self.corpus_passages is None:
            passages = list(passages)
            yield from self.for_corpus(len(passages))(passages)
            return
        written = _Writing.of(self)
        waiting = iter(passages)
        while window := list(islice(waiting, _WINDOW)):
            yield from written(window)

    @property
    def decoding(self) -> Decoding:
        return Decoding(self.max_tokens, self.temperature, self.top_p, self.top_k, self.beams)

    def wanted(self, passage: Passage) -> tuple[tuple[str | None, int], ...]:
        """The languages to ask in, and how many queries in each."""
        if self.target_languages:
            return tuple((code, self.queries_per_language) for code in self.target_languages)
        return ((passage.language, self._number(passage)),)

    def _number(self, passage: Passage) -> int:
        if self.queries_per_passage != "auto":
            return self.queries_per_passage
        size = max(1, self.corpus_passages or 1)
        if _GPL_LEAST * size < _GPL_QUERIES:
            return min(_GPL_MOST, math.ceil(_GPL_QUERIES / size))
        drawn = seed_for(self.seed, f"{_STAGE}/passages", passage.passage_id) / 2**63
        return _GPL_LEAST if drawn * size < math.ceil(_GPL_QUERIES / _GPL_LEAST) else 0


@dataclass(frozen=True)
class _Writing:
    """A plugin at work: with its model, and what is the same for all its queries."""

    plugin: T5Queries
    model: Seq2Seq
    prompt: str
    generator_id: str

    @classmethod
    def of(cls, plugin: T5Queries) -> _Writing:
        model = load_seq2seq(
            plugin.model,
            max_source_tokens=plugin.max_source_tokens,
            dtype=plugin.dtype,
            device=plugin.device,
            allow_download=plugin.allow_download,
        )
        prompt = plugin.prompt or model.prompt
        own = identity(plugin) | {"model": {"weights_sha256": model.weights, "prompt": prompt}}
        return cls(plugin, model, prompt, digest(own))

    def __call__(self, passages: Sequence[Passage]) -> Iterator[Query | Dropped]:
        asked = [self._asked(passage) for passage in passages]
        sources = [source for _, source in (one for of in asked for one in of)]
        outputs = iter(self.model.generate(sources, self.plugin.decoding))
        for passage, of in zip(passages, asked, strict=True):
            found = [(language, next(outputs)) for language, _ in of]
            yield from self._queries(passage, found)

    def _asked(self, passage: Passage) -> list[tuple[str | None, Source]]:
        """What is read of a passage, by the language of the query."""
        if not covers(self.plugin.languages, passage.language):
            return []
        found = []
        for language, number in self.plugin.wanted(passage):
            stage = f"{_STAGE}/{language}" if self.plugin.target_languages else _STAGE
            seeds = tuple(
                seed_for(self.plugin.seed, f"{stage}/{i}", passage.passage_id)
                for i in range(number)
            )
            if seeds:
                found.append((language, Source(filled(self.prompt, passage, language), seeds)))
        return found

    def _queries(
        self, passage: Passage, found: Sequence[tuple[str | None, Sequence[Output]]]
    ) -> Iterator[Query | Dropped]:
        queries = [
            self._query(passage, language, len(outputs), same)
            for language, outputs in found
            for same in _distinct(outputs)
        ]
        yield from queries
        if found and not queries:
            outputs = [output for _, of in found for output in of]
            cut = sum(not output.finished for output in outputs)
            yield Dropped(
                passage.passage_id,
                "no_query",
                f"of {len(outputs)} outputs {cut} unfinished after {self.plugin.max_tokens} "
                f"tokens, {len(outputs) - cut} without a word",
            )

    def _query(
        self, passage: Passage, language: str | None, asked: int, same: Sequence[Output]
    ) -> Query:
        first, seeds = same[0], (passage.passage_id,)
        crossed = language is not None and primary(language) != primary(passage.language)
        return Query(
            query_id=query_id(self.generator_id, seeds, f"{language}\n{first.text}"),
            text=first.text,
            language=language,
            level="passage",
            form=form_of(first.text, language),
            generator_id=self.generator_id,
            generator_family=self.model.family,
            seed_passage_ids=seeds,
            pattern=("sample", "greedy", "beam")[min(self.plugin.beams, 2)],
            facets={"category": passage.category} if passage.category else {},
            scores={
                "seed_grade": 2.0,
                "logprob": round(first.logprob, 4),
                "asked": float(asked),
                "times": float(len(same)),
            },
            flags=("cross_lingual",) if self.plugin.target_languages and crossed else (),
        )


def _distinct(outputs: Sequence[Output]) -> list[list[Output]]:
    """The finished outputs with a word in them, those that ask the same together."""
    groups: dict[str, list[Output]] = {}
    for output in outputs:
        key = normal_key(output.text).rstrip("?？ ")
        if output.finished and re.search(r"\w", key):
            groups.setdefault(key, []).append(output)
    return list(groups.values())


def filled(prompt: str, passage: Passage, language: str | None) -> str:
    """What the model reads of a passage: the template with its values, blanks squeezed."""
    values = {
        "language": LANGUAGES.get(primary(language), language or ""),
        "title": passage.title or "",
        "passage": passage.text,
    }
    text = (prompt or PLAIN_PROMPT).format_map(values)
    return " ".join(text.split())


def form_of(text: str, language: str | None) -> Form | None:
    """`question` or `keyword` by mark and question word; None where the language is not known."""
    if text.rstrip().endswith(("?", "？", "؟")):
        return "question"
    asks = {"en": _ASKS_ENGLISH.match, "zh": _ASKS_CHINESE.search}.get(primary(language))
    if asks is None:
        return None
    return "question" if asks(text) else "keyword"
