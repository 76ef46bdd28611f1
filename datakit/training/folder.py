"""The folder of a trained model: whose it is, and how it becomes whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datakit import models
from datakit.dataset import write_atomic
from datakit.errors import UsageError

CHECKPOINTS = "checkpoints"


def trained(
    out: Path, settings_file: str, digest: str, weights: Sequence[str]
) -> dict[str, Any] | None:
    """What the card of the model in a folder says, if it is of this job; None: there is no model.

    Args:
        out: the folder, which may not be there.
        settings_file: its name; written last, so its presence says that the folder is whole.
        digest: of the job.
        weights: files of which one is there where somebody else has left a model.

    Raises:
        UsageError: the folder has a model of somebody else, or of another job.
    """
    path = out / settings_file
    if not path.is_file():
        if any((out / name).is_file() for name in weights):
            raise UsageError(
                f"{out} has a model that datakit did not train. Choose another folder."
            )
        return None
    about: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if about.get("digest") != digest:
        raise UsageError(
            f"{out} has a model that was trained on other data or with other settings. "
            "Choose another folder, or remove this one."
        )
    return about


def publish(
    out: Path, save: Callable[[Path], None], card: str, settings_file: str, value: Mapping[str, Any]
) -> None:
    """Write the folder of a model; its checkpoints go when it is whole.

    Args:
        out: the folder.
        save: writes the model's own files into a folder; transformers is quiet meanwhile.
        card: the text of README.md.
        settings_file: its name; written last.
        value: what it holds.
    """
    unfinished = out / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    with models._quiet_transformers():
        save(unfinished)
    for file in sorted(unfinished.iterdir()):
        target = out / file.name
        if target.is_dir():
            shutil.rmtree(target)
        file.replace(target)
    unfinished.rmdir()
    write_atomic(out / "README.md", card)
    write_atomic(out / settings_file, json.dumps(value, ensure_ascii=False, indent=1))
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
