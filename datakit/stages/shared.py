"""What the steps share: plugins as plain values, what decides their rows, tables in a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from datakit import registry
from datakit.dataset import Dataset
from datakit.plan import Plan
from datakit.reading import Spec


def spec(plugin: Any) -> Spec:
    """A plugin as plain values, for another process."""
    values = {name: getattr(plugin, name) for name in registry.settings(type(plugin))}
    return plugin.plugin_kind, plugin.plugin_name, values


def identity(plugin: Any) -> dict[str, Any]:
    """What decides a plugin's rows, its model's fingerprint included where it has a model."""
    fingerprint = getattr(plugin, "fingerprint", None)
    extra = {"model": fingerprint()} if fingerprint else {}
    return registry.identity(plugin) | extra


def with_retrievers(plan: Plan, plugin: Any) -> dict[str, Any]:
    """The identity of a miner: its own, and that of the retrievers whose scores it uses."""
    return identity(plugin) | {
        "retrievers": {use.name: identity(use.plugin) for use in plan.uses["retrieve"]}
    }


def run_tables(plan: Plan) -> tuple[str, ...]:
    return tuple(f"run/{use.name}" for use in plan.uses["retrieve"])


def read_all(dataset: Dataset, tables: Iterable[str]) -> Iterator[Any]:
    """The records of several tables, one after the other."""
    for table in tables:
        yield from dataset.read(table)


def settings_of(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in registry.settings(type(settings))}
