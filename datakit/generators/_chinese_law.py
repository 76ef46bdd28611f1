"""Chinese questions from laws: duties, bans, penalties, time limits, who is in charge, what for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.generators._chinese import tag
from datakit.generators._chinese_phrases import PRONOUN, Rule, bare, made
from datakit.generators._context import Context
from datakit.generators._drafts import Draft

_END = r"(?=[，。；：（(]|$)"
_OWN = r"(?:本(?:法|条例|办法|规定|细则|决定))"
# what only points to another place of the same law, or says what every law says
_POINTS = re.compile(
    rf"{_OWN}|[本前]款|[前本上]条|第[一二三四五六七八九十百]+[条款项章]|下列|上列|以下|如下"
    rf"|该[^\s]|其他?|此|上述|有关规定|之一"
    r"|[“”\"]"
)
_VAGUE_SUBJECT = re.compile(
    r"^(?:有关|相关|各级|本级|县级以上|地方|国家|国务院|省|市|区|当事|任何|前款|上级)*"
    r"(?:人民政府|政府|部门|主管部门|有关部门|行政主管部门|单位|个人|机关|机构|人员|负责人"
    r"|当事人|单位和个人|单位或者个人)+$"
)


def _titled(
    question: str, context: Context, pattern: str, weight: float, indirect: str = ""
) -> Iterator[Draft]:
    """A question with the law that answers it in front, where both are short."""
    title = bare(context.title or "")
    if 2 < len(title) <= 24 and len(title) + len(question) <= 40:
        yield from made(
            f"{title}：{question}" if question.startswith("哪") else f"根据《{title}》，{question}",
            pattern, weight, indirect and f"《{title}》里{indirect}",
        )  # fmt: skip
    else:
        yield from made(question, pattern, weight, indirect)


# --- what happens to who does not obey ------------------------------------------------------------

_BROKEN = re.compile(
    rf"^(?:违反{_OWN}(?:第[^，]*)?(?:规定)?，|违反[^，。]{{2,24}}规定，)?(?:对于?|凡)?"
    r"([^，；：]{4,28}(?:、[^，；：]{2,14})*)的，(.+)"
)
_SANCTION = re.compile(
    r"罚款|处分|刑事责任|拘留|没收|吊销|处罚|警告|责令(?:限期)?(?:改正|停止|停产|退|拆|恢复)"
    r"|批评教育|滞纳金"
)
_TROUBLE = re.compile(
    r"发现|发生|未|不|遗失|损[坏毁]|变更|终止|逾期|泄露|受到|造成|死亡|拖欠|争议|异议|缺|超过"
    r"|纠纷|事故"
)
_CASES = re.compile(
    r"^([^，；：]{0,18}?)有(?:下列|以下)(?:情形|行为|情况)之一的，(?:应当|可以"
    r"|由[^，]{2,20})?([^，；：。]{4,22})" + _END
)


def _penalty(text: str, context: Context) -> Iterator[Draft]:
    match = _BROKEN.match(text) if "的，" in text else None
    if match and not _POINTS.search(match[1]):
        deed = re.sub(r"^(?:有关)?(?:单位|个人|单位和个人|单位或者个人)(?=[^、]{4})", "", match[1])
        tokens = tag(deed)
        named = any(token.tag[0] not in "vdpcuf" for token in tokens)
        if (
            not named
            or re.match(r"法[律规]|.*(?:罚款|处罚)", deed)
            or not _is_clause(deed)
            or re.match(r"[不未][^，]{1,4}$", deed)
        ):
            return
        if re.search(r"不得给予|不予处罚|免予|不予行政|从轻|减轻", match[2]):
            return
        if _SANCTION.search(match[2].split("；")[0]):
            yield from _titled(f"{deed}怎么处罚", context, "penalty", 2.0, f"{deed}怎么处罚")
        elif (
            tokens[0].tag[0] not in "vdpcuf"
            and len(deed) > 5
            and _TROUBLE.search(deed)
            and re.match(r"(?:应当|由|可以|不予|予以|必须|须)", match[2])
        ):
            yield from _titled(
                f"{deed}应当怎么办", context, "consequence", 1.8, f"{deed}应当怎么办"
            )
    cases = _CASES.match(text) if "之一的，" in text else None
    acts = cases and tag(cases[2])[0].tag[0] in "vdp"
    if (
        cases
        and acts
        and cases[2][0] != "会"
        and not _POINTS.search(cases[1] + cases[2])
        and _is_clause(cases[2])
    ):
        yield from _titled(
            f"{cases[1]}在哪些情形下{cases[2]}", context, "cases", 1.9, f"哪些情形下{cases[2]}"
        )


def _is_clause(text: str) -> bool:
    """Whether a piece starts and ends where a clause may, and says something."""
    tokens = tag(text)
    if len(tokens) < 2 or tokens[0].tag[0] in "cupyxfe" or tokens[-1].tag[0] in "cupxfrdm":
        return False
    if re.search(r"[（(]|[）)]|[《]", text) and text.count("《") != text.count("》"):
        return False
    if re.match(r"确需|仍|无权|逾期|情节|构成|拒不|经|确有|属于|符合|有(?!害)|造成", text):
        return False
    return sum(token.is_content or token.tag[0] == "z" for token in tokens) >= 2


# --- who, what, when ------------------------------------------------------------------------------

_BY_WHOM = re.compile(
    r"^([^，。；：]{3,22}?)，?由([^，。；：其]{2,30}?)(?:统一|依法|共同|具体|分别|按照[^，]{2,16})*"
    r"(负责|组织实施|组织|管理|制定|批准|审批|投资|承担|编制|公布|监督管理|核发|确定|规定|实施"
    r"|支付|行使|审核|认定|任命"
    r"|选举产生|推选|主持|保管|登记|审查|审查批准)([^，。；：]{0,10}?)" + _END
)
_AGENT = re.compile(
    r"(?:部门|机构|机关|委员会|政府|院|单位|企业|[者人员]|协会|组织|[局厅处部会]|公司|中心)$"
)
_IN_CHARGE = re.compile(
    r"^([^，。；：]{2,24}?(?:部门|政府|机关|机构|委员会|人民法院|人民检察院))(?:具体)?(?:负责|主管)"
    r"(?:本行政区域内?的?|全国的?|本市的?|本省的?|辖区内的?|组织实施)?([^，。；：]{4,20}?)(?:工作)?"
    + _END
)
_ASK_ABOUT = {
    "符合": "什么要求", "具备": "哪些条件", "包括": "哪些内容", "载明": "哪些内容",
    "写明": "哪些内容", "遵守": "哪些规定", "遵循": "什么原则", "坚持": "什么原则",
    "提交": "哪些材料", "提供": "哪些材料", "履行": "哪些职责", "注明": "哪些内容",
    "标明": "哪些内容", "享有": "哪些权利", "行使": "哪些职权",
}  # fmt: skip
_REQUIRED = re.compile(
    rf"^([^，。；：]{{2,24}}?)(?:应当|必须|应|须)({'|'.join(_ASK_ABOUT)})(.{{4,}})"
)
_LISTED = re.compile(
    rf"^([^，。；：]{{2,24}}?)(应当|可以|主要|必须|依法)?({'|'.join(_ASK_ABOUT)}|采取|承担"
    rf"|提取)(?:以下|下列)"
    r"(条件|内容|职责|材料|权利|义务|职权|原则|要求|事项|规定|措施|文件|资料|责任|工作|服务"
    r"|标准|程序)[：:]?$"
)


def _who(text: str, context: Context) -> Iterator[Draft]:
    by = _BY_WHOM.match(text)
    if (
        by
        and _AGENT.search(by[2])
        and not _POINTS.search(by[1])
        and _is_clause(by[1])
        and not re.search(r"[应经可须]$|确定的", by[1] + by[2][-3:])
        and not by[4].startswith("后")
        and not re.search(r"^具体|(?:具体|实施|管理)办法$", by[1])
    ):
        rest = by[4] if by[4] and tag(by[4])[-1].tag[0] in "nvl" else ""
        yield from _titled(
            f"{by[1]}由谁{by[3]}{rest}", context, "who", 1.9, f"{by[1]}由谁{by[3]}{rest}"
        )
    charge = _IN_CHARGE.match(text)
    if charge and re.match(r"部门|人员|机关|单位", charge[2]):
        return
    about = f"{charge[2].removesuffix('工作')}工作" if charge else ""
    if charge and not _POINTS.search(charge[2]) and _is_clause(charge[2]):
        yield from _titled(f"哪个部门负责{about}", context, "who", 1.9, f"哪个部门负责{about}")


_PAPERS = re.compile(r"材料|资料|文件|证明|申请书|报告|证书|复印件|表格|凭证|合同|图纸|清单")


def _required(text: str, context: Context) -> Iterator[Draft]:
    listed = _LISTED.match(text)
    if listed and not _POINTS.search(listed[1]) and _is_subject(listed[1]):
        asked = f"{listed[1]}{listed[2] or ''}{listed[3]}哪些{listed[4]}"
        yield from _titled(asked, context, "list", 2.0, asked)
        return
    match = _REQUIRED.match(text)
    if match and re.match(_OWN, match[3]):
        return  # the answer stands elsewhere
    if match and match[2] in ("提交", "提供") and not _PAPERS.search(match[3]):
        return
    if match and not _POINTS.search(match[1]) and _is_subject(match[1]):
        asked = f"{match[1]}应当{match[2]}{_ASK_ABOUT[match[2]]}"
        yield from _titled(asked, context, "obligation", 1.8, asked)


def _is_subject(text: str) -> bool:
    """Whether what stands in front of "should" can be asked about."""
    tokens = tag(text)
    if _VAGUE_SUBJECT.match(text) or PRONOUN.search(text) or not tokens:
        return False
    if len(text) > 16 or re.search(r"应当|必须|可以|签订|[内后前时]|^依[法照据]|^按照", text):
        return False
    return tokens[0].tag[0] not in "cudypxf" and tokens[-1].tag[0] in "nlj" and len(text) > 1


# --- duties and bans ----------------------------------------------------------------------------

_BAN = re.compile(
    r"^(?:禁止|严禁)(?:任何(?:单位|组织)(?:和|或者|、)个人)?([^，]{0,16}内)?([^，。；：]{4,24})"
    + _END
)
_MUST_NOT = re.compile(r"^([^，。；：]{2,18}?)不得([^，。；：]{4,24})" + _END)
_DUTY = re.compile(
    r"^([^，。；：]{2,18}?)(?:应当|必须)(?:及时|主动|立即|定期)*([^，。；：]{4,22})" + _END
)
_MAY = re.compile(r"^([^，。；：]{2,18}?)(?:有权|可以)(?:依法)?([^，。；：]{4,24})" + _END)
_AUTHORITY = re.compile(r"(?:办事处|部门|政府|机关|机构|委员会|人民法院|人民检察院)$")
_EMPTY_ACT = re.compile(
    r"积极|发挥|完善|促进|采取.{0,4}措施|加强|鼓励|支持|推[进动]|依法|严格|如实|认真|坚持|提高|增强|重视|做好|共同|组织实施|明确"
    r"|确定专门|作[为好]|.*(?:相关|有关|是否)"
)
_ANYONE = re.compile(r"^(?:任何)?(?:单位|组织|机构)(?:和|或者|、|或)(?:个人)")
_WITHIN = re.compile(
    r"^([^，。；]{2,18}?)(?:应当|须)?(?:自|在|于)([^，。；]{2,30}?)(?:之日起|之日|后)?"
    r"[一二三四五六七八九十\d]+个?(?:工作日|小时|日|月|天|年)(?:以?内"
    r"|前)，?(?:应当)?([^，。；（：]{4,20})" + _END
)
_TERM = re.compile(
    r"^([^，。；：]{2,18}?(?:期限|有效期|任期|期间|时限|保存期))(?:一般|最长)?(?:为|是|不超过"
    r"|不得超过|不得少于)[一二三四五六七八九十\d]"
)


def _duties(text: str, context: Context) -> Iterator[Draft]:
    ban = _BAN.match(text)
    named = ban and not _POINTS.search(ban.group()) and not ban[2].startswith("违反")
    if ban and named and _is_act(ban[2]):
        act = f"{ban[1] or ''}{ban[2]}"
        yield from _titled(f"可以{act}吗", context, "prohibition", 1.7, f"能不能{act}")
    no = _MUST_NOT.match(text)
    if no and not _POINTS.search(no.group()) and _is_act(no[2]):
        subject = "" if _ANYONE.match(no[1]) else no[1]
        if not subject or _is_subject(subject):
            yield from _titled(
                f"{subject}可以{no[2]}吗", context, "prohibition", 1.7, f"{subject}能不能{no[2]}"
            )
    may = _MAY.match(text)
    if may and not _POINTS.search(may.group()) and _is_act(may[2]):
        subject = "" if _ANYONE.match(may[1]) else may[1]
        if not subject or _is_subject(subject):
            yield from _titled(
                f"{subject}可以{may[2]}吗", context, "right", 1.5, f"{subject}能不能{may[2]}"
            )
    term = _TERM.match(text)
    if term and not _POINTS.search(term[1]) and _is_subject(term[1]):
        yield from _titled(f"{term[1]}是多久", context, "deadline", 2.0, f"{term[1]}是多久")
    within = _WITHIN.match(text)
    if within and not _POINTS.search(within[1] + within[3]) and _is_act(within[3]):
        subject = within[1].removesuffix("应当")
        if _is_subject(subject):
            yield from _titled(
                f"{subject}应当在多长时间内{within[3]}", context, "deadline", 2.0,
                f"{subject}应当在多长时间内{within[3]}",
            )  # fmt: skip
            return
    duty = _DUTY.match(text)
    if (
        not duty
        or _POINTS.search(duty.group())
        or not _is_act(duty[2])
        or _EMPTY_ACT.match(duty[2])
    ):
        return
    if _AUTHORITY.search(duty[1]):
        if duty[2].startswith("向") or tag(duty[1])[0].tag[0] == "v":
            return  # who founds an office has to register it
        yield from _titled(f"哪个部门负责{duty[2]}", context, "who", 1.5, f"哪个部门负责{duty[2]}")
    elif _is_subject(duty[1]):
        yield from _titled(
            f"{duty[1]}需要{duty[2]}吗", context, "obligation", 1.4, f"{duty[1]}是否需要{duty[2]}"
        )


_OPEN_ACT = re.compile(
    r"根据|按照|依照|依据|会同|结合|通过|为$|.*方式$|.*[内后前时等]$|.*(?:部门|机关|机构|人员"
    r"|单位)$|[\u4e00-\u9fff]{1,5}的"
    r"|.*(?:情况|规定|要求)$"
)


def _is_act(text: str) -> bool:
    """Whether a phrase starts with a verb and ends with what it is done to."""
    tokens = tag(text)
    if len(tokens) < 2 or PRONOUN.search(text) or _OPEN_ACT.match(text):
        return False
    if tokens[-1].tag[0] not in "nvlij" or tokens[-1].word in ("是", "为", "有", "等"):
        return False
    if tokens[0].tag == "p":
        return tokens[-1].tag[0] in "vl" or any(t.tag == "v" for t in tokens[2:-1])
    return tokens[0].tag[0] in "vla" or (tokens[0].tag[0] == "n" and tokens[0].tag != "nr")


# --- the law itself -----------------------------------------------------------------------------

_AIM = re.compile(rf"^为了?.{{6,}}制定{_OWN}")
_SCOPE = re.compile(rf"适用{_OWN}$|^{_OWN}适用于|(?:遵守|执行){_OWN}$")
_FORCE = re.compile(rf"^{_OWN}自(?![公发]布).{{4,14}}(?:起施行|起实施|起生效)")


def _itself(text: str, context: Context) -> Iterator[Draft]:
    title = bare(context.title or "")
    if not 2 < len(title) <= 30:
        return
    if _AIM.match(text):
        yield from made(f"《{title}》的立法目的是什么", "aim", 1.7, f"为什么要制定《{title}》")
    if _SCOPE.search(text):
        yield from made(f"《{title}》适用于哪些情形", "scope", 1.7, f"《{title}》的适用范围")
    if _FORCE.match(text):
        yield from made(f"《{title}》从什么时候开始施行", "in_force", 1.8, f"《{title}》的施行日期")


RULES: tuple[Rule, ...] = (_penalty, _who, _required, _duties, _itself)
