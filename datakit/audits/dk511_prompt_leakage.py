"""Did the words of a prompt or of a model get into the queries?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.auditing.texts import batches
from datakit.registry import plugin

LEAKED = re.compile(
    r"""(?xi)
    \bas\ an?\ (?:ai|artificial|large\ language)\b | \bi(?:'m|\ am)\ (?:sorry|unable|an\ ai)\b
    | \bi\ can(?:no|')t\ (?:help|assist|provide|answer|generate|create|fulfil)
    | ^\W*(?:sure|certainly|of\ course)[,!]
    | ^\W*here\ (?:are|is)\ (?:some|a|the|an|\d+|three|five|ten)\b
    | ^\W*(?:query|question|passage|answer|output|response|search\ query)\s*\d*\s*:
    | \bprompt\s*: | ``` | <\| | \[/?inst\] | \{\{
    | </?(?:think|query|question|answer|passage|document|s|br|p|div|b|i|span)\b[^>]{0,60}>
    | ^\s*[\[{]\s*["'] | ["']\s*[}\]]\s*$ | &(?:amp|lt|gt|quot|nbsp|\#\d+);
    | \bbased\ on\ the\ (?:above|given|provided)\ (?:passage|text|context|document)
    | 作为(?:一个|一名)?(?:AI|人工智能|大?语言模型) | ^\W*(?:抱歉|对不起)[,，。]
    | 我无法(?:回答|提供|生成|协助|帮助) | ^\W*(?:好的|当然)[,，。] | ^\W*以下是
    | ^\W*(?:查询|问题|段落|答案|回答|输出)\s*\d*\s*[:：]
    | 根据(?:上述|以上|给定|提供的)(?:段落|文本|内容|材料) | 请(?:生成|输出)\S{0,6}(?:查询|问题)
    """
)


@plugin("audits", "dk511_prompt_leakage")
@dataclass(frozen=True)
class PromptLeakage:
    """Queries with meta text, refusals or markup."""

    check: ClassVar[Check] = Check(
        "DK511", "Prompt leakage", "queries", "datakit fix PATH --check DK511 -o NEW", cost=2
    )
    train: str = "E>0"
    test: str = "E>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        flags = np.zeros(len(facts.queries), bool)
        at = 0
        for batch in batches(facts.dataset, "query", ["text"]):
            for text in batch.column(0).to_pylist():
                flags[at] = LEAKED.search(text) is not None
                at += 1
        for part, inside in facts.parts():
            rows = np.flatnonzero(flags & inside)
            yield rate(
                part, len(rows), int(inside.sum()), f"{len(rows):,} queries hold the words of a "
                "prompt, a refusal or markup", records=facts.queries.names(rows), entity="query",
            )  # fmt: skip
