"""Findings as SARIF 2.1.0, for code hosts and editors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from datakit.auditing.verdict import finding_id
from datakit.version import __version__

if TYPE_CHECKING:
    from datakit.auditing.outputs import Difference
    from datakit.auditing.running import Audit
    from datakit.records import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVEL = {"blocker": "error", "error": "error", "warning": "warning", "info": "note"}
MAX_RESULTS = 1000


def document(audit: Audit, difference: Difference | None = None) -> dict[str, Any]:
    """One rule per check, one result per record; beyond 1,000 results one summary per check."""
    titles = {o.check_id: (o.title, o.family) for o in audit.outcomes}
    rules = [
        {
            "id": check_id,
            "name": title.title().replace(" ", "").replace(",", ""),
            "shortDescription": {"text": title},
            "properties": {"family": family},
        }
        for check_id, (title, family) in sorted(titles.items())
    ]
    index = {rule["id"]: i for i, rule in enumerate(rules)}
    known = {f.finding_id for f in difference.known} if difference else set()
    results = []
    for result in _results(audit.findings):
        own = result | {"ruleIndex": index[result["ruleId"]]}
        if difference is not None:
            own["baselineState"] = "unchanged" if own.pop("of") in known else "new"
        own.pop("of", None)
        results.append(own)
    run = {
        "tool": {"driver": {"name": "datakit", "version": __version__, "rules": rules}},
        "results": results,
        "invocations": [
            {
                "executionSuccessful": not audit.crashes,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": f"{c.check_id}: {c.error}"}}
                    for c in audit.crashes
                ],
            }
        ],
        "properties": {"dataset": audit.dataset_id, "contentHash": audit.content_hash},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _results(findings: tuple[Finding, ...]) -> Iterator[dict[str, Any]]:
    """A result per record; `of` is the finding that it is part of."""
    left = MAX_RESULTS - len({f.check_id for f in findings})  # room for a summary of each
    over: dict[str, list[Finding]] = defaultdict(list)
    for f in findings:
        if not f.record_ids:
            yield _result(f, f.message, f.finding_id, None)
            left -= 1
        elif len(f.record_ids) <= left and f.n_affected <= len(f.record_ids):
            left -= len(f.record_ids)
            for at, name in enumerate(f.record_ids):
                nth = f.record_ids[:at].count(name)  # a pair labelled thrice is there twice
                own = finding_id(f.check_id, f.finding_id, str(nth or ""), [name])
                yield _result(f, f"{f.message}: {name}", own, name)
        else:
            over[f.check_id].append(f)
    for many in over.values():
        n = sum(f.n_affected for f in many)
        text = f"{n:,} records; {'; '.join(f.message for f in many)}"
        yield _result(many[0], text, many[0].finding_id, None)


def _result(f: Finding, text: str, fingerprint: str, record: str | None) -> dict[str, Any]:
    logical = {"fullyQualifiedName": record or f.check_id, "kind": "record" if record else "check"}
    return {
        "ruleId": f.check_id,
        "level": LEVEL[f.severity],
        "message": {"text": f"{text}. Fix: {f.fix}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "manifest.json"}},
                "logicalLocations": [logical],
            }
        ],
        "partialFingerprints": {"findingId/v1": fingerprint},
        "of": f.finding_id,
    }
