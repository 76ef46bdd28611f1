"""What calls cost: a dated table of prices, and a table of the user's own before it.

A price belongs to a model at an address: the same model behind another address has another price,
or none. What is not in a table is not known, which is not 0.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datakit.errors import UsageError, did_you_mean
from datakit.llm.exchange import Reply, Usage

SHIPPED = Path(__file__).with_name("prices.toml")
_PER = 1_000_000  # tokens that a price is for


@dataclass(frozen=True)
class Price:
    """Of one model, in the table's currency per million tokens."""

    model: str
    input: float
    output: float
    cached_input: float | None = None  # None: as `input`
    batch: float = 1.0  # what a batch call costs, as a share of a live one
    host: str = ""  # of the address; "": any
    date: str = ""  # when it was read, as YYYY-MM-DD
    source: str = ""  # where

    def cost(self, prompt: int, cached: int, completion: int, *, batch: bool = False) -> float:
        """Of one call, by its tokens; `cached` are part of `prompt`."""
        cached_input = self.input if self.cached_input is None else self.cached_input
        total = (prompt - cached) * self.input + cached * cached_input + completion * self.output
        return total * (self.batch if batch else 1.0) / _PER


@dataclass(frozen=True)
class Prices:
    """A table: the first price that fits counts."""

    currency: str
    rows: tuple[Price, ...]

    def of(self, model: str, base_url: str) -> Price | None:
        """The price of a model at an address; a dated name has the price of the undated one."""
        host = (urlsplit(base_url).hostname or "").lower()
        for row in self.rows:
            if row.host in ("", host) and (model == row.model or _is_dated(model, row.model)):
                return row
        return None


def _is_dated(model: str, name: str) -> bool:
    """Whether a model is a dated version of another: `gpt-4.1-2025-04-14` of `gpt-4.1`."""
    rest = model.removeprefix(name + "-")
    return rest != model and rest.replace("-", "").isdigit() and len(rest) >= len("0414")


def load(path: Path | None = None) -> Prices:
    """The shipped prices; with a file of the user's own, its rows stand before them.

    Raises:
        UsageError: the file cannot be read, or is no table of prices.
    """
    shipped = _read(SHIPPED)
    if path is None:
        return shipped
    own = _read(path)
    if own.currency != shipped.currency:  # amounts of two currencies do not add up
        return own
    return Prices(own.currency, own.rows + shipped.rows)


def usage_of(reply: Reply, price: Price | None) -> Usage:
    """Tokens and cost of one reply; a refusal is a call that costs nothing."""
    if reply.error is not None:
        return Usage(calls=1)
    counts = (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens)
    cost = None if price is None else price.cost(*counts, batch=reply.via == "batch")
    return Usage(1, *counts, cost)


def total(usages: Iterable[Usage]) -> Usage:
    return sum(usages, Usage())


def _read(path: Path) -> Prices:
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}.") from None
    currency, rows = raw.get("currency", "USD"), raw.get("price", [])
    if not isinstance(currency, str) or not isinstance(rows, list):
        raise UsageError(
            f'{path} is no table of prices: expected currency = "USD" and tables [[price]] with '
            "model, input and output."
        )
    return Prices(currency, tuple(_row(path, number, row) for number, row in enumerate(rows, 1)))


def _row(path: Path, number: int, row: Any) -> Price:
    where = f"{path}, price {number}"
    known = Price.__dataclass_fields__
    if not isinstance(row, Mapping):
        raise UsageError(f"{where}: expected a table [[price]].")
    for name, value in row.items():
        if name not in known:
            raise UsageError(f"{where} has no field {name!r}{did_you_mean(name, known)}")
        text = name in ("model", "host", "source")
        if name == "date":
            fits = isinstance(value, datetime.date | str)
        elif text:
            fits = isinstance(value, str)
        else:
            fits = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not fits:
            expected = "text" if text else "a date" if name == "date" else "a number, 0 or more"
            raise UsageError(f"{where}: {name} = {value!r}: expected {expected}.")
    missing = [name for name in ("model", "input", "output") if name not in row]
    if missing:
        raise UsageError(f"{where} has no {missing[0]}.")
    return Price(**{**row, "date": str(row.get("date", ""))})
