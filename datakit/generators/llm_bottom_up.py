"""Sentence and passage queries out of one call per passage to a language model.

The reply names facts with the words of the passage that state them. A quote that is not in the
passage word for word is no evidence, and its queries are dropped.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit import registry
from datakit.filters import code_digest
from datakit.generators import _people
from datakit.generators._bottom_up import About, Reader, Wanted, text_key
from datakit.generators._context import Kind, kind_of
from datakit.generators._quotas import draw_of, forms_of
from datakit.llm import prompts
from datakit.llm.exchange import Reading, Task
from datakit.llm.languages import language_name
from datakit.records import Document, Dropped, Form, Level, Passage, normal_key, seed_for, sha256
from datakit.registry import plugin
from datakit.text import base_language, detect_language

VARIABLES = (
    "context", "domain", "few_shot", "language", "passage", "passage_forms", "persona", "scenario",
    "sentence_forms",
)  # fmt: skip
SCHEMA = "bottom_up.v1"
_STAGE = "generate/llm_bottom_up"


@dataclass(frozen=True)
class _Words:
    """The files that a run is made from, read once."""

    people: Mapping[str, tuple[_people.Persona, ...]]
    pairs: tuple[_people.Example, ...]


@plugin("generators", "llm_bottom_up")
@dataclass(frozen=True)
class LlmBottomUp:
    """Queries of sentence and passage level, written by a language model, each with evidence."""

    unit: ClassVar = "calls"

    endpoint: str = "default"  # a table [llm.<name>] of the plan
    prompt: str = "bottom_up.v1"  # or the path of a file of one's own
    personas: str = "personas.v1"  # or the path of a file of one's own
    few_shot: str = ""  # JSON lines with query and passage, at most eight
    sentence_queries: int = 4  # at most, per passage; pipeline §3 gives 2-4
    passage_queries: int = 2  # at most, per passage; pipeline §3 gives 1-2
    forms: tuple[float, float, float] = (25, 50, 25)  # shares of keyword, question, need
    standalone_from: int = 50  # of 100: below, a passage gives no query; it stays in the corpus
    rewrite: bool = True  # a repair also asks for new words where a filter would drop a query
    least_tokens: int = 16  # of a passage, estimated: what is shorter holds nothing to ask
    most_tokens: int = 4000
    reply_tokens: int = 2048
    seed: int = 13

    def __post_init__(self) -> None:
        if not 1 <= self.sentence_queries <= 6 or not 0 <= self.passage_queries <= 2:
            raise ValueError("1 to 6 sentence_queries and 0 to 2 passage_queries are expected")
        if min(self.forms) < 0 or sum(self.forms) <= 0:
            raise ValueError(f"forms of 0 or more, not all 0, are expected, found {self.forms}")
        for prompt in prompts.versions(self.prompt):
            prompt.check(VARIABLES, SCHEMA)
        self._words()

    def _words(self) -> _Words:
        return _Words(_people.personas(self.personas), _people.examples(self.few_shot))

    def fingerprint(self) -> str:
        """Of the files beside the settings that decide what is asked and how it is read."""
        found = prompts.versions(self.prompt)
        files = [_people.personas_path(self.personas), Path(prompts.__file__)]
        if self.few_shot:
            files.append(Path(self.few_shot))
        return sha256(
            *(part for prompt in found for part in (prompt.digest, prompt.schema.digest)),
            *(prompts.read_text(path, "file") for path in files),
            code_digest(),
        )

    # --- ask

    def tasks(
        self, documents: Iterable[Document], passages: Iterable[Passage]
    ) -> Iterator[Task | Dropped]:
        """One task per passage; a passage says all that is needed of its document."""
        words = self._words()
        found: dict[str, prompts.Prompt] = {}
        for passage in passages:
            size = prompts.estimate_tokens(_body(passage))
            if size < self.least_tokens:
                why = f"about {size} tokens below its titles, expected {self.least_tokens} or more"
                yield Dropped(passage.passage_id, "too_short", why)
            elif size > self.most_tokens:
                why = f"about {size} tokens, expected {self.most_tokens} or fewer: segment it"
                yield Dropped(passage.passage_id, "too_long", why)
            else:
                language = passage.language or detect_language(passage.text)
                base = base_language(language) or ""
                if base not in found:
                    found[base] = prompts.load(self.prompt, base)
                yield self._task(passage, language, found[base], words)

    def _task(
        self, passage: Passage, language: str | None, prompt: prompts.Prompt, words: _Words
    ) -> Task:
        key = passage.passage_id
        own = "zh" if base_language(language) == "zh" else "en"
        domain = domain_of(passage)
        person = _people.drawn(words.people, domain, draw_of(self.seed, f"{_STAGE}/persona", key))
        pairs = _people.suited(words.pairs, language)
        messages = prompt.render(
            **{
                "context": context_lines(passage, own),
                "domain": domain,
                "few_shot": [{"query": pair.query, "passage": pair.passage} for pair in pairs],
                "language": language_name(language, own),
                "passage": passage.text,
                "persona": person.who[own],
                "scenario": person.occasion[own],
                "sentence_forms": self._slots("sentence", self.sentence_queries, key),
                "passage_forms": self._slots("passage", self.passage_queries, key),
            }
        )
        return Task(
            record_id=key,
            messages=messages,
            schema=prompt.schema,
            prompt_id=prompt.prompt_id,
            prompt_digest=prompt.digest,
            max_tokens=self.reply_tokens,
            about=About(
                passage, language, person.persona_id,
                frozenset(text_key(pair.query) for pair in words.pairs),
            ),
        )  # fmt: skip

    def _slots(self, level: Level, n_slots: int, key: str) -> tuple[Form, ...]:
        return forms_of(self.forms, n_slots, seed_for(self.seed, f"{_STAGE}/{level}", key))

    # --- read

    def read(self, task: Task, value: Any, model: str) -> Reading:
        """Queries with evidence, and what the reply got wrong.

        Args:
            task: one of `tasks`.
            value: of the form of `bottom_up.v1`.
            model: the family of who wrote it; it becomes the `generator_family`.
        """
        about: About = task.about
        score = value["standalone_score"]
        if score < self.standalone_from:
            why = f"stand-alone score {score}, expected {self.standalone_from} or more"
            summary = prompts.line(value["summary"])
            return Reading((Dropped(task.record_id, "not_standalone", f"{why}: {summary}"),))
        wanted = Wanted(self.sentence_queries, self.passage_queries, self.rewrite)
        return Reader(about, wanted, generator_id(self, task, model), model).reading(value)


def generator_id(settings: LlmBottomUp, task: Task, model: str) -> str:
    """Who wrote a query: `bottom_up.v1.en@<prompt digest>+<digest of plugin, schema, family>`."""
    own = registry.digest([_identity(settings), task.prompt_digest, task.schema.digest, model])
    return f"{task.prompt_id}@{task.prompt_digest[:16]}+{own.removeprefix('sha256:')[:16]}"


def _body(passage: Passage) -> str:
    """The passage without the titles that stand over it: they are context, and no fact."""
    heads = {normal_key(title) for title in passage.section_path}
    lines = passage.text.split("\n")
    return "\n".join(one for one in lines if normal_key(one) not in heads)


@functools.lru_cache(maxsize=8)
def _identity(settings: LlmBottomUp) -> str:
    return registry.plugin_id(settings)


# --- context ------------------------------------------------------------------------------

# forms and exhibits of the SEC beside the annual and quarterly ones
_EXHIBIT = re.compile(r"(?:EX-\d|[SF]-\d|424|DEF|PRE ?14|SC 1[34]|SCHEDULE 1[34]|\d+-[KQF])", re.I)


def domain_of(passage: Passage) -> Kind:
    """What sort of text it is: the prompt's advice and the personas depend on it."""
    if passage.doc_type and _EXHIBIT.match(passage.doc_type):
        return "filing"
    return kind_of(passage.doc_type, passage.title)


_LABELS = {
    "en": ("Issuer", "Title", "Kind", "Category", "Section", "Date"),
    "zh": ("发布者", "标题", "类型", "类别", "章节", "日期"),
}


def context_lines(passage: Passage, language: str) -> str:
    """What is known of the passage's document, one line each, in English or Chinese."""
    values = (
        passage.issuer, passage.title, passage.doc_type, passage.category,
        " > ".join(passage.section_path), passage.date,
    )  # fmt: skip
    gap = "：" if language == "zh" else ": "
    known = [
        f"{label}{gap}{prompts.line(value)}"
        for label, value in zip(_LABELS[language], values, strict=True)
        if value
    ]
    return "\n".join(known) or ("（无）" if language == "zh" else "(nothing is known)")
