"""Topic queries out of one call per cluster of documents to a language model.

The model sees titles or headings, dates, issuers and one line of each document, never a passage:
what it names as support is where to look, and no label. Which passages answer a query is for the
pool to find.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit import registry
from datakit.generators import _clusters, _topics
from datakit.generators._cells import Window
from datakit.generators._clusters import CellClusters, Cluster, Clustering, Member
from datakit.llm import prompts
from datakit.llm.exchange import Reading, Task
from datakit.llm.languages import language_name
from datakit.records import (
    Document,
    Dropped,
    Passage,
    Query,
    normal_key,
    query_id,
    sha256,
)
from datakit.registry import plugin
from datakit.text import is_cjk_language, normalise

VARIABLES = ("category", "documents", "domain", "language", "most", "time", "unit")
_STAGE = "generate/llm_top_down"
_HEADINGS = 3  # of a document, in its line of the list


@dataclass(frozen=True, slots=True)
class About:
    """What reading a reply needs to know of its cluster."""

    members: tuple[Member, ...]  # in the order of the list; number 1 is the first
    language: str
    unit: str
    facets: Mapping[str, str]  # category and time of the cell
    years: frozenset[str]  # that the list or the cell names


@plugin("generators", "llm_top_down")
@dataclass(frozen=True)
class LlmTopDown:
    """Queries of topic level, written by a language model from clusters of titles or headings.

    Cells and clusters are those of `extractive_top_down`; `datakit clusters` shows them.
    """

    unit: ClassVar = "calls"

    endpoint: str = "default"  # a table [llm.<name>] of the plan
    prompt: str = "top_down.v1"  # or the path of a file of one's own
    queries_per_cluster: int = 3  # at most
    documents_per_call: int = 20  # of a larger cluster, so many spread over its time
    min_documents: int = 2  # that a cluster must span, from as many issuers where these are known
    # of a cell in time: month, quarter, half, year, all; auto: a year for terms, else a quarter
    window: Window = "auto"
    encoder: str = ""  # of titles and headings, by name, folder or hub id; "": their words
    encoder_languages: tuple[str, ...] = ()  # that it is for; others by words. (): all
    allow_download: bool = False  # fetch a hub id that is not in the local cache
    reply_tokens: int = 2048
    seed: int = 13

    def __post_init__(self) -> None:
        if not 1 <= self.queries_per_cluster <= 4:
            raise ValueError("1 to 4 queries_per_cluster are expected")
        if self.min_documents < 2 or self.documents_per_call < self.min_documents:
            raise ValueError("2 or more min_documents are expected, documents_per_call no fewer")
        for prompt in prompts.versions(self.prompt):
            prompt.check(VARIABLES)

    @property
    def clustering(self) -> Clustering:
        return Clustering(
            window=self.window,
            encoder=self.encoder,
            encoder_languages=self.encoder_languages,
            allow_download=self.allow_download,
            seed=self.seed,
        )

    def cells(
        self, documents: Iterable[Document], *, with_lines: bool = False
    ) -> Iterator[CellClusters]:
        """The cells with their clusters, those of too few documents included."""
        return _clusters.found_in(documents, self.clustering, with_lines=with_lines)

    def fingerprint(self) -> str:
        """Of what decides the words and the clusters beside the settings."""
        found = prompts.versions(self.prompt)
        return sha256(
            *(part for prompt in found for part in (prompt.digest, prompt.schema.digest)),
            registry.digest(self.clustering.fingerprint()),
        )

    # --- ask

    def tasks(
        self, documents: Iterable[Document], passages: Iterable[Passage]
    ) -> Iterator[Task | Dropped]:
        """One task per cluster of enough documents, cell by cell; the passages are not read."""
        asked: set[str] = set()
        found: dict[str, prompts.Prompt] = {}
        for cell in self.cells(documents, with_lines=True):
            for cluster in cell.clusters:
                if not cluster.is_broad(self.min_documents):
                    continue
                key = sha256(*cluster.doc_ids, *cluster.titles)[:16]
                if key in asked:
                    why = (
                        f"the same documents as a cluster of another cell, found in {cell.cell.key}"
                    )
                    yield Dropped(f"{cell.cell.key}|{key}", "cluster_of_another_cell", why)
                    continue
                asked.add(key)
                language = cluster.language
                if language not in found:
                    found[language] = prompts.load(self.prompt, language)
                yield self._task(cluster, f"{cell.cell.key}|{key}", found[language])
            yield from _clusters.narrow(cell, self.min_documents)

    def _task(self, cluster: Cluster, record_id: str, prompt: prompts.Prompt) -> Task:
        members = _listed(cluster.members, self.documents_per_call)
        own = "zh" if cluster.language == "zh" else "en"
        listing = "\n".join(
            _line(number, member, cluster.unit, own) for number, member in enumerate(members, 1)
        )
        time = _topics.time_text(cluster.facets.get("time", ""), chinese=own == "zh")
        return Task(
            record_id=record_id,
            messages=prompt.render(
                category=cluster.facets.get("category", ""),
                documents=listing,
                domain=cluster.kind,
                language=language_name(cluster.language or None, own),
                most=self.queries_per_cluster,
                time=time,
                unit=cluster.unit,
            ),
            schema=prompt.schema,
            prompt_id=prompt.prompt_id,
            prompt_digest=prompt.digest,
            max_tokens=self.reply_tokens,
            about=About(
                members, cluster.language, cluster.unit, cluster.facets, _years(listing, time)
            ),
        )

    # --- read

    def read(self, task: Task, value: Any, model: str) -> Reading:
        """Topic queries with the documents that support them, and what the reply got wrong.

        Args:
            task: one of `tasks`.
            value: of the form of `top_down.v1`.
            model: the family of who wrote it; it becomes the `generator_family`.
        """
        return _Reader(self, task, model).reading(value)


class _Reader:
    """One reply on its way to queries."""

    def __init__(self, settings: LlmTopDown, task: Task, model: str) -> None:
        self.settings, self.task, self.model = settings, task, model
        self.about: About = task.about
        self.generator_id = generator_id(settings, task, model)
        self.records: list[Query | Dropped] = []
        self.errors: list[str] = []
        self.taken: set[str] = set()

    def reading(self, value: Mapping[str, Any]) -> Reading:
        topic = _flat(value["topic_label"])
        for i, raw in enumerate(value["queries"]):
            self._query(f"queries[{i}]", raw, topic)
        if not self.records:
            why = f"no query about what {len(self.about.members)} documents have in common"
            self.records.append(Dropped(self.task.record_id, "nothing_asked", why))
        return Reading(tuple(self.records), tuple(self.errors))

    def _query(self, where: str, raw: Mapping[str, Any], topic: str) -> None:
        text = _flat(raw["text"])
        shown = repr(prompts.line(text, 160))
        members = self._supporting(f"{where}.supporting_docs", raw["supporting_docs"])
        doc_ids = tuple(sorted(member.brief.doc_id for member in members))
        query = Query(
            query_id=query_id(self.generator_id, doc_ids, text),
            text=text,
            language=self.about.language or None,
            level="topic",
            form=_topics.form_of(text, self.about.language),
            generator_id=self.generator_id,
            generator_family=self.model,
            supporting_doc_ids=doc_ids,
            sub_questions=self._sub_questions(where, raw["sub_questions"], text),
            pattern=raw["aspect"],
            facets=_facets(raw["facets"], topic, self.about.facets),
            scope="cross",
        )
        wrong = self._wrong(query, members)
        if wrong is None:
            self.taken.add(_text_key(text))
            self.records.append(query)
            return
        reason, why, is_error = wrong
        if is_error:
            self.errors.append(f"{where}: {shown} {why}.")
        self.records.append(Dropped(query.query_id, reason, f"{shown} {why}"))

    def _wrong(self, query: Query, members: Sequence[Member]) -> tuple[str, str, bool] | None:
        """Why a query is not kept, in a slug and in words, and whether to ask for another."""
        least, key = self.settings.min_documents, _text_key(query.text)
        years = set(_YEAR.findall(query.text)) - self.about.years
        sources = {member.brief.source for member in members}
        if not key:
            return "blank_query", "is blank, expected a query", True
        if key in self.taken:
            return "duplicate_query", "stands in the reply twice", False
        if len(self.taken) >= self.settings.queries_per_cluster:
            asked = self.settings.queries_per_cluster
            return "over_budget", f"is one more than the {asked} that were asked for", False
        if _LISTING.search(query.text):
            return "names_the_list", "speaks of a numbered document: nobody sees the list", True
        if years:
            named = ", ".join(sorted(years))
            return "unknown_period", f"names {named}, which nothing in the list does", True
        if len(members) < least:
            why = f"has {len(members)} supporting documents of the list, expected {least} or more"
            return "too_few_documents", why, True
        if self.about.unit == "section" and len(sources) < least:
            return "one_source", f"is supported by one source, expected {least} or more", True
        return None

    def _supporting(self, where: str, numbers: Sequence[int]) -> list[Member]:
        n = len(self.about.members)
        named = list(dict.fromkeys(numbers))
        unknown = [number for number in named if not 1 <= number <= n]
        if unknown:
            self.errors.append(
                f"{where} names {', '.join(map(str, unknown))}: the list goes from 1 to {n}."
            )
        return [self.about.members[number - 1] for number in named if 1 <= number <= n]

    def _sub_questions(self, where: str, raws: Sequence[str], text: str) -> tuple[str, ...]:
        kept = {_text_key(_flat(raw)): _flat(raw) for raw in reversed(raws)}
        kept = {key: kept[key] for key in reversed(kept) if key and key != _text_key(text)}
        if len(kept) < 2:
            self.errors.append(
                f"{where}.sub_questions: two or more different ones are expected, other than the "
                f"query itself; found {len(kept)}."
            )
        return tuple(kept.values())


_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_LISTING = re.compile(
    r"\b(?:documents?|reports?|filings?|titles?|items?|entr(?:y|ies)) ?(?:no\. ?|#)?\d+\b(?!%)"
    r"|第\s*[\d一二三四五六七八九十]+\s*[篇份]|(?:文件|报告|文档)\s?\d+|\[\d+\]",
    re.I,
)


def _years(listing: str, time: str) -> frozenset[str]:
    """The years that a list names, and those next to them: an outlook reaches beyond its date."""
    named = {int(year) for year in _YEAR.findall(f"{listing} {time}")}
    return frozenset(str(year + step) for year in named for step in (-1, 0, 1, 2))


def _facets(raw: Mapping[str, Any], topic: str, cell: Mapping[str, str]) -> dict[str, str]:
    """What the query is about; category and time are the cell's: the pool looks there."""
    facets = {"topic": topic} if topic else {}
    entities = [_flat(name) for name in raw["entities"]]
    if any(entities):
        facets["entities"] = "; ".join(dict.fromkeys(filter(None, entities)))
    return facets | dict(cell)


def _flat(text: str) -> str:
    return " ".join(normalise(text).split())


def _text_key(text: str) -> str:
    return normal_key(text).rstrip("?？.。!！ ")


def generator_id(settings: LlmTopDown, task: Task, model: str) -> str:
    """Who wrote a query: `top_down.v1.en@<prompt digest>+<digest of plugin, schema, family>`."""
    own = registry.digest([_identity(settings), task.prompt_digest, task.schema.digest, model])
    return f"{task.prompt_id}@{task.prompt_digest[:16]}+{own.removeprefix('sha256:')[:16]}"


@functools.lru_cache(maxsize=8)
def _identity(settings: LlmTopDown) -> str:
    return registry.plugin_id(settings)


# --- the list ----------------------------------------------------------------------------------


def _listed(members: Sequence[Member], most: int) -> tuple[Member, ...]:
    """The members by date, or so many of them at equal steps."""
    ordered = sorted(members, key=lambda one: (one.brief.date, one.brief.doc_id))
    if len(ordered) <= most:
        return tuple(ordered)
    return tuple(ordered[i * len(ordered) // most] for i in range(most))


def _line(number: int, member: Member, unit: str, language: str) -> str:
    """One document: number, issuer, title, date, then its headings or its summary."""
    one = member.brief
    chinese = language == "zh"
    untitled = "（无标题）" if chinese else "(no title)"
    head = " | ".join(filter(None, (one.issuer, one.full_title or untitled, one.date)))
    if unit == "section":
        quoted = "“{}”" if chinese else '"{}"'
        shown = member.headings[:_HEADINGS]
        parts = [
            f"{quoted.format(heading.text)}{'：' if chinese else ': '}{heading.opening}"
            if heading.opening
            else quoted.format(heading.text)
            for heading in shown
        ]
        rest = ("；" if chinese and is_cjk_language(one.language) else "; ").join(parts)
    else:
        rest = one.summary
    return prompts.line(f"{number}. {head}", 300) + (
        f"\n   {prompts.line(rest, 400)}" if rest else ""
    )
