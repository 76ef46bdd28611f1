"""Outcomes as JUnit XML: one test case per check and part."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from datakit.auditing.verdict import SEVERITIES

if TYPE_CHECKING:
    from datakit.auditing.running import Audit
    from datakit.auditing.verdict import Outcome

# what XML 1.0 cannot hold
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(audit: Audit, fail_on: str = "error") -> str:
    """A case fails from `fail_on` up; one that is not established or skipped is skipped.

    Args:
        audit: what was found.
        fail_on: a severity, or `never`.
    """
    crashed = {c.check_id: c.error for c in audit.crashes}
    suite = ET.Element("testsuite", name="datakit audit", tests=str(len(audit.outcomes)))
    counts = {"failures": 0, "errors": 0, "skipped": 0}
    for one in audit.outcomes:
        name = " ".join(x for x in (one.check_id, one.title, one.part, one.measure) if x)
        case = ET.SubElement(
            suite, "testcase", name=_clean(name), classname=f"datakit.{one.family}",
            time=f"{audit.seconds.get(one.check_id, 0.0):.3f}",
        )  # fmt: skip
        if one.check_id in crashed:
            ET.SubElement(case, "error", message=_clean(crashed[one.check_id]))
            counts["errors"] += 1
        elif one.status in ("not_established", "skipped"):
            ET.SubElement(case, "skipped", message=_clean(one.reason))
            counts["skipped"] += 1
        elif _fails(one, fail_on):
            failure = ET.SubElement(
                case, "failure", message=_clean(one.message), type=str(one.severity)
            )
            failure.text = f"value {one.value}, limits {one.limits}"
            counts["failures"] += 1
    for key, n in counts.items():
        suite.set(key, str(n))
    suite.set("time", f"{sum(audit.seconds.values()):.3f}")
    suites = ET.Element("testsuites", name="datakit audit")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode")


def _fails(one: Outcome, fail_on: str) -> bool:
    if one.severity is None or fail_on == "never":
        return False
    return SEVERITIES.index(one.severity) >= SEVERITIES.index(fail_on)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
