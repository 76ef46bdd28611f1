"""Topic queries out of clusters: from their facets and their most distinctive terms."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from datakit.generators._chinese import tag
from datakit.generators._chinese_keys import COMMON, PLAIN, UNTELLING
from datakit.generators._clusters import ALWAYS, UNCATEGORISED, UNDATED, Cluster
from datakit.generators._latin import FUNCTION, content_stems
from datakit.generators._points import heading_words
from datakit.generators._verbs import NOUNS, is_base
from datakit.generators._words import word_set
from datakit.records import Form
from datakit.text import is_cjk_language


@dataclass(frozen=True, slots=True)
class TopicDraft:
    """A topic query before it is chosen."""

    text: str
    form: Form
    topic: str
    doc_ids: tuple[str, ...] | None = None  # of the cluster with a heading of it; None: all


def drafts(cluster: Cluster) -> list[TopicDraft]:
    """Queries for a cluster, one of each form where its terms allow; [] where none reads well."""
    if is_cjk_language(cluster.language):
        found = (
            _chinese_sections(cluster) if cluster.unit == "section" else _chinese_documents(cluster)
        )
    elif cluster.language in ("en", ""):
        found = (
            _english_sections(cluster) if cluster.unit == "section" else _english_documents(cluster)
        )
    else:
        found = _plain_keywords(cluster)
    if cluster.unit == "section":
        holders = functools.cache(functools.partial(_holders, cluster=cluster))
        found = (replace(one, doc_ids=holders(one.topic)) for one in found)
    return [draft for draft in found if draft.text]


def time_text(window: str, chinese: bool) -> str:
    """`Q1 2024` or `2024年第一季度` of `2024-Q1`; "" where there is no time."""
    if window in ("", UNDATED, ALWAYS):
        return ""
    year, _, part = window.partition("-")
    if not part:
        return f"{year}年" if chinese else year
    if part.startswith("Q"):
        return f"{year}年第{'一二三四'[int(part[1]) - 1]}季度" if chinese else f"{part} {year}"
    if part.startswith("H"):
        first = part == "H1"
        if chinese:
            return f"{year}年{'上' if first else '下'}半年"
        return f"{'first' if first else 'second'} half of {year}"
    return f"{year}年{int(part)}月" if chinese else f"{_MONTHS[int(part) - 1]} {year}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_ASKING = re.compile(
    r"[?？]\s*$|^(?:how|what|when|why|where|who|which|do|does|did|can|is|are|will|should)\b"
    r"|如何|怎样|怎么|为什么|为何|哪些|什么|是否|多少|(?:吗|呢)$",
    re.I,
)
_NEEDING = re.compile(
    r"\b(?:I|I'm|I've|I'd|my|we|our)\b|^\s*(?:我|我们|想|需要|打算|正在|最近|准备|请)|我想|我要|我在"
)


def form_of(text: str, language: str) -> Form:
    """The form of a query by its words: the first person tells a need, also where it asks."""
    if _NEEDING.search(text):
        return "need"
    if _ASKING.search(text):
        return "question"
    # a sentence without a question mark says what is wanted
    long = len(text) > 24 if is_cjk_language(language) else len(text.split()) > 12
    return "need" if long and re.search(r"[。.，,]", text) else "keyword"


# --- English -----------------------------------------------------------------------------------

_WHERE = {
    "privacy": "privacy policies", "cookies": "cookie policies", "copyright": "copyright policies",
    "community": "community guidelines", "acceptable_use": "acceptable use policies",
}  # fmt: skip
_NOT_A_TOPIC = re.compile(
    r"^(?:contact|questions?|how to contact|last|effective|version|date|quick|short|key"
        r"|note|plain|in short|summary"
    r"|legal language|part|annex|schedule|condensed|consolidated (?:statements?|balance)"
        r"|notes to|unaudited|read|welcome|about|table|category|categories|example|a|b|c|q|yes"
        r"|no)\b"
    r"|\b(?:contact us|click|here|below|above|following|this page|inc|llc|ltd|gmbh)\b|[@/"
        r"|\[\]{}<>=]|\d{3,}", re.I
)  # fmt: skip
_WH_WE = re.compile(
    r"^(how|what|when|why|where|with whom|who)((?: [\w-]+){0,3}?) (?:do |may |will )?we "
    r"(?:may )?([a-z]+)\b(.*)$",
    re.I,
)
_NOUN_WE = re.compile(
    r"^((?:[\w-]+ ){0,3}(?:information|data|cookies|technologies)) (?:that )?we (?:may )?"
    r"([a-z]+)\b(.*)$",
    re.I,
)
_ASKS = re.compile(
    r"^(?:how|what|when|why|where|who|which|do|does|can|is|are|will|should|may|am)\b", re.I
)


def _english_sections(cluster: Cluster) -> Iterator[TopicDraft]:
    services, papers = _owners(cluster)
    when = time_text(cluster.window, chinese=False)
    for title in cluster.shared[:4]:
        asked = _as_question(title, services)
        if asked:
            yield TopicDraft(f"{asked}?", "question", _noun_topic(cluster) or title)
            break
    topic = _noun_topic(cluster)
    if not topic:
        return
    year = f" {when}" if when else ""
    in_year = f" in {when}" if when else ""
    if cluster.kind == "filing":
        yield TopicDraft(f"How do {services} report on {topic}{in_year}?", "question", topic)
        yield TopicDraft(f"{topic} in company filings{year}", "keyword", topic)
        yield TopicDraft(
            f"I want to compare what {services} say about {topic}{in_year}", "need", topic
        )
        return
    yield TopicDraft(f"How do {services} handle {topic}?", "question", topic)
    if papers == "terms of service" and not topic.endswith(("terms", "terms of service")):
        clauses = "" if topic.endswith("s") else " clauses"
        yield TopicDraft(f"{topic}{clauses} in terms of service{year}", "keyword", topic)
    else:
        yield TopicDraft(f"{topic} in {papers}{year}", "keyword", topic)
    yield TopicDraft(f"I want to compare how {services} deal with {topic}", "need", topic)


def _owners(cluster: Cluster) -> tuple[str, str]:
    """Who the documents belong to, and what they are called, in the plural."""
    named = _category_text(cluster.category)
    if cluster.kind == "filing":
        return (f"{named} companies" if named else "companies"), "filings"
    services = f"{named} services" if named else "online services"
    if named.endswith(("service", "platform", "app", "store", "site", "marketplace")):
        services = f"{named}s"
    return services, _WHERE.get(cluster.label, "terms of service")


def _category_text(category: str) -> str:
    """A category in front of "services" or "companies": `retail-shoe store`, `payment`."""
    if category == UNCATEGORISED or not category.isascii():
        return ""
    text = re.split(r",| for |&|\band\b|\(", category.replace("_", " "))[0].strip().lower()
    return text[:-1] if text.endswith("s") and not text.endswith("ss") else text


_VAGUE = word_set(
    """
    device devices assistance activity agreement application areas benefits changes company
    content conditions damages data details duration features functions guidelines important
    information items links list materials methods notes operation other others page people
    personal policies policy product products profile program programs property purpose
    claim claims partner partners mobile description descriptions principle principles agent agents
    recommendation recommendations update updates access circumvention permission permissions
    performance purposes example examples question questions answer answers member members
    request requests account accounts wallet provision provisions consumer consumers
    obligation obligations right rights option activity activities
    feature party parties event events plan plans category categories software app apps
    requirements resources responsibilities restrictions rules service services settings site sites
    process processes procedure procedures exception exceptions trends domain domains android ios
    system systems term terms topics types usage use user users website work works you united states
    europe california uk eu options default basic basics standard
    """
)


_PLACES = word_set(
    """
    argentina australia austria belgium brazil bulgaria canada chile china croatia cyprus denmark
    estonia finland france germany greece hungary india indonesia ireland israel italy japan korea
    latvia lithuania luxembourg malta mexico netherlands norway poland portugal romania russia
    singapore slovakia slovenia spain sweden switzerland taiwan thailand turkey ukraine vietnam
    africa asia america virginia colorado connecticut nevada texas washington
    """
)


def _noun_topic(cluster: Cluster) -> str | None:
    """The most frequent heading of several sources that is a noun phrase, in neutral words."""
    for title in cluster.shared[:5]:
        text = re.split(r"[;:]|\s[–—-]\s", re.sub(r"\s*\([^)]*\)", "", title))[0].strip()
        text = re.sub(r"^(?:the|a|an|our|your|my|other|additional)\s+", "", text)
        text = re.sub(r"\b(?:your|our|my|the)\s+(?=\w)", "", text)
        text = re.sub(
            r"\b(?:these|this) (terms|agreement|policy|notice|privacy policy)\b", r"the \1", text
        )
        named = set(content_stems(_category_text(cluster.category), "en"))
        if _is_topic(text) and not set(content_stems(text, "en")) <= named:
            return text
    return None


def _is_topic(text: str) -> bool:
    words = text.split()
    if not words or len(words) > 7 or _NOT_A_TOPIC.search(text) or _ASKS.match(text):
        return False
    if (
        re.search(r"\b(?:we|you|us|i|it|they|uses|is|are|must|shall|may)\b", text)
        or words[0].lower() in FUNCTION
    ):
        return False
    if len(words) > 1 and is_base(words[0]) and (words[0] not in NOUNS or words[1] in ("a", "an")):
        return False
    if re.search(
        r"\b(?:polic(?:y|ies)|guidelines?|terms|conditions|agreement|notice|statement)$", text
    ) or (len(words) == 1 and text.lower() in _PLACES):
        return False  # the document itself, or only a place
    return any(word.lower() not in FUNCTION | _VAGUE for word in words)


def _as_question(title: str, services: str) -> str | None:
    """`How do online services use personal information` of `how we use your information`."""
    for pattern in (_WH_WE, _NOUN_WE):
        match = pattern.match(title)
        if not match:
            continue
        if pattern is _WH_WE:
            head, noun, verb, rest = match.groups()
            start = f"{head.capitalize()}{noun} do {services} {verb}"
        else:
            noun, verb, rest = match.groups()
            start = f"What {noun} do {services} {verb}"
        text = f"{start} {_neutral_rest(rest)}".strip()
        vague = re.search(r"\b(?:it|them|this|these|that)$", text)
        done = (
            not vague
            and is_base(verb.lower())
            and 5 <= len(text.split()) <= 16
            and not _NOT_A_TOPIC.search(text)
        )
        return text if done else None
    return None


def _neutral_rest(text: str) -> str:
    text = re.sub(r"\byour (personal )?(information|data)\b", r"personal \2", text)
    text = (
        re.sub(r"\b(?:your|our|the)\b", "their", text)
        if re.search(r"\bour\b", text)
        else re.sub(r"\byour\b", "users'", text)
    )
    text = re.sub(
        r"\b(?:from|about|to|with) you\b", lambda m: m.group().replace("you", "users"), text
    )
    return " ".join(re.sub(r"[?.]", "", text).split())


def _english_documents(cluster: Cluster) -> Iterator[TopicDraft]:
    terms = [term for term in cluster.terms if len(term) > 2][:2]
    category = _category_text(cluster.category)
    if not terms and not category:
        return
    when = time_text(cluster.window, chinese=False)
    known = [term for term in terms if not category or term.lower() not in category]
    topic = " ".join(_once([category, *known]))
    in_time = f" in {when}" if when else ""
    spoken = _spoken(known, category)
    if cluster.kind == "report":
        yield TopicDraft(f"{topic} outlook {when}".strip(), "keyword", topic)
        yield TopicDraft(f"What is the outlook for {spoken}{in_time}?", "question", topic)
        yield TopicDraft(f"I want an overview of research on {spoken}{in_time}", "need", topic)
        return
    yield TopicDraft(f"{topic} {when}".strip(), "keyword", topic)
    yield TopicDraft(f"What is known about {spoken}?", "question", topic)
    yield TopicDraft(f"I am looking for articles on {spoken}{in_time}", "need", topic)


def _spoken(terms: list[str], category: str) -> str:
    if not terms:
        return f"the {category} industry"
    joined = " and ".join(terms[:2])
    return f"{joined} in the {category} industry" if category else joined


def _once(words: list[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


# --- Chinese -----------------------------------------------------------------------------------

_ASKS_ZH = re.compile(r"如何|怎样|怎么|哪些|什么|是否")
_NOT_A_TOPIC_ZH = re.compile(
    r"联系|附件|附录|更新日期|生效|其他|目录|第.部分|声明$|^您$|问题$|上述|以下|下列"
    r"|本[协政隐]|SDK|隐私政策|用户协议|^帮助|^保障|^[与为在从对向基以由于将会可]|链接"
)


def _chinese_sections(cluster: Cluster) -> Iterator[TopicDraft]:
    who = {"terms": "各App", "filing": "各公司"}.get(cluster.kind, "相关法律法规")
    when = time_text(cluster.window, chinese=True)
    for title in cluster.shared[:4]:
        if (
            _ASKS_ZH.search(title)
            and len(title) <= 24
            and not re.search(r"本(?:隐私|[政协声])", title)
        ):
            asked = re.sub(r"我们|本公司|平台", who, title)
            asked = re.sub(r"[您你]的", "用户的", asked)
            asked = re.sub(r"[您你]", "用户", asked)
            asked = asked if who in asked else f"{who}{asked}"
            yield TopicDraft(f"{asked}？", "question", title)
            break
    noun = next((one for one in map(_noun_title, cluster.shared[:5]) if one), None)
    if noun and cluster.kind not in ("terms", "filing") and not _is_particular(noun):
        return
    if not noun:
        return
    papers = {"privacy": "隐私政策"}.get(
        cluster.label, "用户协议" if cluster.kind == "terms" else ""
    )
    if cluster.kind == "terms":
        yield TopicDraft(f"{who}对{noun}是怎么规定的？", "question", noun)
        yield TopicDraft(f"{noun} {papers} 对比 {when}".strip(), "keyword", noun)
        yield TopicDraft(f"想对比不同App关于{noun}的规定", "need", noun)
        return
    yield TopicDraft(
        f"{when}{who}在{noun}方面有哪些情况？"
        if cluster.kind == "filing"
        else f"{who}对{noun}有哪些规定？",
        "question",
        noun,
    )
    sort = "" if cluster.kind == "filing" else "法律法规 "
    yield TopicDraft(f"{noun} {sort}对比 {when}".strip(), "keyword", noun)


_COMMON_ACTS = word_set(
    "防治 预防 控制 保障 使用 检查 规划 销售 措施 保护 制定 实施 处罚 维护 治理"
)


def _is_particular(noun: str) -> bool:
    """Whether a title of laws says of what: 扬尘污染防治, not 保障措施."""
    told = COMMON | PLAIN | UNTELLING | _COMMON_ACTS
    return any(
        token.is_noun and len(token.word) > 1 and token.word not in told for token in tag(noun)
    )


def _noun_title(title: str) -> str | None:
    title = re.sub(r"的(?:规则|规定)$", "", title)
    text = re.sub(r"我们|[您你]的?|本公司|^可能", "", title).strip("的")
    bad = _ASKS_ZH.search(text) or _NOT_A_TOPIC_ZH.search(text) or not 3 <= len(text) <= 14
    return None if bad else text


def _chinese_documents(cluster: Cluster) -> Iterator[TopicDraft]:
    when = time_text(cluster.window, chinese=True)
    known = cluster.category != UNCATEGORISED and not re.search(r"[a-z]{2}", cluster.category)
    category = cluster.category if known else ""
    industry = _industry(category)
    terms = [
        term
        for term in cluster.terms
        if term not in industry and (not category or term not in category)
    ]
    terms = [term for term in terms if not category or category not in term][:2]
    topic = " ".join(_once([industry, *terms]))
    if not topic:
        return
    spoken = "和".join(terms)
    if terms and industry.endswith("业"):
        yield TopicDraft(" ".join(_once([when, industry, *terms, "趋势"])), "keyword", topic)
        yield TopicDraft(f"{when}{industry}{spoken}的发展趋势如何？", "question", topic)
        yield TopicDraft(f"想了解{when}{industry}{spoken}的相关研究观点", "need", topic)
    elif terms:
        yield TopicDraft(" ".join(_once([when, industry, *terms, "观点"])), "keyword", topic)
        yield TopicDraft(f"{when}对{spoken}有哪些分析观点？", "question", topic)
        yield TopicDraft(f"想找{when}关于{spoken}的文章", "need", topic)
    if industry.endswith("业"):
        yield TopicDraft(f"{when}{industry}有哪些投资机会？", "question", industry)
        yield TopicDraft(" ".join(_once([when, industry, "行情", "投资机会"])), "keyword", industry)
        if not terms:
            yield TopicDraft(f"想了解{when}{industry}的景气度和市场表现", "need", industry)


def _industry(category: str) -> str:
    """`银行业` of 银行, `电子行业` of 电子; a category that is no industry stays."""
    if not category or re.search(r"业$|策略|宏观|市场|债券|基金|量化|其他|综合", category):
        return category
    return f"{category}业" if category.endswith("行") else f"{category}行业"


# --- other languages ---------------------------------------------------------------------------


# a title that speaks to its reader, or says nothing without its document
_NOT_A_TOPIC_FR = re.compile(
    r"\b(?:vos|votre|vous|nos|notre|nous|ces?|cette)\b|^(?:les?|la|l['’])\b|[()]"
    r"|champ d.application|\bpr[ée]sente?s?\b|^(?:est|sont|[àa]|de|du|des|en|pour|code|article)\b"
    r"|\b(?:de|du|des|d|l|et|à|par|pour|sur|avec)['’]?$"
    r"|^(?:conditions? g[ée]n[ée]rales?|(?:conditions?|politiques?|chartes?|mentions?)(?: \w+)?)"
    r" (?:d['’]|des? |du )?(?:utilisation|vente|services?|confidentialit[ée]|l[ée]gales?)$"
    r"|^bases? (?:juridiques?|l[ée]gales?)$|^donn[ée]es trait[ée]es|^dispositions\b"
    r"|^d[ée]finitions?\b"
    r"|\bou\b|^engagements?\b",
    re.I,
)


_VAGUE_FR = word_set(
    """
    service client tarif normal commande site compte donnée traitée droit information condition
    général générale utilisateur utilisation produit offre article contenu partie objet mode avis
    engagement enregistrement disposition prix modalité obligation règle accès application
    traitement personnelle caractère personnel responsabilité vente achat
    """
)


@functools.cache
def _vague_french() -> frozenset[str]:
    return frozenset(stem for word in _VAGUE_FR for stem in content_stems(word, "fr"))


def _plain_keywords(cluster: Cluster) -> Iterator[TopicDraft]:
    """Without templates of its own a language gets its shared headings or terms as keywords."""
    if cluster.unit == "section":
        titles = [
            title
            for title in cluster.shared[:3]
            if cluster.language != "fr" or _is_french_topic(title)
        ]
        if not titles:
            return
        topic = min(titles, key=lambda title: (len(title.split()) < 2, len(title), title))
    else:
        topic = " ".join(cluster.terms[:2])
    when = time_text(cluster.window, chinese=False)
    if 2 <= len(topic.split()) <= 8:
        yield TopicDraft(f"{topic} {when}".strip(), "keyword", topic)


def _is_french_topic(title: str) -> bool:
    """Whether a title names a matter by two words, one of which tells it from others."""
    words = set(content_stems(title, "fr"))
    return len(words) > 1 and not words <= _vague_french() and not _NOT_A_TOPIC_FR.search(title)


def _holders(topic: str, cluster: Cluster) -> tuple[str, ...]:
    """The documents of a cluster that have a heading with all words of a topic."""
    words = set(heading_words(topic, cluster.language))
    return tuple(
        member.brief.doc_id
        for member in cluster.members
        if any(words <= set(heading_words(one.text, cluster.language)) for one in member.headings)
    )
