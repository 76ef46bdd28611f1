"""Names of dataset directories that outlive a process: what `datakit register` keeps.

One JSON file, `registered.json`, in the folder that `home` gives; a name is the `NAME` of
`datakit/NAME`, its value the folder of a dataset or of an export.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datakit.dataset import unwritable, write_atomic
from datakit.errors import DatasetError, UsageError, did_you_mean

FILE = "registered.json"
FORMAT_VERSION = "1"
_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)


def home() -> Path:
    """The folder of datakit's own settings: `DATAKIT_HOME`, or the platform's place for such."""
    own = os.environ.get("DATAKIT_HOME")
    if own:
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "datakit"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "datakit"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "datakit"


def names() -> dict[str, Path]:
    """The registered folders by name, sorted.

    Raises:
        DatasetError: the file cannot be read.
    """
    file = home() / FILE
    try:
        known: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if known["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {known['format_version']!r}")
        return {name: Path(path) for name, path in sorted(known["datasets"].items())}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{file} cannot be read ({error}), expected the names of `datakit register`: "
            "remove it and register the datasets again."
        ) from None


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        UsageError: it cannot be a name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a name: expected letters, digits and -_. only.")
    return name


def add(name: str, path: Path) -> None:
    """Keep a folder under a name.

    Raises:
        UsageError: the name cannot be one, or is of another folder.
    """
    check_name(name)
    path = path.absolute()
    with _changing() as known:
        if known.get(name, path) != path:
            raise UsageError(
                f"datakit/{name} is {known[name]} already: choose another --name for {path}, or "
                f"`datakit register --remove {name}` first."
            )
        known[name] = path


def remove(name: str) -> Path:
    """Forget a name; the folder stays as it is.

    Returns:
        The folder.

    Raises:
        UsageError: there is no such name.
    """
    with _changing() as known:
        if name not in known:
            raise UsageError(f"no dataset is registered as {name!r}{did_you_mean(name, known)}")
        return known.pop(name)


@contextlib.contextmanager
def _changing() -> Iterator[dict[str, Path]]:
    """The names, to be changed; written at the end, one process at a time."""
    import fcntl

    folder = home()
    with unwritable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f".{FILE}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = names()
            yield known
            rows = {name: str(path) for name, path in sorted(known.items())}
            text = json.dumps(
                {"format_version": FORMAT_VERSION, "datasets": rows}, indent=1, ensure_ascii=False
            )
            write_atomic(folder / FILE, text + "\n")
