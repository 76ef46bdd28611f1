"""The run of an audit: cheapest checks first, a blocker ends it after its tier."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from datakit import registry
from datakit.auditing.facts import Facts
from datakit.auditing.verdict import (
    PARTS,
    SEVERITIES,
    TIERS,
    Check,
    Outcome,
    Part,
    Result,
    Severity,
    Tier,
    finding,
    limits,
    outcome,
)
from datakit.dataset import Dataset
from datakit.errors import DatakitError, MissingDependency, UsageError
from datakit.progress import progress
from datakit.records import Finding

Profile = Literal["all", "train", "test", "corpus", "release"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
# a model's training and test part both stand on the passages
_PARTS_OF: dict[str, tuple[Part, ...]] = {
    "all": PARTS, "release": PARTS, "corpus": ("corpus",), "train": ("corpus", "train"),
    "test": ("corpus", "test"),
}  # fmt: skip


@dataclass(frozen=True)
class Crash:
    """A check that failed by a fault of its own."""

    check_id: str
    error: str


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    dataset_id: str
    content_hash: str
    profile: Profile
    tier: Tier
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    crashes: tuple[Crash, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)  # CPU, by check

    def at_least(self, severity: Severity) -> list[Finding]:
        """The findings of this severity or above."""
        least = SEVERITIES.index(severity)
        return [f for f in self.findings if SEVERITIES.index(f.severity) >= least]


def checks(
    values: Mapping[str, Mapping[str, Any]] | None = None, only: Collection[str] = ()
) -> list[Any]:
    """All checks with their settings, by tier, then cost, then id.

    Args:
        values: settings by check id, such as `{"DK101": {"corpus": "W>2%"}}`.
        only: ids of the checks that are asked for; all when empty.

    Raises:
        UsageError: settings or the name of a check that does not exist.
        PlanError: a setting that a check does not have, or a limit that does not parse.
    """
    found = [registry.load("audits", name) for name in registry.names("audits")]
    by_id = {cls.check.id: cls for cls in found}
    for check_id in (*(values or {}), *only):
        if check_id not in by_id:
            raise UsageError(f"check {check_id!r} does not exist: see `datakit plugins audits`.")
    made = [
        registry.checked(cls, check_id, (values or {}).get(check_id, {}))
        for check_id, cls in sorted(by_id.items())
        if not only or check_id in only
    ]
    for one in made:
        for column in (*PARTS, "release"):
            limits(getattr(one, column, ""))
    return sorted(made, key=lambda c: (TIERS.index(c.check.tier), c.check.cost, c.check.id))


def audit(
    dataset: Dataset,
    profile: Profile = "all",
    tier: Tier = "cheap",
    values: Mapping[str, Mapping[str, Any]] | None = None,
    shown: bool = False,
    only: Collection[str] = (),
    off: Collection[str] = (),
) -> Audit:
    """Run the checks of a profile up to a tier.

    Args:
        dataset: what is audited.
        profile: `corpus`, `train` or `test`: that part and the passages; `all`: every part by its
            own limits; `release`: the same with the limits of a release on top.
        tier: the dearest checks that run; those above are listed as skipped.
        values: settings by check id.
        shown: whether to show how far it is.
        only: ids of the checks that are asked for; all when empty.
        off: ids of checks that do not run unless they are asked for; they are listed as skipped.

    Raises:
        MissingDependency: of a check of `only`; of others it is a reason in their outcome.
    """
    whole = profile if profile in ("train", "test") else None
    facts = Facts(dataset, whole, tier, shown)
    run = _Run(facts, profile, tier, only, off)
    todo = checks(values, only)
    with progress("audit", len(todo), "checks", shown) as bar:
        for check in todo:
            run.one(check)
            bar.advance()
    return Audit(
        str(dataset.manifest.get("dataset_id", "")),
        str(dataset.manifest.get("content_hash", "")),
        profile,
        tier,
        tuple(sorted(run.outcomes, key=lambda o: (o.check_id, PARTS.index(o.part), o.measure))),
        tuple(sorted(run.findings, key=_gravest_first)),
        tuple(run.crashes),
        run.seconds,
    )


def _gravest_first(found: Finding) -> tuple[int, str, str]:
    return -SEVERITIES.index(found.severity), found.check_id, found.finding_id


class _Run:
    """The state of a run."""

    def __init__(
        self,
        facts: Facts,
        profile: Profile,
        tier: Tier,
        only: Collection[str] = (),
        off: Collection[str] = (),
    ) -> None:
        self.facts = facts
        self.profile = profile
        self.tier = tier
        self.only = only
        self.off = set(off) - set(only)
        self.parts = _PARTS_OF[profile]
        self.outcomes: list[Outcome] = []
        self.findings: list[Finding] = []
        self.crashes: list[Crash] = []
        self.seconds: dict[str, float] = {}
        self.blocked = ""  # the first check that found a blocker, and its tier
        self.blocked_tier: Tier | None = None

    def one(self, plugin: Any) -> None:
        check: Check = plugin.check
        why = self._why_not(plugin)
        if why:
            self._skip(plugin, why)
            return
        started = time.process_time()
        try:
            results = [r for r in plugin(self.facts) if r.part in self.parts]
        except DatakitError as error:  # a missing extra, a table that cannot be read
            if isinstance(error, MissingDependency) and check.id in self.only:
                raise
            self._skip(plugin, str(error), "not_established")
            results = []
        except Exception as error:  # one crash must not hide the other findings
            self.crashes.append(Crash(check.id, f"{type(error).__name__}: {error}"))
            self._skip(
                plugin, f"the check failed: {type(error).__name__}: {error}", "not_established"
            )
            results = []
        self.seconds[check.id] = time.process_time() - started
        before = len(self.outcomes)
        for result in results:
            self._take(plugin, result)
        if len(self.outcomes) == before and not any(o.check_id == check.id for o in self.outcomes):
            self._skip(plugin, "the dataset has nothing that this check is about")

    def _why_not(self, plugin: Any) -> str:
        check: Check = plugin.check
        if check.id in self.off:
            return "off in the plan"
        if TIERS.index(check.tier) > TIERS.index(self.tier):
            return f"needs --tier {check.tier}"
        if self.blocked and self.blocked_tier != check.tier:
            return f"{self.blocked} found a blocker: mend that first"
        if not _columns(plugin, self.parts, self.profile):
            return f"not asked of profile {self.profile}"
        return ""

    def _take(self, plugin: Any, result: Result) -> None:
        check: Check = plugin.check
        text = str(getattr(plugin, result.column or result.part, ""))
        if self.profile == "release":
            text = f"{text} {getattr(plugin, 'release', '')}".replace("I ", "").strip()
        if not text:
            return
        made = outcome(check, result, text)
        self.outcomes.append(made)
        if made.severity is None:
            return
        self.findings.append(finding(check, result, made))
        if made.severity == "blocker" and not self.blocked:
            self.blocked, self.blocked_tier = check.id, check.tier

    def _skip(
        self, plugin: Any, reason: str, status: Literal["skipped", "not_established"] = "skipped"
    ) -> None:
        part = next((p for p in self.parts if getattr(plugin, p, "")), self.parts[0])
        check: Check = plugin.check
        self.outcomes.append(
            Outcome(
                check.id, check.title, check.family, check.tier, part, "", None, None, None, None,
                None, str(getattr(plugin, part, "")), None, status, reason, "",
            )
        )  # fmt: skip


def _columns(plugin: Any, parts: Sequence[str], profile: Profile) -> Iterator[str] | list[str]:
    """The limits of a check that are asked for."""
    wanted = [*parts, "release"] if profile == "release" else list(parts)
    return [c for c in wanted if getattr(plugin, c, "")]
