"""Chinese words, chunks and keyword queries.

Words and their tags come from jieba (rjieba, the same dictionary in Rust). A chunk is a run of
content words between function words and punctuation: what Chinese puts side by side reads well
side by side in a query.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
_SIZES = word_set("英寸 寸 纳米 微米 代 层 期 线 级 号 类 核 nm")  # 12 of 12英寸 is part of a term
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
    r"|转载|研究员|曾(?:任|就)职|新财富|年加入[^，。]{2,12}(?:证券|研究所)|联系人|请您务必"
    r"|证券交易|投资咨询|盈亏|审慎|持有[^，]{0,12}股份"
    r"|[(（](?:维持|首次|上调|下调)[^)）]{0,6}[)）]|--|\d\.\d+\.\d|[\ue000-\uf8ff]"
    r"|[a-zA-Z]{25,}|(?:\d[\d.,%]*\s+){4,}"
)


class Token(NamedTuple):
    """A word with its tag as jieba gives it, and where it starts."""

    word: str
    tag: str
    at: int
    is_content: bool  # it carries a topic
    is_noun: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring content words."""

    words: tuple[Token, ...]
    end: int  # offset after the last character

    @property
    def text(self) -> str:
        return join([token.word for token in self.words])

    @property
    def at(self) -> int:
        return self.words[0].at


def join(words: Sequence[str]) -> str:
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


@functools.lru_cache(maxsize=100_000)
def _sort_of(word: str, label: str) -> tuple[bool, bool]:
    """Whether a word carries a topic, and whether it is a noun that does."""
    if word in _WEAK or label in _TAGS_OUT or not word.strip() or word[0] in "这那该此其":
        return False, False
    content = label[0] in "nvajbliszt" or label == "eng"
    return content, content and (label in _NOUN_TAGS or label[0] == "n")


@functools.cache
def _jieba() -> Any:
    try:
        import rjieba
    except ImportError:
        raise MissingDependency("Chinese queries", "rjieba", "base") from None
    return rjieba


def tag(text: str) -> list[Token]:
    """The words of a text with their tags."""
    return list(_tagged(text))


@functools.lru_cache(maxsize=256)
def _tagged(text: str) -> tuple[Token, ...]:
    """As `tag`; several rules look at each sentence and each clause."""
    tokens: list[Token] = []
    at = 0
    for word, label in _jieba().tag(text):
        shown = label if word.strip() else "x"
        tokens.append(Token(word, shown, at, *_sort_of(word, shown)))
        at += len(word)
    return tuple(tokens)


def content_words(text: str) -> list[str]:
    """Words that carry a topic, in order."""
    return [
        word for word, label in _jieba().tag(text) if len(word) > 1 and _sort_of(word, label)[0]
    ]


def is_debris(sentence: str) -> bool:
    """Whether page furniture or a table is mixed into a sentence."""
    digits = sum(map(str.isdigit, sentence))
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
        elif run:
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
    r"20[1-3]\d(?:第?[一二三四]季度|前三季度|[上下]半年)|20[1-3]\d年(?:第?[一二三四1-4]季度"
    r"|前三季度|前\d+个?月|[上下]半年|Q[1-4]|H[12]|\d{1,2}月?[-–~～至到]\d{1,2}月"
    r"|1?\d月\d{1,2}日|1?\d月(?!\d)|[末底初])?|20[1-3]\dQ[1-4]"
    r"|[1-4]Q[12]\d|20[1-3]\dH[12]"
)


def period_in(text: str) -> str | None:
    """The first year, quarter or month of a text, as written."""
    match = _PERIOD.search(re.sub(r"(?<=\d)\s(?=年|\d)", "", text))
    return match.group() if match else None


# --- subject -----------------------------------------------------------------------------------


# who publishes research is not what it is about
_BROKER = re.compile(r"(?:证券|国际|期货|研究院|研究所)$")


def subject_of(context: Context) -> str | None:
    """What a Chinese report or article is about, in a few characters."""
    if context.issuer and not (context.kind == "report" and _BROKER.search(context.issuer)):
        return context.issuer
    if context.kind == "law":
        return _short_law(re.sub(r"[（(].*?[）)]|\s", "", context.title or "")) or None
    title = re.sub(
        r"^[\s\d.\-/年月日]+|[（(《“].*?[）)》”]|20\d\d年?|[\d.]+月|\d?[QH]\d{1,2}|\s",
        "",
        context.title or "",
    )
    if context.kind == "terms":
        return None
    for part in re.split(r"[：:，,。；;—–|｜、-]", title):
        named = re.search(r"^(.{0,8}?(?:行业|产业|板块|市场|赛道))", part)
        if named and len(named.group()) > 2 and _is_nouns(named.group()):
            return named.group()
    if context.category and not re.search(
        r"策略|宏观|经济$|市场|综合|其他|[a-z]{2}", context.category
    ):
        return context.category if context.category.endswith("业") else f"{context.category}行业"
    first = re.split(r"[：:，,。！？!?；;]", title)[0]
    first = re.sub(
        r"(?:投资|深度|专题|研究|观察|点评|跟踪|总结|报告|周报|月报|分析|策略|综述|展望|及|与)+$",
        "",
        first,
    )
    return first if 2 <= len(first) <= 8 and _is_nouns(first) else None


_LONG_LAW = re.compile(
    r"关于(?:适用|审理|办理|执行)?(.+?)(?:案件)?(?:(?:适用"
    r"|应用)法律)?(?:若干)?(?:问题)?的?(?:若干)?(?:规定|解释|意见|办法|决定)$"
)


def _short_law(title: str) -> str:
    """What a long title is about: 道路交通事故损害赔偿 of 最高人民法院关于审理…的解释."""
    match = _LONG_LAW.search(title) if len(title) > 20 else None
    return match[1] if match and len(match[1]) >= 4 else title


def _is_nouns(text: str) -> bool:
    tokens = tag(text)
    joined = all(t.is_noun or t.tag == "v" or t.word in ("与", "和", "及", "、") for t in tokens)
    return joined and tokens[0].is_noun
