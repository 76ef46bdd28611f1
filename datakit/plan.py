"""The plan: which plugins a build uses, with which settings; a TOML file, checked whole.

Every plugin that the plan names is made before anything runs, so a misspelt setting costs no work.
Plans that come with the package are found by name: `default`, `no_encoder`.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datakit import registry
from datakit.errors import PlanError, UnknownName, did_you_mean
from datakit.llm.endpoint import EndpointSettings
from datakit.llm.endpoints import endpoints, plain

if TYPE_CHECKING:
    from datakit.auditing.settings import AuditSettings

SHIPPED = Path(__file__).parent / "plans"
# stage -> (plugin kind, whether the plan may name several)
PLUGIN_STAGES: dict[str, tuple[str, bool]] = {
    "ingest": ("ingestors", True),
    "segment": ("segmenters", False),
    "duplicates": ("miners", False),
    "generate": ("generators", True),
    "retrieve": ("retrievers", True),
    "rerank": ("rerankers", True),
    "mine": ("miners", False),
    "negatives": ("miners", False),
    "mutate": ("miners", True),
    "judge": ("judges", True),
}
# no part of a build: asked for by a command of its own, and of no plan unless it names them
ASKED_FOR = ("judge",)
# files that tell where a folder's documents come from and what may be done with them; a README is
# as often a document itself
ABOUT_A_FOLDER = (
    "SOURCE.txt", "SOURCES.txt", "MANIFEST", "MANIFEST.*", "SHA256SUMS*", "LICEN[CS]E",
    "LICEN[CS]E.txt", "LICEN[CS]E.md", "COPYING", "COPYING.txt", "NOTICE", "NOTICE.txt",
)  # fmt: skip
# parts of a build that a plan may leave out
OPTIONAL = (*ASKED_FOR, "mutate", "rerank")


@dataclass(frozen=True)
class ReadingOptions:
    """What the ingest stage itself decides, whichever ingestor reads; keys of `[ingest]`."""

    # a source that gives no record for so long is dropped; 0: no limit, and no process of its own
    seconds_per_document: float = 120.0
    # patterns of file names, case counts; in folders and archives alone, each one a Dropped row
    leave_out: tuple[str, ...] = ABOUT_A_FOLDER


@dataclass(frozen=True)
class RetrieveOptions:
    """What the retrieve stage itself decides, whichever retriever runs."""

    depth: int = 100  # passages kept per query and retriever; at least every measure's cut-off


@dataclass(frozen=True)
class CheckOptions:
    """What the check stage measures."""

    measures: tuple[str, ...] = ("nDCG@10", "R@100", "RR@10", "Judged@10")
    n_boot: int = 1000  # bootstrap samples over queries


@dataclass(frozen=True)
class Floors:
    """The least share of records that a stage must keep; below it the build ends with exit 1.

    `ingest` only counts at the end: files that cannot be read must not hold up those that can.
    """

    ingest: float = 0.8
    segment: float = 0.5
    generate: float = 0.05  # of the passages, those that give a query
    replies: float = 0.8  # of what a language model was asked, what could be read
    filter: float = 0.05


@dataclass(frozen=True)
class Use:
    """One plugin as a plan uses it."""

    stage: str
    name: str  # of the step and of its table; the plugin's name unless the plan gives another
    plugin: Any

    @property
    def asks(self) -> bool:
        """Whether the plugin asks a language model."""
        return getattr(self.plugin, "unit", None) == "calls"

    @property
    def fuses(self) -> bool:
        """Whether the plugin is a retriever that fuses others."""
        return hasattr(self.plugin, "fuse")


@dataclass(frozen=True)
class Plan:
    """A checked plan: every plugin is made, every setting has a value."""

    seed: int
    purpose: Literal["train", "eval"]
    uses: Mapping[str, tuple[Use, ...]]  # by stage
    reading: ReadingOptions
    retrieve: RetrieveOptions
    filter: Any  # filters.FilterSettings
    split: Any  # splits.SplitSettings
    check: CheckOptions
    floors: Floors
    audit: AuditSettings
    llm: Mapping[str, EndpointSettings] = dataclasses.field(default_factory=dict)  # by name

    def one(self, stage: str) -> Use:
        """The plugin of a stage that has a single one."""
        (use,) = self.uses[stage]
        return use

    def fused(self, use: Use) -> tuple[Use, ...]:
        """The retrievers that a fusion fuses, in its order.

        Raises:
            PlanError: it names one that the plan does not have, or another fusion.
        """
        others = {one.name: one for one in self.uses["retrieve"] if not one.fuses}
        for name in use.plugin.of:
            if name not in others:
                raise PlanError(
                    f"plan: {use.name} fuses {name!r}, which is no retriever of the plan"
                    f"{did_you_mean(name, others)}"
                )
        if not others:
            raise PlanError(
                f"plan: {use.name} fuses other retrievers, and there is none: add another "
                "[[retrieve]] beside it (`--use` keeps one plugin alone; give a plan instead)."
            )
        return tuple(others[name] for name in use.plugin.of or others)

    def reranker(self) -> Use | None:
        """What scores the pairs of the pool; None: the retrievers do."""
        return next(iter(self.uses["rerank"]), None)

    def asking(self) -> tuple[Use, ...]:
        """The plugins that ask a language model."""
        return tuple(use for uses in self.uses.values() for use in uses if use.asks)

    def endpoint_of(self, use: Use) -> EndpointSettings:
        """The endpoint that a plugin asks."""
        return self.llm[use.plugin.endpoint]

    def as_dict(self) -> dict[str, Any]:
        """The plan with every setting filled in, as plain values."""
        out: dict[str, Any] = {"seed": self.seed, "purpose": self.purpose}
        for stage, uses in self.uses.items():
            entries = [{"use": u.plugin.plugin_name} | _named(u) | _plain(u.plugin) for u in uses]
            if stage in OPTIONAL and not uses:
                continue
            if stage == "ingest":
                out[stage] = (
                    {"use": [e["use"] for e in entries]}
                    | _plain(self.reading)
                    | {e.pop("use"): e for e in entries if len(e) > 1}
                )
            else:
                out[stage] = entries if PLUGIN_STAGES[stage][1] else entries[0]
        out["retrieval"] = _plain(self.retrieve)
        for name in ("filter", "split", "check", "floors"):
            out[name] = _plain(getattr(self, name))
        out["audit"] = self.audit.as_dict()
        if self.llm:
            out["llm"] = {name: plain(one) for name, one in self.llm.items()}
        return out

    def toml(self) -> str:
        """The plan as a TOML file that `--plan` takes."""
        return to_toml(self.as_dict())


def _named(use: Use) -> dict[str, str]:
    return {} if use.name == use.plugin.plugin_name else {"name": use.name}


def _plain(settings: Any) -> dict[str, Any]:
    values = {f: getattr(settings, f) for f in registry.settings(type(settings))}
    return {f: list(v) if isinstance(v, tuple) else v for f, v in values.items()}


# --- read ---------------------------------------------------------------------------------


def shipped() -> list[str]:
    """Names of the plans in the package."""
    return sorted(f.stem for f in SHIPPED.glob("*.toml"))


def plan_path(name: str | Path | None) -> Path:
    """The file of a plan given by path or by shipped name; None is the default plan.

    Raises:
        PlanError: there is no such file and no such name.
    """
    if name is None:
        return SHIPPED / "default.toml"
    path = Path(name)
    if path.is_file():
        return path
    if str(name) in shipped():
        return SHIPPED / f"{name}.toml"
    near = did_you_mean(str(name), shipped())
    raise PlanError(f"plan {str(name)!r} is neither a file nor a shipped plan{near}")


def load(name: str | Path | None = None, **overrides: Any) -> Plan:
    """Read and check a plan; `overrides` (seed, purpose) win over the file where not None.

    Raises:
        PlanError: the file is not TOML, or names a stage, plugin or setting that does not exist.
    """
    path = plan_path(name)
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path.name} is not TOML: {error}") from None
    return parse(raw | {k: v for k, v in overrides.items() if v is not None})


def parse(raw: Mapping[str, Any]) -> Plan:
    """Check a plan given as plain values; stages it leaves out are those of the default plan."""
    from datakit.filters import FilterSettings
    from datakit.splits import SplitSettings

    default = tomllib.loads((SHIPPED / "default.toml").read_text("utf-8"))
    known = [
        *PLUGIN_STAGES, "seed", "purpose", "retrieval", "filter", "split", "check", "floors", "llm",
        "audit",
    ]  # fmt: skip
    for key in raw:
        if key not in known:
            raise PlanError(f"a plan has no [{key}]{did_you_mean(key, known)}")
    merged = default | dict(raw)
    seed, purpose = merged["seed"], merged["purpose"]
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise PlanError(f"plan: seed = {seed!r}: expected a whole number, such as 13")
    if purpose not in ("train", "eval"):
        raise PlanError(f'plan: purpose = {purpose!r}: expected "train" or "eval"')
    plan = Plan(
        seed=seed,
        purpose=purpose,
        llm=endpoints(merged.get("llm", {})),
        uses={stage: _uses(stage, merged.get(stage, []), seed) for stage in PLUGIN_STAGES},
        reading=_settings(ReadingOptions, "ingest", {"ingest": _reading(merged["ingest"])}, seed),
        retrieve=_settings(RetrieveOptions, "retrieval", merged, seed),
        filter=_settings(FilterSettings, "filter", merged, seed),
        split=_settings(SplitSettings, "split", merged, seed),
        check=_settings(CheckOptions, "check", merged, seed),
        floors=_settings(Floors, "floors", merged, seed),
        audit=audit_settings(merged),
    )
    _check_endpoints_of(plan.asking(), plan.llm)
    for use in plan.uses["retrieve"]:
        if use.fuses:
            plan.fused(use)
    return plan


def audit_settings(raw: Mapping[str, Any]) -> AuditSettings:
    """What a plan, given as plain values, says of the audit.

    Raises:
        PlanError: a check or setting that there is not, or a value that does not fit.
    """
    from datakit.auditing.settings import AuditSettings

    found: AuditSettings = _settings(AuditSettings, "audit", raw, 0)
    found.check()
    return found


def _settings(cls: type[Any], name: str, merged: Mapping[str, Any], seed: int) -> Any:
    values = merged.get(name, {})
    if not isinstance(values, dict):
        raise PlanError(f"plan: {name} = {values!r}: expected a table, [{name}]")
    return registry.checked(cls, f"[{name}]", _seeded(cls, values, seed))


def _seeded(cls: type[Any], values: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The run's seed goes to whoever has a setting for it and was given none."""
    if "seed" in registry.settings(cls):
        return {"seed": seed} | dict(values)
    return dict(values)


def _uses(stage: str, raw: Any, seed: int) -> tuple[Use, ...]:
    kind, many = PLUGIN_STAGES[stage]
    if stage == "ingest":
        entries = _ingest_entries(raw)
    else:
        entries = raw if isinstance(raw, list) else [raw]
        if len(entries) != 1 and (not many or (stage == "rerank" and entries)):
            raise PlanError(f"plan: {stage} takes one plugin, found {len(entries)}")
    uses = tuple(_use(stage, kind, entry, seed) for entry in entries)
    names = [use.name for use in uses]
    for name in names:
        if names.count(name) > 1:
            raise PlanError(
                f'plan: two steps of {stage} are called {name!r}: give one of them name = "…"'
            )
    return uses


def _ingest_entries(raw: Any) -> list[dict[str, Any]]:
    """`[ingest] use = [names]`, with `[ingest.<name>]` for settings, as a list of plugins."""
    if not isinstance(raw, dict) or not isinstance(raw.get("use"), list):
        raise PlanError('plan: [ingest] needs use = ["terms_html", …]: the ingestors to try')
    names = raw["use"]
    own = [*registry.settings(ReadingOptions), *names]
    for key in raw:
        if key != "use" and key not in own:
            raise PlanError(f"plan: [ingest.{key}] is not in ingest.use{did_you_mean(key, own)}")
    return [{"use": name} | raw.get(name, {}) for name in names]


def _reading(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `[ingest]` that are no ingestor's."""
    return {key: raw[key] for key in registry.settings(ReadingOptions) if key in raw}


def _use(stage: str, kind: str, entry: Any, seed: int) -> Use:
    if not isinstance(entry, dict) or not isinstance(entry.get("use"), str):
        raise PlanError(f'plan: every {stage} needs use = "…", one of {registry.names(kind)}')
    values = dict(entry)
    plugin_name = values.pop("use")
    name = values.pop("name", plugin_name)
    try:
        cls = registry.load(kind, plugin_name)
    except UnknownName as error:
        raise PlanError(f"plan: {stage}: {error}") from None
    return Use(stage, name, registry.make(kind, plugin_name, _seeded(cls, values, seed)))


# --- language models ----------------------------------------------------------------------


def _check_endpoints_of(uses: Iterable[Use], known: Mapping[str, EndpointSettings]) -> None:
    for use in uses:
        name = use.plugin.endpoint
        if name not in known:
            near = did_you_mean(name, known) if known else ": add that table, with a model"
            raise PlanError(f"plan: {use.name} asks endpoint {name!r}: no [llm.{name}]{near}")
        if not known[name].model:
            raise PlanError(
                f'plan: {use.name} asks endpoint {name!r}, which has no model: set model = "…" in '
                f"[llm.{name}]"
            )


def with_endpoint(plan: Plan, values: Mapping[str, Any]) -> Plan:
    """The plan with other settings of its endpoints: `model` of `default`, or `<name>.model`.

    Raises:
        PlanError: a setting that an endpoint does not have, or a value that does not fit.
    """
    raw = plan.as_dict()
    tables: dict[str, dict[str, Any]] = raw.setdefault("llm", {})
    for key, value in values.items():
        name, _, setting = key.rpartition(".")
        tables.setdefault(name or "default", {})[setting] = value
    return parse(raw)


# --- change and write ---------------------------------------------------------------------


def with_plugin(plan: Plan, stage: str, use: str | None, values: Mapping[str, Any]) -> Plan:
    """The plan with another plugin, or other settings, for one stage (`datakit STAGE --use`)."""
    raw = plan.as_dict()
    if stage not in PLUGIN_STAGES:
        raw[stage] = raw[stage] | dict(values)
        return parse(raw)
    entries = raw[stage] if isinstance(raw[stage], list) else [raw[stage]]
    if use is not None:
        entries = [e for e in entries if e["use"] == use] or [{"use": use}]
    known = {e["use"] for e in entries}
    if len(entries) != 1 and values:
        raise PlanError(f"{stage} has several plugins ({', '.join(sorted(known))}): add --use NAME")
    entries = [e | dict(values) for e in entries]
    raw[stage] = entries if PLUGIN_STAGES[stage][1] else entries[0]
    return parse(raw)


def to_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML: scalars first, then tables, then arrays of tables."""
    return "\n".join(_lines(values, "")).strip() + "\n"


def _lines(values: Mapping[str, Any], prefix: str) -> list[str]:
    lines = []
    for key, value in values.items():
        if value is None or isinstance(value, dict) or _is_tables(value):
            continue
        lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    for key, value in values.items():
        tables = value if _is_tables(value) else [value] if isinstance(value, dict) else []
        head = f"[[{prefix}{key}]]" if _is_tables(value) else f"[{prefix}{key}]"
        for table in tables:
            lines += ["", head, *_lines(table, f"{prefix}{key}.")]
    return lines


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def changed(plan: Plan, **fields: Any) -> Plan:
    """The plan with some of its own fields replaced."""
    return dataclasses.replace(plan, **fields)
