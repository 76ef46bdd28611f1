"""Who asks, on what occasion, and after which examples: files that a prompt is filled from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from datakit.errors import PlanError, UnknownName
from datakit.llm.prompts import read_text
from datakit.resources import folder
from datakit.text import base_language, detect_language

MOST_EXAMPLES = 8  # pipeline §3, after Promptagator
LANGUAGES = ("en", "zh")  # in which personas are written


@dataclass(frozen=True, slots=True)
class Persona:
    """Someone who asks, on one occasion."""

    persona_id: str  # compliance_officer/review
    who: Mapping[str, str]  # by language
    occasion: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A query that a user likes, with the passage that answers it."""

    query: str
    passage: str
    language: str | None


# --- personas -----------------------------------------------------------------------------


def personas(name: str) -> dict[str, tuple[Persona, ...]]:
    """The personas of each domain, one for every scenario.

    Args:
        name: a released list such as `personas.v1`, or the path of a TOML file of one's own.

    Raises:
        UnknownName: there is no such list.
        PlanError: the file cannot be read, or has no personas of the expected form.
    """
    path = personas_path(name)
    try:
        raw = tomllib.loads(read_text(path, "personas"))
        return {domain: tuple(_domain(entries)) for domain, entries in raw.items()}
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"personas {path} are not TOML: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise PlanError(
            f"personas {path}: expected [[<domain>]] with id, en, zh and "
            "scenarios = [{ id, en, zh }, …]"
        ) from None


def personas_path(name: str) -> Path:
    if "/" in name or name.endswith(".toml"):
        return Path(name)
    path = folder("prompts") / f"{name}.toml"
    if not path.is_file():
        raise UnknownName("personas", name, (p.stem for p in folder("prompts").glob("*.toml")))
    return path


def _domain(entries: Any) -> list[Persona]:
    made = [
        Persona(f"{entry['id']}/{scenario['id']}", _words(entry), _words(scenario))
        for entry in entries
        for scenario in entry["scenarios"]
    ]
    if not made:
        raise KeyError("scenarios")
    return made


def _words(entry: Mapping[str, Any]) -> dict[str, str]:
    words = {language: entry[language] for language in LANGUAGES}
    if not all(isinstance(text, str) and text.strip() for text in words.values()):
        raise TypeError("a text is expected")
    return words


def drawn(people: Mapping[str, tuple[Persona, ...]], domain: str, draw: Random) -> Persona:
    """One of the personas of a domain; of any domain where it has none of its own."""
    own = people.get(domain) or tuple(one for group in people.values() for one in group)
    return own[draw.randrange(len(own))]


# --- examples -----------------------------------------------------------------------------


def examples(path: str) -> tuple[Example, ...]:
    """A user's pairs: JSON lines with `query` and `passage`, and `language` where it is known.

    Raises:
        PlanError: the file cannot be read, has more than eight pairs or none, or a line is no pair.
    """
    if not path:
        return ()
    lines = read_text(Path(path), "few-shot pairs").splitlines()
    found = [_example(line, path, n) for n, line in enumerate(lines, 1) if line.strip()]
    if not 1 <= len(found) <= MOST_EXAMPLES:
        raise PlanError(f"few-shot pairs {path}: 1 to {MOST_EXAMPLES} expected, found {len(found)}")
    return tuple(found)


def _example(line: str, path: str, number: int) -> Example:
    try:
        raw = json.loads(line)
        query, passage, language = raw["query"], raw["passage"], raw.get("language")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        query = passage = language = None
    if not all(isinstance(text, str) and text.strip() for text in (query, passage)):
        raise PlanError(
            f"few-shot pairs {path}, line {number}: expected "
            '{"query": "…", "passage": "…"}, and "language" where it is known'
        )
    return Example(query, passage, language if isinstance(language, str) else None)


def suited(pairs: tuple[Example, ...], language: str | None) -> tuple[Example, ...]:
    """The pairs in a language; those whose language nobody knows suit every one."""
    base = base_language(language)
    own = [(pair, base_language(pair.language or detect_language(pair.passage))) for pair in pairs]
    return tuple(pair for pair, found in own if found in (None, base) or base is None)
