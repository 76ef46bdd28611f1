"""Where `prompts/` and `schemas/` lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datakit.errors import UnknownName

PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder `prompts` or `schemas`.

    Raises:
        FileNotFoundError: the installation is broken: neither place has it.
    """
    for place in (PACKAGE / name, PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"datakit is installed without its folder {name}/: install it again")


def schema(name: str) -> dict[str, Any]:
    """A JSON schema by name and version, such as `passage.v1`.

    Raises:
        UnknownName: there is no such schema.
    """
    path = folder("schemas") / f"{name}.json"
    if not path.is_file():
        raise UnknownName("schema", name, (f.stem for f in folder("schemas").glob("*.json")))
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def record_schema(table: str) -> dict[str, Any]:
    """The JSON schema of a table's record, read off its class; `schemas/` keeps a copy of it."""
    import pydantic

    from datakit.tables import record_class

    body = pydantic.TypeAdapter(record_class(table)).json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:datakit:schema:{table}:v1",
    }
    return head | body
