"""`datakit fix`: repair what one check of the audit finds, as a new version."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datakit.commands.options import JsonOption
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.fixing import Fixed


def fix(
    path: Annotated[Path, typer.Argument(help="A dataset directory, or a dataset of others.")],
    check: Annotated[str, typer.Option(help="The check whose findings are repaired: DK103.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A new folder for the new version.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--from", help="The format of others'; guessed if left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Repair what a check of the audit finds; the dataset itself is never changed.

    What is taken away is told in dropped/fix with the check's id; judgements stay; the check runs
    again on the new version. No repair changes a grade of a test query.

    Example: datakit fix out --check DK101 -o out-2
    """
    from datakit.commands.audit import open_dataset
    from datakit.fixing import fix as repair

    if not (out or dry_run):
        raise UsageError("a repair writes a new version: name a new folder with -o, or --dry-run.")
    with tempfile.TemporaryDirectory(prefix="datakit-fix-") as temporary:
        dataset, _ = open_dataset(path, form, Path(temporary) / "imported")
        done = repair(dataset, check, None if dry_run else out)
    if as_json:
        print(json.dumps(_plain(done, out), ensure_ascii=False))
        return
    for what, n in done.changes.items():
        print(f"{n:>10,}  {what}{' (not written)' if done.dataset is None else ''}")
    for line in done.left:
        print(f"left: {line}")
    if not done.changes:
        print(f"{done.check_id}: nothing to repair, nothing written")
    for o in done.after.outcomes if done.after else ():
        print(f"{o.check_id} again: {o.status.replace('_', ' ')}  {o.message or o.reason}")
    if done.dataset is not None:
        print(out)


def _plain(done: Fixed, out: Path | None) -> dict[str, object]:
    after = done.after.outcomes if done.after else ()
    return {
        "check": done.check_id, "changes": dict(done.changes), "left": list(done.left),
        "out": str(out) if done.dataset is not None else None,
        "after": [{"part": o.part, "measure": o.measure, "status": o.status} for o in after],
    }  # fmt: skip
