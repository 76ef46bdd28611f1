"""What is clustered: titles or headings, their words, and how much each word weighs."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datakit.generators import _chinese, _latin
from datakit.generators._cells import UNCATEGORISED, Brief, Cell
from datakit.generators._words import word_set
from datakit.text import is_cjk_language

if TYPE_CHECKING:
    import scipy.sparse

_PRIOR = 50  # texts that a small corpus is thought to have besides: its counts say little
_FLOOR = 0.25  # share of its weight that a word keeps which every text has
_VERB = 0.3  # weight of a Chinese word that is no noun: a title says what rises, then that it does
_INSIDE = 0.5  # weight of the bigrams inside a longer Chinese word: 人形机器人, 机器人
_TELLING_CATEGORIES = 8  # from so many categories on, a word of all of them says nothing
_VAGUE = 0.5  # share of its weight that a vague word of a heading keeps
_FEW = 20  # documents that share a heading which may show that they are one text
_SAME_TEXT = 0.6  # share of the headings of two documents that are of both, if they are not few
_LEAST_SAME = 5
_TELLING_TITLES = 10  # from so many titles on, a word of the whole category says little

SERIES = word_set(
    """
    report weekly monthly quarterly annual review update outlook note research industry sector
    """
)
SERIES_ZH = word_set(
    """
    行业 周报 月报 年报 季报 报告 深度 研究 专题 点评 跟踪 动态 系列 观察 双周报 总结 综述
    深度报告 行业研究 策略 月度 周度 周观点 观点 每周谈 趋势 机会 个股 业绩 黄金 赛道 布局 发力
    成长 潜力 时代 板块 景气 景气度 龙头 好事 进攻 方向 大单品 首部 前瞻 行业观察 周观察
    月度观察 小结 财报 中报 半年报 机遇 优势 前景 空间 概况 现状 一周 大年 股份 之后 升级 每周
    综合 信号 预案 解析 材料 产业 科技 发展 产业链 医疗 能源 金属 经济 行业周 专题研究 环比 同比
    浪潮 政策 价格 需求 整体 收入 事件 数据 投资 简评 快评 早报 晨报 日报 之一 之二 之三 行情 革命
    商业化 智慧 月刊 蓝宝书
    表现 亮眼 基本面 有所 增速 涨幅 跌幅 看好 推荐 关注 建议 持续 延续 加速 预期 回暖 修复 强劲 稳健
    高景气 优选 精选 主题 重点 核心 推动 年度 季度 一季度 二季度 三季度 四季度 上半年 下半年 全年
    中期 展望 回顾 解读 十年 红利 每日 全球 中国 国内 显现 迹象 有望 或将 正当时
    进行时 新篇章 开启 来临
    国际化 信息化 数字化 国产 替代 国产替代 自主可控
    分析 行业深度 我们 如何 平台 个人 用户 确定性 不确定性 情绪 主线 拐点 逻辑 亮点 方面 态势
    """
)
_VOICES_ZH = word_set("我们 用户 平台 个人 如何")  # who speaks in terms, to whom
PERIOD_ZH = re.compile(r"\d?[QHqh]\d|^\d+$|20\d\d|^[Ff][Yy]\d*")


@dataclass(frozen=True, slots=True)
class Unit:
    """One point to cluster: a title, or a heading with all documents that have it."""

    text: str
    words: tuple[str, ...]
    doc_ids: tuple[str, ...]
    features: Mapping[str, float] = field(default_factory=dict)  # word or bigram -> weight in it


def words_of(text: str, language: str) -> list[str]:
    """The words that may say what a title is about: jieba words, or stems."""
    if is_cjk_language(language):
        words = _chinese.content_words(text)
        return [word for word in words if word not in SERIES_ZH and not PERIOD_ZH.search(word)]
    return [word for word in _latin.content_stems(text, language) if word not in SERIES]


def heading_words(text: str, language: str) -> tuple[str, ...]:
    """The distinct words of a heading, sorted: headings that have the same are one."""
    if is_cjk_language(language):
        return tuple(sorted(set(_chinese.content_words(text)) - _VOICES_ZH))
    return tuple(sorted(set(_latin.content_stems(text, language))))


def title_features(title: str, language: str) -> dict[str, float]:
    """Words of a title, nouns in full; of a longer Chinese word its bigrams too."""
    if not is_cjk_language(language):
        return dict.fromkeys(words_of(title, language), 1.0)
    found: dict[str, float] = defaultdict(float)
    for token in _chinese.tag(title):
        word = token.word
        skipped = len(word) < 2 or word in SERIES_ZH or PERIOD_ZH.search(word)
        if not token.is_content or skipped:
            continue
        noun = token.tag[0] in "nx" or token.tag in ("vn", "j", "eng")
        weight = 1.0 if noun else _VERB
        found[word] += weight
        if len(word) > 2 and not word.isascii():
            for i in range(len(word) - 1):
                found["_" + word[i : i + 2]] += weight * _INSIDE
    return dict(found)


def title_units(documents: Sequence[Brief], language: str) -> list[Unit]:
    """One unit a document."""
    return [
        Unit(
            one.title,
            tuple(words_of(one.title, language)),
            (one.doc_id,),
            title_features(one.title, language),
        )
        for one in documents
    ]


def heading_units(documents: Sequence[Brief], language: str) -> list[Unit]:
    """Headings with the same words are one unit with all their documents."""
    owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
    written: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for one in documents:
        for heading in one.headings:
            words = heading_words(heading.text, language)
            if not _empty().issuperset(words):
                owners[words].add(one.doc_id)
                written[words][heading.text] += 1
    return [
        Unit(
            favourite(written[words]),
            words,
            tuple(sorted(owners[words])),
            dict.fromkeys(words, 1.0),
        )
        for words in sorted(owners)
    ]


def favourite(counts: Counter[str]) -> str:
    """The most frequent text, the shorter one of two."""
    return min(counts, key=lambda text: (-counts[text], len(text), text))


# --- weights -----------------------------------------------------------------------------------


class TitleWeights:
    """How much a word of a title says, by language: rare, of few categories, not of all of its own.

    A word that many industries' titles have ("growth", 机遇) and a word that all titles of one
    industry have (its name) both say little about what a title of that industry is about.
    """

    def __init__(self, briefs: Iterable[Brief]) -> None:
        self._n: Counter[str] = Counter()  # titles, by language
        self._found: dict[str, Counter[str]] = defaultdict(Counter)
        self._spread: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._categories: dict[str, Counter[str]] = defaultdict(Counter)
        self._inside: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for one in briefs:
            self._add(one)

    def _add(self, one: Brief) -> None:
        features = title_features(one.title, one.language)
        self._n[one.language] += 1
        self._found[one.language].update(features.keys())
        for category in one.categories:
            self._categories[one.language][category] += 1
            self._inside[one.language, category].update(features.keys())
            for name in features:
                self._spread[one.language][name].add(category)

    def of(self, cell: Cell) -> Callable[[str], float]:
        """Weight of a word in the titles of a cell."""
        language, category = cell.language, cell.category
        n, found = self._n[language], self._found[language]
        spread, n_categories = self._spread[language], len(self._categories[language])
        n_own, own = self._categories[language][category], self._inside[language, category]
        named = _category_words(category, language)

        def weight(name: str) -> float:
            value = math.log((n + _PRIOR) / max(1, found[name]))
            if n_categories >= _TELLING_CATEGORIES:
                value *= _rarity(len(spread[name]), n_categories) ** 2
            if n_own >= _TELLING_TITLES:
                value *= _rarity(own[name], n_own)
            return value * _FLOOR if named(name) else value

        return weight


def _category_words(category: str, language: str) -> Callable[[str], bool]:
    """Whether a word is the name of the category, or has it inside: 银行业 in 银行Ⅱ."""
    if category == UNCATEGORISED:
        return lambda name: False
    if not is_cjk_language(language):
        stems = frozenset(_latin.content_stems(category.replace("_", " "), language))
        return lambda name: name in stems
    base = re.sub(r"[ⅠⅡⅢⅣ]+$|行业$|业$", "", category)
    return lambda name: len(base) > 1 and (base in name or name.removeprefix("_") in base)


def _rarity(n: int, total: int) -> float:
    """From 1 for a single one of `total` down to about `_FLOOR` for all of them."""
    return (math.log((1 + total) / (1 + n)) + _FLOOR) / (math.log((1 + total) / 2) + _FLOOR)


def heading_weights(units: Sequence[Unit]) -> Callable[[str], float]:
    """Weight of a word among the headings of a cell."""
    found = Counter(word for unit in units for word in unit.words)
    n = len(units)

    def weight(name: str) -> float:
        value = math.log((n + _PRIOR) / max(1, found[name])) + _FLOOR
        return value * _VAGUE if name in _vague() else value

    return weight


_VAGUE_EN = word_set(
    """
    access additional agreement app application areas assistance benefit business case category
    company condition content control customer data detail device example feature function general
    guideline hold home important information item key legal limited list main manage material
    member note option order other overview page partner party people person personal platform
    policy practice principle privacy process product profile program provide purpose receive
    requirement resource review right rule see service set setting site specific standard support
    system term thing type update use user way website work
    """
)
_VAGUE_ZH = word_set(
    """
    原则 政策 隐私 信息 个人信息 数据 声明 说明 内容 情形 方式 服务 产品 功能 条款 协议 规定 范围
    使用 用户信息 您的 可能 提供 其他 相关 规则 目的 场景 业务 情况 须知 事项 措施 应用 访问 管理
    """
)


@functools.cache
def _vague() -> frozenset[str]:
    """Words that half the headings could have: two that share only these are not alike."""
    return frozenset(map(_latin.stem, _VAGUE_EN)) | _VAGUE_ZH


_EMPTY_EN = word_set(
    """
    agreement application app data detail document example feature general group guideline home
    important information item key legal list main note nutshell option other overview page party
    people platform policy practice privacy product program purpose resource section service site
    specific system term thing third third-party website welcome yes you
    """
)
_EMPTY_ZH = word_set(
    """
    政策 隐私 信息 个人信息 数据 声明 说明 内容 情形 方式 服务 产品 功能 条款 协议 规定 范围 其他
    相关 情况 须知 事项
    """
)


@functools.cache
def _empty() -> frozenset[str]:
    """Words of which a heading says nothing: "Our service", "Important terms"."""
    return frozenset(map(_latin.stem, _EMPTY_EN)) | _EMPTY_ZH


def sources(documents: Sequence[Brief]) -> dict[str, str]:
    """Who speaks in each document; those that are headed nearly alike are one text.

    A company publishes one text under the names of several services. Only headings that few
    documents have are looked at, so the work is not quadratic.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(documents):
        for heading in one.headings:
            holders[heading.text].append(row)
    common: Counter[tuple[int, int]] = Counter()
    for rows in holders.values():
        if len(rows) <= _FEW:
            common.update(itertools.combinations(rows, 2))
    names = [one.source for one in documents]
    for (a, b), n in sorted(common.items()):
        either = len(documents[a].headings) + len(documents[b].headings) - n
        if n >= max(_LEAST_SAME, _SAME_TEXT * either) and names[a] != names[b]:
            old, new = names[b], names[a]
            names = [new if name == old else name for name in names]
    return {one.doc_id: name for one, name in zip(documents, names, strict=True)}


def common_words(units: Sequence[Unit], source_of: Mapping[str, str]) -> frozenset[str]:
    """Words that headings of at least two sources have: only they can bring sources together."""
    sources: dict[str, set[str]] = defaultdict(set)
    for unit in units:
        owners = {source_of[doc_id] for doc_id in unit.doc_ids}
        for word in unit.words:
            sources[word] |= owners
    return frozenset(word for word, names in sources.items() if len(names) > 1)


def matrix(
    units: Sequence[Unit],
    weight: Callable[[str], float],
    shared: frozenset[str] | None = None,
) -> scipy.sparse.csr_matrix:
    """(n_units, n_features) float64, unit length; a unit without a word is like no other.

    Args:
        units: of one cell.
        weight: of a feature.
        shared: the features that may be common to two units; any other is the unit's own.
    """
    import numpy as np
    import scipy.sparse

    columns: dict[Any, int] = {}
    rows, cols, values = [], [], []
    for row, unit in enumerate(units):
        own = 0.0 if unit.features else 1.0
        for name, times in unit.features.items():
            value = times * weight(name)
            if shared is not None and name not in shared:
                own += value * value
                continue
            rows.append(row)
            cols.append(columns.setdefault(name, len(columns)))
            values.append(value)
        if own:
            rows.append(row)
            cols.append(columns.setdefault(row, len(columns)))
            values.append(math.sqrt(own))
    found = scipy.sparse.csr_matrix((values, (rows, cols)), (len(units), max(1, len(columns))))
    norms = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return scipy.sparse.diags_array(1 / np.maximum(norms, 1e-12)).dot(found).tocsr()
