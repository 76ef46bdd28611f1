"""Clusters of titles or headings in each cell of documents."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from datakit.generators import _cells, _chinese, _grouping, _latin, _points
from datakit.generators._cells import ALWAYS, UNCATEGORISED, UNDATED, Brief, Cell, Window
from datakit.generators._context import Context, Kind
from datakit.generators._points import (
    PERIOD_ZH,
    SERIES,
    SERIES_ZH,
    Unit,
    favourite,
    heading_words,
    words_of,
)
from datakit.records import Document, Dropped, normal_key, seed_for
from datakit.text import is_cjk_language

if TYPE_CHECKING:
    from datakit.models import Encoder

__all__ = ["ALWAYS", "UNCATEGORISED", "UNDATED", "Cell", "CellClusters", "Cluster", "Clustering",
           "Member", "found_in", "narrow"]  # fmt: skip

_DISTINCT = 0.5  # share of distinct titles below which headings are clustered; pipeline §6
_ENCODER_QUANTILE = 0.998  # of the cosines of one cell's points; our default
_MOST_SAMPLED = 1000  # points of a cell whose cosines are taken for that quantile
_LONG_TITLE = 15  # characters
_TOP_WORDS = 10  # of a cluster, for topic diversity; pipeline §6


@dataclass(frozen=True)
class Clustering:
    """How documents are sorted into cells and clusters."""

    window: Window = "auto"
    near_titles: float = 0.25  # least mean cosine in a cluster; read against Chinese report titles
    near_headings: float = 0.6  # the same; read against terms of service
    encoder: str = ""  # "": words
    encoder_languages: tuple[str, ...] = ()  # (): all
    allow_download: bool = False
    seed: int = 13

    def encoder_for(self, language: str) -> Encoder | None:
        """The encoder of a language; None: its words are compared."""
        if not self.encoder or (self.encoder_languages and language not in self.encoder_languages):
            return None
        from datakit.models import load_encoder

        return load_encoder(self.encoder, allow_download=self.allow_download)

    def fingerprint(self) -> dict[str, Any] | None:
        """What decides the vectors, where an encoder makes them."""
        if not self.encoder:
            return None
        from datakit.models import load_encoder

        return load_encoder(self.encoder, allow_download=self.allow_download).identity()


@dataclass(frozen=True, slots=True)
class Member:
    """A document of a cluster, and which of its headings brought it there."""

    brief: Brief
    headings: tuple[_cells.Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents that are about one thing, or sections that are headed alike."""

    cell: str
    members: tuple[Member, ...]  # by doc_id
    titles: tuple[str, ...]  # of the documents, or the headings; the most frequent first
    terms: tuple[str, ...]  # the most distinctive first
    cohesion: float  # mean cosine of its points; 1 for one point
    silhouette: float | None = None  # mean over its points; None where the cell is one cluster
    unit: Literal["document", "section"] = "document"
    shared: tuple[str, ...] = ()  # titles whose words stand in titles of two sources or more
    n_sources: int = 0  # issuers, or documents where no issuer is known
    alone: bool = False  # the only cluster of its cell
    category: str = UNCATEGORISED
    window: str = UNDATED
    language: str = ""
    kind: Kind = "article"
    label: str = ""

    @property
    def doc_ids(self) -> tuple[str, ...]:
        return tuple(member.brief.doc_id for member in self.members)

    @property
    def facets(self) -> dict[str, str]:
        """Category and time of its cell, where they are known."""
        known = {} if self.category == UNCATEGORISED else {"category": self.category}
        return known if self.window in (UNDATED, ALWAYS) else known | {"time": self.window}

    def is_broad(self, least: int) -> bool:
        """Whether it spans so many works, or sections of so many sources.

        A long title that one issuer has twice is one work, a short one may be a series.
        """
        if self.unit == "section":
            return min(self.n_sources, len(self.members)) >= least
        return len({_work(member.brief) for member in self.members}) >= least


def _work(one: Brief) -> tuple[str, ...]:
    key = normal_key(one.full_title)
    return (key, one.source) if len(key) >= _LONG_TITLE else (one.doc_id,)


@dataclass(frozen=True, slots=True)
class CellClusters:
    """One cell, its clusters, those of one document included, and how well they part."""

    cell: Cell
    n_documents: int
    clusters: tuple[Cluster, ...] = ()  # the largest first
    silhouette: float | None = None  # mean over the points of clusters of two or more
    davies_bouldin: float | None = None
    diversity: float | None = None  # distinct among the ten top words of each cluster


def found_in(
    documents: Iterable[Document], settings: Clustering, *, with_lines: bool = False
) -> Iterator[CellClusters]:
    """Every cell with its clusters; only titles, headings and metadata are kept in memory."""
    briefs = [
        _cells.brief(document, settings.window, with_lines=with_lines) for document in documents
    ]
    weights = _points.TitleWeights(briefs)
    for cell, members in _cells.cells(briefs).items():
        yield _sorted(cell, members, weights, settings)


def narrow(found: CellClusters, least: int) -> Iterator[Dropped]:
    """What no query is made for: one row for each title, or one for all headings of a cell."""
    small = [one for one in found.clusters if not one.is_broad(least)]
    reason, cell = "single_document_cluster", found.cell.key
    if small and small[0].unit == "section":
        detail = f"{len(small)} headings of cell {cell} stand in fewer than {least} documents"
        yield Dropped(cell, reason, detail)
        return
    for cluster in small:
        n = len(cluster.members)
        detail = f"a cluster of cell {cell} has {n} document{'s' * (n > 1)}, expected {least}"
        yield Dropped(cluster.doc_ids[0], reason, f"{detail} or more with titles that are alike")
    if not found.clusters:
        detail = f"cell {cell}: none of {found.n_documents} documents has a heading that says more"
        yield Dropped(cell, "no_heading", f"{detail} than what kind of document it is")


def _sorted(
    cell: Cell, documents: Sequence[Brief], weights: _points.TitleWeights, settings: Clustering
) -> CellClusters:
    by_heading = _goes_by_heading(cell, documents)
    sources = {one.doc_id: one.source for one in documents}
    if by_heading:
        sources = _points.sources(documents)
        units = _points.heading_units(documents, cell.language)
        weight = _points.heading_weights(units)
        shared = _points.common_words(units, sources)
        vectors = _points.matrix(units, weight, shared)
    else:
        units = _points.title_units(documents, cell.language)
        weight = weights.of(cell)
        vectors = _points.matrix(units, weight)
    if not units:
        return CellClusters(cell, len(documents))
    near = settings.near_headings if by_heading else settings.near_titles
    encoder = settings.encoder_for(cell.language)
    if encoder is not None:
        vectors = encoder.encode([unit.text for unit in units])
        near = _near_by_quantile(vectors)
    seed = seed_for(settings.seed, "generate/top_down", cell.key)
    groups = _grouping.groups(vectors, near, seed)
    large = [rows for rows in groups if len(rows) > 1]
    silhouettes, index = _grouping.silhouettes(vectors, large)
    silhouette_of = {tuple(rows): value for rows, value in zip(large, silhouettes, strict=True)}
    known = {one.doc_id: replace(one, source=sources[one.doc_id]) for one in documents}
    made = [
        _cluster(
            cell,
            [units[row] for row in rows],
            known,
            weight,
            by_heading=by_heading,
            cohesion=round(_grouping.cohesion(vectors, rows), 4),
            silhouette=_or_none(silhouette_of.get(tuple(rows), math.nan)),
            alone=len(groups) == 1,
        )
        for rows in groups
    ]
    return CellClusters(
        cell,
        len(documents),
        tuple(sorted(made, key=lambda one: (-len(one.members), one.titles[:1], one.doc_ids))),
        _or_none(_mean_over_points(silhouettes, large)),
        _or_none(index),
        _diversity([[units[row] for row in rows] for rows in large], weight),
    )


def _near_by_quantile(vectors: Any) -> float:
    """What two in a thousand of a cell's pairs reach: encoders differ in what is close."""
    import numpy as np

    step = max(1, len(vectors) // _MOST_SAMPLED)
    some = vectors[::step]
    cosines = (some @ some.T)[np.triu_indices(len(some), 1)]
    return float(np.quantile(cosines, _ENCODER_QUANTILE)) if len(cosines) > _MOST_SAMPLED else 0.6


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _mean_over_points(values: Sequence[float], found: Sequence[Sequence[int]]) -> float:
    n = sum(map(len, found))
    pairs = zip(values, found, strict=True)
    return sum(value * len(rows) for value, rows in pairs) / n if n else math.nan


def _diversity(found: Sequence[Sequence[Unit]], weight: Callable[[str], float]) -> float | None:
    """Distinct words among the top words of all clusters, as a share of them."""
    tops = [_top_words(units, weight) for units in found]
    total = sum(map(len, tops))
    return round(len({word for top in tops for word in top}) / total, 4) if total else None


def _words(units: Sequence[Unit], weight: Callable[[str], float]) -> list[str]:
    """Words of at least half the titles, where no phrase is common to them."""
    counts = Counter(word for unit in units for word in set(unit.words))
    return [word for word in _top_words(units, weight) if 2 * counts[word] >= len(units)][:3]


def _top_words(units: Sequence[Unit], weight: Callable[[str], float]) -> list[str]:
    counts = Counter(word for unit in units for word in set(unit.words))
    ranked = sorted(counts, key=lambda word: (-counts[word] * weight(word), word))
    return ranked[:_TOP_WORDS]


def _goes_by_heading(cell: Cell, documents: Sequence[Brief]) -> bool:
    if cell.kind in ("terms", "law"):
        return True
    headed = sum(bool(one.headings) for one in documents)
    return 2 * headed >= len(documents) and not _titles_differ(documents)


def _titles_differ(documents: Sequence[Brief]) -> bool:
    """Whether the titles of a cell tell its documents apart."""
    keys = [re.sub(r"[\d\W_]+", "", normal_key(one.title)) for one in documents]
    told = {key for key in keys if len(key) > 4}
    return len(told) >= _DISTINCT * len(keys)


# --- one cluster -------------------------------------------------------------------------------


def _cluster(
    cell: Cell, units: Sequence[Unit], known: Mapping[str, Brief],
    weight: Callable[[str], float], *, by_heading: bool, **fields: Any,
) -> Cluster:  # fmt: skip
    ranked = sorted(units, key=lambda unit: (-len(unit.doc_ids), len(unit.text), unit.text))
    members = tuple(_members(units, known, cell.language, by_heading))
    # without a category the titles have to say what the cluster is about
    need = 1 if by_heading or cell.category == UNCATEGORISED else 2
    return Cluster(
        cell=cell.key,
        members=members,
        titles=tuple(unit.text for unit in ranked),
        terms=tuple(_terms(ranked, cell.language, weight, need) or _words(ranked, weight)),
        unit="section" if by_heading else "document",
        shared=tuple(_shared(ranked, known)) if by_heading else (),
        n_sources=len({member.brief.source for member in members}),
        category=cell.category,
        window=cell.window,
        language=cell.language,
        kind=cell.kind,
        label=favourite(Counter(member.brief.label for member in members)),
        **fields,
    )


def _members(
    units: Sequence[Unit], known: Mapping[str, Brief], language: str, by_heading: bool
) -> Iterator[Member]:
    wanted = {unit.words for unit in units}
    for doc_id in sorted({doc_id for unit in units for doc_id in unit.doc_ids}):
        one = known[doc_id]
        kept = tuple(
            heading
            for heading in (one.headings if by_heading else ())
            if heading_words(heading.text, language) in wanted
        )
        yield Member(one, kept)


def _shared(units: Sequence[Unit], known: Mapping[str, Brief]) -> Iterator[str]:
    """Headings whose words all stand in headings of at least two sources."""
    for unit in units:
        words = set(unit.words)
        holders = (other for other in units if words <= set(other.words))
        sources = {known[doc_id].source for other in holders for doc_id in other.doc_ids}
        if len(sources) > 1:
            yield unit.text


def _terms(
    units: Sequence[Unit], language: str, weight: Callable[[str], float], need: int
) -> list[str]:
    """Phrases of the titles, by how many titles share their words and how rare these are.

    Args:
        units: of one cluster.
        language: of the titles.
        weight: of a word in the cell.
        need: titles that must hold at least half of the words of a phrase.
    """
    spread: Counter[str] = Counter(word for unit in units for word in set(unit.words))
    scores: dict[str, float] = {}
    for unit in units:
        for phrase, words in _phrases(unit.text, language):
            shared = [word for word in words if spread[word] >= need]
            if phrase in scores or not words or 2 * len(shared) < len(words):
                continue
            worth = sum((spread[word] ** 1.5) * weight(word) for word in words)
            scores[phrase] = worth / len(words) ** 0.7
    ranked = sorted(scores, key=lambda phrase: (-scores[phrase], phrase))
    return _distinct(ranked, language)[:6]


def _phrases(title: str, language: str) -> Iterator[tuple[str, list[str]]]:
    if is_cjk_language(language):
        for chunk in _chinese.chunks(title):
            kept = [token for token in chunk.words if token.word not in SERIES_ZH]
            for run in _noun_runs(kept):
                text = "".join(token.word for token in run)
                text = re.sub(r"(?:行业|专题|研究|周$|月$|年$|市场$).*$", "", text)
                if 2 <= len(text) <= 10 and text not in SERIES_ZH and not PERIOD_ZH.search(text):
                    yield text, [token.word for token in run if len(token.word) > 1]
        return
    context = Context(
        language, "article", None, "", None, None, None, lower=frozenset(_latin_small(title))
    )
    for piece in _latin.parse(title, context).chunks:
        words = piece.words[1:] if piece.is_verb else piece.words
        stems = [_latin.stem(word) for word in words]
        if stems and not set(stems) <= SERIES:
            yield " ".join(words), stems


def _noun_runs(tokens: Sequence[_chinese.Token]) -> Iterator[list[_chinese.Token]]:
    """Neighbouring nouns; idioms and slogans (tags i, l) are no topics."""
    run: list[_chinese.Token] = []
    for token in tokens:
        if (token.is_noun and token.tag not in ("i", "l", "an")) or (
            token.tag == "l" and len(token.word) < 4
        ):
            run.append(token)
            continue
        if run:
            yield run
        run = []
    if run:
        yield run


def _latin_small(title: str) -> list[str]:
    """Words of a title in small letters: titles write every word with a capital."""
    return [word.lower() for word in re.findall(r"[^\W\d_]+", title) if not word.isupper()]


def _distinct(phrases: Sequence[str], language: str) -> list[str]:
    """Phrases that share no word with a better one."""
    kept: list[str] = []
    seen: set[str] = set()
    for phrase in phrases:
        words = set(words_of(phrase, language)) or {phrase}
        if not words & seen:
            kept.append(phrase)
            seen |= words
    return kept
