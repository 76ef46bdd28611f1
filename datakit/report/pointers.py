"""What to fix first: findings, gates that fail, and what the tables show, the weightiest first."""

from __future__ import annotations

from dataclasses import dataclass

from datakit.records import LEVELS
from datakit.report.audits import FindingRow
from datakit.report.facts import Facts
from datakit.report.gates import GateRow
from datakit.report.measures import short_measure
from datakit.report.plots import percent
from datakit.report.shaping import language_name
from datakit.report.verdict import TEST_FAIL, TEST_WARN, missing_tables, sentence

LOW_JUDGED = 0.5  # share of a top 10 below which unjudged passages decide the measure
CEILING = 0.9  # nDCG@10 above which systems can hardly be told apart
LARGE_DROP = 0.05  # of what a stage read
MAX_POINTERS = 5  # of what the tables show
MAX_FIXES = 8
WORDS = {"blocker": "blocker", "error": "error", "warning": "warning", "gate": "gate fails"}


@dataclass(frozen=True, slots=True)
class Pointer:
    """A plain sentence on what to look at, and the section that shows it."""

    text: str
    section: str
    fix: str = ""
    covered_by: frozenset[str] = frozenset()  # checks of an audit that say the same


@dataclass(frozen=True, slots=True)
class Fix:
    """Something to mend, what to do about it, and where it is shown."""

    kind: str  # blocker, error, warning, gate or look
    name: str  # DK101, G4; empty of what the tables show
    text: str
    fix: str
    section: str


def fixes(facts: Facts) -> tuple[tuple[Fix, ...], int]:
    """What to mend first, and how many findings are left out."""
    audit, gates = facts.audit, facts.gates
    found = []
    of_kind = ("blocker", "error") if audit else ()
    found += [fix for kind in of_kind for fix in _of_audit(facts, kind)]
    if gates:
        found += [
            Fix("gate", gate, _gate_text(title, rows), rows[0].help, "gates")
            for gate, title, rows in gates.grouped("fail")
        ]
    found += _of_audit(facts, "warning")
    looks = [Fix("look", "", one.text, one.fix, one.section) for one in pointers(facts)]
    shown = [*found[: MAX_FIXES - min(len(looks), 3)], *looks]
    return tuple(shown[:MAX_FIXES]), max(
        0, len(found) - len([f for f in shown if f.kind != "look"])
    )


def _of_audit(facts: Facts, severity: str) -> list[Fix]:
    """A fix for each check, by the finding that concerns the most records."""
    if facts.audit is None:
        return []
    rows = [row for row in facts.audit.findings if row.finding.severity == severity]
    rows.sort(key=lambda row: (-row.finding.n_affected, row.finding.finding_id))
    best: dict[str, FindingRow] = {}
    for row in rows:
        best.setdefault(row.finding.check_id, row)
    return [
        Fix(severity, name, sentence(f"{row.finding.message}."), row.finding.fix or "", row.anchor)
        for name, row in best.items()
    ]


def _gate_text(title: str, rows: list[GateRow]) -> str:
    return f"{title.capitalize()}: {'; '.join(map(_row_text, rows))}."


def _row_text(row: GateRow) -> str:
    value = "not known" if row.value is None else f"{row.value:.3f}"
    # a gate without a threshold says in words what it needs
    return f"{row.metric} {value}, " + (f"need {row.need}" if row.need else row.reason)


def pointers(facts: Facts) -> tuple[Pointer, ...]:
    """At most five sentences on what the tables show, the weightiest first."""
    makers = (
        _on_files, _on_tables, _on_test_size, _on_leaks, _on_levels, _on_languages, _on_judged,
        _on_drops, _on_uncertified, _on_ceiling, _on_unlabelled, _on_dates,
    )  # fmt: skip
    found = [pointer for make in makers for pointer in make(facts)]
    said = facts.audit.names if facts.audit else set()
    # what a finding says already is not said twice
    return tuple([one for one in found if not one.covered_by & said][:MAX_POINTERS])


def _on_files(facts: Facts) -> list[Pointer]:
    stale = facts.audit is not None and facts.audit.is_stale
    found = [Pointer(f"A file cannot be read: {why}.", "methods") for why in facts.unreadable]
    if stale:
        said = "The audit is of an earlier state of this dataset."
        found.append(Pointer(said, "audit", "datakit audit OUT"))
    if facts.gates is not None and facts.gates.is_stale:
        said = "The gates are of an earlier state of this dataset."
        found.append(Pointer(said, "gates", "datakit verify OUT"))
    return found


def _on_tables(facts: Facts) -> list[Pointer]:
    missing = missing_tables(facts.dataset)
    if not missing:
        return []
    names = ", ".join(missing)
    return [Pointer(f"There is no table {names}: what rests on it is empty.", "methods")]


def _on_test_size(facts: Facts) -> list[Pointer]:
    if facts.n_test is None or facts.n_test >= TEST_WARN:
        return []
    name = "The test split" if facts.splits else "The unsplit query set"
    need = TEST_FAIL if facts.n_test < TEST_FAIL else TEST_WARN
    hint = "too few to compare systems" if need == TEST_FAIL else "intervals are wide"
    said = f"{name} has {facts.n_test:,} queries, fewer than {need}: {hint}."
    return [Pointer(said, "splits", covered_by=frozenset({"DK603"}))]


def _on_leaks(facts: Facts) -> list[Pointer]:
    if not facts.splits or not facts.splits.leaking:
        return []
    kinds = [f"{kind} ({n:,})" for kind, n in facts.splits.train_and_test(strict=True) if n]
    said = f"Train and test share: {', '.join(kinds)}."
    return [Pointer(said, "splits", covered_by=frozenset({"DK201", "DK203"}))]


def _on_levels(facts: Facts) -> list[Pointer]:
    have = set(facts.queries.forms.rows) if facts.queries else set()
    missing = [level for level in LEVELS if level not in have]
    if not have & set(LEVELS) or not missing:
        return []
    return [Pointer(f"There are no queries of the level {' and '.join(missing)}.", "queries")]


def _on_languages(facts: Facts) -> list[Pointer]:
    if not facts.queries or not facts.runs or any(r.family == "unknown" for r in facts.runs):
        return []
    dense = [run for run in facts.runs if run.family == "dense"]
    covered = {code for run in dense for code in run.languages}
    bare = [code for code in facts.queries.codes if code not in covered]
    if not bare:
        return []
    names = " and ".join(language_name(code) for code in bare[:4])
    said = (
        f"{names} queries have no dense retriever: what is known of them rests on matching words."
    )
    return [Pointer(said, "measures")]


def _on_judged(facts: Facts) -> list[Pointer]:
    rows = [m for m in facts.headline("Judged@10") if m.value < LOW_JUDGED]
    if not rows:
        return []
    worst = min(rows, key=lambda m: (m.value, m.run))
    said = (
        f"Of the top 10 of {worst.run}, {percent(worst.value, 1)} are judged "
        f"(n = {worst.n_queries:,} queries); measures count the unjudged rest as not relevant."
    )
    fix = "datakit review serve OUT --strategy unjudged-top --n 200"
    return [Pointer(said, "measures", fix, frozenset({"DK302"}))]


def _on_drops(facts: Facts) -> list[Pointer]:
    drops = [(r.count, s.name, r.reason, s) for s in facts.stages for r in s.reasons]
    if not drops:
        return []
    count, name, reason, stage = max(drops, key=lambda d: (d[0], d[1], d[2]))
    if count < LARGE_DROP * stage.seen:
        return []
    share = f", {percent(count, stage.seen)} of what it read" if stage.seen >= count else ""
    said = f"The largest drop is {reason} in {name}: {count:,} records{share}."
    return [Pointer(said, "stages")]


def _on_uncertified(facts: Facts) -> list[Pointer]:
    labels = facts.labels
    if not labels or not labels.n or labels.uncertified / labels.n < 0.25:
        return []
    in_eval = facts.dataset.manifest.get("purpose") == "eval"
    use = "the measures leave them out" if in_eval else "fit for training, not for claims"
    share = f"{percent(labels.uncertified, labels.n)} of the labels (n = {labels.n:,})"
    fix = "datakit judge OUT, then datakit calibrate OUT"
    return [Pointer(f"{share} are uncertified: {use}.", "labels", fix)]


def _on_ceiling(facts: Facts) -> list[Pointer]:
    top = [m for m in facts.headline() if m.value > CEILING]
    if not top:
        return []
    best = max(top, key=lambda m: (m.value, m.run))
    said = (
        f"{best.run} reaches {short_measure(best.measure)} = {best.value:.2f} "
        f"(n = {best.n_queries:,} queries): so easy that systems can hardly be told apart."
    )
    return [Pointer(said, "measures", covered_by=frozenset({"DK601", "DK602"}))]


def _on_unlabelled(facts: Facts) -> list[Pointer]:
    without = facts.labels.without if facts.labels else None
    if not without:
        return []
    said = f"{without:,} queries have no relevant passage."
    return [Pointer(said, "labels", covered_by=frozenset({"DK006"}))]


def _on_dates(facts: Facts) -> list[Pointer]:
    s = facts.sources
    if not s.n or s.untimed / s.n <= 0.5:
        return []
    return [Pointer(f"{s.untimed:,} of {s.n:,} {s.unit} have no date.", "sources")]
