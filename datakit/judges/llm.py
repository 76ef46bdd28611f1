"""A language model as the judge: one call per pair, the words that answer before the grade."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit import registry
from datakit.generators.llm_bottom_up import context_lines
from datakit.judges._verdict import unread, verdict
from datakit.llm import prompts
from datakit.llm.exchange import Reading, Task
from datakit.records import Dropped, Judgement, Passage, Query, sha256
from datakit.registry import plugin
from datakit.text import base_language, detect_language

VARIABLES = ("context", "passage", "query")
SCHEMA = "judge.v1"
Asked = tuple[Query, Passage]


@plugin("judges", "llm")
@dataclass(frozen=True)
class LlmJudge:
    """Grades 0 to 3 by a language model, each with the words of the passage that it rests on.

    Source:
        Four grades from match and trust: the structure of UMBRELA (castorini/umbrela, Apache-2.0;
        2406.06519), in our own words. The snippet before the grade: ARHN (2604.11092).
    """

    unit: ClassVar = "calls"

    endpoint: str = "default"  # a table [llm.<name>] of the plan; asked at temperature 0
    prompt: str = "judge.v1"  # or the path of a file of one's own
    most_tokens: int = 4000  # of a passage, estimated
    reply_tokens: int = 1024

    def __post_init__(self) -> None:
        for prompt in prompts.versions(self.prompt):
            prompt.check(VARIABLES, SCHEMA)

    def fingerprint(self) -> str:
        """Of the files beside the settings that decide what is asked."""
        found = prompts.versions(self.prompt)
        return sha256(
            *(part for prompt in found for part in (prompt.digest, prompt.schema.digest)),
            prompts.read_text(Path(prompts.__file__), "file"),
        )

    # --- ask

    def tasks(self, pairs: Iterable[Asked]) -> Iterator[Task | Dropped]:
        """One task per pair, in their order; what it says depends on the words of the pair alone.

        Yields:
            Tasks; a passage that is too long is Dropped, under the id `query_id passage_id`.
        """
        found: dict[str, prompts.Prompt] = {}
        for query, passage in pairs:
            key = f"{query.query_id} {passage.passage_id}"
            size = prompts.estimate_tokens(passage.text)
            if size > self.most_tokens:
                why = f"about {size} tokens, expected {self.most_tokens} or fewer: segment it"
                yield Dropped(key, "too_long", why)
                continue
            base = base_language(query.language or detect_language(query.text)) or ""
            if base not in found:
                found[base] = prompts.load(self.prompt, base)
            prompt = found[base]
            messages = prompt.render(
                query=query.text,
                context=context_lines(passage, "zh" if base == "zh" else "en"),
                passage=passage.text,
            )
            yield Task(
                record_id=key,
                messages=messages,
                schema=prompt.schema,
                prompt_id=prompt.prompt_id,
                prompt_digest=prompt.digest,
                max_tokens=self.reply_tokens,
                about=(query, passage),
            )

    # --- read

    def read(self, task: Task, value: Mapping[str, Any], model: str) -> Reading:
        """The judgement in a reply that fits `judge.v1`; `model` is who judged."""
        query, passage = task.about
        return verdict(query, passage, value, assessor_id(task, model))

    def assessor(self, task: Task, model: str) -> str:
        """Who judges a task, as its rows name it."""
        return assessor_id(task, model)

    def unread(self, task: Task, why: Dropped, model: str) -> Judgement:
        """The judgement of a pair whose replies could not be read: null."""
        query, passage = task.about
        return unread(query, passage, why, assessor_id(task, model))


def assessor_id(task: Task, model: str) -> str:
    """Who judged: `<model>/judge.v1.en@<16 digits over prompt and schema>`."""
    return f"{model}/{task.prompt_id}@{_words(task.prompt_digest, task.schema.digest)}"


@functools.lru_cache(maxsize=64)
def _words(prompt_digest: str, schema_digest: str) -> str:
    return registry.digest([prompt_digest, schema_digest]).removeprefix("sha256:")[:16]
