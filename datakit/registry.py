"""Plugins by name: a file in the kind's folder, or an entry point of another package.

A plugin is a frozen dataclass whose fields are its settings. The name is the file's name;
listing names imports nothing, listing settings imports the plugin's file and no model library.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from datakit.errors import PlanError, UnknownName, did_you_mean

KINDS = (
    "ingestors", "segmenters", "generators", "retrievers", "rerankers", "miners", "judges",
    "exporters", "importers", "audits",
)  # fmt: skip

# what our own plugins stand on
SHARED_MODULES = (
    "records.py", "text.py", "models.py", "vectors.py", "seq2seq/__init__.py",
    "seq2seq/decoding.py",
)  # fmt: skip
_classes: dict[tuple[str, str], type[Any]] = {}
T = TypeVar("T")


def plugin(kind: str, name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator: make a frozen dataclass known as `name` among the plugins of `kind`."""
    if kind not in KINDS:
        raise UnknownName("plugin kind", kind, KINDS)

    def register(cls: type[T]) -> type[T]:
        if not dataclasses.is_dataclass(cls):
            raise TypeError(f"{cls.__name__} must be a dataclass: its fields are its settings")
        _classes[kind, name] = cls
        cls.plugin_kind = kind  # type: ignore[attr-defined]
        cls.plugin_name = name  # type: ignore[attr-defined]
        return cls

    return register


@functools.cache
def _entry_points(kind: str) -> dict[str, importlib.metadata.EntryPoint]:
    return {e.name: e for e in importlib.metadata.entry_points(group=f"datakit.{kind}")}


def names(kind: str) -> list[str]:
    """Names of the plugins of a kind, sorted; nothing is imported."""
    if kind not in KINDS:
        raise UnknownName("plugin kind", kind, KINDS)
    folder = Path(__file__).parent / kind
    own = {f.stem for f in folder.glob("*.py") if not f.stem.startswith("_")}
    return sorted(own | set(_entry_points(kind)))


def load(kind: str, name: str) -> type[Any]:
    """The plugin's class.

    Raises:
        UnknownName: there is no such plugin; the message has the nearest name.
    """
    if (kind, name) not in _classes:
        if name in _entry_points(kind):
            _entry_points(kind)[name].load()
        elif name in names(kind):
            importlib.import_module(f"datakit.{kind}.{name}")
        else:
            raise UnknownName(kind.removesuffix("s"), name, names(kind))
    return _classes[kind, name]


def settings(cls: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """The settings of a plugin: the fields that its constructor takes."""
    return {f.name: f for f in dataclasses.fields(cls) if f.init}


def make(kind: str, name: str, values: Mapping[str, Any] | None = None) -> Any:
    """A plugin with its settings checked.

    Raises:
        UnknownName: there is no such plugin.
        PlanError: a setting that the plugin does not have, or a value that does not fit.
    """
    return checked(load(kind, name), name, values or {})


def checked(cls: type[Any], name: str, values: Mapping[str, Any]) -> Any:
    """An instance of a settings dataclass, its names and values checked.

    Raises:
        PlanError: a setting that it does not have, or a value that does not fit.
    """
    known = settings(cls)
    for key in values:
        if key not in known:
            raise PlanError(f"{name} has no setting {key!r}{did_you_mean(key, known)}")
    import pydantic

    try:
        return _adapter(cls).validate_python(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise PlanError(
            f"{name}: {where} = {first['input']!r}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


def _adapter(cls: Any) -> Any:
    import pydantic

    return pydantic.TypeAdapter(cls)


def identity(instance: Any) -> dict[str, Any]:
    """What decides a plugin's output: its name, its code and its settings."""
    cls = type(instance)
    return {
        "kind": cls.plugin_kind,
        "name": cls.plugin_name,
        "code": _source_digest(cls),
        "settings": {f: getattr(instance, f) for f in settings(cls)},
    }


def _source_digest(cls: Any) -> str:
    """Of the plugin's code and what it shares: an edit makes its old results stale.

    For a plugin of ours that is its kind's folder, whose files call one another, and the modules
    below them; for another package's its file and the private modules beside it.
    """
    module = inspect.getmodule(cls)
    if module is None or not module.__file__:  # a compiled or zipped plugin: its version has to do
        return ""
    path = Path(module.__file__)
    if path.parent.parent != Path(__file__).parent:
        files = {path, *path.parent.glob("_*.py")}
    else:
        shared = (Path(__file__).parent / name for name in SHARED_MODULES)
        files = {*path.parent.glob("*.py"), *shared}
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.read_bytes() if file.is_file() else b"")
    return total.hexdigest()[:16]


def digest(value: Any) -> str:
    """`sha256:…` of a value's canonical JSON."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=list
    )
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def plugin_id(instance: Any) -> str:
    """`sha256:…` of the plugin's identity: the `generator_id` of what it writes."""
    return digest(identity(instance))
