"""What a plan says of the audit: `[audit]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from datakit.auditing.running import Profile, checks
from datakit.errors import PlanError, UsageError


@dataclass(frozen=True)
class AuditSettings:
    """What an audit asks where nobody says otherwise; keys of `[audit]`."""

    profile: Profile = "all"
    off: tuple[str, ...] = ()  # ids of checks that are not run
    # settings by check, as in `[audit.limits.DK101]`: corpus = "W>2%"
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def check(self) -> None:
        """Have every check and every limit looked up.

        Raises:
            PlanError: a check that does not exist, a setting that it does not have, or a limit
                that does not parse.
        """
        if self.off or self.limits:
            try:
                checks(self.limits)
                checks(only=self.off)
            except UsageError as error:
                raise PlanError(f"[audit]: {error}") from None

    def with_limits(self, more: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """These limits, and those of somebody who says otherwise."""
        return {
            name: {**self.limits.get(name, {}), **more.get(name, {})}
            for name in (*self.limits, *more)
        }

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for a plan or for measures.json."""
        return asdict(self) | {"off": list(self.off)}
