"""The records that findings name: a few of each, with what a reader needs to agree or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datakit.dataset import Dataset
from datakit.records import Finding
from datakit.report.audits import AuditFacts
from datakit.report.examples import PASSAGE_COLUMNS, Example, examples_of
from datakit.report.passages import PassageView, view
from datakit.report.queries import QUERY_COLUMNS
from datakit.report.reading import Row, by_key, main_labels, relevant_from, select

PER_FINDING = 3  # records shown in full; the other ids are listed
WINDOW = 360  # characters of a passage
MASKED = ("DK512",)  # personal data and secrets: counts only


@dataclass(frozen=True, slots=True)
class Shown:
    """One record of a finding."""

    record_id: str
    passage: PassageView | None = None
    query: Row | None = None
    example: Example | None = None  # of a query with a relevant label


@dataclass(frozen=True, slots=True)
class _Ids:
    """The ids that a finding's first records hold."""

    queries: Mapping[str, Row]
    passages: Mapping[str, Row]


def evidence(
    dataset: Dataset, audit: AuditFacts | None, runs: Sequence[str]
) -> dict[str, tuple[Shown, ...]]:
    """By finding_id, up to `PER_FINDING` records; none where their words must not be shown."""
    findings = [row.finding for row in audit.findings] if audit else []
    findings = [f for f in findings if f.check_id not in MASKED]
    wanted = {f.finding_id: [_pair(r) for r in f.record_ids[:PER_FINDING]] for f in findings}
    ids = {part for pairs in wanted.values() for pair in pairs for part in pair if part}
    known = _Ids(
        by_key(select(dataset, "query", "query_id", ids, (*QUERY_COLUMNS, "split")), "query_id"),
        by_key(select(dataset, "passage", "passage_id", ids, PASSAGE_COLUMNS), "passage_id"),
    )
    labelled = _examples(dataset, known, wanted, runs)
    return {
        f.finding_id: tuple(
            shown for record, pair in zip(f.record_ids, wanted[f.finding_id], strict=False)
            if (shown := _shown(record, pair, known, labelled)) is not None
        )
        for f in findings
    }  # fmt: skip


def _pair(record_id: str) -> tuple[str, str]:
    """A label's id is that of its query, a blank, and that of its passage."""
    first, _, second = record_id.partition(" ")
    return first, second


def _shown(
    record_id: str, pair: tuple[str, str], known: _Ids,
    labelled: Mapping[tuple[str, str], Example],
) -> Shown | None:  # fmt: skip
    first, second = pair
    if (example := labelled.get(pair)) is not None:
        return Shown(record_id, query=known.queries[first], example=example)
    if first in known.queries:
        row = known.passages.get(second)
        return Shown(record_id, view(row, [], WINDOW) if row else None, known.queries[first])
    if first in known.passages:
        return Shown(record_id, view(known.passages[first], [], WINDOW))
    return None


def _examples(
    dataset: Dataset, known: _Ids, wanted: Mapping[str, Sequence[tuple[str, str]]],
    runs: Sequence[str],
) -> dict[tuple[str, str], Example]:  # fmt: skip
    """Examples of the queries, with the label that is named or the best that they have."""
    asked = [pair for pairs in wanted.values() for pair in pairs if pair[0] in known.queries]
    table = main_labels(dataset)
    if not asked or table is None:
        return {}
    columns = ("query_id", "passage_id", "grade")
    best: dict[str, Row] = {}
    there: set[tuple[str, str]] = set()
    for row in select(dataset, table, "query_id", {q for q, _ in asked}, columns):
        there.add((row["query_id"], row["passage_id"]))
        held = best.get(row["query_id"])
        if row["grade"] >= relevant_from(dataset) and (
            held is None
            or (-row["grade"], row["passage_id"]) < (-held["grade"], held["passage_id"])
        ):
            best[row["query_id"]] = row
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    for query_id, passage_id in asked:
        if (query_id, passage_id) in there:
            chosen[query_id, passage_id] = (query_id, passage_id)
        elif not passage_id and query_id in best:
            chosen[query_id, ""] = (query_id, best[query_id]["passage_id"])
    made = examples_of(dataset, runs, list(dict.fromkeys(chosen.values())))
    of = {(e.query["query_id"], e.label["passage_id"]): e for e in made}
    return {asked: of[pair] for asked, pair in chosen.items() if pair in of}


def shown_ids(finding: Finding, most: int) -> tuple[tuple[str, ...], int]:
    """Ids of a finding to list, and how many are left out."""
    ids = finding.record_ids[:most]
    return ids, max(finding.n_affected, len(finding.record_ids)) - len(ids)
