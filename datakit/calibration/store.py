"""`calibration/<level>.json`: all that a threshold rests on, under a hash that labels name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datakit.dataset import unwritable, write_atomic
from datakit.errors import DatasetError
from datakit.registry import digest

FOLDER = "calibration"
_MOST = 50 << 20  # bytes of a file


def calibration_id(body: Mapping[str, Any]) -> str:
    """16 hex digits over everything in the file but the id itself."""
    plain = {key: value for key, value in body.items() if key != "calibration_id"}
    return digest(plain).removeprefix("sha256:")[:16]


def path_of(out: Path, level: str) -> Path:
    return out / FOLDER / f"{level}.json"


def write(out: Path, level: str, body: Mapping[str, Any]) -> Path:
    """Replace the calibration of a level."""
    path = path_of(out, level)
    with unwritable(out):
        path.parent.mkdir(exist_ok=True)
        named = {"calibration_id": calibration_id(body), **body}
        write_atomic(path, json.dumps(named, indent=1, ensure_ascii=False) + "\n")
    return path


def read(out: Path, level: str) -> dict[str, Any] | None:
    """The calibration of a level; None where there is none.

    Raises:
        DatasetError: it cannot be read, or is not what its id says.
    """
    path = path_of(out, level)
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MOST:
            raise ValueError(f"larger than {_MOST >> 20} MB")
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        whole = body["calibration_id"] == calibration_id(body)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{path} is no calibration ({error}). Run `datakit calibrate {out}` again."
        ) from None
    if not whole:
        raise DatasetError(
            f"{path} was changed after it was written: its calibration_id does not fit. "
            f"Run `datakit calibrate {out}` again."
        )
    return body


def scored_table(body: Mapping[str, Any]) -> str:
    """The table whose scores the thresholds are of: `pool` or `run/<name>`."""
    return str(body["scorer"]["table"])
