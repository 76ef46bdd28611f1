"""What the filters saw and did, rule by rule, as the notes of their steps tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datakit.dataset import Dataset
from datakit.records import LEVELS
from datakit.report.reading import tabulate
from datakit.report.shaping import level_name, ordered

STEPS = ("filter", "filter/retrieved", "split")
FORMS = ("keyword", "question", "need")


@dataclass(frozen=True, slots=True)
class FilterExample:
    """A query that a rule found wrong, and why."""

    query_id: str
    act: str  # dropped, flagged or merged
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class RuleFact:
    """What one rule did in one step."""

    step: str
    rule: str  # F5
    title: str
    state: str  # on, off or not established
    seen: int
    dropped: int
    flagged: int
    merged: int
    reasons: tuple[tuple[str, int], ...]
    not_established: str  # why nothing could be said about some or all queries
    examples: tuple[FilterExample, ...]

    def __str__(self) -> str:
        if self.state != "on":
            return f"{self.state}{f': {self.not_established}' if self.not_established else ''}"
        acts = [("dropped", self.dropped), ("flagged", self.flagged), ("merged", self.merged)]
        done = ", ".join(f"{n:,} {act}" for act, n in acts if n) or "nothing wrong"
        why = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons)
        aside = f"; not established for {self.not_established}" if self.not_established else ""
        return f"{self.seen:,} seen, {done}{f' ({why})' if why else ''}{aside}"


def rule_facts(dataset: Dataset) -> tuple[RuleFact, ...]:
    """Every rule of the filter steps that have run, in the order in which they act."""
    stages = dataset.manifest.get("stages", {})
    return tuple(
        _fact(step, rule, note)
        for step in STEPS
        for rule, note in stages.get(step, {}).get("notes", {}).get("rules", {}).items()
    )


def _fact(step: str, rule: str, note: Mapping[str, Any]) -> RuleFact:
    return RuleFact(
        step,
        rule,
        note["title"],
        note["state"],
        note.get("seen", 0),
        note.get("dropped", 0),
        note.get("flagged", 0),
        note.get("merged", 0),
        tuple(note.get("reasons", {}).items()),
        note.get("not_established", ""),
        tuple(
            FilterExample(one["query_id"], one["act"], one["text"], one["detail"])
            for one in note.get("examples", ())
        ),
    )


def filter_table(dataset: Dataset) -> list[tuple[str, str]]:
    """Label and value of each line: replies, drops of the generators, rules, and what is kept."""
    return [*_asked(dataset), *_rules(dataset), *_kept(dataset)]


def _asked(dataset: Dataset) -> Iterator[tuple[str, str]]:
    for step, entry in dataset.manifest.get("stages", {}).items():
        if not step.startswith("generate/"):
            continue
        if replies := entry.get("notes", {}).get("llm"):
            counts = ((name, replies[name]) for name in ("asked", "parsed", "repaired", "dropped"))
            yield f"{step} F1", ", ".join(f"{name} {n:,}" for name, n in counts)
        if reasons := entry.get("dropped_by_reason"):
            yield f"{step} dropped", ", ".join(f"{reason} {n:,}" for reason, n in reasons.items())


def _rules(dataset: Dataset) -> Iterator[tuple[str, str]]:
    for fact in rule_facts(dataset):
        if fact.seen or fact.state != "on":
            yield f"{fact.rule} {fact.title}", str(fact)


def _kept(dataset: Dataset) -> Iterator[tuple[str, str]]:
    table = next((t for t in ("query", "query/filtered", "query/candidate") if t in dataset), None)
    counted = tabulate(dataset, table, "level", "form") if table else {}
    for level in ordered({level_name(level) for level, _ in counted}, LEVELS):
        forms = {
            form or "no form": n for (of, form), n in counted.items() if level_name(of) == level
        }
        parts = ", ".join(f"{form} {forms[form]:,}" for form in ordered(set(forms), FORMS))
        yield f"kept, {level}", f"{sum(forms.values()):,} ({parts})"
