"""Settings, versions, models and digests: what it takes to build the dataset again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datakit.dataset import Dataset
from datakit.plan import to_toml
from datakit.report.stages import MAX_STEPS

MAX_TABLES = 80
MAX_SETTINGS = 24


@dataclass(frozen=True, slots=True)
class Method:
    """One step's settings, each as JSON."""

    name: str
    plugin: str
    seed: str
    version: str
    settings: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MethodFacts:
    steps: tuple[Method, ...]
    tables: tuple[tuple[str, int, str, str], ...]  # name, rows, digest, made by
    n_tables: int
    models: tuple[tuple[str, str], ...]
    content_hash: str
    plan: str  # TOML; empty for an imported dataset
    built: bool


def method_facts(dataset: Dataset) -> MethodFacts:

    manifest = dataset.manifest
    entries = sorted(manifest.get("tables", {}).items())
    plan = manifest.get("plan") or {}
    models = manifest.get("models") or {}
    return MethodFacts(
        steps=tuple(
            _method(name, entry)
            for name, entry in list(manifest.get("stages", {}).items())[:MAX_STEPS]
        ),
        tables=tuple(
            (name, int(t["rows"]), str(t["digest"]), str(t.get("made_by", "")))
            for name, t in entries[:MAX_TABLES]
        ),
        n_tables=len(entries),
        models=tuple((str(k), plain(v)) for k, v in sorted(models.items())[:MAX_SETTINGS]),
        content_hash=str(manifest.get("content_hash", "")),
        plan=to_toml(plan) if plan else "",
        built="ingest" in manifest.get("stages", {}),
    )


def _method(name: str, entry: Mapping[str, Any]) -> Method:
    settings = list((entry.get("settings") or {}).items())[:MAX_SETTINGS]
    seed = entry.get("seed", dict(settings).get("seed", ""))
    return Method(
        name=name,
        plugin=str(entry.get("plugin", "")),
        seed=str(seed),
        version=str(entry.get("tool_version", "")),
        settings=tuple((str(key), plain(value)) for key, value in settings),
        inputs=tuple(sorted(entry.get("inputs") or {}))[:MAX_TABLES],
        outputs=tuple(entry.get("outputs") or ())[:MAX_TABLES],
    )


def plain(value: Any) -> str:
    """A setting on one line."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
