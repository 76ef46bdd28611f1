"""What a model reads of a line: hashed words of four windows, and its layout.

Words are lower-cased runs of letters, runs of digits (folded to 0) and single CJK characters.
Each word and each pair of neighbours is a feature, hashed into a table of fixed size. Beside them
stands how many words a line shares with its neighbours. All of it is numpy over the characters of
many lines at once, with no loop over words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datakit.segmentation.corpus import Line

OPENING, HEAD, BODY, TAIL = 4, 20, 120, 20  # words of the windows; the tail is the last ones
N_WINDOWS = 4
HEAD_WINDOW, BODY_WINDOW = 1, 2  # places among the windows
MAX_CHARS = 1200  # read of a line from its start; from its end MAX_TAIL_CHARS
MAX_TAIL_CHARS = 240

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SPACE, _MARK, _LETTER, _DIGIT, _CJK, _END = range(6)  # classes of characters
_TABLE_SIZE = 0x323B1  # code points with a class of their own; above are marks


class Bags(NamedTuple):
    """Hashed words or pairs of words of lines."""

    ids: np.ndarray  # (n,) int32, line after line
    sizes: np.ndarray  # (n_lines,) int64, how many each line has


@dataclass(frozen=True)
class Features:
    """Of the lines of one document.

    ids: (n_ids,) int32, the hashed features of all windows, window after window of each line.
    offsets: (N_WINDOWS · n_lines,) int64, where opening, head, body and tail of each line begin.
    layout: (n_lines, N_LAYOUT) float32.
    words, pairs: what is in each line's body, for `likeness`.
    """

    ids: np.ndarray
    offsets: np.ndarray
    layout: np.ndarray
    words: Bags
    pairs: Bags

    def __len__(self) -> int:
        return len(self.layout)


def features(lines: Sequence[Line], n_buckets: int) -> Features:
    """Features of a document's lines; equal lines have equal windows in any document."""
    words, line_of = _words([line.text for line in lines])
    ids, offsets = _windows(words, line_of, len(lines), n_buckets)
    of_bodies = _bodies(words, line_of, len(lines))
    return Features(ids, offsets, in_document(own_layout(lines), *of_bodies), *of_bodies)


# --- words -------------------------------------------------------------------------------------


@functools.cache
def _classes() -> np.ndarray:
    """(_TABLE_SIZE,) uint8: the class of each code point."""
    table = np.full(_TABLE_SIZE, _MARK, np.uint8)
    for code in range(0x10000):
        char = chr(code)
        if char.isspace():
            table[code] = _SPACE
        elif char.isdecimal():
            table[code] = _DIGIT
        elif char.isalpha():
            table[code] = _LETTER
    for first, last in ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)):
        table[first : last + 1] = _CJK
    table[0x20000:-1] = _CJK  # extensions B to H
    table[ord("\n")] = _END
    return table


@functools.cache
def _powers(size: int = 64) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.cumprod(np.full(size, _BASE, np.uint64), dtype=np.uint64)


def _words(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all words (n_words,) uint64, and the line that each stands in."""
    joined = "\n".join(_clipped(text) for text in texts) + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _classes()[np.minimum(codes, _TABLE_SIZE - 1)]
    in_word = kinds >= _LETTER
    in_word &= kinds != _END
    before = np.concatenate([[np.uint8(_SPACE)], kinds[:-1]])
    is_start = in_word & ((kinds != before) | (kinds == _CJK))
    starts = np.flatnonzero(is_start)
    if not len(starts):
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    number = np.cumsum(is_start) - 1
    place = np.arange(len(codes)) - starts[np.maximum(number, 0)]
    values = np.where(kinds == _DIGIT, np.uint32(ord("0")), codes).astype(np.uint64)
    values *= _powers()[np.clip(place, 0, 63)]
    values[~in_word] = 0
    line_of = np.cumsum(kinds == _END)[starts]
    return np.add.reduceat(values, starts), line_of


def _clipped(text: str) -> str:
    if len(text) > MAX_CHARS + MAX_TAIL_CHARS:
        text = text[:MAX_CHARS] + " " + text[-MAX_TAIL_CHARS:]
    return text.lower().replace("\n", " ")


def _windows(
    words: np.ndarray, line_of: np.ndarray, n_lines: int, n_buckets: int
) -> tuple[np.ndarray, np.ndarray]:
    counts = np.bincount(line_of, minlength=n_lines)
    first = np.cumsum(counts) - counts
    place = np.arange(len(words)) - first[line_of]  # in its line
    left = counts[line_of] - place  # words from this one to the end of the line
    follows = np.zeros(len(words), bool)  # has a neighbour in its line
    follows[:-1] = line_of[1:] == line_of[:-1]
    single = _bucket(words, n_buckets)
    double = np.zeros_like(single)
    double[:-1] = _bucket(words[:-1] * _BASE + words[1:], n_buckets)
    parts, sizes = [], np.zeros((N_WINDOWS, n_lines), np.int64)
    keys = []
    for window, inside in enumerate((place < OPENING, place < HEAD, place < BODY, left <= TAIL)):
        pairs = inside & follows
        parts += [single[inside], double[pairs]]
        lines = np.concatenate([line_of[inside], line_of[pairs]])
        keys.append(lines * N_WINDOWS + window)
        sizes[window] = np.bincount(lines, minlength=n_lines)
    order = np.argsort(np.concatenate(keys), kind="stable")
    ids = np.concatenate(parts)[order]
    lengths = sizes.T.reshape(-1)
    return ids, np.cumsum(lengths) - lengths


def _bucket(values: np.ndarray, n_buckets: int) -> np.ndarray:
    mixed = (values ^ (values >> np.uint64(30))) * _MIX
    mixed ^= mixed >> np.uint64(31)
    buckets: np.ndarray = (mixed % np.uint64(n_buckets)).astype(np.int32)
    return buckets


# --- likeness ----------------------------------------------------------------------------------

REACH = 8  # lines before and as many after, to which each is compared
N_LIKE = 2 * REACH
_BODY_BUCKETS = 2**20


def _bodies(words: np.ndarray, line_of: np.ndarray, n_lines: int) -> tuple[Bags, Bags]:
    """The words of the lines' bodies, and the pairs of neighbours."""
    counts = np.bincount(line_of, minlength=n_lines)
    first = np.cumsum(counts) - counts
    inside = np.arange(len(words)) - first[line_of] < BODY
    pairs = inside.copy()
    pairs[:-1] &= line_of[1:] == line_of[:-1]
    pairs[-1:] = False
    of_pairs = words[:-1] * _BASE + words[1:]
    return (
        Bags(_bucket(words[inside], _BODY_BUCKETS), np.minimum(counts, BODY)),
        Bags(
            _bucket(of_pairs[pairs[:-1]], _BODY_BUCKETS),
            np.bincount(line_of[pairs], minlength=n_lines),
        ),
    )


def likeness(bags: Bags) -> np.ndarray:
    """(n_lines, N_LIKE) float32 in [0, 1]: how like each line is to the one before it, the second
    one before, …, then to those after it: the cosine of what is in them, each word weighted by how
    few lines of the document have it. 0 beyond the document.
    """
    n_lines = len(bags.sizes)
    line = np.repeat(np.arange(n_lines), bags.sizes)
    keys = np.sort(bags.ids.astype(np.int64) * n_lines + line)  # of a word the earlier line first
    words, line = np.divmod(keys[np.diff(keys, prepend=-1) > 0], max(1, n_lines))
    starts = np.flatnonzero(np.diff(words, prepend=-1))
    n_lines_of = np.diff(np.append(starts, len(words)))
    weight = np.repeat(np.log((n_lines + 1) / n_lines_of), n_lines_of)
    lengths = np.sqrt(np.bincount(line, weight, n_lines))
    shared = np.zeros((n_lines, REACH))
    for k in range(1, REACH + 1):
        far = line[k:] - line[:-k]
        near = (words[k:] == words[:-k]) & (far <= REACH)
        at = line[k:][near] * REACH + far[near] - 1
        shared += np.bincount(at, weight[k:][near], shared.size).reshape(shared.shape)
    like = np.zeros((n_lines, N_LIKE), np.float32)
    for k in range(1, min(REACH, n_lines - 1) + 1):
        both = np.maximum(lengths[k:] * lengths[:-k], 1e-9)
        like[k:, k - 1] = like[:-k, REACH + k - 1] = shared[k:, k - 1] / both
    return like


# --- layout ------------------------------------------------------------------------------------

_ENDS = {**dict.fromkeys(".。!！?？…", 0), **dict.fromkeys(":：", 1), **dict.fromkeys(";；", 2),
         **dict.fromkeys(",，、", 3)}  # fmt: skip
_CLOSING = "\"'”’)）]】」』*_"
_NUMBERED = re.compile(
    r"\s*(?:(?:§+|art(?:icle|\.)?|section|chapter|part|annex|clause|appendix)\s*"
    r"(?P<named>\d{1,3}(?:\.\d{1,3})*)(?!\w)"
    r"|(?P<dots>\d{1,3}(?:\.\d{1,3})+|\d{1,3}(?=[.)）、:]))[.)）、:]?(?=\s|[^\W\d_])"
    # "1 Scope" and "1 总则", not "30 days" and "30 天"
    r"|(?P<bare>\d{1,3})(?=\s+(?-i:[A-ZÀ-Þ])|\s+(?![天日个元年月人条项周次小])[\u4e00-\u9fff])"
    r"|(?P<letter>[(（]?[a-z][).）])\s|(?P<roman>[(（]?[ivxl]{1,6}[).）])\s"
    r"|(?P<cjk>第[一二三四五六七八九十百零〇\d]+(?P<unit>[编篇章节条款部分])"
    r"|[(（]?[一二三四五六七八九十]{1,3}[)）、.]))",
    re.IGNORECASE,
)
_EARLY_COLON = re.compile(r"[^:：]+(?:：|:\s)\s*\S")
_BULLET = re.compile(r"\s*[-–—•·*▪●○■►◆‣>]\s?")
_KINDS = ("heading", "list_item", "table", "caption", "code")
_EARLY = 40  # characters: a colon within them sets off a term that the line explains
N_OWN = 32
NO_FINAL_MARK, UNDER_90_CHARS = 5, 10  # places among the layout of a line
N_LAYOUT = 2 * N_OWN + 2 + 2 * N_LIKE


def layout(lines: Sequence[Line]) -> np.ndarray:
    """(n_lines, N_LAYOUT) float32: each line's own features, those of the document, likeness."""
    words, line_of = _words([line.text for line in lines])
    return in_document(own_layout(lines), *_bodies(words, line_of, len(lines)))


def own_layout(lines: Sequence[Line]) -> np.ndarray:
    """(n_lines, N_OWN) float32; of the other lines only the levels of the headings count."""
    levels = sorted({line.level or 1 for line in lines if line.kind == "heading"})
    rank = {level: i for i, level in enumerate(levels)}
    return np.array([_own(line, rank) for line in lines], np.float32).reshape(len(lines), N_OWN)


def in_document(own: np.ndarray, words: Bags, pairs: Bags) -> np.ndarray:
    """(n_lines, N_LAYOUT) float32: the lines' own features, their mean, the number of lines, how
    far down each stands, and its likeness to its neighbours.

    The mean tells the model what it sees: marked headings, plain ones or none.

    Args:
        own: (n_lines, N_OWN).
        words: of the lines' bodies.
        pairs: of words, of the bodies.
    """
    about = np.empty((len(own), N_OWN + 2), np.float32)
    if len(own):
        about[:, :-2] = own.mean(axis=0)
        about[:, -2] = np.log1p(len(own)) / 5
        about[:, -1] = (np.arange(len(own)) + 0.5) / len(own)
    return np.concatenate([own, about, likeness(words), likeness(pairs)], axis=1)


def _own(line: Line, rank: dict[int, int]) -> list[float]:
    text = line.text
    body = text[:200].strip()
    n_words = text.count(" ", 0, MAX_CHARS) + 1
    size = min(len(text), 4000)
    last = text[-12:].rstrip().rstrip(_CLOSING)[-1:]
    end = _ENDS.get(last, 4 if last and not last.isalnum() else NO_FINAL_MARK)
    row = [0.0] * N_OWN
    row[end] = 1.0
    row[6] = float(np.log1p(size)) / 8
    row[7] = float(np.log1p(n_words)) / 6
    row[8] = float(size < 12)
    row[9] = float(size < 40)
    row[UNDER_90_CHARS] = float(size < 90)
    first = body[:1]
    row[11] = float(first.isupper())
    row[12] = float(first.islower())
    row[13] = float(body.isupper())
    words = body[:100].split()
    row[14] = sum([word[0].isupper() for word in words]) / len(words) if words else 0.0
    row[15] = float(_BULLET.match(body) is not None)
    _numbering(body, row)
    if line.kind in _KINDS:
        row[22 + _KINDS.index(line.kind)] = 1.0
    if line.kind == "heading":
        place = rank[line.level or 1]
        row[27 + min(place, 2)] = 1.0
        row[30] = place / 4
    elif line.kind == "list_item":
        row[30] = min(line.level or 1, 4) / 4
    row[31] = float(_EARLY_COLON.match(body[:_EARLY]) is not None)
    return row


def _numbering(body: str, row: list[float]) -> None:
    found = _NUMBERED.match(body)
    if not found:
        return
    row[16] = 1.0
    if number := found["named"] or found["dots"] or found["bare"]:
        row[17] = 1.0
        row[18] = float("." in number)
    elif found["cjk"]:
        row[19] = 1.0
        row[20] = float((found["unit"] or "") in {"编", "篇", "章", "节", "部", "分"})
    else:
        row[21] = 1.0
