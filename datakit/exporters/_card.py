"""The dataset card of an export, and the stub of an mteb task."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from datakit.errors import UsageError
from datakit.exporters._view import View
from datakit.exporters._write import Draft
from datakit.version import __version__

Config = tuple[str, list[tuple[str, str]]]  # its name; split and files
# ISO 639-3 and script, as mteb wants them
_LANGUAGES = {
    "en": "eng-Latn", "fr": "fra-Latn", "de": "deu-Latn", "es": "spa-Latn", "it": "ita-Latn",
    "pt": "por-Latn", "nl": "nld-Latn", "pl": "pol-Latn", "sv": "swe-Latn", "zh": "cmn-Hans",
    "ja": "jpn-Jpan", "ko": "kor-Hang", "ru": "rus-Cyrl", "ar": "arb-Arab",
}  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def languages(view: View) -> list[str]:
    """Primary languages of the queries, sorted; unknown ones are left out."""
    return sorted({q.language.split("-")[0] for q in view.queries.values() if q.language})


def card(view: View, draft: Draft, configs: list[Config], licence: str) -> str:
    """README.md: what `datasets` reads at its head, what people read below."""
    manifest = view.dataset.manifest
    n_passages = view.dataset.count("passage")
    head: list[str] = ["---", f"license: {json.dumps(licence)}"]
    head += ["language:", *(f"- {code}" for code in languages(view))] if languages(view) else []
    size = next((text for limit, text in _SIZES if n_passages < limit), "1M<n<10M")
    head += ["task_categories:", "- text-retrieval", "size_categories:", f"- {size}", "configs:"]
    for name, files in configs:
        head += [f"- config_name: {name}", *(["  default: true"] if name == "default" else [])]
        head += ["  data_files:"]
        for split, path in files:
            head += [f"  - split: {split}", f"    path: {json.dumps(path)}"]
    title = str(manifest["dataset_id"])
    body = ["---", "", f"# {title}", "", _WHAT, "", *_statistics(view, draft, n_passages)]
    body += ["", "## Labels", "", *_labels(view), "", "## Limits", "", *_limits(view)]
    body += ["", "## Provenance", "", *_origin(view), ""]
    return "\n".join(head + body)


_WHAT = """A passage-retrieval dataset: a corpus, queries, and graded labels of pairs of both.
Load it with `datasets.load_dataset(path, "corpus")`, `"queries"` and `"default"` (the labels)."""


def _statistics(view: View, draft: Draft, n_passages: int) -> list[str]:
    lines = ["## Statistics", "", "| | passages | queries | labels |", "|---|---:|---:|---:|"]
    in_split = Counter(str(query.split) for query in view.queries.values())
    for split in view.splits:
        tally = draft.tallies.get(f"qrels/{split}.parquet")
        lines.append(f"| {split} | | {in_split[split]:,} | {tally.rows if tally else 0:,} |")
    n_labels = sum(t.rows for name, t in draft.tallies.items() if name.startswith("qrels/"))
    lines.append(f"| all | {n_passages:,} | {len(view.queries):,} | {n_labels:,} |")
    for what in ("level", "form", "language"):
        counts = Counter(str(getattr(q, what) or "unknown") for q in view.queries.values())
        if set(counts) != {"unknown"}:
            shown = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))
            lines += ["", f"Queries by {what}: {shown}."]
    return lines


def _labels(view: View) -> list[str]:
    scale = view.dataset.manifest["label_scale"]
    lines = [f"- {grade}: {text}" for grade, text in sorted(scale["grades"].items())]
    lines += ["", f"Relevant from grade {scale['relevant_from']}. No row means *unjudged*, not 0."]
    sources: Counter[str] = Counter()
    for cells in view._columns("source", view.label_table):
        for row in cells.value_counts().to_pylist():
            sources[row["values"]] += row["counts"]
    shown = ", ".join(f"{name} {n:,}" for name, n in sorted(sources.items()))
    return [*lines, "", f"Sources of all labels in {view.label_table}: {shown}."]


def _limits(view: View) -> list[str]:
    lines = [f"- {n:,} {what} are left out" for what, n in sorted(view.left_out.items())]
    if view.unlabelled():
        lines.append(f"- {view.unlabelled():,} queries have no label")
    if "judgement" not in view.dataset:
        lines.append(f"- {unjudged(view)}")
    return lines or ["- none known beyond what the labels say"]


def unjudged(view: View) -> str:
    """What is not established where the dataset has no judgements."""
    if label_sources(view) <= {"human", "judge"}:
        return "labels come without the judgements behind them: agreement is not established"
    return "nobody judged the pairs: precision and recall of labels are not established"


def label_sources(view: View) -> set[str]:
    """Who decided the labels."""
    return set(view._distinct("source", [view.label_table]).to_pylist())


def _origin(view: View) -> list[str]:
    manifest = view.dataset.manifest
    lines = [f"Made with datakit {__version__}; content {manifest.get('content_hash')}."]
    for name, stage in manifest["stages"].items():
        counts = stage.get("counts", {})
        lines.append(
            f"- {name} ({stage.get('plugin')}): {counts.get('out', 0):,} rows, "
            f"{counts.get('dropped', 0):,} dropped"
        )
    return lines


# --- mteb -------------------------------------------------------------------------------------


def mteb_task(view: View, licence: str, domains: tuple[str, ...]) -> str:
    """A Python file with the task's class; what datakit does not know is for its author to fill.

    Raises:
        UsageError: queries are in no language that mteb has a code for here.
    """
    found = languages(view)
    if not found or not set(found) <= _LANGUAGES.keys():
        raise UsageError(
            f"mteb_task: the queries are in {', '.join(found) or 'unknown languages'}; expected "
            f"some of {', '.join(_LANGUAGES)}. Export without mteb_task."
        )
    name = "".join(c for c in str(view.dataset.manifest["dataset_id"]).title() if c.isalnum())
    values: dict[str, Any] = {
        "name": f"{name}Retrieval",
        "dataset": {"path": "your-name/your-dataset", "revision": "0" * 40},
        "description": "Passage retrieval; see the dataset card.",
        "reference": None, "type": "Retrieval", "category": "t2t", "modalities": ["text"],
        "eval_splits": [s for s in view.splits if s not in view.splits_without_labels()],
        "eval_langs": [_LANGUAGES[code] for code in found],
        "main_score": "ndcg_at_10", "date": None, "domains": list(domains),
        "task_subtypes": None, "license": None if licence == "unknown" else licence.lower(),
        "annotations_creators": _annotators(view), "dialect": None,
        "sample_creation": "found" if "import" in view.dataset.manifest["stages"] else "created",
        "bibtex_citation": None,
    }  # fmt: skip
    lines = "\n".join(f"        {key}={value!r}," for key, value in values.items())
    return f'''"""An mteb task; give it your dataset's path and revision, a date and a citation."""

from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata


class {name}Retrieval(AbsTaskRetrieval):
    metadata = TaskMetadata(
{lines}
    )
'''


def _annotators(view: View) -> str:
    """Who decided the labels, in mteb's words: people, a model, or links alone."""
    sources = label_sources(view)
    if "human" in sources:
        return "LM-generated and reviewed" if "judge" in sources else "human-annotated"
    return "LM-generated" if "judge" in sources else "derived"
