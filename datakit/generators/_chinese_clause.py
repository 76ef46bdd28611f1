"""Keyword queries in Chinese: one clause of a sentence without what it can do without.

A clause keeps its word order, so that what is left reads as a headline does. A figure is left
out with all behind it; a clause that points outside the sentence gives nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from datakit.generators._chinese import Chunk, Token, join, tag
from datakit.generators._chinese_keys import COMMON, UNTELLING, is_telling
from datakit.generators._words import word_set

_CLAUSE = re.compile(r"[^，。；：！？,;:!?—]+")
_BRACKETS = re.compile(r"（[^）]*）|\([^)]*\)|【[^】]*】|\[[^\]]*\]|[“”\"《》「」*#]")
_LABEL = re.compile(r"^(?:[\d.、一二三四五六七八九十]+)?([^，。；：:？?]{2,12})[：:](?=.{6,})")
_SUBORDINATE = re.compile(
    r"^(?:如果?|若|倘若|假如|当|因|由于|虽然|尽管|即使|为了?|随着|根据|按照?|依照|依据|除|自|经"
    r"|在|对|对于|关于|从|以|通过|鉴于|截至|截止|除了|包括|例如|比如|或者?|并且?|而且?|但是?|且"
    r"|及|和|与|由|向|被|将|把|使|让|即|其中|此外|同时|因此|所以|不仅|不但|只有|只要|无论|请|仅"
    r"|其|该|此|这|那|上述|前述|以上|以下|是|有|等|之|所|可|会|不|未|无|均|也|都|就|才|又|再|更"
    r"|最|较|很|本|各|每|某)"
)
_OUTSIDE = re.compile(
    r"本(?:法|条|款|项|章|办法|规定|细则|协议|政策|指引|声明|隐私|报告|文|周|月|期|站|软件|公司"
    r"|人(?!民)|次)|[上下前后]述|[上下]列|以[上下](?!学)|如[上下]|前款|前条|之一|之日|有关规定"
    r"|第.{1,4}条|我们|我司|您|你们?|他们?|它|她|该(?!校)|其(?!他|它|中)|这|那(?!曲)|此|各自"
    r"|相关(?!系)|同上|相应的?|有关的|对应的"
)
_DROPPED = word_set(
    """
    应当 应 必须 须 可以 可 将 会 已 已经 均 也 都 则 仍 仍然 还 及时 依法 有权 能够 能 主要
    实现 进一步 持续 不断 继续 逐步 逐渐 积极 严格 认真 切实 预计 有望 或将 可能 一般 通常 其中 同时
    目前 当前 大约 合计 累计 共 共计 分别 总体 整体 大幅 明显 显著 小幅 快速 迅速 相对 非常 十分
    仅 只 即 就
    """
)
_LAST_OUT = word_set(
    """
    为 达 达到 至 约 近 超 超过 占 占比 同比 环比 实现 分别 是 在 较 比 有 等 进行 的 了 与 和
    及 以及 或 从 由 到 约为 以 第 降至 升至 增至 完成 录得 投资 每 拟 对 向 被 把 将 并 而 且 使
    令 让 后 时 中 前 内 外 上 下 之 所 以上 以下 左右 个 涨幅 跌幅 同 受 按 予以 加以 作出 相关
    有关 仍 可 增 升 降 来自 属于 作为 成为 具有 包括 提供 存在 处于 位于 认为 表示 显示
    """
)
_MIN, _MAX = 6, 22  # characters
_MIN_LAW, _MAX_LAW = 8, 16  # of a clause without a label
_HAN = re.compile(r"[\u4e00-\u9fff]")


def clause_query(
    sentence: str, weights: Mapping[str, float], taken: frozenset[str], labelled: bool
) -> str:
    """The best clause of a sentence, shortened; "" where none can stand for the sentence.

    Args:
        sentence: one sentence, without its enumerator.
        weights: weight of each word of the passage.
        taken: words that the query names already.
        labelled: whether it is from a report: its lines have labels, its clauses a subject.
    """
    text = _BRACKETS.sub("", sentence).rstrip("；。; ")
    if text.endswith("的") or re.match(r"例如|注[：:]", text):
        return ""
    label = _LABEL.match(text)
    named = _label_of(label[1]) if label and labelled else ""
    best: tuple[float, str] = (0.0, "")
    for i, match in enumerate(_CLAUSE.finditer(text, label.end() if label else 0)):
        tokens = _shortened(
            re.sub(r"并(?:组织)?实施$|并(?=\w{2,4}$).*", "", match.group()), labelled
        )
        if not tokens:
            continue
        worth = _worth(tokens, weights, taken) * (1.25 if i == 0 else 1.0)
        if worth > best[0]:
            best = (worth, join([token.word for token in tokens]))
    found = best[1]
    if found and named and named not in found and len(named) + len(found) <= _MAX + 2:
        return f"{named} {found}"
    return found


def _label_of(label: str) -> str:
    """The label of a line where it names something: 莎普爱思 of 莎普爱思：…."""
    tokens = tag(label)
    if not tokens[0].is_noun or not all(token.is_content for token in tokens):
        return ""
    return label if _is_particular(tokens) else ""


_STOCK = re.compile(
    r"追究|责令|没收违法|予以[\u4e00-\u9fff]{2}$|给予处分|批准$|备案$|公告$|公布\w{0,2}$|若"
    r"|如果|一旦"
    r"|倘若|假如"
    r"|的(?:前提|基础|背景|情况|同时|时候|过程)[下上中]?$|[内后时前]$|当年$|之日$|(?:方面|背景"
    r"|子公司|公司|集团|企业)$"
    r"|^采取.{0,3}措施$|依法(?:处理|办理|执行)$|规定(?:执行|办理|处理)$|发布\w{0,2}$"
    r"|发生(?:变化|变更)$|[超达约]$|.(?:由于|因为)|通过[^，]{2,8}$|^\d?[Q前][1-4一二三四]|^(?:上|下)半年|^(?:以及|或者)"
    r"|^.{0,4}等(?:出台|发布)|的\w{1,4}中具有"
    r"|有管辖权的|但|(?:移送|报送|提交)\w+(?:部门|机关|机构)$|(?:按照|根据|依照|依据)[^，]*(?:原则"
    r"|意见|规定|要求|标准|程序)$|(?:表示"
    r"|认为|预测|指出|称|强调)$"
)


def _shortened(clause: str, labelled: bool) -> list[Token]:
    """The tokens of a clause that a query keeps; none where it cannot stand alone."""
    clause = clause.strip("、 ")
    if _OUTSIDE.search(clause) or clause.count("、") > 3 or clause.endswith("的"):
        return []
    clause = _OPENER.sub("", clause)
    if _STOCK.search(clause) or (_SUBORDINATE.match(clause) and not _NO_SUBORDINATE.match(clause)):
        return []
    whole = tag(clause)
    tokens = _before_figure(whole)
    kept = [token for i, token in enumerate(tokens) if not _is_dropped(token, i)]
    while kept and (
        kept[-1].word in _LAST_OUT or kept[-1].tag[0] in "cpxyfq" or kept[-1].tag in ("d", "r")
    ):
        kept.pop()
    cut = len(tokens) < len(whole)
    if kept and (kept[-1].word == "的" or (cut and _wants_object(kept[-1]))):
        return []
    while kept and (kept[0].tag[0] in "cuxyqd" or kept[0].word in _DROPPED):
        kept.pop(0)
    if (
        not kept
        or (labelled and not (_is_particular(kept) and _says_or_measures(kept)))
        or _hangs(kept)
        or _is_list(kept)
    ):
        return []
    if kept[0].word == "经":
        return []
    named = _states_nothing(kept) if labelled else _names_a_rule(kept, whole)
    return kept if named and _opens_with_noun(kept) and _stands_alone(kept, labelled) else []


# what one looks up in a law
_RULED = re.compile(
    r"(?:条件|程序|职责|处罚|期限|时限|标准|范围|内容|方式|要求|资格|材料|义务|权利|费用|责任"
    r"|原则|目录|名单|名录|比例|类别|种类|来源|制度)$"
)
_MODAL = word_set("应当 应 必须 须 可以 可 不得 由 有权 能够 能 会 将 已 已经 依法 及时")
_ACTOR = re.compile(r"(?:部门|政府|机关|机构|单位|企业|组织|院|局|国家|[者员人])[^的]*$")
_RULES_ON = word_set(
    """
    实行 建立 规定 制定 执行 遵守 符合 具备 履行 享有 承担 适用 确定 公布 采取 提供 完善 健全 明确
    参照 纳入 列入 依照 按照 根据 违反 落实 遵循 坚持 加强 包括 作为 取得 达到 超过 属于
    """
)


def _names_a_rule(kept: Sequence[Token], clause: Sequence[Token]) -> bool:
    """Whether a clause of a law names what it rules on and is no order that is copied out."""
    text = join([token.word for token in kept])
    if not _RULED.search(text) or any(token.word in _MODAL for token in clause):
        return False
    stated = any(token.word in _RULES_ON or token.tag[0] == "r" for token in kept)
    # a verb that does not stand before 的 governs the rest
    of = [i for i, token in enumerate(kept) if token.word == "的" and kept[i - 1].tag[0] == "v"]
    acted = not of and any(token.tag == "v" for token in kept)
    return len(text) <= _MAX_LAW and not (stated or acted or _ACTOR.search(text))


# verbs that stand in the names of measures: 出口额, 零售份额
_OF_MEASURES = word_set(
    """
    出口 进口 零售 批发 销售 生产 投资 采购 研发 交付 运营 开工 消费 制造 装机 出货 发电 用电 贷款
    存款 融资 成交 签约 使用 管理 支出 排放 加工 运输 养殖 屠宰 渗透 回购 分红 新增
    """
)


def _states_nothing(kept: Sequence[Token]) -> bool:
    """Whether a clause of a report names a thing, or how it moved, and is no copied conclusion."""
    if kept[-1].word in ("板块", "行业", "市场", "领域", "公司"):
        return False
    moved = kept[:-1] if kept[-1].word in _MOVES else kept
    return all(token.tag != "v" or token.word in _OF_MEASURES for token in moved)


_NO_SUBJECT = word_set(
    """
    计划 预计 要求 需要 目标 证明 业绩 通知 提供 避免 体现 报 送 作为 上报 遵守 限制 确保 保证
    说明 反映 带动 推动 利好 建议 得益 受益 重点 严肃 全面 积极 大力 深入 加快 推进 加强 主要
    持续 登入 登出 预测 间接 直接 定期 符合 先行 监测 创 设置 处 倾倒 主动 投资 停止 智能
    """
)


def _opens_with_noun(tokens: Sequence[Token]) -> bool:
    first = tokens[0]
    after = tokens[1].word if len(tokens) > 1 else ""
    dated = first.tag == "m" and (re.match(r"(?:19|20)\d\d", first.word) or after in ("年", "月"))
    return first.word not in _NO_SUBJECT and bool(first.is_noun or first.tag == "ns" or dated)


def _is_particular(tokens: Sequence[Token]) -> bool:
    """Whether it names a thing of its own: a name, a long word, or a compound of three nouns."""
    run = 0
    for i, token in enumerate(tokens):
        if token.word == "公司" and not (i and tokens[i - 1].is_noun):
            return False
        run = run + 1 if token.is_noun and token.word not in COMMON else 0
        named = token.tag in ("nz", "nt", "ns", "nr", "eng") and len(token.word) > 1
        telling = token.is_noun and token.word not in COMMON | UNTELLING
        if named or run > 2 or (telling and len(token.word) > 2):
            return True
    return False


_MOVES = word_set(
    """
    增长 下降 上涨 下跌 下滑 提升 回升 改善 承压 回落 上升 减少 增加 扩大 提高 走弱 走强 放缓 加速
    收窄 反弹 企稳 下调 上调 升温 扩张
    """
)
_OPENER = re.compile(
    r"^(?:目前|当前|近年来|相比之下|今年以来|其中|同时|此外|另外|总体来看|整体来看|截至目前"
    r"|根据\w{2,8}数据)"
)
_NO_SUBORDINATE = re.compile(
    r"以旧换新|对外|对公|无人|无线|不动产|自[然动主来]|各类|会[计员议]|由来|最[高低]|因子|当地"
    r"|未成年|有色|有机"
    r"|可[转再持]|将军|等离|从业|即时|再[生融]"
)


def _hangs(tokens: Sequence[Token]) -> bool:
    """Whether a preposition waits for a verb that was cut off."""
    last = max(
        (i for i, t in enumerate(tokens) if t.tag == "p" and t.word not in "对为与和"), default=-1
    )
    if last < 0:
        return False
    inside = tokens[last].word == "在" and not any(t.tag == "f" for t in tokens[last + 2 :])
    return inside or not any(t.tag[0] == "v" for t in tokens[last + 2 :])


def _says_or_measures(tokens: Sequence[Token]) -> bool:
    """Whether something is said, or a measure named: no company alone."""
    says = any(token.tag[0] in "va" or token.word == "的" for token in tokens[1:])
    return says or tokens[-1].word in UNTELLING or tokens[-1].word.endswith("收入")


def _wants_object(token: Token) -> bool:
    return token.word in ("中标", "达成", "签署") or (token.tag == "v" and token.word not in _MOVES)


def _is_list(tokens: Sequence[Token]) -> bool:
    """Whether the words only stand side by side: two companies, and nothing said of them."""
    listed = any(token.word == "、" for token in tokens)
    says = any(token.tag == "v" or token.word in ("等", "的") for token in tokens)
    return listed and not says and tokens[-1].word not in UNTELLING


def _is_dropped(token: Token, i: int) -> bool:
    if not token.word.strip():
        return True
    if token.word in ("可", "会", "将", "应", "能", "还", "须", "就", "只", "仅", "即"):
        return token.tag[0] in "vdcpm" and i > 0
    return token.word in _DROPPED and token.tag[0] not in "n"


def _before_figure(tokens: Sequence[Token]) -> list[Token]:
    """The tokens in front of the first figure that is no date."""
    for i, token in enumerate(tokens):
        if (
            token.word in ("为", "是", "仅为", "达", "达到", "约为")
            and i
            and _is_date(tokens[i + 1 :])
        ):
            return list(tokens[:i])
        measured = re.match(r"\d[\d.,~-]+[A-Za-z%]", token.word)
        if not measured and (token.tag != "m" or not re.search(r"\d", token.word)):
            if token.word in "+＋-－~≥≤<>=%％/" and i:
                return list(tokens[:i])
            continue
        after = tokens[i + 1].word if i + 1 < len(tokens) else ""
        dated = (
            re.fullmatch(r"(?:19|20)\d\d|\d{1,2}", token.word) and after[:1] in "年月日季" and after
        )
        if (
            dated
            or re.fullmatch(r"(?:19|20)\d\d", token.word)
            or after in ("英寸", "纳米", "代", "号", "G", "级", "类")
        ):
            continue
        return list(tokens[:i])
    return list(tokens)


def _is_date(tokens: Sequence[Token]) -> bool:
    return bool(tokens) and bool(re.match(r"(?:19|20)\d\d年?", join([t.word for t in tokens[:2]])))


def _stands_alone(tokens: Sequence[Token], labelled: bool) -> bool:
    text = join([token.word for token in tokens])
    if not _MIN <= len(text) <= _MAX or len(_HAN.findall(text)) < 4 or len(tokens) < 2:
        return False
    if not labelled and len(text) < _MIN_LAW:
        return False
    if sum(token.tag not in ("m", "t", "q") for token in tokens) < 2:
        return False
    first, last = tokens[0], tokens[-1]
    if (
        first.tag[0] in "pr"
        or last.word in _LAST_OUT
        or (last.tag[0] == "v" and len(last.word) < 2)
    ):
        return False
    if last.tag == "m" or (last.tag == "n" and last.word in ("人", "者", "家", "部分")):
        return False
    nouns = [token for token in tokens if token.is_noun and token.word not in COMMON]
    if sum(len(token.word) for token in nouns) < 3:
        return False
    denied = any(token.word in ("不", "未", "没有", "无") for token in tokens[-2:])
    return not denied and is_telling([Chunk(tuple(tokens), 0)])


def _worth(tokens: Sequence[Token], weights: Mapping[str, float], taken: frozenset[str]) -> float:
    """Mean weight of its content, with a bonus for an opening noun and for a verb behind it."""
    words = {t.word: t for t in tokens if t.is_content and len(t.word) > 1}
    if not words or set(words) <= taken:
        return 0.0
    total = sum(
        weights.get(w, 0.0) * (1.0 if t.is_noun else 0.6)
        for w, t in words.items()
        if w not in taken and w not in COMMON
    )
    opening = 1.2 if tokens[0].is_noun else 0.8
    acting = 1.2 if any(token.tag == "v" for token in tokens[1:]) else 1.0
    return total / math.sqrt(len(words)) * opening * acting
