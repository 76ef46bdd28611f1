"""The queries by level, form, pattern and length, with a few of them as they stand."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datakit.dataset import Dataset
from datakit.records import LEVELS
from datakit.report.reading import Row, by_key, pieces, select, tabulate
from datakit.report.shaping import (
    Count,
    Cross,
    Histogram,
    cross,
    equal_bins,
    language_name,
    level_name,
    ordered,
    ranked,
    single,
)


@dataclass(frozen=True, slots=True)
class QueryExample:
    text: str
    language: str | None
    form: str
    pattern: str


@dataclass(frozen=True, slots=True)
class QueryFacts:
    n: int
    forms: Cross  # level x form
    patterns: tuple[Count, ...]
    families: tuple[Count, ...]
    languages: tuple[Count, ...]
    lengths: Histogram
    examples: tuple[tuple[str, int, tuple[QueryExample, ...]], ...]  # level, its queries, five
    codes: tuple[str, ...]  # languages as the records have them
    extractive: bool  # every query that is measured was copied out of the text by rule


QUERY_COLUMNS = ("query_id", "text", "language", "level", "form", "pattern")


def query_facts(dataset: Dataset) -> QueryFacts | None:
    if "query" not in dataset:
        return None
    counted = tabulate(dataset, "query", "level", "form")
    forms = {(level_name(level), form or "no form"): n for (level, form), n in counted.items()}
    levels = ordered({level for level, _ in forms}, LEVELS)
    languages = tabulate(dataset, "query", "language")
    return QueryFacts(
        n=dataset.count("query"),
        forms=cross(forms, levels, ordered({f for _, f in forms}, ("keyword", "question", "need"))),
        patterns=ranked(single(tabulate(dataset, "query", "pattern"))),
        families=ranked(single(tabulate(dataset, "query", "generator_family"))),
        languages=ranked(single(languages, language_name)),
        lengths=_query_lengths(dataset),
        examples=_query_examples(dataset, levels),
        codes=tuple(sorted(code for (code,) in languages if code)),
        extractive=_extractive_only(dataset),
    )


def _extractive_only(dataset: Dataset) -> bool:
    counted = tabulate(dataset, "query", "split", "generator_family")
    split = any(name for name, _ in counted)
    families = {family for name, family in counted if name == "test" or not split}
    return families == {"extractive"}


def _query_lengths(dataset: Dataset) -> Histogram:
    import numpy as np

    from datakit.text import count_tokens

    sizes = [
        np.array([count_tokens(text) for text in piece["text"].to_pylist()])
        for piece in pieces(dataset, "query", ["text"])
    ]
    return equal_bins(np.concatenate(sizes) if sizes else np.zeros(0))


def _query_examples(
    dataset: Dataset, levels: Sequence[str], n: int = 5
) -> tuple[tuple[str, int, tuple[QueryExample, ...]], ...]:
    """For each level the first queries by id, taken in turn from each language and pattern."""
    table = dataset.arrow("query", ["query_id", "level", "language", "pattern"]).sort_by("query_id")
    groups: dict[str, dict[tuple[str, str], list[str]]] = {level: {} for level in levels}
    sizes: Counter[str] = Counter()
    for query_id, level, *kind in zip(*(c.to_pylist() for c in table.columns), strict=True):
        sizes[level_name(level)] += 1
        key = (kind[0] or "", kind[1] or "")
        ids = groups[level_name(level)].setdefault(key, [])
        if len(ids) < n:
            ids.append(query_id)
    chosen = {level: take_in_turn(_interleaved(kinds), n) for level, kinds in groups.items()}
    wanted = itertools.chain.from_iterable(chosen.values())
    rows = by_key(select(dataset, "query", "query_id", wanted, QUERY_COLUMNS), "query_id")
    return tuple(
        (level, sizes[level], tuple(_query_example(rows[i]) for i in chosen[level]))
        for level in levels
    )


def _interleaved(kinds: Mapping[tuple[str, str], list[str]]) -> list[list[str]]:
    """The groups of (language, pattern) so that languages alternate."""
    by_language: dict[str, list[list[str]]] = defaultdict(list)
    for (language, _), ids in sorted(kinds.items()):
        by_language[language].append(ids)
    turns = itertools.zip_longest(*by_language.values())
    return [ids for turn in turns for ids in turn if ids]


def take_in_turn(groups: Sequence[Sequence[str]], n: int) -> list[str]:
    """One of each group, then a second of each, until there are `n`."""
    turns = itertools.zip_longest(*groups)
    return [item for turn in turns for item in turn if item is not None][:n]


def _query_example(row: Row) -> QueryExample:
    form, pattern = row["form"] or "no form", row["pattern"] or "no pattern"
    return QueryExample(row["text"], row["language"], form, pattern)
