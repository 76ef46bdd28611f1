"""Chinese questions from terms and privacy policies: what one may, must and gets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from datakit.generators._chinese import Token, tag
from datakit.generators._chinese_facts import FACTS
from datakit.generators._chinese_phrases import GENERIC, PRONOUN, Rule, made
from datakit.generators._context import Context
from datakit.generators._drafts import Draft

_YOU = r"(?:您|你|用户|使用者|会员)"
_WE = r"(?:我们|本公司|本平台|本应用|本软件|本网站|本站|我司|公司)"
_YOU_CAN_BY = re.compile(
    rf"^{_YOU}(?:可以|可|能够|有权)(?:随时|自行|选择|也可以)*(?:通过|在|于|点击"
    rf"|登录)[^，。；]{{2,40}}?(?:来|中|上|页面|功能|方式|后|进行)?[，,]?((?:注销|删除|查询"
    r"|查看|更正|修改|关闭|撤回|撤销|取消|更改|管理|访问|退出|联系|投诉|举报|申请|获取"
    rf"|下载|导出|绑定|解除)[^，。；（(]{{2,20}})(?=[，。；（(：:]|$)"
)
_YOU_CAN = re.compile(
    rf"^{_YOU}(?:可以|可|有权|能够)(?:随时|自行|选择|自主)*([^，。；（(：:]{{4,24}})"
    r"(?=[，。；（(：:]|$)"
)
_YOU_MUST_NOT = re.compile(
    rf"^{_YOU}(?:不得|不能|不可以|不可|不应|严禁|禁止)([^，。；（(：:]{{4,24}})(?=[，。；（(：:]|$)"
)
_YOU_MUST = re.compile(
    rf"^{_YOU}(?:应当|应该|应|必须|须|需要|需)(?!知|理解|明白|了解)([^，。；（"
    rf"(：:]{{4,24}})(?=[，。；（(：:]|$)"
)
_WE_WILL = re.compile(
    rf"(?:^|，){_WE}(?:不会|将不会|可能会|可能|会|将会|将|有权|需要)([^，。；（"
    rf"(：:]{{4,26}})(?=[，。；（(：:]|$)"
)
_IF_YOU = re.compile(
    rf"^(?:如果|如|若|倘若|当)(?:{_YOU})([^，。；（(]{{4,22}}?)(?:时|的|的话)?，(?:则"
    rf"|那么)?(?:{_WE}|您|你|可能|将|会)"
)
_WANT = re.compile(r"^(?:想要?|需要?|希望|欲|要)(.{3,20})")


def asked(text: str, context: Context, named: bool) -> str:
    """From the voice of the terms to the voice of who asks."""
    who = context.issuer or "平台"
    text = re.sub(r"[您你]们?", "我", text)
    text = re.sub(r"用户自?己?的", "我的", text)
    again = "平台" if named else who
    text = re.sub(r"本(?:公司|平台|应用|软件|网站|站|产品|服务)", again, text)
    return re.sub(r"我们", again, text)


def _phrase(text: str) -> str | None:
    """A verb phrase that starts with a verb and ends with a content word."""
    text = text.strip("，、 ")
    tokens = tag(text)
    if len(tokens) < 2 or not 4 <= len(text) <= 24 or PRONOUN.search(text.replace("其他", "")):
        return None
    if tokens[0].tag[0] not in "vpd" or tokens[0].tag in ("vd",):
        return None
    if tokens[0].tag[0] == "d" and (len(tokens) < 3 or tokens[1].tag[0] != "v"):
        return None
    if not _ends_well(tokens) or re.search(
        r"相关|采取措施|予以|下列|本[协政隐]|相应|我的获取|您的获取|与平台联系|与我们联系", text
    ):
        return None
    nouns = [token for token in tokens if token.is_noun and token.word not in GENERIC]
    return text if nouns else None


def _ends_well(tokens: Sequence[Token]) -> bool:
    last = tokens[-1]
    return last.tag[0] in "nvlijaf" or last.tag == "eng" or last.word in ("信息", "您", "你")


def _you(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer
    place = f"在{who or 'APP'}"
    by = _YOU_CAN_BY.match(text)
    if by and (phrase := _phrase(by[1])):
        said = asked(phrase, context, named=True)
        yield from made(
            f"怎么{place}{said}",
            "how_to",
            1.9,
            indirect=f"怎么{place}{said}",
            need=f"我想{place}{said}",
        )
        return
    can = _YOU_CAN.match(text)
    if (
        can
        and (phrase := _phrase(can[1]))
        and not phrase.startswith(("通过", "在", "根据", "参考", "知悉", "知晓", "得知"))
        and phrase.count("的") < 2
    ):
        yield from made(
            f"我可以{place}{asked(phrase, context, True)}吗",
            "permission",
            1.4,
            f"能不能{place}{asked(phrase, context, True)}",
        )
    no = _YOU_MUST_NOT.match(text)
    if no and (phrase := _phrase(no[1])):
        yield from made(
            f"可以{place}{asked(phrase, context, True)}吗",
            "prohibition",
            1.4,
            f"能不能{place}{asked(phrase, context, True)}",
        )
    must = _YOU_MUST.match(text)
    if must and (phrase := _phrase(must[1])) and not phrase.startswith(("对", "在", "以", "按")):
        yield from made(
            f"使用{who or '该服务'}需要{asked(phrase, context, True)}吗", "obligation", 1.2
        )


# cut at a bracket: "through an SDK with the makers of devices"
_UNFINISHED_WITH = re.compile(
    r"(?:通过|使用|利用).+(?:与|和|向)[^，与和向]{2,8}(?:制造商|厂商|合作伙伴|提供商|商|方)$"
)


def _we(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer or "平台"
    match = _WE_WILL.search(text)
    phrase = _phrase(re.sub(r"^(?:需要?|先|使|还|也|再|会)+", "", match[1])) if match else None
    if (
        phrase
        and not _UNFINISHED_WITH.search(phrase)
        and not re.match(
            r".*以[验提保改判优便识核]|(?:根据|按|依|在|为|对|以|尽|竭|努力|严格|采取|免费采取|因|不|视|与|按照|及时|将"
            r"|从法律|予以|可能|无法|继续努力|确保|保证)",
            phrase,
        )
    ):
        yield from made(
            f"{who}会{asked(phrase, context, True)}吗",
            "provider_duty",
            1.4,
            f"{who}会不会{asked(phrase, context, True)}",
        )
    wants = _IF_YOU.match(text)
    if wants and not re.search(r"收集|记录|获取|接收", text):
        bad = re.search(r"不|未|拒绝|关闭|删除|注销|取消|违反|撤回|停止|逾期|丢失|泄露", wants[1])
        want = _WANT.match(wants[1])
        clause = want[1] if want else wants[1]
        phrase = _phrase(clause)
        place = f"在{context.issuer or 'APP'}"
        if phrase and want:
            said = asked(phrase, context, True)
            yield from made(f"怎么{place}{said}", "how_to", 1.8, need=f"我想{place}{said}")
        elif phrase and bad and not re.match(r"(?:对|有|是|为|认为|发现|在|使用|不同意)", phrase):
            yield from made(
                f"如果我{place}{asked(phrase, context, True)}会怎么样", "consequence", 1.5
            )


# --- what every policy answers ------------------------------------------------------------------


def _facts(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer or "APP"
    if re.match(r".{0,8}(?:这些|上述|该等|前述)", text) or re.search(
        r"我们如何|如何(?:收集|使用|共享|保护|管理)", text
    ):  # the title of a section
        return
    for fact in FACTS:
        if fact.found.search(text):
            asked_ = fact.question.format(who=who, label=context.label)
            yield from made(asked_, fact.pattern, fact.weight)


_I = r"(?:我们|公司|平台|本应用|本软件|我司|我行)"
_ON_USE = re.compile(
    r"(?:当|在)(?:您|你|用户)(?:使用|进行|开通|申请|办理)([^，。；：（(]{2,16}?)(?:功能|服务"
    r"|业务)?(?:时|的时候|过程中)?，"
    rf"(?:{_I}|您|你|本产品|则)?(?:可能|会|将|需要|需|将会|可能会|还会)*(?:请求|要求)?(?:您"
    rf"|你)?(?:收集|获取|提供|授权|需要|申请|访问)"
)
_COLLECTS = re.compile(
    rf"{_I}(?:可能|会|将|需要|需|将会|可能会|还会|有权)*(?:收集|获取|读取|采集|使用|记录)(?:您"
    rf"|你|用户|并使用|和使用)*的?([^，。；：（(、或和及]{{2,12}}?)"
    r"(?=[，。；：（(、或和及]|$)"
)
_WHY = re.compile(
    r"^(?:为了?|用于|用来)|以便|，(?:用于|用来|以(?=[帮实提保识优改判])|从而|便于)|目的"
)


def _collected(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer or "APP"
    use = _ON_USE.search(text)
    if use and not PRONOUN.search(use[1]) and (service := _service(use[1], who)):
        yield from made(
            f"使用{who}的{service}功能需要提供哪些信息", "collected", 1.9,
        )  # fmt: skip
    taken = _COLLECTS.search(text)
    if taken and not PRONOUN.search(taken[1]) and (noun := _thing(taken[1])):
        if _WHY.search(text):
            yield from made(f"{who}为什么要收集我的{noun}", "practice", 1.7)
        yield from made(f"{who}会收集我的{noun}吗", "practice", 1.5, f"{who}会不会收集我的{noun}")


def _service(text: str, who: str) -> str | None:
    named = asked(text, _NOBODY, True).replace(who, "").strip('的“”"《》 ')
    named = re.sub(r"^(?:平台的?|我的|各项|某些|一些|相关|部分)+|(?:功能|服务)$", "", named)
    tokens = tag(named)
    good = (
        2 <= len(named) <= 10
        and tokens
        and all(t.tag[0] in "nvabjlis" or t.word in "和与" for t in tokens)
    )
    return (
        named
        if good and named not in ("产品", "软件", "平台", "服务", "产品及", "app", "APP")
        else None
    )


def _thing(text: str) -> str | None:
    tokens = tag(text)
    good = (
        all(token.is_content for token in tokens) and tokens[-1].is_noun and tokens[0].tag[0] != "v"
    )
    telling = any(
        token.is_noun and token.word not in GENERIC | {"个人信息", "个人"} for token in tokens
    )
    return text if good and telling and len(text) > 2 else None


_NOBODY = Context("zh", "terms", None, "", None, None, None)

RULES: tuple[Rule, ...] = (_you, _we, _facts, _collected)
