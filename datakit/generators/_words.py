"""Word lists written as text: shorter to read than a list of quoted strings."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words between blanks."""
    return frozenset(text.split())


def phrase_set(text: str) -> frozenset[str]:
    """The phrases between bars and line ends."""
    parts = (part.strip() for part in text.replace("\n", "|").split("|"))
    return frozenset(part for part in parts if part)
