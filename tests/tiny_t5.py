"""T5 models made on the spot: a tokenizer of the words given, random weights of a few thousand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

ENGLISH = (
    "The buyer may withdraw from the contract within fourteen days. The seller bears the costs of "
    "return. Goods must arrive undamaged. what how who why is are the a of for to in which refund "
    "price delivery warranty notice payment fee account interest penalty deposit policy claim"
)
CHINESE = "买方可以在十四天内解除合同。卖方承担退货费用。什么怎么为多少是的价格交付保修通知付款利息"


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Threads that wait for one another on a busy machine cost more than models this small."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_tokeniser(texts: Iterable[str], vocabulary: int = 600) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer, the kind that T5 has, trained on the texts."""
    tokeniser = Tokenizer(models.Unigram())
    tokeniser.pre_tokenizer = pre_tokenizers.Metaspace()
    tokeniser.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    tokeniser.train_from_iterator(list(texts), trainer)
    tokeniser.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokeniser, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def tiny_t5(
    folder: Path, texts: Iterable[str] = (ENGLISH, CHINESE), *, seed: int = 0, **sizes: Any
) -> Path:
    """A folder with a T5 of random weights."""
    import torch

    tokeniser = tiny_tokeniser(texts)
    torch.manual_seed(seed)
    config = T5Config(
        **{
            "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4,
            "vocab_size": len(tokeniser), "decoder_start_token_id": 0, "pad_token_id": 0,
            "eos_token_id": 1, "dropout_rate": 0.0,
        } | sizes
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    model.save_pretrained(folder)
    tokeniser.save_pretrained(folder)
    return folder


def closing_t5(folder: Path) -> Path:
    """A T5 that writes a few words of its texts and ends: taught for a second on such outputs."""
    import random

    import torch

    tiny_t5(folder)
    tokeniser = PreTrainedTokenizerFast.from_pretrained(folder)
    model = T5ForConditionalGeneration.from_pretrained(folder)
    draw = random.Random(0)
    words = [*ENGLISH.split(), *(CHINESE[i : i + 2] for i in range(0, len(CHINESE), 2))]
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(40):
        said = [" ".join(draw.choices(words, k=draw.randint(1, 3))) for _ in range(32)]
        batch = tokeniser(said, padding=True, return_tensors="pt")
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = model(input_ids=batch["input_ids"], labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    return folder
