"""Text to term ids, fast: one regex pass, every distinct token stemmed once."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Han = Literal["bigrams", "words", "search"]

# CJK ideographs with their extensions, and the iteration mark
_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS = re.compile(f"[{_HAN}]+|[^\\W_{_HAN}]+")
_ASCII_RUNS = {least: re.compile(f"[a-z0-9]{{{least},}}") for least in (1, 2)}  # of `_RUNS`

SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "eu": "basque", "fi": "finnish", "fr": "french",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

# Lucene's EnglishAnalyzer and bm25s leave these out
ENGLISH_STOP_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
))  # fmt: skip

NO_TERM = -1


@dataclass(frozen=True)
class TermLists:
    """The term ids of texts, one text behind the other."""

    values: np.ndarray  # (n_terms,) int32
    starts: np.ndarray  # (n_texts + 1,) int64: where each text begins

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, text: int) -> list[int]:
        ids: list[int] = self.values[self.starts[text] : self.starts[text + 1]].tolist()
        return ids

    def __iter__(self) -> Iterator[list[int]]:
        return (self[text] for text in range(len(self)))


class Tokeniser:
    """Terms of texts of any language, over one vocabulary.

    Letters and digits between blanks or punctuation make a token, which the Snowball stemmer of
    the text's language shortens; a run of Chinese characters becomes bigrams or jieba's words.
    Outside Chinese and Japanese a token has two characters or more.
    """

    def __init__(
        self, stemmer: str = "english", chinese: Han = "bigrams", stop_words: bool = True
    ) -> None:
        """Start with an empty vocabulary.

        Args:
            stemmer: Snowball algorithm for texts of no known language and for the words inside
                Chinese text; "" stems nothing, in any language.
            chinese: how a run of Chinese characters is cut.
            stop_words: leave out `ENGLISH_STOP_WORDS`, of English and of no known language.
        """
        self.vocabulary: dict[str, int] = {}
        self._stemmer = stemmer
        self._stop_words = ENGLISH_STOP_WORDS if stop_words else frozenset[str]()
        self._cut = _han_cutter(chinese)
        self._terms: dict[str, _Terms] = {}  # by language
        self._frozen = False

    def fit(self, texts: Iterable[tuple[str, str | None]]) -> TermLists:
        """Term ids of each (text, language); new terms enter the vocabulary, which is then
        closed.
        """
        lists = self.transform(texts)
        self._frozen = True
        return lists

    def transform(self, texts: Iterable[tuple[str, str | None]]) -> TermLists:
        """Term ids of each (text, language); terms outside the vocabulary are left out."""
        import numpy as np

        values, starts = array("i"), array("q", [0])
        for text, language in texts:
            values.extend(self._ids(text, language))
            starts.append(len(values))
        ids, ends = np.frombuffer(values, np.int32), np.frombuffer(starts, np.int64)
        is_term = ids != NO_TERM
        if is_term.all():
            return TermLists(ids, ends)
        before = np.zeros(len(ids) + 1, np.int64)
        np.cumsum(is_term, out=before[1:])
        return TermLists(ids[is_term], before[ends])

    def _ids(self, text: str, language: str | None) -> Iterable[int]:
        terms = self._terms_of(language)
        if text.isascii():
            return map(terms.__getitem__, terms.ascii_runs.findall(text.lower()))
        ids: list[int] = []
        for token in _RUNS.findall(unicodedata.normalize("NFKC", text).lower()):
            if _is_han(token[0]):
                ids.extend(terms[piece] for piece in self._cut(token))
            else:
                ids.append(terms[token])
        return ids

    def _terms_of(self, language: str | None) -> _Terms:
        primary = (language or "").split("-")[0].lower()
        if primary not in self._terms:
            self._terms[primary] = _Terms(
                self.vocabulary,
                _stem(self._algorithm(primary)),
                self._stop_words if primary in ("", "en") else frozenset(),
                1 if primary in ("zh", "ja") else 2,
                self._is_frozen,
            )
        return self._terms[primary]

    def _algorithm(self, primary: str) -> str:
        if not self._stemmer or primary in ("", "zh", "ja"):
            return self._stemmer
        return SNOWBALL.get(primary, "")

    def _is_frozen(self) -> bool:
        return self._frozen


class _Terms(dict[str, int]):
    """Token to term id, `NO_TERM` where it has none; a new token is stemmed and looked up."""

    def __init__(
        self,
        vocabulary: dict[str, int],
        stem: Callable[[str], str],
        stop_words: frozenset[str],
        least_chars: int,
        frozen: Callable[[], bool],
    ) -> None:
        super().__init__((word, NO_TERM) for word in stop_words)
        self._vocabulary = vocabulary
        self._stem = stem
        self._least_chars = least_chars
        self.ascii_runs = _ASCII_RUNS[least_chars]
        self._is_frozen = frozen

    def __missing__(self, token: str) -> int:
        if len(token) < self._least_chars:
            return NO_TERM
        term = self._stem(token)
        if self._is_frozen():
            return self._vocabulary.get(term, NO_TERM)
        self[token] = self._vocabulary.setdefault(term, len(self._vocabulary))
        return self[token]


def _is_han(character: str) -> bool:
    return character >= "\u3005" and re.match(f"[{_HAN}]", character) is not None


def _stem(algorithm: str) -> Callable[[str], str]:
    if not algorithm:
        return str
    import Stemmer

    stem: Callable[[str], str] = Stemmer.Stemmer(algorithm).stemWord
    return stem


def bigrams(run: str) -> list[str]:
    """Overlapping pairs of characters; a single character stays."""
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _han_cutter(chinese: Han) -> Callable[[str], list[str]]:
    if chinese == "bigrams":
        return bigrams
    import rjieba

    cut: Callable[[str], list[str]] = rjieba.cut if chinese == "words" else rjieba.cut_for_search
    return cut
