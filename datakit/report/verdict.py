"""The verdict, what it rests on, and which claims nothing in the dataset bears out."""

from __future__ import annotations

from dataclasses import dataclass

from datakit.dataset import Dataset
from datakit.report.facts import Facts
from datakit.report.gates import GateRow
from datakit.report.shaping import Count

SMALL_CORPUS = 2_000  # passages; below it a pool covers most of the corpus
TEST_WARN, TEST_FAIL = 250, 75  # queries (Jones and van Rijsbergen, via Sakai)
NEEDED = ("document", "passage", "query", "negative/mined", "measure")  # and some qrel/, run/
MEANING = {
    "fail": "something has to be mended before a claim can rest on this dataset",
    "smoke": "good for trying things out and for training, not for claims about retrievers",
    "incomplete": "usable, but not everything that a claim would rest on is established",
    "pass": "every claim below is borne out by the data",
}
EXTRACTIVE = "extractive queries: measures term matching, not search intent"
SMALL = "small corpus: pools cover most of it; rank stability is weak evidence"


@dataclass(frozen=True, slots=True)
class Head:
    """Title, verdict, and what the verdict rests on."""

    dataset_id: str
    version: str
    purpose: str
    seed: str
    tool_version: str
    languages: tuple[Count, ...]
    verdict: str  # one of MEANING
    meaning: str
    why: tuple[str, ...]
    established: tuple[str, ...]
    not_established: tuple[tuple[str, str], ...]  # claim, why not
    missing: tuple[str, ...]  # tables
    sizes: tuple[tuple[str, int, str], ...]  # what, how many, note


def head(facts: Facts) -> Head:
    manifest = facts.dataset.manifest
    open_claims = not_established(facts)
    word, why = verdict(facts, bool(open_claims))
    return Head(
        dataset_id=str(manifest.get("dataset_id", facts.dataset.path.name)),
        version=str(manifest.get("version", "")),
        purpose=str(manifest.get("purpose", "")),
        seed=str(manifest.get("seed", "")),
        tool_version=str(manifest.get("tool_version", "")),
        languages=facts.sources.languages or (facts.queries.languages if facts.queries else ()),
        verdict=word,
        meaning=MEANING[word],
        why=tuple(why),
        established=tuple(established(facts)),
        not_established=tuple(open_claims),
        missing=tuple(missing_tables(facts.dataset)),
        sizes=tuple(sizes(facts)),
    )


def verdict(facts: Facts, is_open: bool) -> tuple[str, list[str]]:
    """The verdict and the reasons for it, worst first; with open claims it is never `pass`."""
    n, extractive = facts.n_test, facts.extractive
    why = _failures(facts)
    failed = bool(why)
    if n is None:
        return "fail" if failed else "incomplete", [*why, "no queries: nothing to measure with yet"]
    if n < TEST_WARN:
        why.append(_small_test(n, facts.splits is not None))
    if extractive:
        why.append(EXTRACTIVE)
    if 0 < (facts.sources.n_passages or 0) < SMALL_CORPUS:
        why.append(SMALL)
    if not facts.sourced("judge", "human"):
        why.append("no judge and no human labels: precision and recall of labels not established")
    if failed or n < TEST_FAIL:
        return "fail", why
    if extractive:
        return "smoke", why
    return ("incomplete" if is_open else "pass"), why


def _failures(facts: Facts) -> list[str]:
    """Blockers and errors of the audit, and gates that fail."""
    why = []
    audit, gates = facts.audit, facts.gates
    for severity in ("blocker", "error"):
        found = (
            {r.finding.check_id: r.title for r in audit.findings if r.finding.severity == severity}
            if audit
            else {}
        )
        if found:
            names = ", ".join(
                f"{title.lower()} ({check})" for check, title in list(found.items())[:4]
            )
            more = f" and {len(found) - 4} more" if len(found) > 4 else ""
            why.append(f"audit, {severity}: {names}{more}")
    if gates and (failing := gates.grouped("fail")):
        why.append("gates that fail: " + ", ".join(f"{gate} {title}" for gate, title, _ in failing))
    return why


def _small_test(n: int, split: bool) -> str:
    where = "test split" if split else "no splits, so all queries are the test set"
    if n < TEST_FAIL:
        return f"{where}: {n:,} queries, at least {TEST_FAIL} are needed and {TEST_WARN} advised"
    return f"{where}: {n:,} queries, at least {TEST_WARN} are advised"


def established(facts: Facts) -> list[str]:
    """Claims that the tables themselves bear out."""
    claims = []
    dropped = sum(stage.dropped for stage in facts.stages)
    if dropped and all(s.dropped == _with_reason(facts.dataset, s.name) for s in facts.stages):
        claims.append(f"Every dropped record has a reason (n = {dropped:,} records).")
    # an audit counts dev with test, so what it finds there takes the claim back
    leaks = facts.audit and (facts.audit.names & {"DK201", "DK203"})
    if (
        facts.splits
        and ("train", "test") in facts.splits.pairs
        and not (facts.splits.leaking or leaks)
    ):
        kinds = ", ".join(kind for kind, _ in facts.splits.train_and_test(strict=True))
        claims.append(f"Train and test share nothing of these kinds: {kinds}.")
    if facts.n_test is not None and facts.n_test >= TEST_WARN:
        claims.append(f"The test set has enough queries to compare systems (n = {facts.n_test:,}).")
    if facts.sourced("human"):
        claims.append(f"People labelled n = {facts.sourced('human'):,} pairs.")
    if facts.headline():
        n = max(m.n_queries for m in facts.headline())
        claims.append(f"The measures have 95\u00a0% intervals (bootstrap over n = {n:,} queries).")
    for gate, title, rows in facts.gates.grouped("pass") if facts.gates else ():
        if any(row.threshold is not None for row in rows) and gate not in failing_gates(facts):
            said = "; ".join(_said(row) for row in rows if row.threshold is not None)
            claims.append(f"{gate} {title}: {said}.")
    return claims


def failing_gates(facts: Facts) -> set[str]:
    """Gates of which some metric fails or is not established: the others hold."""
    if facts.gates is None:
        return set()
    return {row.gate for row in facts.gates.rows if row.status != "pass"}


def _said(row: GateRow) -> str:
    value = "" if row.value is None else f" {row.value:.3f}"
    return f"{row.metric}{value}, need {row.need}"


def _with_reason(dataset: Dataset, step: str) -> int:
    return sum((dataset.manifest["stages"][step].get("dropped_by_reason") or {}).values())


def not_established(facts: Facts) -> list[tuple[str, str]]:
    """Claims that one might expect of a dataset and that nothing here bears out, and why."""
    claims = _open_gates(facts) if facts.gates else _open_labels(facts)
    if facts.extractive:
        claims.append(("Search intent", EXTRACTIVE))
    across = [n for _, n in facts.splits.train_and_test(strict=False)] if facts.splits else []
    if any(across):
        n = max(across)
        why = f"labels of both reach into {n:,} document{'s' if n > 1 else ''}"
        claims.append(("Train and test from separate documents", why))
    paraphrases = facts.audit.of("DK202") if facts.audit else []
    if facts.splits and facts.splits.pairs and not any(r.status == "pass" for r in paraphrases):
        claims.append(("Paraphrases across splits", "only equal query texts are compared"))
    if facts.audit is None:
        claims.append(("What an audit would find", "not run: run `datakit audit OUT`"))
    if facts.gates is None:
        claims.append(("Gates G1 to G13", "not run: run `datakit verify OUT`"))
    return claims


def _open_gates(facts: Facts) -> list[tuple[str, str]]:
    """Gates that the same reason leaves open, together."""
    claims: dict[str, list[str]] = {}
    for gate, title, rows in facts.gates.grouped("not_established") if facts.gates else ():
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
        claims.setdefault(reasons or "no evidence here", []).append(f"{title} ({gate})")
    return [(sentence(", ".join(names)), reason) for reason, names in claims.items()]


def sentence(text: str) -> str:
    """With a capital letter at its beginning, and nothing else changed."""
    return text[:1].upper() + text[1:]


def _open_labels(facts: Facts) -> list[tuple[str, str]]:
    """What the tables alone say, where no gate has been run."""
    people, judged = facts.sourced("human"), facts.sourced("judge")
    automatic = facts.sourced("direct", "indirect-query", "indirect-passage", "duplicate")
    claims = []
    if facts.labels and automatic and not people:
        why = "judge-relative only: no human labels" if judged else "no judge and no human labels"
        claims.append(("Precision of labels", why))
    if facts.labels:
        why = "no judge and no human labels" if not people and not judged else (
            "no sample of unlabelled pairs was judged"
        )  # fmt: skip
        claims.append(("Recall of labels", why))
    if judged and not people:
        claims.append(("Validity of the judge", "no pairs that people labelled too"))
    # 12 systems: pipeline gate on rank stability (our default)
    claims.append(("Stability of system rankings", f"{len(facts.runs)} runs, 12 are needed"))
    return claims


def missing_tables(dataset: Dataset) -> list[str]:
    """What a complete dataset has and this one lacks."""
    missing = [table for table in NEEDED if table not in dataset]
    for kind in ("qrel/", "run/"):
        if not any(table.startswith(kind) for table in dataset.tables()):
            missing.append(kind + "…")
    return missing


def sizes(facts: Facts) -> list[tuple[str, int, str]]:
    """The key figures: what, how many, and a note."""
    dataset, out = facts.dataset, []
    if "document" in dataset:
        out.append(("documents", dataset.count("document"), "parsed sources"))
    if "passage" in dataset:
        out.append(("passages", dataset.count("passage"), "units of retrieval"))
    if facts.queries:
        n_test = facts.n_test or 0
        note = f"{n_test:,} in test" if facts.splits else "not split"
        out.append(("queries", facts.queries.n, note))
    if facts.labels:
        out.append(("relevant pairs", facts.n_relevant, f"of {facts.labels.n:,} labels"))
    if "negative/mined" in dataset:
        out.append(("negatives", dataset.count("negative/mined"), "mined, for training"))
    return out
