"""What training formats need: positives and negatives by query, texts by id, ids as numbers."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from datakit.exporters._lines import json_line
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import ID_MAP, Draft
from datakit.records import Negative, Qrel, Query, Split


@dataclass(frozen=True)
class Example:
    """A query with its labels and its negatives, each by passage_id."""

    query: Query
    labels: list[Qrel]
    negatives: list[Negative]  # by rank
    relevant_from: int

    @property
    def positives(self) -> list[Qrel]:
        """The relevant passages, the highest grade first."""
        relevant = [label for label in self.labels if label.grade >= self.relevant_from]
        return sorted(relevant, key=lambda label: (-label.grade, label.passage_id))

    @property
    def split(self) -> str:
        return str(self.query.split)


def examples(view: View, split: Split | None = None) -> Iterator[Example]:
    """The queries that have a relevant passage, by id; a positive is never among the negatives."""
    labels, negatives = view.labels(split), view.negatives(split)
    ahead = next(negatives, None)
    group: list[Qrel] = []

    def finished() -> Example:
        nonlocal ahead
        query = view.queries[group[0].query_id]
        found: list[Negative] = []
        while ahead is not None and ahead.query_id <= query.query_id:
            if ahead.query_id == query.query_id:
                found.append(ahead)
            ahead = next(negatives, None)
        relevant = {x.passage_id for x in group if x.grade >= view.relevant_from}
        kept = [row for row in found if row.passage_id not in relevant]
        if len(kept) < len(found):
            view.left_out["negatives that are labelled relevant"] += len(found) - len(kept)
        kept.sort(key=lambda row: (row.mined_rank, row.passage_id))
        return Example(query, list(group), kept, view.relevant_from)

    for label in labels:
        if group and label.query_id != group[0].query_id:
            yield finished()
            group = []
        group.append(label)
    if group:
        yield finished()


class Texts:
    """Titles and texts by passage_id, on disk; memory for the ids alone."""

    def __init__(self, view: View, title: Title, line: Callable[[str], str] = str) -> None:
        self._file = tempfile.TemporaryFile("w+b", prefix="datakit-texts-")  # noqa: SIM115 - closed at exit
        self._place: dict[str, int] = {}
        at = 0
        for passage in view.passages():
            own, text = titled(passage, title)
            self._place[passage.passage_id] = at
            at += self._file.write(json.dumps([line(own), line(text)]).encode() + b"\n")
        self._file.flush()

    def __enter__(self) -> Texts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __getitem__(self, passage_id: str) -> tuple[str, str]:
        """Title and text."""
        self._file.seek(self._place[passage_id])
        title, text = json.loads(self._file.readline())
        return title, text

    def text(self, passage_id: str) -> str:
        return self[passage_id][1]


@dataclass(frozen=True)
class Numbers:
    """Ids as a format that knows only whole numbers writes them."""

    passages: dict[str, str]
    queries: dict[str, str]

    def passage(self, name: str) -> str:
        return self.passages.get(name, name)

    def query(self, name: str) -> str:
        return self.queries.get(name, name)


def numbered(view: View, draft: Draft, dense: bool = False) -> Numbers:
    """Passages from 0 in the order of their ids, queries after them; `id_map.tsv` says which is.

    Args:
        view: whose ids.
        draft: gets the map.
        dense: numbers even where all ids are numbers already.
    """
    names = itertools.chain(view.queries, (p.passage_id for p in view.passages()))
    if not dense and all(map(_is_number, names)):
        return Numbers({}, {})
    before = dict(view.new_ids())
    places: list[dict[str, str]] = []
    at = 0
    for ids in ((p.passage_id for p in view.passages()), iter(view.queries)):
        place: dict[str, str] = {}
        for name in ids:
            place[name] = number = str(at)
            old = before.get(name, name)
            draft.add(ID_MAP, f"{number}\t{json.dumps(old)}", (number, old))
            at += 1
        places.append(place)
    return Numbers(*places)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")


# --- a list in one JSON file ------------------------------------------------------------------


def add_item(draft: Draft, name: str, row: dict[str, object], cells: tuple[object, ...]) -> None:
    """Add to a JSON list with an item a line; `close_list` ends it."""
    if name not in draft.tallies:
        draft.raw(name, "[\n")
        draft.start(name)
    comma = "," if draft.tallies[name].rows else ""
    draft.add(name, comma + json_line(row), cells)  # type: ignore[arg-type]


def close_list(draft: Draft, name: str) -> None:
    if name not in draft.tallies:
        draft.raw(name, "[\n")
        draft.start(name)
    draft.raw(name, "]\n")


def read_items(path: Path) -> Iterator[dict[str, object]]:
    """The items of such a file."""
    with path.open(encoding="utf-8", newline="\n") as file:
        if file.readline() != "[\n":
            raise ValueError("line 1 is not [")
        for line in file:
            if line == "]\n":
                return
            yield json.loads(line.removeprefix(","))
    raise ValueError("the list has no end")
