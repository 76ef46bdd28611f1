"""Batches as files for other tools, and what people said in them.

csv, jsonl    a row per pair; people fill in `grade`
label_studio  a list of tasks, with the labelling interface beside it as `.xml`
argilla       a list of records with the fields query, context and passage

What comes back is recognised by its content: the same CSV or JSON lines, Label Studio's JSON
export, or records as `dataset.records.to_json` of Argilla 2 writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.errors import UnknownName, UsageError
from datakit.judging.pairs import MOST_BYTES, looked_up, read_rows
from datakit.judging.review import CANNOT_TELL, write_review
from datakit.records import GRADES, Dropped, Passage, Query
from datakit.reviewing.batch import Batch, Row

Found = Iterable[tuple[Query, Passage] | Dropped]
FILLED = ("query_id", "passage_id", "grade")
CHOICES = (*map(str, sorted(GRADES, reverse=True)), CANNOT_TELL)
MEANING = {str(grade): text for grade, text in GRADES.items()} | {CANNOT_TELL: "not sure"}


def write_batch(dataset: Dataset, batch: Batch, path: Path, form: str) -> list[tuple[Path, int]]:
    """Write a batch; one file for each assessor that its plan names.

    Returns:
        Each file and how many pairs are in it.

    Raises:
        UnknownName: no such form.
        UsageError: a file is there already or cannot be written.
    """
    if form not in FORMS:
        raise UnknownName("form", form, FORMS)
    written = []
    for assessor in batch.plan.assessors or ("",):
        to = path.with_name(f"{path.stem}.{assessor}{path.suffix}") if assessor else path
        rows = batch.of(assessor)
        found = looked_up(dataset, [row.pair for row in rows])
        written.append((to, FORMS[form](to, found, rows, batch, assessor)))
    return written


def _write_table(path: Path, found: Found, rows: Sequence[Row], batch: Batch, assessor: str) -> int:
    return write_review(path, found, assessor)[0]


def _write_label_studio(
    path: Path, found: Found, rows: Sequence[Row], batch: Batch, assessor: str
) -> int:
    tasks = [{"data": _fields(*pair) | _ids(*pair, batch, assessor)} for pair in _there(found)]
    _write_new(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    _write_new(path.with_suffix(".xml"), _interface())
    return len(tasks)


def _write_argilla(
    path: Path, found: Found, rows: Sequence[Row], batch: Batch, assessor: str
) -> int:
    records = []
    for pair in _there(found):
        ids = _ids(*pair, batch, assessor)
        records.append(
            {
                "id": f"{ids['query_id']} {ids['passage_id']}", "fields": _fields(*pair),
                "metadata": {key: value for key, value in ids.items() if value},
                "suggestions": {}, "responses": {}, "vectors": {}, "status": "pending",
            }
        )  # fmt: skip
    _write_new(path, json.dumps(records, ensure_ascii=False, indent=1) + "\n")
    return len(records)


FORMS: dict[str, Callable[[Path, Found, Sequence[Row], Batch, str], int]] = {
    "csv": _write_table,
    "jsonl": _write_table,
    "label_studio": _write_label_studio,
    "argilla": _write_argilla,
}
SUFFIX = {"csv": ".csv", "jsonl": ".jsonl", "label_studio": ".json", "argilla": ".json"}


def _there(found: Found) -> Iterator[tuple[Query, Passage]]:
    return (one for one in found if not isinstance(one, Dropped))


def _fields(query: Query, passage: Passage) -> dict[str, str]:
    return {"query": query.text, "context": passage.header or "–", "passage": passage.text}


def _ids(query: Query, passage: Passage, batch: Batch, assessor: str) -> dict[str, str]:
    return {
        "query_id": query.query_id, "passage_id": passage.passage_id, "assessor": assessor,
        "batch_id": batch.batch_id,
    }  # fmt: skip


def _interface() -> str:
    """Label Studio's labelling interface: the texts, and a choice of grades by number keys."""
    choices = "\n".join(
        f'    <Choice value="{value}" alias="{value}" hotkey="{"x" if value == "?" else value}" '
        f'hint="{escape(MEANING[value])}"/>'
        for value in CHOICES
    )
    return f"""<View>
  <Header value="Does the passage answer the query?"/>
  <Text name="query" value="$query"/>
  <Text name="context" value="$context"/>
  <Text name="passage" value="$passage"/>
  <Choices name="grade" toName="passage" choice="single" required="true" showInline="true">
{choices}
  </Choices>
  <TextArea name="snippet" toName="passage" placeholder="Words that answer it" maxSubmissions="1"/>
</View>
"""


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: choose another name.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


# --- back ---------------------------------------------------------------------------------


def read_filled(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Number and values of each row that people filled in, whatever tool they used.

    Raises:
        UsageError: the file cannot be read, or is none of the forms.
    """
    whole = _json_list(path)
    if whole is None:
        yield from read_rows(path, FILLED)
        return
    for number, one in enumerate(whole, 1):
        if isinstance(one, dict) and isinstance(one.get("annotations"), list):
            yield from ((number, row) for row in _of_label_studio(one))
        elif isinstance(one, dict) and isinstance(one.get("responses"), dict):
            yield from ((number, row) for row in _of_argilla(one))
        else:
            raise UsageError(
                f"{path}, entry {number}: neither a task of Label Studio with annotations nor a "
                "record of Argilla with responses. Export as JSON, not as JSON-MIN or CSV."
            )


def _json_list(path: Path) -> list[Any] | None:
    """The file's list, if it is one JSON list; None for tables and JSON lines."""
    if path.suffix.lower() == ".csv":
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} has more than {MOST_BYTES >> 20} MB: cut it into pieces.")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error.reason}.") from None
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from None
    return found if isinstance(found, list) else None


def _of_label_studio(task: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A row for each annotation that was not cancelled."""
    data = task.get("data")
    ids = data if isinstance(data, dict) else {}
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        row = _row(ids, _person(annotation.get("completed_by")))
        for result in annotation.get("result") or ():
            value = result.get("value") if isinstance(result, dict) else None
            if not isinstance(value, dict):
                continue
            if result.get("from_name") == "grade":
                row["grade"] = _first(value.get("choices"))
            elif result.get("from_name") == "snippet":
                row["snippet"] = _first(value.get("text"))
        yield row


def _of_argilla(record: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A row for each user who answered the question `grade`."""
    meta = record.get("metadata")
    ids = meta if isinstance(meta, dict) else {}
    snippets = {
        str(one.get("user_id")): _first(one.get("value"))
        for one in record["responses"].get("snippet") or ()
        if isinstance(one, dict)
    }
    for one in record["responses"].get("grade") or ():
        if isinstance(one, dict):
            user = str(one.get("user_id") or "")
            row = _row(ids, user)
            yield row | {"grade": _first(one.get("value")), "snippet": snippets.get(user, "")}


def _row(ids: Mapping[str, Any], who: str) -> dict[str, str]:
    return {
        "query_id": str(ids.get("query_id", "")), "passage_id": str(ids.get("passage_id", "")),
        "grade": "", "snippet": "", "assessor": str(ids.get("assessor") or "") or who,
    }  # fmt: skip


def _person(completed_by: Any) -> str:
    """Label Studio gives a number, or an object with the person's address."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or completed_by.get("id") or "")
    return "" if completed_by is None else str(completed_by)


def _first(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return "" if value is None else str(value)
