"""How likely a reader is to accept a query that a rule has made: a logistic model, kept as JSON.

Its weights come from queries of real documents that a reader accepted or refused
(`weights/README.md`); the file holds numbers under the names of features, and no text.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datakit.errors import DatakitError

WEIGHTS = Path(__file__).parent / "weights" / "quality.json"
FORMAT = 1


@dataclass(frozen=True)
class Scorer:
    """A logistic model over named features."""

    bias: float
    weights: Mapping[str, float]
    languages: frozenset[str]  # that readers judged queries of
    digest: str  # sha256 of the file, its first 16 hex characters

    def reads(self, language: str) -> bool:
        """Whether it knows queries of a language; "" counts as English, as it does in the rules."""
        return (language or "en") in self.languages

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability in (0, 1) that a reader accepts the query.

        Args:
            features: by name; a name that the model does not know counts for nothing.
        """
        weights = self.weights
        logit = self.bias + math.fsum(
            weights[name] * value for name, value in features.items() if name in weights
        )
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def load(path: Path) -> Scorer:
    """The scorer in a file.

    Raises:
        DatakitError: the file cannot be read, or is not what `tests/bench/train_quality.py` writes.
    """
    try:
        content = path.read_bytes()
        found = json.loads(content)
        scorer = Scorer(
            bias=_number(found["bias"]),
            weights={str(name): _number(value) for name, value in found["weights"].items()},
            languages=frozenset(map(str, found["languages"])),
            digest=hashlib.sha256(content).hexdigest()[:16],
        )
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']!r}, expected {FORMAT}")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DatakitError(
            f"{path}: no weights of the scorer of queries ({type(error).__name__}: {error}). "
            "Install datakit again, or set least_quality = 0 to do without it."
        ) from error
    return scorer


@functools.cache
def shipped() -> Scorer:
    """The scorer that comes with the package."""
    return load(WEIGHTS)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)
