"""The page: facts and charts put into one HTML file that needs nothing else.

Corpus text reaches the page only through autoescaping; the content security policy allows the one
style sheet and the one script by their digests and nothing from outside.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from datakit.dataset import Dataset, unwritable, write_atomic
from datakit.records import Finding
from datakit.report import curves, plots
from datakit.report.audits import CheckRow
from datakit.report.charts import charts
from datakit.report.commands_said import parts
from datakit.report.evidence import evidence, shown_ids
from datakit.report.examples import examples
from datakit.report.facts import gather
from datakit.report.measures import FEW, measure_tables, short_measure
from datakit.report.methods import method_facts
from datakit.report.peers import SOURCE, peer_rows, plain_value
from datakit.report.pointers import fixes
from datakit.report.reading import relevant_from
from datakit.report.shaping import language_name
from datakit.report.verdict import TEST_WARN, head, sentence

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent
SECTIONS = (
    ("first", "Fix first"), ("gates", "Gates"), ("audit", "Audit"),
    ("sources", "Sizes and sources"), ("queries", "Queries"), ("labels", "Labels"),
    ("judges", "Judges"), ("measures", "Measures"), ("splits", "Splits"),
    ("examples", "Worked examples"), ("stages", "Stages and drops"), ("methods", "Methods"),
)  # fmt: skip
# the contents follow the reader; drawers open for the printer, all but the longest tables
SCRIPT = """
const links = new Map([...document.querySelectorAll('nav a')].map(a => [a.hash.slice(1), a]));
const mark = () => {
  let now = null;
  for (const id of links.keys()) {
    if (document.getElementById(id).getBoundingClientRect().top < 160) now = id;
  }
  for (const [id, a] of links) a.toggleAttribute('aria-current', id === now);
};
addEventListener('scroll', mark, {passive: true});
mark();
let closed = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details:not([open], .more)')];
  for (const d of closed) d.open = true;
});
addEventListener('afterprint', () => { for (const d of closed) d.open = false; });
"""
MAX_ID, MAX_LINE, MAX_TEXT = 90, 200, 600  # characters shown of an id, a detail, a query


def write_report(
    dataset: Dataset, path: Path | None = None, folder: Path | None = None,
    before: Sequence[Finding] | None = None,
) -> Path:  # fmt: skip
    """Write the report of a dataset: one HTML file, at most 5 MB.

    Args:
        dataset: any dataset; what it lacks is said on the page.
        path: where to; by default `report.html` in the dataset's folder. Replaced atomically.
        folder: where gates.json, measures.json, findings.jsonl and calibration/ lie; by default
            in the dataset's folder.
        before: findings of an earlier audit, to show what is new and what is gone.

    Raises:
        DatasetError: the file cannot be written.
    """
    path = path or dataset.path / "report.html"
    html = render(dataset, folder, before)
    with unwritable(path.parent):
        write_atomic(path, html)
    return path


def render(
    dataset: Dataset, folder: Path | None = None, before: Sequence[Finding] | None = None
) -> str:
    """The page as text; the same dataset and files give the same text."""
    style = (HERE / "style.css").read_text("utf-8")
    facts = gather(dataset, folder, before)
    template = _environment().get_template("template.html.j2")
    runs = facts.runs_by_value()
    html: str = template.render(
        facts=facts,
        head=head(facts),
        first=fixes(facts),
        examples=examples(dataset, runs),
        evidence=evidence(dataset, facts.audit, runs),
        methods=method_facts(dataset),
        charts=charts(facts),
        tables=measure_tables(facts.measures),
        sections=SECTIONS,
        style=Markup(style),
        script=Markup(SCRIPT),
        style_hash=csp_hash(style),
        script_hash=csp_hash(SCRIPT),
        test_warn=TEST_WARN,
        few=FEW,
        relevant_from=relevant_from(dataset),
        share_at_100=_share_at_100(facts.sources.n_passages),
        peers=peer_rows(facts),
        peer_source=SOURCE,
    )
    return html


def _share_at_100(n_passages: int | None) -> str:
    """How much of a small corpus the first 100 passages are; empty for a large one."""
    return (
        plots.percent(min(n_passages, 100), n_passages) if n_passages and n_passages < 1000 else ""
    )


def csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "n": plots.number,
        "percent": plots.percent,
        "language": language_name,
        "id": functools.partial(_clip, size=MAX_ID),
        "line": functools.partial(_clip, size=MAX_LINE),
        "text": functools.partial(_clip, size=MAX_TEXT),
        "seconds": _seconds,
        "breakable": _breakable,
        "measure": short_measure,
        "parts": parts,
        "sentence": sentence,
        "value": plain_value,
        "strip": _strip,
        "listed": shown_ids,
    }
    return environment


def _finalize(value: Any) -> Any:
    """What HTML cannot hold is replaced in every value that reaches the page."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return plots.clean(value)
    return value


def _strip(row: CheckRow) -> Markup:
    """A check's value against its limit."""
    if row.value is None or row.value < 0:
        return Markup("")
    return curves.strip(row.value, row.low, row.high, row.threshold, row.is_bad)


def _clip(value: Any, size: int) -> str:
    text = str(value)
    return text if len(text) <= size else text[:size] + "…"


def _breakable(value: str) -> Markup:
    """A name that may be broken after a slash or an underscore."""
    escaped = str(escape(plots.clean(value)))
    return Markup(escaped.replace("/", "/<wbr>").replace("_", "_<wbr>"))


def _seconds(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
