"""Cells of documents by category and time, and clusters of titles or headings in each cell."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from datakit.generators import _chinese, _headings, _latin
from datakit.generators._context import Context, Kind, kind_of, short_name
from datakit.generators._words import word_set
from datakit.records import Document, normal_key
from datakit.text import base_language, is_cjk_language

if TYPE_CHECKING:
    import numpy as np

UNDATED = "undated"
UNCATEGORISED = "uncategorised"
_LEAST_WEIGHT = 0.3  # of a category, for a document to sit in its cell; pipeline §6
_MOST_CATEGORIES = 2
_SMALL_CELL = 10  # units: a smaller cell stays one cluster; pipeline §6
_MIXED = 0.06  # mean cosine of titles below which a small cell is no single topic; our default
_NEAR = 0.2  # cosine that joins two titles of a mixed small cell; our default
_DIMENSIONS = 32  # pipeline §6
_NOISE_QUANTILE = 0.1  # of the members' own cosines: noise at least as near joins; pipeline §6
_DISTINCT = 0.5  # share of distinct titles below which headings are clustered; pipeline §6


@dataclass(frozen=True, slots=True)
class Brief:
    """What clustering keeps of a document: no text."""

    doc_id: str
    title: str
    source: str  # issuer, family or document: who a second opinion must not come from
    language: str
    kind: Kind
    label: str  # terms, privacy, 10-K
    categories: tuple[str, ...]
    window: str
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Documents of one category, time, language and kind."""

    category: str
    window: str  # 2024-Q1, 2024 or undated
    language: str
    kind: Kind

    @property
    def key(self) -> str:
        return "|".join((self.category, self.window, self.language, self.kind))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents that are about one thing, or sections that are headed alike."""

    cell: str
    doc_ids: tuple[str, ...]
    titles: tuple[str, ...]  # of the documents, or the headings; the most frequent first
    terms: tuple[str, ...]  # the most distinctive first
    silhouette: float | None  # mean over the members; None where the cell is one cluster
    unit: Literal["document", "section"] = "document"
    shared: tuple[str, ...] = ()  # titles whose words stand in titles of two sources or more
    n_sources: int = 0  # issuers, or documents where no issuer is known
    alone: bool = False  # the only cluster of its cell
    category: str = UNCATEGORISED
    window: str = UNDATED
    language: str = ""
    kind: Kind = "article"
    label: str = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    """One point to cluster: a title, or a heading with all documents that have it."""

    text: str
    words: tuple[str, ...]
    doc_ids: tuple[str, ...]


# --- documents into cells ----------------------------------------------------------------------


def brief(document: Document) -> Brief:
    """What clustering keeps of a document."""
    kind = kind_of(document.doc_type, document.title)
    language = base_language(document.language) or ""
    title = _plain_title(document)
    return Brief(
        doc_id=document.doc_id,
        title=title,
        source=document.issuer or document.family_id or document.doc_id,
        language=language,
        kind=kind,
        label=document.doc_type or kind,
        categories=_categories(document),
        window=window_of(document, kind),
        headings=tuple(_heading_units(document, language, kind)),
    )


def _categories(document: Document) -> tuple[str, ...]:
    weighted = sorted(document.category_weights.items(), key=lambda one: (-one[1], one[0]))
    kept = tuple(name for name, weight in weighted if weight >= _LEAST_WEIGHT)[:_MOST_CATEGORIES]
    return kept or ((document.category,) if document.category else (UNCATEGORISED,))


def window_of(document: Document, kind: Kind) -> str:
    """The quarter of a dated document, the year from which terms hold; `undated` without a date."""
    date = (document.valid_from or document.date) if kind == "terms" else document.date
    if not date or not re.match(r"(?:19|20)\d\d", date):
        return UNDATED
    if kind == "terms" or len(date) < 7:
        return date[:4]
    return f"{date[:4]}-Q{(int(date[5:7]) + 2) // 3}"


def _plain_title(document: Document) -> str:
    title = " ".join((document.title or "").split())
    if document.issuer:
        title = re.sub(re.escape(document.issuer), " ", title, flags=re.I)
        title = re.sub(re.escape(short_name(document.issuer)), " ", title, flags=re.I)
    title = re.sub(r"\d{4}[-./年]\d{1,2}[-./月]\d{1,2}日?|\(\d[^)]*\)|（\d[^）]*）", " ", title)
    return " ".join(title.split()).strip(" -–—:：|,，")


def _heading_units(document: Document, language: str, kind: Kind) -> Iterator[str]:
    """Distinct headings that say something, without numbers, names and voices."""
    if kind not in ("terms", "filing", "law"):
        return
    cjk = is_cjk_language(language)
    seen: set[str] = set()
    title = normal_key(document.title or "")
    for section in document.sections:
        text = _headings.clean(section.title, cjk)
        if not text or _headings.is_generic(text) or normal_key(text) == title:
            continue
        text = neutral(text, document.issuer, cjk)
        size = len(text) if cjk else len(text.split())
        if text and size <= (20 if cjk else 9) and normal_key(text) not in seen:
            seen.add(normal_key(text))
            yield text


def neutral(heading: str, issuer: str | None, cjk: bool) -> str:
    """A heading that fits any issuer: small letters, no name, "services" for "we"."""
    for name in dict.fromkeys([issuer or "", short_name(issuer) if issuer else ""]):
        if name:
            heading = re.sub(rf"{re.escape(name)}(?:['’]s)?", " ", heading, flags=re.I)
    if cjk:
        return re.sub(r"\s+", "", heading).strip("的、，")
    text = re.sub(r"[?!]", "", heading)
    words = [
        word if _keeps_case(word) and not heading.isupper() else word.lower()
        for word in text.split()
    ]
    return " ".join(words).strip(" ,;:&-–")


def _keeps_case(word: str) -> bool:
    return word.isupper() and 2 <= len(word) <= 5


def cells(briefs: Iterable[Brief]) -> dict[Cell, list[Brief]]:
    """Documents by cell, cells and documents in a fixed order."""
    found: dict[Cell, list[Brief]] = defaultdict(list)
    for one in briefs:
        for category in one.categories:
            found[Cell(category, one.window, one.language, one.kind)].append(one)
    return {
        cell: sorted(found[cell], key=lambda one: one.doc_id)
        for cell in sorted(found, key=lambda cell: cell.key)
    }


# --- cells into clusters -----------------------------------------------------------------------


def clusters_of(cell: Cell, documents: Sequence[Brief], seed: int) -> list[Cluster]:
    """The clusters of one cell, those of one document included; the largest first."""
    by_heading = cell.kind in ("terms", "law") or not _titles_differ(documents)
    units = _section_units(documents, cell) if by_heading else _document_units(documents, cell)
    if not units:
        return []
    labels, silhouettes = _labels(units, cell, by_heading, seed)
    groups: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        groups[label].append(row)
    idf = _idf(units)
    made = [
        _cluster(cell, [units[row] for row in rows], documents, idf, by_heading)
        for rows in groups.values()
    ]
    scores = [
        _mean([silhouettes[row] for row in rows]) if silhouettes else None
        for rows in groups.values()
    ]
    alone = len(made) == 1
    from dataclasses import replace

    made = [
        replace(one, silhouette=score, alone=alone) for one, score in zip(made, scores, strict=True)
    ]
    return sorted(made, key=lambda one: (-len(one.doc_ids), one.titles[:1], one.doc_ids))


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)


def _titles_differ(documents: Sequence[Brief]) -> bool:
    """Whether the titles of a cell tell its documents apart."""
    keys = [re.sub(r"[\d\W_]+", "", normal_key(one.title)) for one in documents]
    told = {key for key in keys if len(key) > 4}
    return len(told) >= _DISTINCT * len(keys)


def _document_units(documents: Sequence[Brief], cell: Cell) -> list[_Unit]:
    return [
        _Unit(one.title, tuple(_words(one.title, cell.language)), (one.doc_id,))
        for one in documents
    ]


def _section_units(documents: Sequence[Brief], cell: Cell) -> list[_Unit]:
    """Headings with the same words are one unit with all their documents."""
    owners: dict[tuple[str, ...], list[str]] = defaultdict(list)
    written: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for one in documents:
        for heading in one.headings:
            words = tuple(sorted(set(_words(heading, cell.language))))
            if words:
                owners[words].append(one.doc_id)
                written[words][heading] += 1
    return [
        _Unit(_favourite(written[words]), words, tuple(sorted(set(owners[words]))))
        for words in sorted(owners)
    ]


def _favourite(counts: Counter[str]) -> str:
    return min(counts, key=lambda text: (-counts[text], len(text), text))


def _words(text: str, language: str) -> list[str]:
    if is_cjk_language(language):
        return [word for word in _chinese.content_words(text) if word not in _SERIES_ZH]
    return [word for word in _latin.content_stems(text, language) if word not in _SERIES]


_SERIES = word_set(
    """
    report weekly monthly quarterly annual review update outlook note research industry sector
    """
)
_SERIES_ZH = word_set(
    """
    行业 周报 月报 年报 季报 报告 深度 研究 专题 点评 跟踪 动态 系列 观察 双周报 总结 综述
    深度报告 行业研究 策略 月度 周度 周观点 观点 每周谈 趋势 机会 个股 业绩 黄金 赛道 布局 发力
    成长 潜力 时代 板块 景气 景气度 龙头 好事 进攻 方向 大单品 首部 前瞻 行业观察 周观察
    月度观察 小结 财报 中报 半年报 机遇 优势 前景 空间 概况 现状 一周 大年 股份 之后 升级 每周
    综合 信号 预案 解析 材料 产业 科技 发展 产业链 医疗 能源 金属 经济 行业周 专题研究 环比 同比
    浪潮 政策 价格 需求 整体 收入 事件 数据 投资 简评 快评 早报 晨报 日报 之一 之二 之三 行情
    分析 行业深度 我们 如何 平台 个人 用户 确定性 不确定性 情绪 主线 拐点 逻辑 亮点 方面 态势
    """
)


def _labels(
    units: Sequence[_Unit], cell: Cell, by_heading: bool, seed: int
) -> tuple[list[int], list[float]]:
    """The cluster of each unit from 0, and its silhouette; no silhouettes for one cluster."""
    vectors = _vectors([unit.words for unit in units], seed)
    if len(units) < _SMALL_CELL and not by_heading:
        labels = _small_cell(vectors, cell)
    else:
        labels = _hdbscan(vectors)
    n_labels = len(set(labels))
    if not 1 < n_labels < len(labels):
        return labels, []
    from sklearn.metrics import silhouette_samples

    return labels, [float(value) for value in silhouette_samples(vectors, labels)]


def _vectors(texts: Sequence[Sequence[str]], seed: int) -> np.ndarray:
    """(n_texts, ≤ 32) float64, unit length: TF-IDF, truncated SVD."""
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    if not any(texts):
        return np.eye(len(texts))
    tfidf = TfidfVectorizer(analyzer=_same).fit_transform([list(words) for words in texts])
    size = min(_DIMENSIONS, len(texts) - 1, tfidf.shape[1] - 1)
    if size < 2:
        dense: np.ndarray = normalize(tfidf).toarray()
        return dense
    reduced = TruncatedSVD(size, random_state=seed % 2**32).fit_transform(tfidf)
    unit: np.ndarray = normalize(reduced)
    return unit


def _same(words: list[str]) -> list[str]:
    return words


def _small_cell(vectors: np.ndarray, cell: Cell) -> list[int]:
    """One cluster, unless no category holds the titles together and they share no words."""
    n = len(vectors)
    cosines = vectors @ vectors.T
    mean = (cosines.sum() - n) / max(1, n * (n - 1))
    if cell.category != UNCATEGORISED or mean >= _MIXED:
        return [0] * n
    labels = list(range(n))
    for i in range(n):
        for j in range(i + 1, n):
            if cosines[i, j] >= _NEAR:
                old, new = labels[j], labels[i]
                labels = [new if label == old else label for label in labels]
    return labels


def _hdbscan(vectors: np.ndarray) -> list[int]:
    """HDBSCAN as in pipeline §6; noise joins a near cluster or becomes one of its own."""
    from sklearn.cluster import HDBSCAN

    if len(vectors) < 4:
        return list(range(len(vectors)))
    found = HDBSCAN(
        min_cluster_size=2, min_samples=2, max_cluster_size=20, metric="euclidean", copy=True
    ).fit_predict(vectors)
    return _with_noise(vectors, [int(label) for label in found])


def _with_noise(vectors: np.ndarray, labels: list[int]) -> list[int]:
    import numpy as np

    names = sorted({label for label in labels if label >= 0})
    after = len(names)
    members = {name: [row for row, label in enumerate(labels) if label == name] for name in names}
    centroids = {name: _unit(vectors[rows].mean(axis=0)) for name, rows in members.items()}
    own = [float(vectors[row] @ centroids[name]) for name, rows in members.items() for row in rows]
    least = float(np.quantile(own, _NOISE_QUANTILE)) if own else 2.0
    done = list(labels)
    for row, label in enumerate(labels):
        if label >= 0:
            continue
        nearest = max(names, key=lambda name: float(vectors[row] @ centroids[name]), default=-1)
        if nearest >= 0 and float(vectors[row] @ centroids[nearest]) >= least:
            done[row] = nearest
        else:
            done[row] = after
            after += 1
    return done


def _unit(vector: np.ndarray) -> np.ndarray:
    import numpy as np

    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _idf(units: Sequence[_Unit]) -> dict[str, float]:
    from datakit.generators._rank import idf_of

    return idf_of(unit.words for unit in units)


def _cluster(
    cell: Cell,
    units: Sequence[_Unit],
    documents: Sequence[Brief],
    idf: dict[str, float],
    by_heading: bool,
) -> Cluster:
    doc_ids = tuple(sorted({doc_id for unit in units for doc_id in unit.doc_ids}))
    known = {one.doc_id: one for one in documents}
    ranked = sorted(units, key=lambda unit: (-len(unit.doc_ids), len(unit.text), unit.text))
    labels = Counter(known[doc_id].label for doc_id in doc_ids)
    # without a category the titles have to say what the cluster is about
    need = 1 if by_heading or cell.category == UNCATEGORISED else 2
    return Cluster(
        cell=cell.key,
        doc_ids=doc_ids,
        titles=tuple(unit.text for unit in ranked),
        terms=tuple(_terms(ranked, cell.language, idf, need)),
        silhouette=None,
        unit="section" if by_heading else "document",
        shared=tuple(_shared(ranked, known)) if by_heading else (),
        n_sources=len({known[doc_id].source for doc_id in doc_ids}),
        category=cell.category,
        window=cell.window,
        language=cell.language,
        kind=cell.kind,
        label=_favourite(labels),
    )


def _shared(units: Sequence[_Unit], known: dict[str, Brief]) -> Iterator[str]:
    """Headings whose words all stand in headings of at least two sources."""
    for unit in units:
        words = set(unit.words)
        holders = (other for other in units if words <= set(other.words))
        sources = {known[doc_id].source for other in holders for doc_id in other.doc_ids}
        if len(sources) > 1:
            yield unit.text


def _terms(units: Sequence[_Unit], language: str, idf: dict[str, float], need: int) -> list[str]:
    """Phrases of the titles, by how many titles share their words and how rare these are.

    Args:
        units: of one cluster.
        language: of the titles.
        idf: weight of each word in the cell.
        need: titles that must hold at least half of the words of a phrase.
    """
    spread: Counter[str] = Counter(word for unit in units for word in set(unit.words))
    scores: dict[str, float] = {}
    for unit in units:
        for phrase, words in _phrases(unit.text, language):
            shared = [word for word in words if spread[word] >= need]
            if phrase in scores or not words or 2 * len(shared) < len(words):
                continue
            weight = sum((spread[word] ** 1.5) * idf.get(word, 1.0) for word in words)
            scores[phrase] = weight / len(words) ** 0.7
    ranked = sorted(scores, key=lambda phrase: (-scores[phrase], phrase))
    return _distinct(ranked, language)[:6]


def _phrases(title: str, language: str) -> Iterator[tuple[str, list[str]]]:
    if is_cjk_language(language):
        for chunk in _chinese.chunks(title):
            kept = [token for token in chunk.words if token.word not in _SERIES_ZH]
            for run in _noun_runs(kept):
                text = "".join(token.word for token in run)
                text = re.sub(r"(?:行业|专题|研究|周$|月$|年$|市场$).*$", "", text)
                if 2 <= len(text) <= 10 and text not in _SERIES_ZH and not _PERIOD_ZH.search(text):
                    yield text, [token.word for token in run if len(token.word) > 1]
        return
    context = Context(
        language, "article", None, "", None, None, None, lower=frozenset(_latin_small(title))
    )
    for piece in _latin.parse(title, context).chunks:
        words = piece.words[1:] if piece.is_verb else piece.words
        stems = [_latin.stem(word) for word in words]
        if stems and not set(stems) <= _SERIES:
            yield " ".join(words), stems


_PERIOD_ZH = re.compile(r"\d?[QH]\d|^\d+$|20\d\d")


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
        words = set(_words(phrase, language)) or {phrase}
        if not words & seen:
            kept.append(phrase)
            seen |= words
    return kept
