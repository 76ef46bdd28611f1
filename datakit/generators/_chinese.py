"""Chinese words, chunks and keyword queries.

Words and their tags come from jieba (rjieba, the same dictionary in Rust). A chunk is a run of
content words between function words and punctuation: what Chinese puts side by side reads well
side by side in a query.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datakit.errors import MissingDependency
from datakit.generators._context import Context
from datakit.generators._words import word_set

# words that open or close a phrase without saying anything
_WEAK = word_set(
    """
    预计 认为 显示 表示 表明 达到 实现 有望 看好 建议 关注 持续 保持 进行 具有 成为 是 有 使
    使得 让 令 受 受到 受益 带来 带动 推动 促进 导致 影响 开始 继续 进一步 逐步 逐渐 不断 主要
    目前 当前 近年 今年 去年 同时 其中 此外 另外 因此 所以 但是 但 而 且 并且 以及 或者 如果
    由于 因为 虽然 尽管 即使 根据 按照 通过 对于 关于 为了 除了 随着 我们 我 你 您 他 她 它 他们
    它们 自己 大家 本 该 此 这 那 这些 那些 这个 那个 这种 其 其他 其它 各 各种 每 某 任何 所有
    全部 部分 一些 一个 一种 一定 一般 可能 可以 可 能 能够 应 应当 应该 必须 需要 需 须 将 将会
    会 要 已 已经 仍 仍然 仍有 依然 不 没有 未 非 很 较 较为 比较 更 更加 最 非常 十分 大幅 明显
    显著 快速 迅速 左右 以上 以下 之间 期间 时候 方面 情况 问题 内容 相关 有关 等 等等 包括 包含
    例如 比如 即 也 都 均 就 还 又 再 才 只 仅 及其 之 者 所 被 把 给 向 从 到 在 于 与 和 及 或
    对 为 以 用 由 按 因 若 如 则 了 着 过 的 地 得 吧 呢 吗 啊 来 去 上 下 中 内 外 前 后 里 同
    至 超过 约 近 超 作为 属于 存在 出现 处于 位于 来自 来看 而言 来说 以来 截至 提供 使用 点击
    查看 阅读 详见 参见 请 感谢 呈现 表现 形成 发生 产生 具备 拥有 获得 取得 采取 给予 予以 作出
    做出 加以 说明 指出 发现 知道 觉得 看到 以外 除外 当 时 日 个 家 种 类 项 点 第一 第二 第三
    首先 其次 最后 总体 整体 整体来看 总体来看 一方面 另一方面 不仅 不但 只有 只要 无论 不论
    不论是 尤其 特别 特别是 甚至 完全 基本 直接 相对 相应 上述 下述 如下 下列 前述 同样 之后
    之前 以后 以前 后续 未来 此前 随后 最近 最终 其实 当然 真的 可能会 一直 一下 原因 理由 已达
    一步之遥 所述 仔细 了解 理解 悉知 知悉 继 系 含 介于 之一 处在 占据 所产 占 叠加 缘于 转为
    分为 收于 随 该等 此等 使之 以便 伴随 指 情形下向 情形 近年来 鼓励 要求 保证 确保 出于 视为
    完成 涉及 参照 依据 依法 有助于 有利于 致力于 欢迎 希望 帮助 便于 便 旨在 意味着 成 称为
    叫做 列入 纳入 打造 构建 加强 加大 强化 做好 开展 推进 落实 完善 优化 全面 充分 有效 积极
    切实 严格 合理 妥善 顺利 同意 无法 适用 用于 必需 必要 结合 此次 本周 本月 上周 当日 维持
    扶持 延续 深化 大都 一览 一览表 引用 代表 统计 合计 单月 单季度 目标 不用 不会 不是 找 问
    说 讲 想 觉 到底 究竟 视 某些
    多种 多个 数 数个 年 月 亿元 万元 元 亿 万 图 图表 表 资料 来源 资料来源 数据来源 公司 数据
    基于 投资者 一步 评级
    """
)
_CONTENT_TAGS = word_set(
    """
    n v a j b l i z x t s
    """
)
_NOUN_TAGS = ("n", "vn", "an", "j", "eng", "l", "i", "b", "s")
_TAGS_OUT = word_set(
    """
    m q r p c u uj ul ud uz uv ug d y e o h k f w zg df dg mq
    """
)
# too common to be a term alone
_PLAIN = word_set(
    """
    方式 功能 服务 信息 规则 错误 效果 合作 关联 发展 时机 建设 当中 美国 国内 民营 产品 技术
    企业 公司公告 需求 价格 业绩 用户 个人信息 内容 概要 平台 系统 手段 措施 目的 流程 处理 数据
    标准 质量 产业 时间 数量 部分 同比 环比 整体 区域 地区 国家 中国
    """
)
_SIZES = word_set("英寸 寸 纳米 微米 代 层 期 线 级 号 类 核 nm")  # 12 of 12英寸 is part of a term
# nouns that do not say what a query is about: "the industry", "net profit", "the same period"
_UNTELLING = word_set(
    """
    行业 板块 公司 企业 产品 销售 综合 平均 季度 中国 全球 国内 全国 世界 海外 国外 市场 客户
    因素 方法 方式 内容 整体 总体 年度 目标 项目 业务 主营 上市 上市公司 同比 环比 股东 母公司
    归母 归属于 管理 期间 收入 营收 营业收入 利润 净利润 毛利率 净利率 费用率 费用 销售费用
    管理费用 财务费用 研发费用 规模 占比 增速 产量 销量 价格 均价 库存 产能 渗透率 市占率 份额
    出货量 中位数 业绩 需求 供给 供应 去年同期 同期 水平 持平 估值 指数 涨幅 跌幅 区间 数量 亮点
    机会 风险 趋势 影响 变化 情况 问题 领域 环节 产业 产业链 时间 阶段 能力 空间 比例 单位 部门
    机构 行政 司法机构 相关 主要 扣非 经营 营业 总额 总量 增长 下降 提升 上涨 下滑 中期 长期
    短期 下半年 上半年 全年 年末 期末 人民币 美元 一季度 二季度 三季度 四季度 单季度 结果 数据
    报告 图表 分析 预测 判断 结论 逻辑 建议 评级 标的 个股 龙头 信息 用户 服务 功能 平台
    """
)
_OPEN_END = word_set(
    "的 达 占 超 至 比 受 为 系 归 由 在 向 使 令 到 需 含 以 据 按 提出 更高 更大 更多 更强 较高"
    " 较大"
)
_NOT = word_set(
    """
    不 未 没有 无 非 不会 不能 未能 无需 不含
    """
)
_MAX_CHUNK = 12  # characters
_DEBRIS = re.compile(
    r"请务必|Table_|TABLE_|免责[声条]|资料来源|数据来源|来源[:：]|^图表?\s?\d|图表?\s?\d+[:：]"
    r"|表\s?\d+[:：]|[.．·…]{4,}|证券研究报告"
    r"|分析师|执业证书|SAC|\.{3,}|@|www\.|https?:|电话|传真|邮箱|敬请|风险提示|投资评级"
    r"|\d+/\d+\s|声明"
    r"|本报告|个股|相对大盘|涨幅介于|点击下载|推荐买入|买入）|过往表现|不构成|仅供参考|版权"
    r"|转载|研究员|曾(?:任|就)职|新财富|年加入[^，。]{2,12}(?:证券|研究所)|联系人|请您务必|证券交易|投资咨询|盈亏|审慎|持有[^，]{0,12}股份"
    r"|[\ue000-\uf8ff]|[a-zA-Z]{25,}|(?:\d[\d.,%]*\s+){4,}"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its tag as jieba gives it, and where it starts."""

    word: str
    tag: str
    at: int

    @property
    def is_content(self) -> bool:
        if self.word in _WEAK or self.tag in _TAGS_OUT or self.word[0] in "这那该此其":
            return False
        return self.tag[0] in "nvajbliszt" or self.tag == "eng"

    @property
    def is_noun(self) -> bool:
        return self.is_content and (self.tag in _NOUN_TAGS or self.tag[0] == "n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring content words."""

    words: tuple[Token, ...]
    end: int  # offset after the last character

    @property
    def text(self) -> str:
        return _joined([token.word for token in self.words])

    @property
    def at(self) -> int:
        return self.words[0].at


def _joined(words: Sequence[str]) -> str:
    """Chinese without blanks; a blank between two Latin words."""
    text = ""
    for word in words:
        gap = (
            text[-1:].isascii()
            and text[-1:].isalnum()
            and word[:1].isascii()
            and word[:1].isalnum()
        )
        text += f" {word}" if gap else word
    return text


@functools.cache
def _jieba() -> Any:
    try:
        import rjieba
    except ImportError:
        raise MissingDependency("Chinese queries", "rjieba", "base") from None
    return rjieba


def tag(text: str) -> list[Token]:
    """The words of a text with their tags."""
    tokens: list[Token] = []
    at = 0
    for word, label in _jieba().tag(text):
        tokens.append(Token(word, "x" if not word.strip() else label, at))
        at += len(word)
    return tokens


def content_words(text: str) -> list[str]:
    """Words that carry a topic, in order."""
    return [token.word for token in tag(text) if token.is_content and len(token.word) > 1]


def is_debris(sentence: str) -> bool:
    """Whether page furniture or a table is mixed into a sentence."""
    digits = sum(char.isdigit() for char in sentence)
    return bool(_DEBRIS.search(sentence)) or digits > 0.3 * len(sentence)


def chunks(sentence: str) -> list[Chunk]:
    """The chunks of a sentence in order; 的 joins two of them where the whole stays short."""
    found: list[Chunk] = []
    run: list[Token] = []
    tokens = tag(sentence)
    for i, token in enumerate(tokens):
        following = tokens[i + 1] if i + 1 < len(tokens) else None
        if i and tokens[i - 1].word in _NOT:  # what is denied must not be asked for
            found += _closed(run)
            run = []
            continue
        sized = token.tag == "m" and token.word.isdigit() and len(token.word) < 4
        if (
            token.is_content
            or (sized and following and following.word in _SIZES)
            or (token.word == "的" and run and following and following.is_noun and run[-1].is_noun)
        ):
            run.append(token)
        else:
            found += _closed(run)
            run = []
    return found + _closed(run)


def _closed(run: list[Token]) -> list[Chunk]:
    """A run as chunks of at most 12 characters."""
    pieces: list[list[Token]] = [[]]
    size = 0
    whole = sum(len(token.word) for token in run)
    for token in run:
        full = size + len(token.word) > _MAX_CHUNK
        turns = whole > _MAX_CHUNK and size >= 4 and token.tag == "v"
        if (full or turns) and pieces[-1]:
            pieces.append([])
            size = 0
        if token.word == "的" and not pieces[-1]:
            continue
        pieces[-1].append(token)
        size += len(token.word)
    chunks_ = []
    for piece in pieces:
        while piece and (piece[-1].word in _OPEN_END or piece[-1].tag == "m"):
            piece.pop()
        if sum(len(token.word) for token in piece) > 1:
            last = piece[-1]
            chunks_.append(Chunk(tuple(piece), last.at + len(last.word)))
    return chunks_


# --- queries -----------------------------------------------------------------------------------

_PERIOD = re.compile(
    r"20[12]\d(?:第?[一二三四]季度|前三季度|[上下]半年)|20[12]\d年(?:第?[一二三四1-4]季度"
    r"|前三季度|前\d+个?月|[上下]半年|Q[1-4]|H[12]|1?\d月(?!\d))?|20[12]\dQ[1-4]"
    r"|[1-4]Q[12]\d|20[12]\dH[12]"
)


def period_in(text: str) -> str | None:
    """The first year, quarter or month of a text, as written."""
    match = _PERIOD.search(re.sub(r"(?<=\d)\s(?=年|\d)", "", text))
    return match.group() if match else None


_CLAUSE = re.compile(r"[^，。；：！？,;:!?]+")
_LEAST = 0.3  # of the worth of the best chunk of a clause: what is worth less is left out


def keyword_query(
    sentence: str, weights: Mapping[str, float], taken: Iterable[str], size: int = 18
) -> list[Chunk]:
    """The content of the best clause of a sentence, in text order.

    Args:
        sentence: one sentence, without its enumerator.
        weights: weight of each word of the passage.
        taken: words that the query names already.
        size: characters at most.

    Returns:
        Chunks of one clause, or of two neighbouring ones where the first is short.
    """
    blocked = frozenset(taken)
    clauses = [_best_of(clause, weights, blocked, size) for clause in _CLAUSE.findall(sentence)]
    best: tuple[float, list[Chunk]] = (0.0, [])
    for i, (worth, found) in enumerate(clauses):
        score, picked = worth, found
        length = sum(len(chunk.text) for chunk in found)
        if found and length < 8 and i + 1 < len(clauses):
            more, following = clauses[i + 1]
            fits = length + sum(len(chunk.text) for chunk in following) <= size
            if fits and not _words(found) & _words(following):
                score, picked = worth + more, found + following
        score *= 1.15 if i == 0 else 1.0
        if score > best[0]:
            best = (score, picked)
    return best[1]


_LETTER = re.compile(r"[\u4e00-\u9fffA-Za-z]")
_COVERED = 0.5  # of a clause's characters: what leaves out more is no shorter form of it


def _words(found: Sequence[Chunk]) -> set[str]:
    return {token.word for chunk in found for token in chunk.words if token.word != "的"}


def _best_of(
    clause: str, weights: Mapping[str, float], blocked: frozenset[str], size: int
) -> tuple[float, list[Chunk]]:
    """The chunks of a clause that are worth a place, and what they are worth together."""
    if clause.count("、") > 3:  # a list of names says nothing about any of them
        return 0.0, []
    usable = [c for c in chunks(clause) if not blocked & {token.word for token in c.words}]
    rated = [(_worth(chunk, weights), chunk) for chunk in usable]
    top = max((worth for worth, _ in rated), default=0.0)
    rated = [one for one in rated if one[0] >= _LEAST * top]
    while rated and sum(len(chunk.text) for _, chunk in rated) > size:
        rated.remove(min(rated, key=lambda one: (one[0], -one[1].at)))
    fresh: list[tuple[float, Chunk]] = []
    for worth, chunk in rated:
        if not _words([chunk]) & _words([other for _, other in fresh]):
            fresh.append((worth, chunk))
    found = _noun_first([chunk for _, chunk in fresh])
    weight = sum(worth for worth, _ in fresh)
    named = sum(len(word) for word in blocked if word in clause)
    left = len(_LETTER.findall(clause)) - named
    if sum(len(_LETTER.findall(chunk.text)) for chunk in found) < _COVERED * left:
        return 0.0, []
    telling = [chunk for chunk in found if chunk.text not in _PLAIN]
    if (
        not telling
        or not is_telling(found)
        or (max(len(chunk.text) for chunk in telling) < 4 and len(telling) < 3)
    ):
        return 0.0, []
    return weight, found


def _may_open(token: Token) -> bool:
    return token.tag == "m" or (token.is_noun and (len(token.word) > 1 or token.word.isascii()))


def _noun_first(found: list[Chunk]) -> list[Chunk]:
    """Without the verbs and numbers that the first chunk opens with."""
    while found:
        words = found[0].words
        start = next((i for i, token in enumerate(words) if _may_open(token)), None)
        if start is not None and sum(len(token.word) for token in words[start:]) > 1:
            first = words[start:]
            return [Chunk(first, found[0].end), *found[1:]]
        found = found[1:]
    return found


def _worth(chunk: Chunk, weights: Mapping[str, float]) -> float:
    total = 0.0
    for token in chunk.words:
        if len(token.word) > 1:
            total += weights.get(token.word, 0.0) * (1.0 if token.is_noun else 0.6)
    nouns = sum(token.is_noun for token in chunk.words)
    return total * (0.3 if not nouns else 0.7 if len(chunk.text) < 3 else 1.0)


def is_telling(found: Sequence[Chunk]) -> bool:
    """Whether a query holds a noun that says what it is about."""
    tokens = [token for chunk in found for token in chunk.words]
    return any(
        token.is_noun and len(token.word) > 1 and token.word not in _UNTELLING | _PLAIN
        for token in tokens
    )


def names_something(found: Sequence[Chunk]) -> bool:
    """Whether a query stands alone: by a product, place or company, or a long compound."""
    for chunk in found:
        if any(token.tag in ("nz", "nt", "ns", "nr", "eng") for token in chunk.words):
            return True
        if sum(len(token.word) for token in chunk.words if token.is_noun) >= 5:
            return True
    return False


def key_terms(
    sentences: Sequence[str], weights: Mapping[str, float], taken: Iterable[str], n: int
) -> list[str]:
    """The n best terms of a passage: chunks of two to eight characters with a noun at the end."""
    scores: dict[str, float] = {}
    held: dict[str, frozenset[str]] = {}
    for row, sentence in enumerate(sentences):
        early = 1.5 if row == 0 else 1.2 if row == 1 else 1.0
        for chunk in chunks(sentence):
            text = chunk.text
            if not 3 <= len(text) <= 9 or not all(token.is_noun for token in chunk.words):
                continue
            gain = early * _worth(chunk, weights) / len(chunk.words) ** 0.5
            scores[text] = scores.get(text, 0.0) + gain
            held[text] = frozenset(token.word for token in chunk.words)
    picked: list[str] = []
    blocked = set(taken)
    for text in sorted(scores, key=lambda text: (-scores[text], text)):
        if len(picked) == n:
            break
        if not held[text] & blocked and text not in _PLAIN:
            picked.append(text)
            blocked |= held[text]
    return picked


# --- subject -----------------------------------------------------------------------------------


def subject_of(context: Context) -> str | None:
    """What a Chinese report or article is about, in a few characters."""
    if context.issuer:
        return context.issuer
    title = re.sub(
        r"^[\s\d.\-/年月日]+|[（(《“].*?[）)》”]|20\d\d年?|[\d.]+月|\d?[QH]\d{1,2}|\s",
        "",
        context.title or "",
    )
    if context.kind in ("law", "terms"):
        return title if context.kind == "law" and title else None
    for part in re.split(r"[：:，,。；;—–|｜、-]", title):
        named = re.search(r"^(.{0,8}?(?:行业|产业|板块|市场|赛道))", part)
        if named and len(named.group()) > 2 and _is_nouns(named.group()):
            return named.group()
    if context.category and not re.search(
        r"策略|宏观|经济$|市场|综合|其他|[a-z]{2}", context.category
    ):
        return context.category if context.category.endswith("业") else f"{context.category}行业"
    first = re.split(r"[：:，,。！？!?；;]", title)[0]
    return first if 2 <= len(first) <= 8 and _is_nouns(first) else None


def _is_nouns(text: str) -> bool:
    return all(token.is_noun or token.word in ("与", "和", "及", "、") for token in tag(text))
