"""Text: normalisation with offsets, language, sentences, words and sizes.

Everything that counts offsets counts Unicode code points of *normalised* text, so `normalise`
comes before anything that takes an offset. Stored text is NFC and never NFKC: a compatibility
form is for comparing (`records.normal_key`), not for keeping.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from array import array

Span = tuple[int, int]  # code points, start inclusive, end exclusive

# --- normalise ---------------------------------------------------------------------------------

_BULLET = "•"
# Wingdings and Symbol, as Word writes them into the private use area (U+F000 + the font's code);
# ambiguous ones were settled by reading Chinese broker reports, where they open list items.
_PUA_BULLETS = (
    "\uf06c\uf06d\uf06e\uf06f\uf070\uf071\uf072\uf073\uf074\uf075\uf076\uf077\uf09e\uf09f\uf0a0"
    "\uf0a1\uf0a7\uf0a8\uf0b7\uf0be\uf0d8\uf0fc\uf0fe"
)
_PUA_SYMBOLS = {
    "\uf028": "☎", "\uf029": "☎", "\uf02a": "✉", "\uf02b": "✉", "\uf0ab": "★",
    "\uf0e0": "→", "\uf0e8": "→", "\uf0f0": "→",
}  # fmt: skip
# C1 controls are nearly always Windows-1252 read as Latin-1; browsers mend them the same way
# (WHATWG HTML, numeric character reference end state).
_C1 = {chr(c): bytes([c]).decode("cp1252", "ignore") for c in range(0x80, 0xA0) if c != 0x85}
_ODD = re.compile(
    "(?P<line>\r\n?|[\x0b\x0c\x85\u2028\u2029])"
    f"|(?P<bullet>[{_PUA_BULLETS}])"
    "|(?P<pua>[\uf000-\uf0ff])"
    "|(?P<blank>[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000])"
    "|(?P<c1>[\x80-\x9f])"
    # NUL and other C0, soft hyphen, zero-width space, bidi marks, word joiner and invisible
    # operators, BOM, surrogates, interlinear marks and non-characters
    "|(?P<gone>[\x00-\x08\x0e-\x1f\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb\ufffe\uffff])"
)
# What may join with the character before it: marks, Hangul vowels and finals, Kirat Rai vowels.
_JAMO = re.compile("[\u1160-\u11ff\U00016d63\U00016d67]")


def normalise(text: str) -> str:
    """Text as it is stored: NFC, lines end in LF, plain blanks, no control characters.

    NUL, soft hyphens, zero-width blanks, bidi marks, BOMs and lone surrogates go; a Word bullet
    from the private use area becomes `•` at the start of a line.
    """
    if not text.replace("\n", "").isprintable():  # what is printable has nothing to take out
        text = _ODD.sub(_replacement, text)
    return unicodedata.normalize("NFC", text)


def normalise_with_offsets(text: str) -> tuple[str, array[int]]:
    """`normalise(text)` and where it came from.

    Returns:
        The normalised text, and for each of its code points the offset in `text` of the first
        code point it came from: same length as the text, never decreasing.
    """
    from array import array

    clean, origin = _clean_with_offsets(text)
    if unicodedata.is_normalized("NFC", clean):
        return clean, origin
    parts: list[str] = []
    offsets = array("l")
    for start, end in _composing(clean):
        part = unicodedata.normalize("NFC", clean[start:end])
        parts.append(part)
        if len(part) == end - start:
            offsets.extend(origin[start:end])
        else:
            offsets.extend(origin[min(start + i, end - 1)] for i in range(len(part)))
    return "".join(parts), offsets


def _replacement(match: re.Match[str]) -> str:
    kind, char = match.lastgroup, match.group()
    if kind == "line":
        return "\n"
    if kind == "blank":
        return " "
    if kind == "bullet":
        return _bullet(match.string, match.start())
    if kind == "pua":
        return _PUA_SYMBOLS.get(char, " ")
    return _C1[char] if kind == "c1" else ""


def _bullet(text: str, at: int) -> str:
    """A bullet at the start of a line, with one blank after it."""
    if at and text[at - 1] == text[at]:  # a rating such as ●●●, not three list items
        return _BULLET
    line_before = text[max(0, at - 80) : at].rstrip(" \t\xa0\u3000")
    fresh = not line_before or line_before[-1] in "\r\n\x0b\x0c\x85\u2028\u2029"
    spaced = text[at + 1 : at + 2].isspace()
    return ("" if fresh else "\n") + _BULLET + ("" if spaced else " ")


def _clean_with_offsets(text: str) -> tuple[str, array[int]]:
    from array import array

    parts: list[str] = []
    origin = array("l")
    last = 0
    for match in _ODD.finditer(text):
        start, end = match.span()
        new = _replacement(match)
        parts += [text[last:start], new]
        origin.extend(range(last, start))
        origin.extend(itertools.repeat(start, len(new)))
        last = end
    parts.append(text[last:])
    origin.extend(range(last, len(text)))
    return "".join(parts), origin


def _composing(text: str) -> Iterator[Span]:
    """Spans that normalise on their own: long runs, or one character with its marks."""
    start = 0
    end = 0
    size = len(text)
    while end < size:
        stop = end + 1
        while stop < size and _joins(text[stop]):
            stop += 1
        if stop > end + 1 or not unicodedata.is_normalized("NFC", text[end]):
            if end > start:
                yield start, end
            yield end, stop
            start = stop
        end = stop
    if end > start:
        yield start, end


def _joins(char: str) -> bool:
    return char > "\u02ff" and (unicodedata.category(char)[0] == "M" or bool(_JAMO.match(char)))


# --- language ----------------------------------------------------------------------------------

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HANGUL = "\uac00-\ud7a3"
_LETTERS = {
    "zh": _HAN,
    "ja": _KANA,
    "ko": _HANGUL,
    "ru": "\u0400-\u052f",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u0590-\u05ff",
    "ar": "\u0600-\u06ff\u0750-\u077f",
    "hi": "\u0900-\u097f",
    "th": "\u0e00-\u0e7f",
    "latin": "A-Za-z\u00c0-\u024f",
}
_SCRIPTS = {
    name: re.compile(f"[{letters}]" + ("{1,4}" if name == "th" else "+"))
    for name, letters in _LETTERS.items()
}
_RARE = re.compile("[" + "".join(v for k, v in _LETTERS.items() if k not in ("zh", "latin")) + "]")
_BY_CHARACTER = frozenset({"zh", "ja", "ko"})  # each counts; elsewhere a run of letters does
LATIN_LANGUAGES = ("en", "fr", "de", "es", "it", "pt", "nl", "pl", "sv")
# addresses, base64; the look ahead steps over what is not ASCII without trying each kind
_NO_PROSE = re.compile(r"(?=[!-~])(?:(?:https?:|www\.|//)[!-~]+|[!-~]+@[!-~]+|[!-~]{40,})")
_MINOR_SHARE = 0.25  # a Chinese table full of Latin names is Chinese still
_SAMPLE = 20_000  # code points looked at, spread over the text
_KANA_SHARE = 0.08  # of kana among kana and Han: Japanese prose has 0.4 and more
_MIN_STOP_SHARE = 0.08  # of stop words among words: running text has 0.3 to 0.6
_CJK_LANGUAGES = frozenset({"zh", "ja"})


def base_language(language: str | None) -> str | None:
    """`zh` of `zh-Hans-CN`."""
    return language.split("-")[0].split("_")[0].lower() if language else None


def is_cjk_language(language: str | None) -> bool:
    """Whether the language is written without blanks between words: Chinese, Japanese."""
    return base_language(language) in _CJK_LANGUAGES


def detect_language(text: str) -> str | None:
    """The language of a text by its script, and for Latin script by its stop words.

    Looks at 20,000 code points spread over the text. None where nothing tells: no letters, or
    Latin letters with too few stop words (a keyword query, a table).
    """
    sample = _NO_PROSE.sub(" ", _spread(text, _SAMPLE))
    shares = _script_counts(sample)
    if shares["ja"] > _KANA_SHARE * (shares["ja"] + shares["zh"]):
        shares["ja"] += shares.pop("zh")
    latin = shares.pop("latin")
    other = max(shares, key=lambda name: (shares[name], name))
    if shares[other] > latin:
        return other
    language = _latin_language(sample) if latin else None
    return language or (other if shares[other] > _MINOR_SHARE * latin else None)


def _script_counts(text: str) -> dict[str, int]:
    counts = dict.fromkeys(_SCRIPTS, 0)
    # most texts are in Chinese or in Latin letters: one search rules the other scripts out
    for name in _SCRIPTS if _RARE.search(text) else ("zh", "latin"):
        runs = _SCRIPTS[name].findall(text)
        counts[name] = sum(map(len, runs)) if name in _BY_CHARACTER else len(runs)
    return counts


def script_shares(text: str) -> dict[str, float]:
    """Share of each script: a Han, kana or Hangul character counts as a run of other letters."""
    counts = _script_counts(text)
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items() if count}


def _spread(text: str, size: int, pieces: int = 20) -> str:
    if len(text) <= size:
        return text
    width = size // pieces
    step = (len(text) - width) / (pieces - 1)
    starts = (round(i * step) for i in range(pieces))
    return "\n".join(text[start : start + width] for start in starts)


def _latin_language(sample: str) -> str | None:
    weights = _stop_weights()
    scores: dict[str, float] = {}
    words = _SCRIPTS["latin"].findall(sample.lower())
    for word in filter(weights.__contains__, words):
        for language, weight in weights[word]:
            scores[language] = scores.get(language, 0.0) + weight
    if not scores:
        return None
    (best, score), *others = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    runner_up = others[0][1] if others else 0.0
    clear = score > runner_up * 1.1
    return best if clear and score >= max(0.9, _MIN_STOP_SHARE * len(words)) else None


@functools.cache
def _stop_weights() -> dict[str, tuple[tuple[str, float], ...]]:
    """Stop word -> languages that have it; a word of three languages tells a third as much."""
    owners: dict[str, list[str]] = {}
    for language in LATIN_LANGUAGES:
        for word in stop_words(language):
            owners.setdefault(word, []).append(language)
    return {word: tuple((name, 1 / len(names)) for name in names) for word, names in owners.items()}


@functools.cache
def stop_words(language: str | None) -> frozenset[str]:
    """The stop words of spaCy for a language, lower-cased; empty where it has none."""
    import importlib.util
    import runpy
    from pathlib import Path

    code = base_language(language)
    if not code or not re.fullmatch("[a-z]{2,3}", code):
        return frozenset()
    package = importlib.util.find_spec("spacy")
    folder = Path(package.origin).parent if package and package.origin else Path()
    file = folder / "lang" / code / "stop_words.py"
    if not file.is_file():
        return frozenset()
    # the file alone: importing spaCy brings torch along, three seconds for a list of words
    return frozenset(word.lower() for word in runpy.run_path(str(file))["STOP_WORDS"])


# --- sizes -------------------------------------------------------------------------------------

_SINGLE = f"{_HAN}{_KANA}{_HANGUL}\u3005\u3007"
_PACKED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer: no blanks
# a run of 32 and more is no word (a hash, a ruler of dashes): it counts once for every 32
_TOKEN = re.compile(
    f"[^\\W{_SINGLE}{_PACKED}]{{1,32}}|[{_SINGLE}]|[^\\w\\s]{{1,32}}|[{_PACKED}]{{1,4}}"
)
# every Latin-1 character as a letter of a word, a blank or a mark; signs beyond that are marks too
_CLASSES = "".join(
    "w" if re.match(r"\w", chr(c)) else " " if chr(c).isspace() else "." for c in range(256)
).encode()
_MARKS = "\u2018\u2019\u201c\u201d\u2013\u2014\u2022\u2026\u2122"
_STARTS = (b" w", b".w", b" .", b"w.")
_LONG = (b"w" * 33, b"." * 33)


def count_tokens(text: str, language: str | None = None) -> int:
    """Size of a text: a CJK character is 1, a word or a run of punctuation is 1.

    It depends on no model; the language is taken for symmetry and changes nothing.
    """
    plain = text
    if not text.isascii() and max(text) <= _MARKS[-1]:
        for mark in _MARKS:
            plain = plain.replace(mark, ".")
    try:
        kinds = plain.encode("latin-1")
    except UnicodeEncodeError:
        return len(_TOKEN.findall(text))
    kinds = kinds.translate(_CLASSES)  # words begin and end where the kind changes
    if _LONG[0] in kinds or _LONG[1] in kinds:
        return len(_TOKEN.findall(text))
    return sum(map(kinds.count, _STARTS)) + (kinds[:1] not in (b"", b" "))


def token_spans(text: str) -> list[Span]:
    """The units that `count_tokens` counts, in order."""
    return [match.span() for match in _TOKEN.finditer(text)]


# --- words -------------------------------------------------------------------------------------

# blank pipelines that need no further package; any other language takes the multi-language one
_SPACY = (
    "ar bg ca cs da de el en es et eu fa fi fr ga gu he hi hr hu hy id is it kn lt lv mk mr nb nl"
    " pl pt ro ru sk sl sq sr sv ta te tl tr uk ur"
)
_LINE = re.compile(r"[^\n]+")
_CJK = re.compile(f"[{_HAN}{_KANA}]")
_CJK_RUN = re.compile(f"[{_HAN}{_KANA}\u3005\u3007]+")
_WORDY = re.compile(r"\w")
_WORD = re.compile(r"[^\W_](?:[^\s]*[^\W_])?")  # without the marks at its ends
_CHUNK = 20_000  # code points that spaCy gets at once; its memory grows with the text
_LONG_RUN = re.compile(r"\S{256,}")  # spaCy's tokenizer is quadratic in a run without blanks


def tokens(text: str, language: str | None) -> list[Span]:
    """Spans of words and punctuation marks, without blanks.

    Chinese: jieba's words. Other languages: spaCy's blank tokenizer, with jieba's words wherever
    Han characters stand inside.
    """
    if base_language(language) == "zh":
        return _jieba_spans(text, 0)
    tokenizer = _blank(language).tokenizer
    spans: list[Span] = []
    for start, end in _chunks(text):
        for a, b in _short_runs(text, start, end):
            for token in tokenizer(text[a:b]):
                if not token.is_space:
                    spans += _resplit(token.text, a + token.idx)
    return spans


def words(text: str, language: str | None) -> list[str]:
    """Lower-cased words in order, without punctuation marks."""
    found = (_WORD.search(text[start:end].lower()) for start, end in tokens(text, language))
    return [m.group() for m in found if m and m.group() != "s"]  # the s of a spaCy 's


def _resplit(token: str, at: int) -> list[Span]:
    if token.isascii() or not _CJK.search(token):
        return [(at, at + len(token))]
    return _jieba_spans(token, at)


_ASCII_WORD = re.compile(r"[a-zA-Z0-9]+(?:\.[0-9]+)?%?|[^a-zA-Z0-9]+")  # jieba/finalseg: re_skip


def _jieba_spans(text: str, offset: int) -> list[Span]:
    """Jieba's words. `600519.SH` is three, as in jieba itself, where rjieba makes one."""
    jieba = _jieba()
    spans: list[Span] = []
    for word, start, end in jieba.tokenize(text):
        if word.isspace():
            continue
        if word.isascii() and not word.isalnum() and not jieba.has_word(word):
            parts = (match.span() for match in _ASCII_WORD.finditer(word))
            spans += ((offset + start + a, offset + start + b) for a, b in parts)
        else:
            spans.append((offset + start, offset + end))
    return spans


@functools.cache
def _jieba() -> Any:
    import rjieba

    return rjieba


@functools.cache
def _blank(language: str | None) -> Any:
    """A blank spaCy pipeline with its sentencizer, one per language."""
    import spacy

    code = base_language(language)
    nlp = spacy.blank(code if code in _SPACY.split() else "xx")
    nlp.add_pipe("sentencizer")
    return nlp


def _chunks(text: str, size: int = _CHUNK) -> Iterator[Span]:
    """Lines, long ones cut after a sentence end or at a blank."""
    for match in _LINE.finditer(text):
        start, end = match.span()
        while end - start > size:
            cut = _chunk_end(text, start, start + size)
            yield start, cut
            start = cut
        yield start, end


def _short_runs(text: str, start: int, end: int) -> Iterator[Span]:
    """The span, cut every 256 code points inside a longer run without blanks."""
    runs = [match.span() for match in _LONG_RUN.finditer(text, start, end)]
    edges = {start, end, *(edge for run in runs for edge in range(*run, 256))}
    return itertools.pairwise(sorted(edges))


def _chunk_end(text: str, start: int, limit: int) -> int:
    for mark in (". ", "。", " "):
        at = text.rfind(mark, start + (limit - start) // 2, limit)
        if at >= 0:
            return at + len(mark)
    return cut_point(text, start, limit)


# --- sentences ---------------------------------------------------------------------------------

_MAX_CJK = 1_000  # code points of one sentence; longer ones are tables without line ends
_MAX_LATIN = 2_000
_CJK_LINE_SHARE = 0.2  # of Han and kana among characters: the line is split by Chinese rules


def sentences(text: str, language: str | None) -> list[Span]:
    """Spans of the sentences of a text, trimmed, in order, not overlapping.

    Every LF ends a sentence. A line is split by Chinese rules or by spaCy's sentencizer with
    rules on top, whichever its characters ask for, so a Chinese report with an English disclaimer
    reads right. No sentence is longer than 1,000 code points (Chinese, Japanese) or 2,000.

    Raises:
        MissingDependency: spaCy is not installed and a line needs it.
    """
    spans: list[Span] = []
    for start, end in _chunks(text):
        line = text[start:end]
        if _is_cjk_line(line, language):
            cuts, limit = _chinese_cuts(line), _MAX_CJK
        else:
            cuts, limit = _latin_cuts(line, language), _MAX_LATIN
        for piece in itertools.pairwise([0, *cuts, len(line)]):
            spans += ((start + a, start + b) for a, b in _bounded(line, piece, limit))
    return spans


def trim(text: str, start: int, end: int) -> Span:
    """The span without blanks at its ends; `start == end` where nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _is_cjk_line(line: str, language: str | None) -> bool:
    if line.isascii():
        return False
    n_cjk = len(_CJK.findall(line))
    return n_cjk > 0 and (
        n_cjk >= _CJK_LINE_SHARE * len(line)
        or (is_cjk_language(language) and n_cjk >= _CJK_LINE_SHARE * len(line.split()))
    )


def _bounded(line: str, piece: Span, limit: int) -> Iterator[Span]:
    start, end = trim(line, *piece)
    while end - start > limit:
        cut = cut_point(line, start, start + limit)
        yield trim(line, start, cut)
        start, end = trim(line, cut, end)
    if end > start:
        yield start, end


_SOFT_ENDS = re.compile(r"[；;，,、](?=\D)|(?<=\s)(?=\S)|(?<=\|)")
_BRACKETED = re.compile(r"[)）](?=[^\W_])")


def cut_point(text: str, start: int, limit: int) -> int:
    """Where to cut a sentence that has to be cut before `limit`: after a comma, at a blank.

    Looks at the second half of the span; without a comma or blank the limit itself, moved back
    out of a number or a Latin word.
    """
    half = start + (limit - start) // 2
    for pattern in (_SOFT_ENDS, _BRACKETED):
        last = max((match.end() for match in pattern.finditer(text, half, limit)), default=half)
        if last > half:
            return last
    cut = limit
    while cut > half and "!" <= text[cut - 1] <= "~":
        cut -= 1
    return cut if cut > half else limit


# Latin script

_MAYBE_END = re.compile(r"[.?!…][^\w\s]{0,8}\s+\S|[a-zß-ÿ)][.?!][A-ZÀ-Þ]|[。！？]")
_OPENERS = "\"'“‘„«([{‹<*_•·–—-"
_TAIL = re.compile(rf"(?<=[.?!…])([^\w\s]*?)\s+([{re.escape(_OPENERS)}§#|►▪●■\s]+)$")
_ROMAN = "(?:x{0,3}(?:ix|iv|v?i{0,3}))"
_LABELS = (
    "section|sec|article|art|clause|part|chapter|item|schedule|annex|appendix|exhibit|note|rule"
    "|step|question|abschnitt|ziffer|artikel|punkt|teil|kapitel|section|partie|chapitre|clause"
    "|annexe|título|cláusula|anexo|capítulo|sezione|articolo|allegato|titolo|paragraf|rozdział"
)
_NUMBER = rf"(?:\d{{1,3}}(?:\.\d{{1,3}})*[a-z]?|[a-z]{{1,2}}|{_ROMAN})"
_ENUMERATOR = re.compile(
    rf"[\s{re.escape(_OPENERS)}#|>►▪●■]*(?:(?:{_LABELS}|§+|no|nr|n°)[.:]?\s*)?"
    rf"\(?{_NUMBER}[.):\]]{{1,2}}[*_]*",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"[\[(“‘\"«*_](?:[^“”\"()\[\]]{{0,20}}\s)?(?:{_LABELS})\s\d+[a-z]?\.$", re.IGNORECASE
)  # “Article 7. Fees”
_TERMINAL = re.compile(r"[.?!…。！？][^\w\s,;:/\\+=]*$")
_LAST_WORD = re.compile(r"([^\W_](?:[\w.&'’/-]*\w)?)\.[^\w\s]*$")
_NEXT_WORD = re.compile(rf"[\s{re.escape(_OPENERS)}]*([^\W_][\w'’]*)")
_OPEN = re.compile(r"\([^()]*$")
_INITIAL = re.compile(r"[^\W\d_](?:\.[^\W\d_])*")

# abbreviations that no sentence ends with
_NEVER_FINAL = {
    "": "no nos nr cf vs v mr mrs ms dr prof st fig figs eq eqs vol vols p pp ed eds al approx ca"
    " e.g i.e eg ie ex viz resp art arts sec secs par para paras cl incl excl tel fax ph.d",
    "en": "messrs hon rev gen sen rep gov capt sgt cir ch app ann stat reg regs dept dist div"
    " cal civ tit del bus ins ste ft pte jan feb mar apr jun jul aug sept sep oct nov dec"
    " u.s.c c.f.r f.supp s.ct f.2d f.3d",
    "de": "abs nr art bzw ggf d.h z.b u.a z.t i.d.r i.s.d i.v.m i.s.v lit vgl inkl zzgl gem ziff"
    " s f bspw evtl ca str hr fr sog bzgl usf vom geb kfm mio mrd max min abschn einschl entspr"
    " faxnr telnr d z u i o v m h b a e rn aufl hrsg jan feb apr aug sept okt nov dez",
    "fr": "art al env m mm mme mlle me cf p.ex ex n l r d c.-à-d c.a.d c.à.d st ste av bd tél"
    " réf chap alin ann janv févr avr juil sept oct nov déc",
    "es": "art arts núm núms sr sra sres dr dra p.ej ej pág págs apdo av c/ tel ud uds vs cap",
    "it": "art artt n nn d.lgs dlgs d.l d.p.r l lett co cod es p.es sig sig.ra dott avv pag ss"
    " c.c c.p.c cfr tel rif",
    "pt": "art arts n nº n.º sr sra dr dra p.ex ex pág págs al inc tel av cfr",
    "nl": "art nr bijv d.w.z m.b.t i.v.m t.a.v o.a m.n jo blz tel incl excl evt resp mr dhr mevr",
    "pl": "art ust pkt nr poz tj tzn np m.in dz ul al str tel lit ww min maks godz zob por prof"
    " dr hab inż r",
    "sv": "fr.o.m t.o.m t.om nr t.ex bl.a d.v.s dvs s.k m.m kap st resp ca tel jfr enl",
}
# abbreviations that a sentence may end with: it does where a capitalised stop word follows
_MAYBE_FINAL = (
    "inc corp ltd co llc l.l.c plc l.p llp s.a s.a.s s.r.l b.v n.v a.g u.s u.s.a u.k e.u u.n d.c"
    " a.m p.m etc jr sr bros est assn ecc usw etc. n.a n.y c.v s.l s.l.u s.à r.l s.à.r.l sp o.o"
    " z.o.o seq ff"
)
_GLUED = re.compile(r"(?<=[a-zß-ÿ]{2}[.?!])(?=[A-ZÀ-Þ][a-zß-ÿ])")
_AFTER_ABBREVIATION = re.compile(
    r"\b([\w.]{0,8}\w)\.[\"”’)\]*_]{0,4}\s+(?=[“\"(‘]*([A-ZÀ-Þ](?![A-Z])[\w'’]*))"
)
_ORDINAL = re.compile(r"(?:^|[\s(])\d{1,2}\.$")
_ORDINAL_LANGUAGES = frozenset({"de", "pl", "da", "nb", "fi", "cs", "hu"})
_BRACKET = 200  # code points: a full stop inside a shorter bracket does not end the sentence


def _latin_cuts(line: str, language: str | None) -> list[int]:
    """Where sentences start inside a line, the first one left out."""
    if not _MAYBE_END.search(line):
        return []
    doc = _blank(language)(_LONG_RUN.sub(lambda run: "x" * len(run.group()), line))
    found = {_before_openers(line, sent.start_char) for sent in doc.sents if sent.start_char}
    found |= {match.end() for match in _GLUED.finditer(line) if "/" not in _word_at(line, match)}
    found |= {match.end() for match in _AFTER_ABBREVIATION.finditer(line) if _ends(match, language)}
    kept = [0]
    for cut in sorted(found):
        if cut > kept[-1] and not _is_false(line, kept[-1], cut, language):
            kept.append(cut)
    return kept[1:]


def _word_at(line: str, match: re.Match[str]) -> str:
    """The blank-free run around a cut: a URL or an address holds full stops of its own."""
    start = max(line.rfind(" ", 0, match.start()), line.rfind("\t", 0, match.start())) + 1
    end = line.find(" ", match.end())
    return line[start : end if end >= 0 else len(line)].replace("@", "/").replace("www.", "/")


def _before_openers(line: str, cut: int) -> int:
    """An opening quote or bracket belongs to what follows; the sentencizer leaves it behind."""
    head = line[max(0, cut - 40) : cut]
    match = _TAIL.search(head)
    return cut - len(head) + match.start(2) if match else cut


def _ends(match: re.Match[str], language: str | None) -> bool:
    word, after = match.group(1).lower(), match.group(2)
    return word in _maybe_final() and after.lower() in _openers(language)


@functools.cache
def _openers(language: str | None) -> frozenset[str]:
    """Words that, with a capital, open a sentence rather than continue a name."""
    return stop_words(language or "en") - {"of", "and", "de", "du", "la", "le"}


def _is_false(line: str, start: int, cut: int, language: str | None) -> bool:
    """Whether a cut of the sentencizer falls inside a sentence."""
    before, after = line[start:cut].rstrip(), line[cut:]
    if not _TERMINAL.search(before) or _ENUMERATOR.fullmatch(before) or _NAMED.search(before):
        return True
    if not (_WORDY.search(before) and _WORDY.search(after)):
        return True
    head = after.lstrip()[:1]
    if head.islower() and not _GLUED.match(line, cut):
        return True
    if before.endswith(".") and _ORDINAL.search(before) and _has_ordinals(language):
        return True
    if _open_bracket(before, after):
        return True
    return _after_abbreviation(before, after, language)


def _has_ordinals(language: str | None) -> bool:
    return base_language(language) in _ORDINAL_LANGUAGES


def _open_bracket(before: str, after: str) -> bool:
    opened = _OPEN.search(before[-_BRACKET:])
    if not opened:
        return False
    closed = after.find(")", 0, _BRACKET - (len(opened.group())))
    return closed >= 0 and "(" not in after[:closed]


def _after_abbreviation(before: str, after: str, language: str | None) -> bool:
    match = _LAST_WORD.search(before[-40:])
    if not match:
        return False
    word = re.split("['’]", match.group(1).lower())[-1]
    if word in _never_final(base_language(language) or ""):
        return True
    if word in _maybe_final() or (_INITIAL.fullmatch(word) and match.group(1)[0].isupper()):
        following = _NEXT_WORD.match(after)
        return not (following and following.group(1).lower() in _openers(language))
    return False


@functools.cache
def _maybe_final() -> frozenset[str]:
    return frozenset(_MAYBE_FINAL.split())


@functools.cache
def _never_final(language: str) -> frozenset[str]:
    return frozenset(f"{_NEVER_FINAL['']} {_NEVER_FINAL.get(language, '')}".split())


# Chinese and Japanese

_ZH_CLOSERS = "”’」』）)】》〉\"'"
_ZH_BULLETS = "•●■◼⚫➢◆▪❑✓◇▶►"
_ZH_PROTECTED = re.compile(
    r"（[^（）]{0,100}）|\([^()]{0,100}\)|【[^【】]{0,100}】|《[^《》]{0,100}》"
    r"|“[^“”]{0,80}”|「[^「」]{0,80}」|『[^『』]{0,80}』|‘[^‘’]{0,80}’"
)
_ZH_ENUMERATOR = (
    r"[（(]?[一二三四五六七八九十]{1,3}[)）、]|[（(]\d{1,2}[)）]|\d{1,2}[、.)）](?!\d)|[①-⑳]"
)
_ZH_END = re.compile(
    rf"(?P<leader>[.．·…‥]{{6,}}\s*(?:\d{{1,3}}(?!\d))?)"
    rf"|(?P<strong>[。！？｡]+|…{{1,3}}|[!?]+(?![\w=&/])|(?<=[{_HAN}])\.(?=\s|$))"
    rf"|(?P<weak>；|(?<=[{_HAN}）)]);)"
    r"|(?P<caption>(?<=[^见如及和（(])(?=图表?\s?\d{1,3}\s?[：:、]|(?<!图)表\s?\d{1,3}\s?[：:]))"
    r"|(?P<source>来源[：:][^。；：:]{0,60}?(?:研究院|研究所|研究部|研究中心)(?:编辑)?(?:整理|绘制|测算)?"
    r"(?![，、,）)（(；。编整绘测]))"
    rf"|(?P<latin>(?<=[a-z)\]][.?!])\s+(?=[A-Z“\"]))"
    rf"|(?P<bullet>(?<![{_ZH_BULLETS}])(?=[{_ZH_BULLETS}](?![{_ZH_BULLETS}])))"
)
_ZH_GOES_ON = re.compile(r"[\s]*[，、；：,;:。！？…）)】》]|[的地得是之者等与和及]")
_ZH_NEXT_ITEM = re.compile(rf"\s*(?:{_ZH_ENUMERATOR})")
_ZH_LONG_CLAUSE = 40  # code points: a clause before ； that can stand on its own


def _chinese_cuts(line: str) -> list[int]:
    """Where sentences start inside a line, the first one left out."""
    shields = [match.span() for match in _ZH_PROTECTED.finditer(line)]
    starts = [start for start, _ in shields]
    cuts: list[int] = []
    for match in _ZH_END.finditer(line):
        at = bisect_right(starts, match.start()) - 1
        inside = at >= 0 and match.start() < shields[at][1]
        cut = _closes(line, match, shields[at]) if inside else _chinese_cut(line, match, cuts)
        if cut and cut < len(line) and (not cuts or cut > cuts[-1]):
            cuts.append(cut)
    return cuts


def _chinese_cut(line: str, match: re.Match[str], cuts: list[int]) -> int | None:
    kind, end = match.lastgroup, match.end()
    if kind in {"leader", "bullet", "latin", "caption", "source"}:
        return end
    if kind == "weak":
        last = cuts[-1] if cuts else 0
        long = end - last >= _ZH_LONG_CLAUSE
        return end if long or _ZH_NEXT_ITEM.match(line, end) else None
    while end < len(line) and line[end] in _ZH_CLOSERS:
        end += 1
    if match.group().startswith("…") and _ZH_GOES_ON.match(line, end):
        return None
    return end


def _closes(line: str, match: re.Match[str], shield: Span) -> int | None:
    """A full stop inside a quote or bracket ends the sentence only as its last character."""
    start, end = shield
    if match.lastgroup != "strong" or match.end() != end - 1:
        return None
    if line[start] in "（(【《":
        return end if start == 0 or line[start - 1] in "。！？" else None
    return None if _ZH_GOES_ON.match(line, end) else end
