"""Documents with headings, and encoders of a few kilobytes, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from datakit.segmentation.corpus import SectionedDocument, from_json

TOPICS = {
    "Fees": "price invoice payment amount card refund",
    "Privacy": "data cookie tracking consent record profile",
    "Liability": "damage loss warranty claim limit fault",
    "Termination": "cancel close notice account end suspend",
    "Delivery": "parcel courier address shipment delay depot",
}
CHINESE = {
    "费用": "价格 发票 付款 金额 银行卡 退款",
    "隐私": "数据 追踪 同意 记录 个人 信息",
    "责任": "损害 损失 保证 索赔 限额 过错",
    "终止": "取消 关闭 通知 账户 期满 暂停",
    "配送": "包裹 快递 地址 运输 延误 仓库",
}
CHINESE_COMMON = ["我们", "用户", "可以", "以及", "本协议", "服务"]
COMMON = ["the", "we", "you", "may", "of", "and", "our", "to", "service", "with"]


def document(
    number: int, sections: int = 4, paragraphs: int = 3, chinese: bool = False
) -> SectionedDocument:
    """Sections of a topic's own words that open with "firstly"; every second has a sub-section."""
    rng = np.random.default_rng(number)
    topics, first, detail = (
        (CHINESE, "首先", "细则") if chinese else (TOPICS, "Firstly ", "In detail")
    )
    items: list[dict[str, Any]] = []
    for i, topic in enumerate(rng.permutation(list(topics))[:sections].tolist()):
        for k in range(paragraphs):
            below = [detail] if k == paragraphs - 1 and i % 2 else []
            text = first * (k == 0) + paragraph(topic, rng)
            items.append({"text": text, "section": [topic, *below]})
    name = f"{'z' * chinese}{number}"
    value = {
        "id": f"d{name}", "group": f"g{name}", "lang": "zh" if chinese else "en", "top": 1,
        "paragraphs": items,
    }  # fmt: skip
    return from_json(value, f"d{name}", "made")


def paragraph(topic: str, rng: np.random.Generator) -> str:
    if topic in CHINESE:
        own = rng.choice(CHINESE[topic].split(), 5).tolist()
        return "".join(rng.permutation([*own, *rng.choice(CHINESE_COMMON, 3).tolist()])) + "。"
    own = rng.choice(TOPICS[topic].split(), 5).tolist()
    words = rng.permutation([*own, *rng.choice(COMMON[1:], 4).tolist()]).tolist()
    return " ".join(words).capitalize() + "."


def documents(n: int = 30) -> list[SectionedDocument]:
    return [document(i) for i in range(n)]


def write_json_lines(path: Path, n: int = 30) -> Path:
    """The same documents as a file that the commands read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for one in documents(n):
            before: list[str] = []
            items = []
            for line, headings in zip(one.lines, one.headings, strict=True):
                if headings:
                    before = [*before[: headings[0].level - 1], *(h.text for h in headings)]
                items.append({"text": line.text, "section": before})
            record = {"id": one.doc_id, "group": one.group, "lang": "en", "top": 1}
            file.write(json.dumps(record | {"paragraphs": items}) + "\n")
    return path


def tiny_encoder(folder: Path, labels: int = 0) -> Path:
    """A BERT of two layers whose words are those of the documents; with labels a classifier."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = sorted({w for of in TOPICS.values() for w in of.split()} | set(COMMON))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {w: i for i, w in enumerate([*special, *words, "."])}
    tokeniser = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokeniser.normalizer = normalizers.Lowercase()
    tokeniser.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokeniser.add_special_tokens(special)
    tokeniser.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(t, vocabulary[t]) for t in ("[CLS]", "[SEP]")],
    )
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, num_labels=labels or 2,
    )  # fmt: skip
    kind = transformers.BertForSequenceClassification if labels else transformers.BertModel
    kind(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokeniser, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    return folder
