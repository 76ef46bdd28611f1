"""`datakit audit`: what is wrong with a dataset, ours or anyone's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from datakit.commands.options import JsonOption, PlanOption, QuietOption, SetOption, settings_of
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.auditing.outputs import Difference
    from datakit.auditing.running import Audit
    from datakit.auditing.verdict import Tier
    from datakit.dataset import Dataset

CRASHED = 4  # exit code: a check failed, the report is incomplete


def audit(
    path: Annotated[Path, typer.Argument(help="A dataset directory, or a dataset of others.")],
    form: Annotated[
        str | None, typer.Option("--from", help="The format of others'; guessed if left out.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="all, corpus, train, test, or release for the strictest limits."),
    ] = None,
    plan: PlanOption = None,
    tier: Annotated[
        str, typer.Option(help="The dearest checks to run: cheap, retriever, judge or human.")
    ] = "cheap",
    only: Annotated[
        list[str] | None,
        typer.Option("--check", help="Only this check, as DK101; repeatable."),
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Exit with 1 on findings of this severity: blocker … info, never.")
    ] = "error",
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="PREVIOUS", help="An earlier audit: what it had found does not fail."),
    ] = None,
    form_out: Annotated[
        str | None, typer.Option("--format", help="Print sarif, junit or md instead of a table.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Where findings.jsonl and measures.json go."),
    ] = None,
    values: SetOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find what is wrong with a dataset, and what to do about it.

    Writes findings.jsonl, measures.json and report.html into the dataset's folder, or into -o; with
    --check only into -o. A dataset of others is imported into a temporary folder first. Exit code 1
    when there are findings at or above --fail-on, 3 when a check asked for with --check needs an
    extra that is not installed, 4 when a check failed. A limit is set by check:
    --set DK101.corpus="W>2%". What is not said here is as in the section audit of --plan, or of the
    plan that the dataset was built with: profile, checks that are off, limits.

    Example: datakit audit out --profile test --fail-on error
    """
    from datakit import plan as plans
    from datakit.auditing import outputs, running
    from datakit.auditing.verdict import SEVERITIES, TIERS
    from datakit.report import write_report

    if profile is not None:
        _one_of("--profile", profile, running.PROFILES)
    _one_of("--tier", tier, TIERS)
    _one_of("--fail-on", fail_on, (*SEVERITIES, "never"))
    _one_of("--format", form_out or "md", ("sarif", "junit", "md"))
    before = outputs.read_findings(baseline) if baseline else []
    limits = _by_check(settings_of(values))
    given = plans.load(plan).audit if plan else None
    with tempfile.TemporaryDirectory(prefix="datakit-audit-") as temporary:
        dataset, home = open_dataset(path, form, Path(temporary) / "imported")
        if out is None and home is None and not only:
            out = Path(f"{path.name}-audit")
        planned = given or plans.audit_settings(dataset.manifest.get("plan") or {})
        shown = not (quiet or as_json or form_out)
        found = running.audit(
            dataset,
            cast("running.Profile", profile or planned.profile),
            cast("Tier", tier),
            planned.with_limits(limits),
            shown,
            [c.upper() for c in only or ()],
            planned.off,
        )
        # a part of the checks must not replace what all of them found
        folder = out if only else out or home
        if folder is not None:
            outputs.write(found, folder, planned)
            write_report(dataset, folder / "report.html", folder, before if baseline else None)
    difference = outputs.compare(found.findings, before)
    if form_out:
        print(_as(form_out, found, fail_on, difference if baseline else None))
    elif as_json:
        print(
            json.dumps(
                outputs.measures(found) | {"findings": len(found.findings)}, ensure_ascii=False
            )
        )
    elif not quiet:
        print("\n".join(_lines(found, difference if baseline else None, folder)))
    code = _code(found, difference, fail_on)
    if code:
        raise typer.Exit(code)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{option} {value!r}: expected one of {', '.join(known)}.")


def _by_check(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """`DK101.corpus` → `{"DK101": {"corpus": …}}`."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        check, dot, setting = name.partition(".")
        if not dot:
            raise UsageError(f"--set {name}: expected CHECK.SETTING=VALUE, as in DK101.corpus=W>2%")
        found.setdefault(check.upper(), {})[setting] = value
    return found


def open_dataset(path: Path, form: str | None, temporary: Path) -> tuple[Dataset, Path | None]:
    """The dataset, and its folder if it is one of ours."""
    from datakit import importing
    from datakit.dataset import Dataset

    if form is None and (path / "manifest.json").is_file():
        dataset = Dataset.open(path)
        for table in ("passage", "query"):
            if table not in dataset:
                raise UsageError(
                    f"{path} has no table {table!r}: nothing to audit yet. `datakit mine {path}` "
                    "makes it, after generate and retrieve."
                    if table == "query"
                    else f"{path} has no table {table!r}: nothing to audit yet."
                )
        return dataset, path
    return importing.import_dataset(path, temporary, form), None


def _code(found: Audit, difference: Difference, fail_on: str) -> int:
    if found.crashes:
        return CRASHED
    if fail_on == "never":
        return 0
    new = {f.finding_id for f in difference.new}
    return int(any(f.finding_id in new for f in found.at_least(fail_on)))  # type: ignore[arg-type]


def _as(form: str, found: Audit, fail_on: str, difference: Difference | None) -> str:
    from datakit.auditing import junit, markdown, sarif

    if form == "sarif":
        return json.dumps(sarif.document(found, difference), ensure_ascii=False, indent=1)
    if form == "junit":
        return junit.document(found, fail_on)
    return markdown.document(found, difference)


# --- as text ------------------------------------------------------------------------------


def _lines(found: Audit, difference: Difference | None, folder: Path | None) -> Iterator[str]:
    for f in found.findings:
        yield f"{f.severity:<8} {f.check_id}  {f.message}"
        yield f"{'':<15} fix: {f.fix}"
    counts = {s: sum(o.status == s for o in found.outcomes) for s in (
        "fail", "warn", "pass", "not_established", "skipped")}  # fmt: skip
    yield ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in counts.items())
    if difference is not None:
        yield (
            f"against the baseline: {len(difference.new)} new, {len(difference.known)} known, "
            f"{len(difference.gone)} gone"
        )
    for crash in found.crashes:
        yield f"{crash.check_id} failed: {crash.error}; the audit is incomplete"
    if folder is not None:
        yield ", ".join(str(folder / n) for n in ("findings.jsonl", "measures.json", "report.html"))
