"""The rules that need runs and labels: F6 as judged, F7 and F11, then F9 and F10.

They come after retrieval and mining. F9 and F10 keep what a model finds easily, so they come after
the split and drop from the train split alone: a dev or test set shaped by a retriever would favour
that retriever.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from datakit.filters.duplicates import relinked
from datakit.filters.settings import FilterSettings, Purpose, RuleId, Wrong
from datakit.filters.tally import Tally
from datakit.records import RELEVANT_FROM, Dropped, Qrel, Query, ScoredPassage, sha256


@dataclass(frozen=True)
class Run:
    """What the rules need of a run."""

    name: str
    covers: Callable[[Query], bool]  # whether the retriever is meant for the query's language
    first: Mapping[str, str]  # query_id -> the passage ranked first
    seed_rank: Mapping[str, int]  # query_id -> best rank of its seeds and their copies, from 1


def read_run(
    name: str,
    covers: Callable[[Query], bool],
    rows: Callable[[], Iterable[ScoredPassage]],
    seeds: Mapping[str, frozenset[str]],
) -> Run:
    """Sum a run up in two passes, a row per query in memory.

    Args:
        name: of the run.
        covers: whether its retriever is meant for a query.
        rows: gives the rows afresh at each call, in any order; ties rank by descending passage_id.
        seeds: query_id -> its seed passages and their copies.
    """
    top: dict[str, tuple[float, str]] = {}
    best: dict[str, tuple[float, str]] = {}
    for row in rows():
        place = (row.score, row.passage_id)
        if place > top.get(row.query_id, (-math.inf, "")):
            top[row.query_id] = place
        known = row.passage_id in seeds.get(row.query_id, ())
        if known and place > best.get(row.query_id, (-math.inf, "")):
            best[row.query_id] = place
    rank = dict.fromkeys(best, 1)
    for row in rows():
        if row.query_id in best and (row.score, row.passage_id) > best[row.query_id]:
            rank[row.query_id] += 1
    return Run(name, covers, {query_id: passage for query_id, (_, passage) in top.items()}, rank)


def seeds_and_copies(labels: Iterable[Qrel], queries: Iterable[Query]) -> dict[str, frozenset[str]]:
    """query_id -> its seed passages, and those that inherited their label."""
    found = {query.query_id: set(query.seed_passage_ids) for query in queries}
    for label in labels:
        if label.source in ("direct", "duplicate") and found.get(label.query_id):
            found[label.query_id].add(label.passage_id)
    return {query_id: frozenset(passages) for query_id, passages in found.items()}


@dataclass
class _Case:
    """The queries that are still there, and all that is known about them."""

    queries: list[Query]
    labels: Mapping[str, Sequence[Qrel]]
    clusters: Mapping[str, str]
    runs: Sequence[Run]
    settings: FilterSettings
    purpose: Purpose
    tally: Tally
    dropped: dict[str, Wrong] = field(default_factory=dict)

    def trains(self, query: Query) -> bool:
        """Whether the query is for training: in a training set, and in no dev or test split."""
        return self.purpose == "train" and query.split in (None, "train")

    def drop(self, rule: str, query: Query, wrong: Wrong) -> None:
        self.tally.did("dropped", rule, query, *wrong)
        self.dropped[query.query_id] = wrong

    def flag(self, rule: str, query: Query, wrong: Wrong, flag: str = "") -> Query:
        self.tally.did("flagged", rule, query, *wrong)
        flag = flag or wrong.reason
        return query if flag in query.flags else replace(query, flags=(*query.flags, flag))

    def settle(
        self, rule: str, wrongs: Mapping[str, Wrong], drops: Callable[[Query], bool]
    ) -> None:
        """Drop what a rule found wrong where it drops; flag the others."""
        kept = []
        for query in self.queries:
            wrong = wrongs.get(query.query_id)
            if wrong and drops(query):
                self.drop(rule, query, wrong)
            else:
                kept.append(self.flag(rule, query, wrong) if wrong else query)
        self.queries = kept


Rule = tuple[RuleId, Callable[[_Case], None]]


def filter_retrieved(
    queries: Iterable[Query],
    labels: Iterable[Qrel],
    clusters: Mapping[str, str],
    runs: Sequence[Run],
    settings: FilterSettings,
    purpose: Purpose,
    tally: Tally,
) -> Iterator[Query | Dropped]:
    """Queries that pass F6, F7 and F11, in the order of the input, after those that do not.

    Args:
        queries: those that have labels.
        labels: resolved, one for each pair.
        clusters: passage_id -> its duplicate cluster, for passages that have one.
        runs: of the retrievers, over these queries.
        settings: limits, and which rules are off.
        purpose: train or eval.
        tally: takes the counts and examples of each rule.
    """
    rules: tuple[Rule, ...] = (("F6", _answerable), ("F7", _relevant), ("F11", _easy))
    case = _Case(list(queries), _by_query(labels), clusters, runs, settings, purpose, tally)
    yield from _passing(case, rules)


def filter_split(
    queries: Iterable[Query],
    labels: Iterable[Qrel],
    runs: Sequence[Run],
    settings: FilterSettings,
    purpose: Purpose,
    tally: Tally,
) -> Iterator[Query | Dropped]:
    """Queries that pass F9 and F10, in the order of the input, after those that do not.

    What they find wrong is dropped from the train split of a training set, and flagged in all else.

    Args:
        queries: with the split that each is in.
        labels: resolved, one for each pair.
        runs: of the retrievers, over these queries.
        settings: limits, and which rules are off.
        purpose: train or eval.
        tally: takes the counts and examples of each rule.
    """
    rules: tuple[Rule, ...] = (("F9", _scored), ("F10", _round_trip))
    yield from _passing(
        _Case(list(queries), _by_query(labels), {}, runs, settings, purpose, tally), rules
    )


def _by_query(labels: Iterable[Qrel]) -> dict[str, list[Qrel]]:
    found: dict[str, list[Qrel]] = defaultdict(list)
    for label in labels:
        found[label.query_id].append(label)
    return found


def _passing(case: _Case, rules: Iterable[Rule]) -> Iterator[Query | Dropped]:
    for name, rule in rules:
        if name not in case.settings.off:
            rule(case)
    for query_id, wrong in case.dropped.items():
        yield Dropped(query_id, *wrong)
    gone: dict[str, str | None] = dict.fromkeys(case.dropped)
    for query in case.queries:
        yield relinked(query, gone)


# --- F6 ----------------------------------------------------------------------------------------


def _answerable(case: _Case) -> None:
    """A query whose seeds a judge or a person found not relevant asks for something else."""
    kept = []
    for query in case.queries:
        judged = {
            label.passage_id: label.grade
            for label in case.labels[query.query_id]
            if label.source in ("judge", "human") and label.passage_id in query.seed_passage_ids
        }
        if not judged:
            kept.append(query)
            continue
        case.tally.saw("F6")
        passed = [passage for passage, grade in judged.items() if grade >= RELEVANT_FROM]
        if passed:
            flags = tuple(flag for flag in query.flags if flag != "unverified")
            kept.append(replace(query, flags=flags))
        elif len(judged) == len(query.seed_passage_ids):
            worst = ", ".join(f"{grade} for {passage}" for passage, grade in judged.items())
            found = f"{query.text!r}: its seed is judged {worst}; expected {RELEVANT_FROM} or more"
            case.drop("F6", query, Wrong("seed_not_relevant", found))
        else:
            kept.append(query)
    if not any(
        label.source in ("judge", "human") for rows in case.labels.values() for label in rows
    ):
        case.tally.cannot("F6", "no pair is judged: `unverified` queries stay so")
    case.queries = kept


# --- F7 ----------------------------------------------------------------------------------------


def _relevant(case: _Case) -> None:
    wrongs = {}
    case.tally.saw("F7", len(case.queries))
    for query in case.queries:
        limits = _limits(query, case.settings)
        rows = [one for one in case.labels[query.query_id] if one.grade >= RELEVANT_FROM]
        n = len({case.clusters.get(one.passage_id, one.passage_id) for one in rows})
        capped = any("capped" in one.flags for one in rows)
        if limits[0] <= n <= limits[1] and not capped:
            continue
        reason = "few_relevant" if n < limits[0] else "many_relevant"
        found = f"{n} clusters of relevant passages{' and more' if capped else ''}"
        wrongs[query.query_id] = Wrong(
            reason, f"{query.text!r}: {found}; expected {limits[0]} to {limits[1]} at this level"
        )
    case.settle("F7", wrongs, lambda query: case.purpose == "eval")


def _limits(query: Query, settings: FilterSettings) -> tuple[int, int]:
    return {
        "sentence": settings.sentence_relevant,
        "passage": settings.passage_relevant,
        "topic": settings.topic_relevant,
        None: settings.topic_relevant,
    }[query.level]


# --- F9 ----------------------------------------------------------------------------------------


def _scored(case: _Case) -> None:
    """A calibrated threshold, else the best share of each level of each split."""
    scores = {q.query_id: s for q in case.queries if (s := _ce_score(case, q)) is not None}
    if not scores:
        case.tally.cannot("F9", "no pair has a cross-encoder score")
        return
    case.tally.saw("F9", len(scores))
    least = case.settings.ce_least
    wrongs = {}
    for level, split in dict.fromkeys((query.level, query.split) for query in case.queries):
        group = [
            q for q in case.queries if (q.level, q.split) == (level, split) and q.query_id in scores
        ]
        ranked = sorted(group, key=lambda q: (scores[q.query_id], q.query_id), reverse=True)
        n_best = math.ceil(case.settings.ce_share * len(ranked))
        for place, query in enumerate(ranked, 1):
            score = scores[query.query_id]
            if score < least if least is not None else place > n_best:
                wanted = f"{least:g} or more" if least is not None else f"rank {n_best} or better"
                wrongs[query.query_id] = Wrong(
                    "low_ce_score",
                    f"{query.text!r}: cross-encoder score {score:.3g} with its seed, rank "
                    f"{place:,} of {len(ranked):,} at this level; expected {wanted}",
                )
    case.settle("F9", wrongs, case.trains)


def _ce_score(case: _Case, query: Query) -> float | None:
    """The best cross-encoder score with a seed, or with any relevant passage without one."""
    rows = [one for one in case.labels[query.query_id] if "ce" in one.scores]
    seeds = [one for one in rows if one.passage_id in query.seed_passage_ids]
    return max((one.scores["ce"] for one in seeds or rows), default=None)


# --- F10 ---------------------------------------------------------------------------------------


def _round_trip(case: _Case) -> None:
    """Some retriever finds a seed, or a copy of it, among its best."""
    settings = case.settings
    wrongs = {}
    unseen = 0
    for query in case.queries:
        runs = [run for run in case.runs if run.covers(query)]
        if not query.seed_passage_ids or not runs:
            unseen += 1
            continue
        case.tally.saw("F10")
        most = settings.round_trip_train if case.trains(query) else settings.round_trip_eval
        ranks = {run.name: run.seed_rank.get(query.query_id) for run in runs}
        if any(rank is not None and rank <= most for rank in ranks.values()):
            continue
        found = ", ".join(f"{name} {rank or 'not at all'}" for name, rank in ranks.items())
        wrongs[query.query_id] = Wrong(
            "no_round_trip", f"{query.text!r}: rank of its seed: {found}; expected {most} or better"
        )
    if unseen:
        case.tally.cannot("F10", f"{unseen:,} queries without a seed or without a retriever")
    case.settle("F10", wrongs, case.trains)


# --- F11 ---------------------------------------------------------------------------------------


def _easy(case: _Case) -> None:
    """Queries whose first passage is relevant in every run count half, or form a subset."""
    eligible = [(q, runs) for q in case.queries if len(runs := _systems(case, q)) > 1]
    if len(eligible) < len(case.queries):
        alone = len(case.queries) - len(eligible)
        case.tally.cannot("F11", f"{alone:,} queries with fewer than two retrievers")
    case.tally.saw("F11", len(eligible))
    easy = {query.query_id for query, runs in eligible if _all_first(case, query, runs)}
    if case.purpose == "eval":
        easy = _surplus(easy, len(case.queries), case.settings.easy_share)
    kept = []
    for query in case.queries:
        if query.query_id not in easy:
            kept.append(query)
            continue
        names = ", ".join(run.name for run in _systems(case, query))
        wrong = Wrong("easy", f"{query.text!r}: {names} rank a relevant passage first")
        flagged = case.flag("F11", query, wrong)
        if case.purpose == "train":
            weight = {"weight": case.settings.easy_weight}
            flagged = replace(flagged, scores=dict(flagged.scores) | weight)
        kept.append(flagged)
    case.queries = kept


def _systems(case: _Case, query: Query) -> list[Run]:
    return [run for run in case.runs if run.covers(query)]


def _all_first(case: _Case, query: Query, runs: Sequence[Run]) -> bool:
    relevant = {
        one.passage_id
        for one in case.labels[query.query_id]
        if one.grade >= RELEVANT_FROM
        and (case.purpose == "train" or "uncertified" not in one.flags)
    }
    return all(run.first.get(query.query_id) in relevant for run in runs)


def _surplus(easy: set[str], n_queries: int, share: float) -> set[str]:
    """Easy queries beyond their share of what stays, chosen by hash of their id."""
    hard = n_queries - len(easy)
    allowed = len(easy) if share >= 1 else math.floor(share / (1 - share) * hard + 1e-9)
    return set(sorted(easy, key=sha256)[allowed:])
