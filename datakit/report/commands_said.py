"""Commands inside sentences: what to run, set apart so that it can be shown as code."""

from __future__ import annotations

import re

# a command ends where the sentence goes on: at a comma, a semicolon, a full stop, a bracket
_COMMAND = re.compile(r"`?(datakit [a-z][\w-]*(?: (?:--?[\w-]+|[\w./=\[\]{}-]*[\w=\]}]))*)`?")


def parts(sentence: str) -> tuple[tuple[str, bool], ...]:
    """(text, is it a command) in order."""
    out: list[tuple[str, bool]] = []
    at = 0
    for match in _COMMAND.finditer(sentence):
        if match.start() > at:
            out.append((sentence[at : match.start()], False))
        out.append((match[1], True))
        at = match.end()
    if at < len(sentence):
        out.append((sentence[at:], False))
    return tuple(out)
