"""A stand-in for a language model: answers `bottom_up` and `top_down` prompts by rule."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset, write_tables
from datakit.records import Document, Passage, document_id, passage_id
from datakit.text import sentences, words

Body = dict[str, Any]


def answer(body: Body) -> str:
    """What a model that follows the prompt would say; the same for the same prompt."""
    asked = first_question(body)
    passage = fenced(asked, "passage")
    return json.dumps(bottom_up(passage) if passage else top_down(asked), ensure_ascii=False)


def answer_badly(body: Body, share: float) -> str:
    """As `answer`, but of first replies a share is no JSON."""
    said = answer(body)
    return said[: len(said) // 2] if not is_repair(body) and draw(body) < share else said


def first_question(body: Body) -> str:
    return str(next(m["content"] for m in reversed(body["messages"][:2]) if m["role"] == "user"))


def is_repair(body: Body) -> bool:
    return any(m["role"] == "assistant" for m in body["messages"])


def draw(body: Body) -> float:
    """A number in [0, 1) that depends on what was first asked."""
    return int(hashlib.sha256(first_question(body).encode()).hexdigest()[:8], 16) / 2**32


def fenced(text: str, tag: str) -> str:
    found = re.search(rf"<({tag}(?:-\w+)?)>\n(.*?)\n</\1>", text, re.S)
    return found.group(2) if found else ""


def bottom_up(passage: str) -> dict[str, Any]:
    language = "zh" if re.search(r"[\u4e00-\u9fff]", passage) else "en"
    quotes = [passage[s:e].strip() for s, e in sentences(passage, language)]
    quotes = [quote for quote in quotes if len(quote) >= 12][:2]
    facts = [
        {"evidence": quote, "fact_type": "other", "queries": [query(quote, language)]}
        for quote in quotes
    ]
    both = [
        {"query": query(" ".join(quotes[::-1]), language, "both"), "covers_facts": [0, 1]}
    ] if len(facts) > 1 else []  # fmt: skip
    return {
        "standalone_score": 80, "summary": passage[:80], "facts": facts, "passage_queries": both,
    }  # fmt: skip


def query(quote: str, language: str, kind: str = "one") -> dict[str, Any]:
    long = sorted({w for w in words(quote, language) if len(w) > 1}, key=lambda w: (-len(w), w))
    picked = [w for w in long if not w.isdigit()][:2] + re.findall(r"\d+", quote)[:3]
    picked = picked or [quote[:6]]
    if language == "zh":
        text = f"{'与'.join(picked)}有什么规定"
    else:
        text = f"what is said about {' and '.join(picked)}"
    if kind == "both":
        text = f"{text}，怎么理解" if language == "zh" else f"{text} taken together"
    return {"text": text[:200], "form": "question", "names_entity": False, "needs_time": False}


def top_down(asked: str) -> dict[str, Any]:
    numbered = re.findall(r"^(\d+)[.．、)\]]?\s+(.+)$", asked, re.M)
    chinese = bool(re.search(r"[\u4e00-\u9fff]", "".join(t for _, t in numbered)))
    title = numbered[0][1][:30] if numbered else "the list"
    text = f"{title}等资料的共同变化是什么" if chinese else f"how do terms like {title} compare"
    parts = [f"{title}有何变化", "各家有何不同"] if chinese else [f"what is {title}", "who differs"]
    return {
        "topic_label": title,
        "queries": [
            {
                "text": text, "aspect": "comparison", "supporting_docs": [1, 2],
                "facets": {"category": None, "time": None, "entities": []},
                "sub_questions": parts,
            }
        ],
    }  # fmt: skip


# --- a dataset to ask about ---------------------------------------------------------------

ENGLISH = (
    "The {name} plan costs {n} dollars a month and renews on the first day of each period. "
    "A customer who cancels {name} within {k} days gets the unused part of the fee back. "
    "Support for {name} answers requests about invoices within {k} hours on working days."
)
CHINESE = (
    "{name}公司营业收入为{n}亿元，同比增长{k}个百分点。"
    "公司预计明年在{name}新建{k}条生产线，主要用于动力电池。"
    "原材料价格下降是{name}毛利率改善的主要原因。"
)


def write_dataset(path: Path, n_passages: int, per_document: int = 5) -> Dataset:
    """Passages in English and Chinese, in turn by document, without any query."""
    documents: list[Document] = []
    passages: list[Passage] = []
    for d in range(-(-n_passages // per_document)):
        language, pattern = (("en", ENGLISH), ("zh", CHINESE))[d % 2]
        title = (f"Alder {d} Terms", f"青松{d}公司研究")[d % 2]
        spans, text = [], ""
        for i in range(min(per_document, n_passages - len(passages))):
            name = (f"Alder {d}", f"青松{d}")[d % 2]
            piece = pattern.format(name=name, n=100 + 7 * d + i, k=3 + i)
            spans.append((len(text), len(text) + len(piece)))
            text += piece + "\n\n"
        text = text.rstrip()
        doc_id = document_id(f"{d}.md", text)
        documents.append(Document(doc_id, text, f"{d}.md", title=title, language=language))
        passages += [
            Passage(
                passage_id(doc_id, start, end), doc_id, text[start:end], start, end, i,
                title=title, language=language,
            )
            for i, (start, end) in enumerate(spans)
        ]  # fmt: skip
    return write_tables(path, {"document": documents, "passage": passages}, "test")
