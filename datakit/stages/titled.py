"""What is known of documents: their own table, or what passages say of theirs."""

from __future__ import annotations

from collections.abc import Iterator

from datakit.dataset import Dataset
from datakit.plan import Use
from datakit.records import Block, Document, Passage


def documents_of(dataset: Dataset) -> Iterator[Document]:
    """The documents of a dataset; without any, one for each that its passages give a title of.

    Such a document has the metadata of its first titled passage, and that passage's text.
    """
    if "document" in dataset:
        return iter(dataset.read("document"))
    return _told_by_passages(dataset.read("passage"))


def document_rows(dataset: Dataset) -> list[tuple[str, str | None, str | None]]:
    """(doc_id, family_id, date) of every document, or of those that the passages belong to."""
    if "document" in dataset:
        rows = dataset.arrow("document", ["doc_id", "family_id", "date"]).to_pylist()
        return [(row["doc_id"], row["family_id"], row["date"]) for row in rows]
    rows = dataset.arrow("passage", ["doc_id", "date"]).to_pylist()
    dates = {row["doc_id"]: row["date"] for row in rows}
    return [(doc_id, None, date) for doc_id, date in dates.items()]


def document_tables(dataset: Dataset) -> tuple[str, ...]:
    """The tables that documents and passages are read from."""
    return ("document", "passage") if "document" in dataset else ("passage",)


def why_no_topics(dataset: Dataset, use: Use) -> str | None:
    """What a generator of topic queries lacks here; None where it has what it asks about."""
    if not hasattr(use.plugin, "cells") or "document" in dataset:
        return None
    titles = dataset.arrow("passage", ["title"])["title"].unique().to_pylist()
    if any(titles):
        return None
    return (
        f"{use.name} is skipped: topic queries are asked about titles or headings, and "
        f"{dataset.path} has neither documents nor a passage with a title."
    )


def _told_by_passages(passages: Iterator[Passage]) -> Iterator[Document]:
    seen: set[str] = set()
    for one in passages:
        if not one.title or one.doc_id in seen:
            continue
        seen.add(one.doc_id)
        yield Document(
            one.doc_id, one.text, source_uri="", blocks=(Block("paragraph", 0, len(one.text)),),
            title=one.title, issuer=one.issuer, category=one.category, doc_type=one.doc_type,
            date=one.date, language=one.language,
        )  # fmt: skip
