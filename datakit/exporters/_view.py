"""What of a dataset is exported: final queries by split, the labels that count, runs, negatives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.exporters._ids import is_safe, renamed, with_safe_ids
from datakit.exporters._order import in_order
from datakit.records import SPLITS, Negative, Passage, Qrel, Query, ScoredPassage, safe_id
from datakit.tables import from_arrow

if TYPE_CHECKING:
    import pyarrow as pa

Title = Literal["keep", "fold", "drop", "header"]
T = TypeVar("T")

_AGAIN = "Run `datakit build` (or `datakit import`) again."


class View:
    """A dataset as the exporters see it: streamed, in the order of its ids, with safe ids.

    Only the queries are held in memory.

    Args:
        dataset: what is exported.
        labels: the label table is `qrel/<labels>`; where `mined` is missing and there is one
            other table, that one.
        lowest_grade: labels below it are left out.

    Raises:
        DatasetError: no passages, no queries or no such label table.
    """

    def __init__(self, dataset: Dataset, labels: str = "mined", lowest_grade: int = 0) -> None:
        self.dataset = dataset
        self.lowest_grade = lowest_grade
        self.rules: list[str] = []
        self.left_out: Counter[str] = Counter()  # by reason; filled by `check` and by reading
        self.labelled: set[str] = set()  # the queries that have a label; filled by `check`
        for table in ("passage", "query"):
            if table not in dataset or not dataset.count(table):
                raise DatasetError(
                    f"{dataset.path} has nothing in table {table!r}; its tables are "
                    f"{', '.join(dataset.tables()) or 'none'}. Run `datakit build` to its end."
                )
        self.label_table = self._label_table(labels)

    def _label_table(self, labels: str) -> str:
        found = self._tables("qrel/")
        if f"qrel/{labels}" in found:
            return f"qrel/{labels}"
        if labels == "mined" and len(found) == 1:
            self.rules.append(f"labels are {found[0]}: the dataset has no other label table")
            return found[0]
        names = ", ".join(name.removeprefix("qrel/") for name in found)
        raise DatasetError(
            f"{self.dataset.path} has no table 'qrel/{labels}': "
            + (f"set labels to one of: {names}." if names else "run `datakit build` to its end.")
        )

    def check(self) -> None:
        """Count what is left out of the labels, and make sure that they fit the dataset.

        Raises:
            DatasetError: a label is of a query or of a passage that is not there, or none is left.
        """
        for what, home in (("query", self._tables("query")), ("passage", ["passage"])):
            lost = self._absent(f"{what}_id", [self.label_table], home)
            if lost:
                raise DatasetError(
                    f"{self.label_table} has a label of {what} {min(lost)!r}, which table {what} "
                    f"lacks; so it is for {len(lost):,} in all. {_AGAIN}"
                )
        for rows in self.parts(self.label_table):
            kept, left_out = self.counted(rows)
            self.left_out.update(left_out)
            self.labelled.update(kept["query_id"].unique().to_pylist())
        if not self.labelled:
            why = "; ".join(f"{n:,} {reason}" for reason, n in sorted(self.left_out.items()))
            raise DatasetError(
                f"{self.label_table} has no label to export ({why or 'it is empty'}): choose "
                "others with --set labels=, or a lower --set lowest_grade=."
            )

    # --- queries and passages

    @cached_property
    def queries(self) -> dict[str, Query]:
        """The final queries by id, sorted; every one has a split."""
        rows = list(self._records("query"))
        homeless = sum(query.split is None for query in rows)
        if homeless:
            self.rules.append(f"{homeless:,} queries without a split are in test")
        rows = [replace(query, split=query.split or "test") for query in rows]
        rows.sort(key=lambda query: query.query_id)
        return {q.query_id: q for q in self._once("query", rows, lambda q: (q.query_id,))}

    @property
    def splits(self) -> list[str]:
        """The splits that have queries, in the order train, dev, test."""
        present = {query.split for query in self.queries.values()}
        return [split for split in SPLITS if split in present]

    def split_of(self, query_id: str) -> str:
        return str(self.queries[query_id].split)

    def unlabelled(self) -> int:
        """How many queries have no label; after `check`."""
        return len(self.queries.keys() - self.labelled)

    def splits_without_labels(self) -> list[str]:
        """The splits none of whose queries has a label; after `check`."""
        labelled = {self.split_of(query_id) for query_id in self.labelled}
        return [split for split in self.splits if split not in labelled]

    def passages(self) -> Iterator[Passage]:
        """The corpus, by passage_id.

        Raises:
            DatasetError: a passage_id is there twice.
        """
        rows: Iterable[Passage] = self._records("passage")
        if not self.passages_ascend:
            rows = in_order(rows, lambda passage: passage.passage_id)
        return self._once("passage", rows, lambda passage: (passage.passage_id,))

    @cached_property
    def passages_ascend(self) -> bool:
        """Whether the table is in the order of its ids as they are exported."""
        import pyarrow.compute as pc

        last = ""
        for cells in self._columns("passage_id", "passage"):
            ids = cells.combine_chunks()
            if not pc.all(is_safe(ids)).as_py():
                return False  # some will be replaced
            if len(ids) and (
                ids[0].as_py() < last or not pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py()
            ):
                return False
            last = ids[-1].as_py() if len(ids) else last
        return True

    # --- labels, runs and negatives, of all queries or those of one split

    def labels(self, split: str | None = None) -> Iterator[Qrel]:
        """The labels that count, by query and passage.

        Raises:
            DatasetError: a pair is there twice.
        """
        rows = (
            qrel
            for part in self.parts(self.label_table)
            for qrel in from_arrow(Qrel, self.counted(part)[0])
            if self._in(split, qrel.query_id)
        )
        return self._once(self.label_table, in_order(rows, _pair), _pair)

    def counted(self, labels: pa.Table) -> tuple[pa.Table, Counter[str]]:
        """The labels that count, and how many of the others are left out for which reason."""
        import pyarrow as pa
        import pyarrow.compute as pc

        flags = labels["flags"].combine_chunks()
        uncertified = pc.list_parent_indices(flags).filter(
            pc.equal(pc.list_flatten(flags), "uncertified")
        )
        rows = pa.array(range(len(labels)), pa.int64())
        evaluates = self.dataset.manifest["purpose"] == "eval"
        rules = {
            "labels of queries that are not final": pc.is_in(
                labels["query_id"], value_set=pa.array(self.queries, pa.string())
            ),
            "uncertified labels, in an eval set": pc.invert(
                pc.is_in(rows, value_set=uncertified.slice(0, None if evaluates else 0))
            ),
            f"labels of a grade below {self.lowest_grade}": pc.greater_equal(
                labels["grade"], self.lowest_grade
            ),
        }
        left_out: Counter[str] = Counter()
        kept = pc.is_valid(rows)
        for reason, holds in rules.items():
            n = pc.sum(kept).as_py() or 0
            kept = pc.and_(kept, holds)
            left_out[reason] = n - (pc.sum(kept).as_py() or 0)
        return labels.filter(kept), +left_out

    @property
    def runs(self) -> list[str]:
        """The names of the runs."""
        return [name.removeprefix("run/") for name in self._tables("run/")]

    def run(self, name: str, split: str | None = None) -> Iterator[ScoredPassage]:
        """A run over the final queries: by query, then score and passage_id descending.

        Raises:
            DatasetError: a passage is not in the corpus or twice in a query's list, or a score is
                no number.
        """
        table = f"run/{name}"
        lost = self._absent("passage_id", [table], ["passage"])
        if lost:
            raise DatasetError(
                f"{table} has {len(lost):,} passages that table passage lacks, such as "
                f"{min(lost)!r}. {_AGAIN}"
            )
        rows = in_order(
            self._final(table, split), lambda s: (s.query_id, -s.score, _descending(s.passage_id))
        )
        query_id, seen = "", set[str]()
        for scored in rows:
            if scored.query_id != query_id:
                query_id, seen = scored.query_id, set()
            if scored.passage_id in seen or not math.isfinite(scored.score):
                raise DatasetError(
                    f"{table}: query {query_id!r} has passage {scored.passage_id!r} twice, or with "
                    f"a score that is no number ({scored.score}). {_AGAIN}"
                )
            seen.add(scored.passage_id)
            yield scored

    def negatives(self, split: str | None = None) -> Iterator[Negative]:
        """The negatives of the final queries whose passage is in the corpus, by their ids."""
        tables = self._tables("negative/")
        absent = {safe_id(name) for name in self._absent("passage_id", tables, ["passage"])}
        rows = (row for table in tables for row in self._final(table, split))
        last: tuple[str, ...] = ()
        for row in in_order(rows, _pair):
            if row.passage_id in absent:
                self.left_out["negatives that are not in the corpus"] += 1
            elif _pair(row) == last:
                self.left_out["negatives that are there already"] += 1
            else:
                yield row
            last = _pair(row)

    def splits_with_negatives(self) -> set[str]:
        """The splits that have a query with negatives."""
        ids = self._distinct("query_id", self._tables("negative/")).to_pylist()
        return {self.split_of(name) for name in map(safe_id, ids) if name in self.queries}

    @property
    def relevant_from(self) -> int:
        return int(self.dataset.manifest["label_scale"]["relevant_from"])

    # --- ids

    def new_ids(self) -> Iterator[tuple[str, str]]:
        """(id as exported, id in the dataset) of every id that had to change, sorted."""
        import pyarrow.compute as pc

        columns = (("query_id", "query"), ("passage_id", "passage"), ("doc_id", "passage"))
        ids = (
            name
            for column, table in columns
            for cells in self._columns(column, table)
            for name in cells.filter(pc.invert(is_safe(cells))).unique().to_pylist()
        )
        last = ("", "")
        for pair in in_order(((safe_id(name), name) for name in ids), lambda pair: pair):
            if pair != last:
                yield pair
            last = pair

    def _tables(self, prefix: str) -> list[str]:
        return [name for name in self.dataset.tables() if name.startswith(prefix)]

    def _records(self, table: str) -> Iterator[Any]:
        """The records of a table with ids that every format can hold."""
        return map(renamed, self.dataset.read(table))

    def _final(self, table: str, split: str | None) -> Iterator[Any]:
        """The records of the final queries; the others are counted."""
        for record in self._records(table):
            if record.query_id not in self.queries:
                self.left_out[f"rows of {table} of queries that are not final"] += 1
            elif self._in(split, record.query_id):
                yield record

    def _in(self, split: str | None, query_id: str) -> bool:
        return split is None or self.queries[query_id].split == split

    def _once(
        self, table: str, rows: Iterable[T], key: Callable[[T], tuple[str, ...]]
    ) -> Iterator[T]:
        """The sorted rows, none of which may be there twice."""
        last: tuple[str, ...] = ()
        for row in rows:
            if key(row) == last:
                raise self.twice(table, *last)
            last = key(row)
            yield row

    def twice(self, table: str, *key: str) -> DatasetError:
        """What to say of a record that is there twice."""
        return DatasetError(
            f"{self.dataset.path}: table {table} has {' '.join(key)} there twice. {_AGAIN}"
        )

    def parts(self, table: str) -> Iterator[pa.Table]:
        """The parts of a table, with ids that every format can hold."""
        import pyarrow.parquet as pq

        for path, _ in self.dataset.parts(table):
            yield with_safe_ids(pq.read_table(path))

    def _columns(self, column: str, table: str) -> Iterator[pa.ChunkedArray]:
        """One column of a table, part by part."""
        import pyarrow.parquet as pq

        for path, _ in self.dataset.parts(table):
            yield pq.read_table(path, columns=[column])[column]

    def _distinct(self, column: str, tables: Iterable[str]) -> pa.Array:
        """The distinct values of a column of text; memory for them and for one part."""
        import pyarrow as pa

        found = pa.array([], pa.string())
        for table in tables:
            for cells in self._columns(column, table):
                found = pa.chunked_array([found, *cells.chunks]).unique()
        return found

    def _absent(self, column: str, tables: Iterable[str], home: Iterable[str]) -> set[str]:
        """Ids of some tables that are in none of the tables at home."""
        import pyarrow.compute as pc

        ids = self._distinct(column, tables)
        for table in home:
            for known in self._columns(column, table):
                ids = ids.filter(pc.invert(pc.is_in(ids, value_set=known)))
        return set(ids.to_pylist())


def one_language(languages: Iterable[str | None]) -> str | None:
    """The primary language that all have (`en` of `en-GB`); None for several or an unknown one."""
    found = {language and language.split("-")[0] for language in languages}
    return found.pop() if len(found) == 1 else None


def corpus_language(dataset: Dataset) -> str | None:
    """The primary language of all passages, as `one_language`."""
    import pyarrow.parquet as pq

    found: set[str | None] = set()
    for path, _ in dataset.parts("passage"):
        found |= set(pq.read_table(path, columns=["language"])["language"].unique().to_pylist())
    return one_language(found)


def titled(passage: Passage, title: Title) -> tuple[str, str]:
    """Title and text as exported."""
    own = passage.title or ""
    if title == "fold":
        return "", f"{own} {passage.text}" if own else passage.text
    return {"keep": own, "drop": "", "header": passage.header}[title], passage.text


def _pair(row: Qrel | Negative) -> tuple[str, str]:
    return row.query_id, row.passage_id


_COMPLEMENT = bytes(255 - code for code in range(256))


def _descending(name: str) -> bytes:
    """A sort key that puts names in descending order; 0xff ends it: `ab` comes before `a`."""
    return name.encode().translate(_COMPLEMENT) + b"\xff"
