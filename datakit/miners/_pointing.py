"""Sentences that say where something stands instead of saying it: "see note 7", "this policy
describes how we use cookies", 详见附注七.

A passage whose only words on a subject are such a sentence answers no question about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from datakit.text import sentences

_ENGLISH_PLACES = (
    r"(?:notes?|sections?|items?|parts?|pages?|exhibits?|appendi(?:x|ces)|annex(?:es)?|schedules?|"
    r"articles?|paragraphs?|chapters?|clauses?|captions?|headings?|proxy statement|"
    r"financial statements|annual report|polic(?:y|ies)|notices?|terms|statements?|agreements?|"
    r"web ?pages?|web ?sites?|help cent(?:er|re)|faqs?|links?|below|above|elsewhere|here|"
    r"later in|https?://\S+)"
)
_ENGLISH = re.compile(
    # see, refer to, learn more: what follows is a place
    rf"(?:^|[.;:(,]\s*|\band\s+)(?:please\s+|also\s+|you (?:can|may|should)\s+)*"
    rf"(?:see|refer to|read|review|consult|visit|click|find (?:out )?more|learn more)\b"
    rf"[^.;]{{0,120}}\b{_ENGLISH_PLACES}"
    # is set out in, is incorporated by reference from
    rf"|\b(?:is|are|as|further)\s+(?:also\s+|further\s+)?"
    rf"(?:described|discussed|explained|set (?:out|forth)|detailed|disclosed|"
    rf"provided|included|contained|presented|incorporated|found|available|"
    rf"listed|outlined)\b[^.;]{{0,60}}?\b(?:in|at|on|under|from|by reference)\b[^.;]{{0,60}}"
    rf"\b{_ENGLISH_PLACES}"
    # this policy describes, these terms govern
    r"|\b(?:this|these|our|the)\s+(?:[\w&’'-]+\s+){0,6}?(?:polic(?:y|ies)|notice|terms(?: of \w+)?|"
    r"agreement|statement|section|document|page|note|article)\s*(?:\([^)]*\)\s*)?"
    r"(?:also\s+)?(?:describes?|explains?|sets? (?:out|forth)|governs?|outlines?|covers?|"
    r"tells?|details?|informs?|helps? you|is (?:intended|designed|meant) to)\b"
    r"|\b(?:here|below|in (?:this|these) (?:\w+\s){0,2}\w+),? "
    r"(?:you (?:will|can) find|we (?:describe|explain))\b",
    re.I,
)
_CHINESE = re.compile(
    r"(?:详见|参见|参阅|请见|请参[见阅考照]|详情请?[见参]|具体(?:内容|情况)?[请参详]?见|请查[阅看]|见本?[报公附])"
    r"[^。；]{0,40}(?:附注|注释|附件|附录|附表|公告|报告|正文|章|节|条|款|部分|页|下文|上文|前文|后文|[》”」])"
    r"|本(?:政策|协议|声明|条款|章|节|部分|报告)(?:主要|将|旨在|仅)?(?:向您)?(?:说明|介绍|阐述|描述|列示|适用于)"
)


_ABOUT = re.compile(  # what comes before the place then is its subject, however long
    r"^\W*(?:for\s+(?:an?\s+|the\s+)?(?:more|further|additional|other|full|complete|detailed)?\s*"
    r"(?:information|details?|discussion|description|explanation|list|questions?)\b|"
    r"(?:more|further|additional)?\s*(?:information|details|disclosures?)\b|to learn|to find out)",
    re.I,
)
_TELLS_FROM = 8  # words before the place, in English
_TELLS_FROM_CHINESE = 12  # characters in the other clauses


def points_elsewhere(sentence: str) -> bool:
    """Does a sentence say where something stands, or what a text is about, and no more?"""
    if found := _CHINESE.search(sentence):
        before = re.split(r"[，,；;]", sentence[: found.start()])[:-1]
        after = re.split(r"[，,；;]", sentence[found.end() :])[1:]
        return sum(len(clause) for clause in (*before, *after)) < _TELLS_FROM_CHINESE
    if found := _ENGLISH.search(sentence):
        return bool(_ABOUT.match(sentence)) or len(sentence[: found.start()].split()) < _TELLS_FROM
    return False


def telling(text: str, language: str | None, titles: Sequence[str]) -> Iterator[str]:
    """The sentences of a passage that say something: neither headings nor pointers.

    Args:
        text: of the passage.
        language: of the text.
        titles: of the sections that the passage stands in.
    """
    headings = {" ".join(title.split()) for title in titles}
    for start, end in sentences(text, language):
        said = " ".join(text[start:end].split())
        if said not in headings and not points_elsewhere(said):
            yield said
