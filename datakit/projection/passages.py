"""The passages that labels are moved to: of a segmenter, a file of spans, or another dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.records import Document, Dropped, Passage
from datakit.segmenters._pack import Sizes, passages

if TYPE_CHECKING:
    import pyarrow as pa

SPAN = ("doc_id", "start", "end")
_SIZES = Sizes(1, 1, 1 << 30)  # spans are taken as they are


def of_segmenter(dataset: Dataset, segmenter: Any) -> Iterator[Passage | Dropped]:
    """The documents of a dataset, cut by a segmenter."""
    yield from segmenter(dataset.read("document"))


def of_file(dataset: Dataset, path: Path) -> Iterator[Passage | Dropped]:
    """The passages that a file or a dataset directory names, as slices of the documents.

    A file is Parquet or JSON lines with `doc_id`, `start` and `end` (code points of the document's
    text) in each row, and `text`, if there, as a check.

    Raises:
        UsageError: no such file, a row without a span, or a dataset of other documents.
    """
    if (path / "manifest.json").is_file():
        other = Dataset.open(path)
        if "document" not in other or other.digest("document") != dataset.digest("document"):
            raise UsageError(
                f"{path} has other documents than {dataset.path}: spans of one mean nothing in "
                "the other. Cut the same documents, with --segmenter say."
            )
        yield from other.read("passage")
        return
    spans = _Rows.read(path)
    for document in dataset.read("document"):
        yield from spans.of(document)
    yield from spans.rest()


class _Rows:
    """Spans by document; texts are kept as a hash of eight bytes each."""

    def __init__(self, path: Path, table: pa.Table) -> None:
        import pyarrow.compute as pc

        self._path = path
        self._doc = pc.dictionary_encode(table["doc_id"]).combine_chunks()
        codes = self._doc.indices.to_numpy()
        self._names = self._doc.dictionary.to_pylist()
        start, end = (np.asarray(table[name].to_numpy(), np.int64) for name in ("start", "end"))
        order = np.lexsort((end, start, codes))
        self._row = order
        self._start, self._end, codes = start[order], end[order], codes[order]
        self._low = np.searchsorted(codes, np.arange(len(self._names)), "left")
        self._high = np.searchsorted(codes, np.arange(len(self._names)), "right")
        self._open = {name: i for i, name in enumerate(self._names)}
        self._hash = table["hash"].to_numpy()[order] if "hash" in table.column_names else None

    @classmethod
    def read(cls, path: Path) -> _Rows:
        import pyarrow as pa

        batches = list(_batches(path))
        if not batches or not sum(map(len, batches)):
            raise UsageError(f"{path} has no passages: expected rows with {', '.join(SPAN)}.")
        return cls(path, pa.concat_tables(batches))

    def of(self, document: Document) -> Iterator[Passage | Dropped]:
        at = self._open.pop(document.doc_id, None)
        if at is None:
            return
        low, high = int(self._low[at]), int(self._high[at])
        spans: list[tuple[int, int]] = []
        for i in range(low, high):
            start, end = int(self._start[i]), int(self._end[i])
            why = self._wrong(document, start, end, i, spans)
            if why:
                where = f"{self._path.name}: row {int(self._row[i]) + 1}"
                yield Dropped(f"{document.doc_id}:{start}-{end}", why[0], f"{where}: {why[1]}")
            else:
                spans.append((start, end))
        yield from passages(document, spans, "given", _SIZES)

    def _wrong(
        self, document: Document, start: int, end: int, i: int, before: list[tuple[int, int]]
    ) -> tuple[str, str] | None:
        size = len(document.text)
        if not 0 <= start < end <= size:
            return "bad_span", f"expected 0 <= start < end <= {size:,}, found {start:,}-{end:,}"
        if before and before[-1] == (start, end):
            return "repeated_span", "the span is there already"
        text = document.text[start:end]
        if not text.strip():
            return "blank", "the span has no text"
        if self._hash is not None and self._hash[i] != _hash(text):
            return "text_differs", "its text is not what the document has there"
        return None

    def rest(self) -> Iterator[Dropped]:
        """What is of documents that are not there."""
        for name, at in self._open.items():
            n = int(self._high[at] - self._low[at])
            detail = f"{self._path.name}: {n:,} passages of document {name[:100]!r}, not there"
            yield Dropped(name[:200], "unknown_document", detail)


def _hash(text: str) -> int:
    import xxhash

    return int(xxhash.xxh64_intdigest(text.encode("utf-8", "surrogatepass")))


def _batches(path: Path) -> Iterator[pa.Table]:
    """doc_id, start, end and, where the rows have texts, the hash of each."""
    import pyarrow as pa

    for batch in _read(path):
        missing = [name for name in SPAN if name not in batch.schema.names]
        if missing:
            raise UsageError(
                f"{path}: rows have no {missing[0]!r}; expected {', '.join(SPAN)} and, if wanted, "
                f"text. Found {', '.join(batch.schema.names[:8])}."
            )
        try:
            columns = {
                "doc_id": batch["doc_id"].cast(pa.string()),
                "start": batch["start"].cast(pa.int64()),
                "end": batch["end"].cast(pa.int64()),
            }
        except pa.ArrowInvalid as error:
            raise UsageError(f"{path}: {error}; expected text and whole numbers.") from None
        if any(column.null_count for column in columns.values()):
            raise UsageError(f"{path} has a row without {' or '.join(SPAN)}.")
        if "text" in batch.schema.names:
            hashes = [_hash(text or "") for text in batch["text"].to_pylist()]
            columns["hash"] = pa.array(hashes, pa.uint64())
        yield pa.table(columns)


def _read(path: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UsageError(f"{path} is no file and no dataset: give --passages one of these.")
    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(4096)
        else:
            options = pa.json.ReadOptions(block_size=8 << 20)
            yield from pa.json.open_json(path, read_options=options)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{path} is neither Parquet nor JSON lines ({error}): expected rows with "
            f"{', '.join(SPAN)}."
        ) from None
