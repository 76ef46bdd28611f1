"""Splits: whole components of connected documents go to train, dev and test.

1. Documents of one family are one component. Then, as long as no component grows beyond
   `max_component_share`, come the links that hold copies and answers together, the cheapest
   first: near-duplicate clusters, queries with seeds in several documents, topic queries with
   their supporting documents. A link that would make too large a component is left out.
2. Components go to the splits, aiming at the shares for each level and language, in the order of
   a seeded hash of their smallest document id.
3. A query inside one component goes with it. One whose link was left out follows the split that
   holds most of its positives, and is dropped as `crosses_split` when less than
   `min_home_share` of them are there. Where a split would have no query of a level, it takes the
   one of these that has most of its positives there.
4. A train or dev query is dropped as `positive_in_test` when it shares a positive passage, or a
   copy of one, with a test query. So nothing that a link left out could leak stays.

Steps 2 to 4 are tried with up to `ATTEMPTS` hashes and the best outcome is kept: no split empty, no
level missing from a split, few dropped, shares met. The size of a component is counted in the
queries that are seeded in it, which is in proportion to its passages.

With `time_split` a component goes to test as soon as one of its documents is later; a query that
has an earlier one is then dropped as `before_time_split`.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datakit.errors import PlanError
from datakit.records import (
    RELEVANT_FROM,
    SPLITS,
    Dropped,
    Duplicate,
    Qrel,
    Query,
    Split,
    normal_key,
    sha256,
)

ATTEMPTS = 32  # hand-outs to choose from; the larger the set, the less one differs from another
ATTEMPTED_QUERIES = 500_000  # at most in all attempts together: about 10 s
WARN_QUERIES, FEW_QUERIES = 250, 75  # of test; Jones and van Rijsbergen, after Sakai
_PASSAGE_ID = re.compile(r"(.+):\d+-\d+")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
DocumentRow = tuple[str, str | None] | tuple[str, str | None, str | None]


@dataclass(frozen=True)
class SplitSettings:
    """How queries are shared out."""

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)  # train, dev, test: of the queries
    seed: int = 13
    max_component_share: float = 0.2  # of the queries with a seed
    min_home_share: float = 0.5  # of the positives of a query that no component holds
    time_split: str | None = None  # ISO date: train and dev up to it, test after it
    relevant_from: int = RELEVANT_FROM  # lowest grade of a positive

    def __post_init__(self) -> None:
        if len(self.shares) != 3 or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(f"three shares that add up to 1 are expected, found {self.shares}")
        if not 0 < self.max_component_share <= 1:
            raise ValueError(
                f"0 < max_component_share <= 1 is expected, found {self.max_component_share}"
            )
        if self.time_split is not None and not _DATE.fullmatch(self.time_split):
            raise ValueError(f"time_split = 2024-06-30 or the like, found {self.time_split!r}")


@dataclass(frozen=True)
class SplitReport:
    """What the splits are like, and what they share.

    leakage: kind -> "a in b" -> queries of split a that have it in common with split b.
    """

    queries: Mapping[str, Mapping[str, int]]  # split -> level -> queries
    components: int  # that hold a query
    largest_share: float  # of the largest, among queries with a seed
    links_left_out: Mapping[str, int]  # kind -> links that would have made too large a component
    dropped: Mapping[str, int]  # reason -> queries
    leakage: Mapping[str, Mapping[str, int]]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SplitResult:
    """Which split each query is in; a query is here or among the dropped."""

    assignments: Mapping[str, Split]
    dropped: Sequence[Dropped]
    report: SplitReport


def split_queries(
    queries: Iterable[Query],
    qrels: Iterable[Qrel],
    documents: Iterable[DocumentRow],
    duplicates: Iterable[Duplicate],
    settings: SplitSettings | None = None,
) -> SplitResult:
    """Assign queries to train, dev and test.

    Args:
        queries: all that are to be split.
        qrels: their labels; those of other queries are not looked at.
        documents: (doc_id, family_id), with the date as third for a time split.
        duplicates: rows of the near-duplicate clusters; templates do not count.
        settings: shares, seed and limits.

    Raises:
        PlanError: a time split without dates.
    """
    settings = settings or SplitSettings()
    asked = sorted(queries, key=lambda query: query.query_id)
    copies = {d.passage_id: d.cluster_id for d in duplicates if d.relation != "template"}
    case = _Case(
        asked, _positives(asked, qrels, settings.relevant_from), list(documents), copies, settings
    )
    best = min(case.attempts(), key=lambda attempt: attempt.cost)
    return SplitResult(best.assignments, best.dropped, case.report(best))


Positives = dict[str, dict[str, int]]  # query_id -> passage_id -> grade


def _positives(queries: Iterable[Query], qrels: Iterable[Qrel], relevant_from: int) -> Positives:
    """The relevant passages of each query; those of other queries are not looked at."""
    found: Positives = {query.query_id: {} for query in queries}
    for qrel in qrels:
        if qrel.grade >= relevant_from and qrel.query_id in found:
            found[qrel.query_id][qrel.passage_id] = qrel.grade
    return found


def _document(passage_id: str) -> str:
    """The document of a passage; an imported passage is its own document."""
    match = _PASSAGE_ID.fullmatch(passage_id)
    return match[1] if match else passage_id


class _Groups:
    """Union-find over documents, with the number of queries that are seeded in each group."""

    def __init__(self, seeded: Mapping[str, int]) -> None:
        self._parent: dict[str, str] = {}
        self._seeded = Counter(seeded)

    def find(self, doc_id: str) -> str:
        """The smallest document of the group, paths halved on the way."""
        parent = self._parent
        while (up := parent.get(doc_id, doc_id)) != doc_id:
            parent[doc_id] = parent.get(up, up)
            doc_id = parent[doc_id]
        return doc_id

    def size(self, doc_ids: Iterable[str]) -> int:
        """Seeded queries in the groups of these documents together."""
        return sum(self._seeded[root] for root in {self.find(doc_id) for doc_id in doc_ids})

    def join(self, doc_ids: Iterable[str]) -> None:
        first, *rest = sorted({self.find(doc_id) for doc_id in doc_ids})
        for root in rest:
            self._parent[root] = first
            self._seeded[first] += self._seeded.pop(root, 0)


@dataclass(frozen=True)
class _Attempt:
    """One way of handing out the components."""

    assignments: dict[str, Split]
    dropped: list[Dropped]
    cost: tuple[float, ...]


class _Case:
    """Queries, their positives and the components of their documents."""

    def __init__(
        self,
        queries: Sequence[Query],
        positives: Positives,
        documents: Sequence[DocumentRow],
        copies: Mapping[str, str],
        settings: SplitSettings,
    ) -> None:
        self.queries, self.positives, self.settings = queries, positives, settings
        self.copies = copies
        self.dates = {row[0]: row[2] or "" for row in documents if len(row) > 2}
        self.family = {doc_id: family_id or doc_id for doc_id, family_id, *_ in documents}
        if settings.time_split is not None and not any(self.dates.values()):
            raise PlanError(
                f"time_split = {settings.time_split!r}: no document has a date. Leave it out."
            )
        self.home = {q.query_id: _seed_documents(q, positives[q.query_id]) for q in queries}
        seeded = Counter(docs[0] for q in queries if (docs := self.home[q.query_id]))
        self.groups = _Groups(seeded)
        self.total = max(1, sum(seeded.values()))
        self.left_out: Counter[str] = Counter()
        self._connect(documents)
        roots = {q.query_id: self._root(q) for q in queries}
        self.free = [q for q in queries if roots[q.query_id] is None]
        self.members: dict[str, list[Query]] = defaultdict(list)
        for query in queries:
            root = roots[query.query_id]
            if root is not None:
                self.members[root].append(query)

    # --- components

    def _connect(self, documents: Sequence[DocumentRow]) -> None:
        families: dict[str, list[str]] = defaultdict(list)
        for doc_id, family_id, *_ in documents:
            if family_id:
                families[family_id].append(doc_id)
        for _, members in sorted(families.items()):
            self.groups.join(members)
        clusters: dict[str, set[str]] = defaultdict(set)
        for passage_id, cluster_id in self.copies.items():
            clusters[cluster_id].add(_document(passage_id))
        self._link("copies", clusters.values())
        several = [self.home[q.query_id] for q in self.queries if q.level != "topic"]
        self._link("answers", several)
        self._link("topics", [self.home[q.query_id] for q in self.queries if q.level == "topic"])

    def _link(self, kind: str, links: Iterable[Iterable[str]]) -> None:
        """Join what belongs together, the smallest first, unless the component grows too large."""
        most = self.settings.max_component_share * self.total
        wanted = {tuple(sorted(set(link))) for link in links}
        for link in sorted((w for w in wanted if len(w) > 1), key=lambda w: (len(w), w)):
            if len({self.groups.find(doc_id) for doc_id in link}) == 1:
                continue
            if self.groups.size(link) > most:
                self.left_out[kind] += 1
            else:
                self.groups.join(link)

    def _root(self, query: Query) -> str | None:
        """The component that holds all of a query's documents, or None."""
        roots = {self.groups.find(doc_id) for doc_id in self.home[query.query_id]}
        return roots.pop() if len(roots) == 1 else None

    # --- handing out

    def attempts(self) -> Iterator[_Attempt]:
        """Outcomes for one seeded order of the components after the other."""
        if self.settings.time_split:
            yield self._outcome(self._by_date(self.settings.time_split))
            return
        n = ATTEMPTED_QUERIES // max(1, len(self.queries))
        for attempt in range(min(ATTEMPTS, max(1, n))):
            yield self._outcome(self._by_share(attempt))

    def _by_share(self, attempt: int) -> dict[str, Split]:
        """Each component to the split that lacks most of its share at the levels it brings."""
        settings = self.settings
        open_to = [s for s, share in zip(SPLITS, settings.shares, strict=True) if share]
        brings = {root: _strata(group) for root, group in self.members.items()}
        total = sum(brings.values(), Counter[str]())
        share = dict(zip(SPLITS, settings.shares, strict=True))
        have = {split: Counter[str]() for split in open_to}
        split_of: dict[str, Split] = {}
        for root in sorted(self.members, key=lambda r: sha256(f"{settings.seed}/{attempt}", r)):
            lack = {
                split: sum(
                    n * (1 - have[split][level] / (share[split] * total[level]))
                    for level, n in brings[root].items()
                )
                for split in open_to
            }
            split_of[root] = max(open_to, key=lack.__getitem__)
            have[split_of[root]].update(brings[root])
        return split_of

    def _by_date(self, limit: str) -> dict[str, Split]:
        """Components with a document after the date are test; the rest is train and dev."""
        train, dev, _ = self.settings.shares
        later = {self.groups.find(doc_id) for doc_id, date in self.dates.items() if date > limit}
        split_of: dict[str, Split] = {}
        for root in self.members:
            at = int(sha256(str(self.settings.seed), root)[:8], 16) / 16**8
            earlier: Split = "dev" if at < dev / max(1e-9, train + dev) else "train"
            split_of[root] = "test" if root in later else earlier
        return split_of

    def _too_early(self, assignments: dict[str, Split]) -> Iterator[Dropped]:
        """Test queries with a document that is not after the date of a time split."""
        limit = self.settings.time_split or ""
        for query_id in [q for q, split in assignments.items() if limit and split == "test"]:
            early = [d for d in self.home[query_id] if self.dates.get(d, "") <= limit]
            if early:
                del assignments[query_id]
                detail = f"document {early[0]} is not after {limit}, others of its component are"
                yield Dropped(query_id, "before_time_split", detail)

    def _outcome(self, split_of: Mapping[str, Split]) -> _Attempt:
        assignments: dict[str, Split] = {
            q.query_id: split_of[root] for root, group in self.members.items() for q in group
        }
        dropped = list(self._follow(split_of, assignments))
        dropped += self._too_early(assignments)
        dropped += self._positive_in_test(assignments)
        dropped.sort(key=lambda drop: drop.record_id)
        return _Attempt(dict(sorted(assignments.items())), dropped, self._cost(assignments))

    def _follow(
        self, split_of: Mapping[str, Split], assignments: dict[str, Split]
    ) -> Iterator[Dropped]:
        """Queries that no component holds go where most of their positives are."""
        votes = {query.query_id: self._votes(query, split_of) for query in self.free}
        for query_id, cast in votes.items():
            if not cast:
                yield Dropped(query_id, "no_split", "none of its documents is in a split")
                continue
            split = max(cast, key=lambda split: (cast[split], -SPLITS.index(split)))
            if cast[split] >= self.settings.min_home_share * cast.total():
                assignments[query_id] = split
        self._fill(votes, assignments)
        for query_id, cast in votes.items():
            if cast and query_id not in assignments:
                found = ", ".join(f"{cast[split]} in {split}" for split in SPLITS if cast[split])
                yield Dropped(query_id, "crosses_split", f"of its positives {found}")

    def _votes(self, query: Query, split_of: Mapping[str, Split]) -> Counter[Split]:
        """Positives of a query by the split of their component."""
        documents = [_document(p) for p in self.positives[query.query_id]]
        roots = (self.groups.find(d) for d in documents or self.home[query.query_id])
        return Counter(split_of[root] for root in roots if root in split_of)

    def _fill(self, votes: Mapping[str, Counter[Split]], assignments: dict[str, Split]) -> None:
        """Give a split without a query of some level the best of those that no component holds."""
        level_of = {query.query_id: query.level for query in self.queries}
        have = Counter((split, level_of[q]) for q, split in assignments.items())
        wanted = [s for s, share in zip(SPLITS, self.settings.shares, strict=True) if share]
        for split, level in itertools.product(reversed(wanted), {level_of[q]: 0 for q in votes}):
            takes = [
                q
                for q, cast in votes.items()
                if level_of[q] == level
                and cast[split]
                and (q not in assignments or have[assignments[q], level] > 1)
            ]
            if have[split, level] or not takes:
                continue
            best = max(takes, key=lambda q: (votes[q][split] / votes[q].total(), q))
            if best in assignments:
                have[assignments[best], level] -= 1
            assignments[best] = split
            have[split, level] += 1

    def _copies_of(self, query_id: str) -> set[str]:
        """A query's positive passages, each by the name of its cluster."""
        return {self.copies.get(p, p) for p in self.positives[query_id]}

    def _families(self, passages: Iterable[str]) -> set[str]:
        documents = {_document(passage_id) for passage_id in passages}
        return {self.family.get(doc_id, doc_id) for doc_id in documents}

    def _positive_in_test(self, assignments: dict[str, Split]) -> Iterator[Dropped]:
        held = {
            p for q, split in assignments.items() if split == "test" for p in self._copies_of(q)
        }
        for query_id, split in sorted(assignments.items()):
            if split != "test" and (shared := sorted(self._copies_of(query_id) & held)):
                del assignments[query_id]
                detail = f"a {split} query; positive {shared[0]} is one of a test query too"
                yield Dropped(query_id, "positive_in_test", detail)

    def _cost(self, assignments: Mapping[str, Split]) -> tuple[float, ...]:
        """Empty splits, levels missing from a split, queries lost, distance from the shares."""
        groups: dict[Split, list[Query]] = {split: [] for split in SPLITS}
        for query in self.queries:
            if query.query_id in assignments:
                groups[assignments[query.query_id]].append(query)
        have = {split: _strata(group) for split, group in groups.items()}
        total = _strata(self.queries)
        kept = sum(have.values(), Counter[str]())
        wanted = [
            (s, share) for s, share in zip(SPLITS, self.settings.shares, strict=True) if share
        ]
        empty = sum(not have[split] for split, _ in wanted)
        missing = sum(
            not have[split][level] for split, _ in wanted for level in total if total[level] > 2
        )
        lost = 1 - len(assignments) / max(1, len(self.queries))
        off = sum(
            abs(have[s][level] / n - share) for s, share in wanted for level, n in kept.items()
        )
        return (empty, missing, round(lost, 2), off)

    # --- report

    def report(self, best: _Attempt) -> SplitReport:
        level_of = {q.query_id: str(q.level) for q in self.queries}
        queries: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
        for query_id, split in best.assignments.items():
            queries[split][level_of[query_id]] += 1
        n_test = sum(queries["test"].values())
        sizes = [len(group) for group in self.members.values()]
        return SplitReport(
            queries={split: dict(sorted(counts.items())) for split, counts in queries.items()},
            components=len(self.members),
            largest_share=max(sizes, default=0) / max(1, sum(sizes)),
            links_left_out=dict(sorted(self.left_out.items())),
            dropped=dict(sorted(Counter(d.reason for d in best.dropped).items())),
            leakage=self._leakage(best.assignments),
            warnings=tuple(_warnings(n_test)),
        )

    def _leakage(self, assignments: Mapping[str, Split]) -> dict[str, dict[str, int]]:
        """Kind -> "a in b" -> queries of split a that have the thing in common with split b."""
        text = {q.query_id: normal_key(q.text) for q in self.queries}
        things: dict[str, Callable[[str], set[str]]] = {
            "query text": lambda q: {text[q]},
            "positive passage": lambda q: set(self.positives[q]),
            "copy of a positive": self._copies_of,
            "family": lambda q: self._families(self.positives[q]),
        }
        out: dict[str, dict[str, int]] = {}
        for kind, of in things.items():
            held: dict[str, set[str]] = {split: set() for split in SPLITS}
            for query_id, split in assignments.items():
                held[split] |= of(query_id)
            out[kind] = {
                f"{a} in {b}": sum(
                    1 for q, split in assignments.items() if split == a and of(q) & held[b]
                )
                for a, b in itertools.permutations(SPLITS, 2)
            }
        return out


def _strata(queries: Iterable[Query]) -> Counter[str]:
    """Queries of each level, of each language, and of all together under ""."""
    counts: Counter[str] = Counter()
    for query in queries:
        counts.update((str(query.level), f"in {query.language}", ""))
    return counts


def _seed_documents(query: Query, positives: Mapping[str, int]) -> tuple[str, ...]:
    """The documents that a query is about: of its seeds, else those that support it."""
    found = {_document(p) for p in query.seed_passage_ids} or set(query.supporting_doc_ids)
    return tuple(sorted(found or {_document(p) for p in positives}))


def _warnings(n_test: int) -> Iterator[str]:
    if n_test < FEW_QUERIES:
        yield f"{n_test} test queries: below {FEW_QUERIES} no difference between systems is shown"
    elif n_test < WARN_QUERIES:
        yield f"{n_test} test queries: below {WARN_QUERIES} only large differences are shown"
