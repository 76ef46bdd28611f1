"""What the scorer of queries sees of a candidate: its wording, its evidence, its passage.

Every feature is bounded, so that no text, however long or odd, can outweigh the rest.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from datakit.generators import _chinese, _headings, _latin, _latin_phrases
from datakit.generators._candidates import Candidate, Sentence, content_words
from datakit.generators._context import Context
from datakit.generators._verbs import base_of
from datakit.records import Passage

BUCKETS = 4096  # of hashed words and shapes
_LONGEST = 600  # characters of a query, a title or a sentence that are looked at
_MOST_TEXT = 6000  # characters of a passage that are looked at
_HASHED = 0.5  # value of a hashed feature: less than of a named one
_COMMON = 0.35  # share of the most telling word's weight below which a word tells little

_POINTING = re.compile(
    r"\b(?:this|that|these|those|such|it|its|they|them|their|other|certain|same|following|above"
    r"|below|herein|aforementioned|respective|ce|cette|cet|ces|cela|celui|autres?|ci-\w+)\b"
    r"|该|此|其|这|上述|前述|以下|下列|如下|本[条款项节]",
    re.I,
)
_CONDITION = re.compile(
    r"\b(?:if|unless|except|provided|however|but|where|when|subject to|sauf|si|lorsque|toutefois)\b"
    r"|除|但|如果|若|的情况下",
    re.I,
)
_NOBODYS = re.compile(r"(?<![A-Za-z])APP(?![A-Za-z])|本(?:应用|软件|公司)|平台")
_SPAN_OF_TIME = re.compile(r"\d\s*[-–~—至到]\s*\d+\s*月|前\S{1,2}季度|上半年|累计|\bto date\b")
_EXAMPLE = re.compile(
    r"\b(?:such as|for example|e\.g|including|par exemple)\b|例如|比如|包括", re.I
)
_LIST_LINE = re.compile(
    r"^\s*(?:[-•*▪●]|\(?[a-z0-9]{1,3}[.)]|[（(]?[一二三四五六七八九十\d]{1,3}[)）、])"
)
_WORD = re.compile(r"[^\W_]+(?:['’.&-][^\W_]+)*")
_ENDINGS = (
    "ing", "ed", "ly", "tion", "ment", "ness", "ity", "able", "al", "ive", "ous", "ic", "er",
    "ance", "ence", "ies", "s", "y", "e",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """A passage as its candidates see it, made once."""

    passage: Passage
    found: Sequence[Sentence]
    context: Context
    idf: Mapping[str, float]  # of the words of the document
    words: frozenset[str]  # that carry a topic, in the passage
    titled: frozenset[str]  # that carry a topic, in its last title
    opening: frozenset[str]  # in its first two sentences
    known: frozenset[str]  # in the names and the title of the document
    most: float  # the largest weight of a word of the document
    shape: Mapping[str, float]  # features of the passage itself


def view_of(
    passage: Passage, found: Sequence[Sentence], context: Context, idf: Mapping[str, float]
) -> View:
    """What the candidates of one passage share."""
    title = passage.section_path[-1][:_LONGEST] if passage.section_path else ""
    named = f"{context.issuer or ''} {context.topic} {context.title or ''}"[:_LONGEST]
    opening = " ".join(sentence.text[:_LONGEST] for sentence in found[:2])
    return View(
        passage,
        found,
        context,
        idf,
        frozenset(content_words(passage.text[:_MOST_TEXT], context)),
        frozenset(content_words(title, context)),
        frozenset(content_words(opening, context)),
        frozenset(content_words(named, context)),
        max(idf.values(), default=1.0),
        dict(_of_passage(passage, found, title)),
    )


def features(candidate: Candidate, view: View) -> dict[str, float]:
    """The features of one candidate by name: each in [-2, 2], most in [0, 1].

    Args:
        candidate: the query, with its evidence where it has any.
        view: its passage.
    """
    context = view.context
    kind = f"{context.kind}/{candidate.pattern}"
    made = {
        f"kind={kind}": 1.0,
        f"pattern={candidate.pattern}": 1.0,
        f"pattern={context.language}/{candidate.pattern}": 1.0,
        f"language={context.language}": 1.0,
        f"domain={context.kind}/{candidate.level}": 1.0,
        f"form={candidate.form}": 1.0,
        f"label={context.label}": 0.5,
        "worth": max(-2.0, min(2.0, candidate.worth / 2)),
        "unnamed": float(not context.issuer and not context.topic),
    }
    text = candidate.text[:_LONGEST]
    made.update(_of_wording(text, context))
    made.update(_of_words(text, view))
    made.update(_of_evidence(candidate, view))
    made.update({f"{candidate.level}:{name}": value for name, value in view.shape.items()})
    words = list(_shapes(text, context))
    told = [f"{candidate.pattern} {word}" for word in words]
    for shape in (*words, *told, *_around(candidate, view)):
        made[f"#{zlib.crc32(shape.encode()) % BUCKETS}"] = _HASHED
    return made


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _of_wording(text: str, context: Context) -> Iterator[tuple[str, float]]:
    """How the query reads."""
    words = _WORD.findall(text)
    n_words = len(text) / 2 if context.is_cjk else len(words)
    yield "length", min(2.0, n_words / 20)
    yield "short", float(n_words <= 3)
    yield "long", float(n_words >= 16)
    yield "pointing", min(2.0, len(_POINTING.findall(text)) / 2)
    yield "condition", min(2.0, len(_CONDITION.findall(text)) / 2)
    yield "figures", min(1.0, sum(map(str.isdigit, text)) / 8)
    yield "marks", min(2.0, len(re.findall(r"[,;:()/“”\"«»–—，；：（）、]", text)) / 3)
    yield "joins", min(2.0, len(re.findall(r"\b(?:and|or|et|ou)\b|和|及|或|、", text)) / 2)
    yield "blanks", min(2.0, text.count(" ") / 3) if context.is_cjk else 0.0
    subject = (context.issuer or context.topic).lower()
    yield f"names its subject/{context.kind}", float(bool(subject) and subject in text.lower())
    yield f"names no subject/{context.kind}", float(not subject or subject not in text.lower())
    yield "nobody's app", float(bool(_NOBODYS.search(text)))
    if context.is_cjk or not words:
        return
    issuer = (context.issuer or "").lower()
    bare = text.lower().removeprefix(issuer).strip()
    capitals = sum(word[:1].isupper() for word in words[1:])
    function = _latin.function_words(context.language)
    yield "capitals", _share(capitals, len(words))
    yield "function words", _share(sum(word.lower() in function for word in words), len(words))
    yield "verbs", min(1.0, sum(base_of(word.lower()) is not None for word in words) / 4)
    yield "mine", min(1.0, len(re.findall(r"\b(?:i|my|me|je|mes|mon|ma)\b", text, re.I)) / 2)
    yield "named twice", float(bool(issuer) and issuer in bare)
    yield "named", float(bool(issuer) and issuer in text.lower())
    for place, word in (("first", next(iter(bare.split()), "")), ("last", words[-1].lower())):
        ending = next((end for end in _ENDINGS if word.endswith(end)), "-")
        yield f"{place} ends in {ending}", 1.0
        yield f"{place} is a function word", float(word in function)
        yield f"{place} is a verb", float(base_of(word) is not None)


def _of_words(text: str, view: View) -> Iterator[tuple[str, float]]:
    """How the words of the query lie in the passage, its title and the document."""
    told = set(content_words(text, view.context)) - view.known
    weights = sorted(view.idf.get(word, view.most) / view.most for word in told)
    yield "tells", min(2.0, len(told) / 4)
    yield "tells nothing", float(not told)
    if not told:
        return
    yield "rarest word", weights[-1]
    yield "most common word", weights[0]
    yield "mean weight", sum(weights) / len(weights)
    yield "common words", _share(sum(one < _COMMON for one in weights), len(weights))
    yield "in the passage", _share(len(told & view.words), len(told))
    yield "in the title", _share(len(told & view.titled), len(told))
    yield "in the opening", _share(len(told & view.opening), len(told))
    named = sum(any(word in one.text.lower() for word in told) for one in view.found)
    yield "sentences that name it", _share(named, len(view.found))
    if not view.context.is_cjk:
        telling = sum(map(_latin_phrases.tells, told))
        yield "telling words", min(2.0, telling / 3)
        yield "one telling word", float(telling < 2)


def _of_evidence(candidate: Candidate, view: View) -> Iterator[tuple[str, float]]:
    """The sentence that answers the query."""
    sentence = candidate.sentence
    if sentence is None:
        return
    text = sentence.text[:_LONGEST].strip()
    cjk = view.context.is_cjk
    own = set(content_words(text, view.context)) - view.known
    told = set(content_words(candidate.text[:_LONGEST], view.context))
    yield "evidence length", min(2.0, len(text) / (60 if cjk else 200))
    yield "evidence covered", _share(len(own & told), len(own))
    yield "evidence left", min(2.0, len(own - told) / 8)
    yield "evidence points", min(2.0, len(_POINTING.findall(text)) / 2)
    yield "evidence has conditions", min(2.0, len(_CONDITION.findall(text)) / 2)
    yield "evidence has examples", min(1.0, float(len(_EXAMPLE.findall(text))))
    yield "evidence opens with a pointer", float(bool(_POINTING.match(text)))
    yield "evidence lists", min(2.0, len(re.findall(r"[,;，；、]", text)) / 5)
    yield "evidence ends", float(text[-1:] in ".!。！")
    yield "evidence hangs", float(text[-1:] in ":：;；")
    yield "evidence is an item", float(sentence.said != sentence.text)
    yield "evidence small", float(text[:1].islower())
    yield "evidence place", sentence.start / max(1, len(view.passage.text))
    yield "evidence central", sentence.centrality
    spans = bool(_SPAN_OF_TIME.search(text)) and not _SPAN_OF_TIME.search(candidate.text)
    yield "evidence has another span of time", float(spans)
    yield "figures not in the evidence", _unfounded(candidate.text[:_LONGEST], text)
    yield "evidence figures", min(1.0, sum(map(str.isdigit, text)) / 12)
    start, end = _spanned(candidate.text[:_LONGEST], text.lower(), view)
    yield f"evidence goes on with {_mark(text[end:])}", 1.0
    yield f"evidence starts after {_mark(text[:start][::-1])}", 1.0
    yield "evidence before", min(2.0, start / (20 if cjk else 60))
    yield "evidence after", min(2.0, (len(text) - end) / (30 if cjk else 100))
    yield "evidence fits title", _share(len(own & view.titled), len(view.titled))


def _unfounded(query: str, text: str) -> float:
    """Share of the figures of a query that its evidence lacks: a year taken from elsewhere."""
    asked = set(re.findall(r"\d+", query))
    return _share(len(asked - set(re.findall(r"\d+", text))), len(asked))


def _of_passage(
    passage: Passage, found: Sequence[Sentence], title: str
) -> Iterator[tuple[str, float]]:
    """The passage itself."""
    text = passage.text[:_MOST_TEXT]
    lines = [line for line in text.split("\n") if line.strip()] or [""]
    prose = sum(sentence.end - sentence.start for sentence in found)
    yield "passage length", min(2.0, passage.n_tokens / 300)
    yield "sentences", min(2.0, len(found) / 10)
    yield "prose", min(1.0, prose / max(1, len(passage.text)))
    yield "list", _share(sum(bool(_LIST_LINE.match(line)) for line in lines), len(lines))
    yield "short lines", _share(sum(len(line) < 40 for line in lines), len(lines))
    yield "table", min(2.0, text.count("|") / 10)
    yield "depth", min(2.0, len(passage.section_path) / 3)
    yield "opens document", float(passage.ordinal == 0)
    yield "title length", min(2.0, len(title) / 40)
    yield "title asks", float(title.rstrip()[-1:] in ("?", "？"))
    yield "title is generic", float(_headings.is_generic(title)) if title else 1.0
    yield "title opens the passage", float(bool(title) and text.lstrip().startswith(title[:20]))


def _around(candidate: Candidate, view: View) -> Iterator[str]:
    """What stands around the words of the query, in its evidence or its title, to be hashed."""
    language, cjk = view.context.language, view.context.is_cjk
    if candidate.sentence is None:
        kind = f"{language} {candidate.pattern}"
        yield from (f"{kind} title {word}" for word in view.titled)
        return
    text = candidate.sentence.text[:_LONGEST].strip().lower()
    start, end = _spanned(candidate.text[:_LONGEST], text, view)
    yield f"{language} opens {_first(text, cjk)}"
    yield f"{language} {candidate.pattern} before {_first(text[:start].rstrip()[::-1], cjk)[::-1]}"
    yield f"{language} {candidate.pattern} after {_first(text[end:].lstrip(), cjk)}"


def _spanned(query: str, text: str, view: View) -> tuple[int, int]:
    """Where a sentence has the words of a query: from the first one to the end of the last."""
    told = set(content_words(query, view.context)) - view.known
    places = [(at, at + len(word)) for word in told if (at := text.find(word)) >= 0]
    if not places:
        return 0, len(text)
    start, end = min(at for at, _ in places), max(end for _, end in places)
    while end < len(text) and text[end].isalpha() and not view.context.is_cjk:
        end += 1  # a stem is shorter than its word
    return start, end


def _mark(text: str) -> str:
    """What a text begins with, as a class: nothing, a mark, a figure or a word."""
    first = text.lstrip()[:1]
    if not first:
        return "nothing"
    if first.isalpha():
        return "a word"
    return "a figure" if first.isdigit() else "a stop" if first in ".;!。；！" else "a mark"


def _first(text: str, cjk: bool) -> str:
    """The first word or mark of a text; two characters in Chinese."""
    return text[:2] if cjk else (re.match(r"\w+|\W", text) or [""])[0]


def _shapes(text: str, context: Context) -> Iterator[str]:
    """Words and runs of kinds of words, to be hashed."""
    if context.is_cjk:
        tokens = _chinese.tag(text)
        tags = ["^", *(token.tag for token in tokens), "$"]
        yield from (f"zh {token.word}" for token in tokens if len(token.word) > 1)
        yield from (f"zh {' '.join(tags[i : i + 3])}" for i in range(len(tags) - 2))
        return
    own = {word.lower() for word in (context.issuer or "").split()}
    words = [word.lower() for word in _WORD.findall(text) if word.lower() not in own]
    yield from (f"{context.language} {word}" for word in words)
    yield from (f"{context.language} {a} {b}" for a, b in pairwise(words))
