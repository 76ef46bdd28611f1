"""Queries a second of a T5 beside plain loops over `model.generate`, in one process.

    OMP_NUM_THREADS=1 python tests/bench/bench_t5.py [--size base] [--passages 24] [--tokens 24]

The weights are random (nothing is downloaded), so that no output ends early: each has all its
tokens. The same passages are decoded greedily by transformers one at a time and in batches of
eight as they come, and by datakit in batches of like length; outputs are compared text by text.
The second part samples three queries of each passage that end after about eight tokens, as those of
MS MARCO do: a bias on the closing token stands for a trained model. Seconds are the processor's,
so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

SIZES = {
    "small": {"d_model": 512, "d_ff": 2048, "num_layers": 6, "num_heads": 8},
    "base": {"d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
}


def passages(n: int) -> list[str]:
    """Texts of 50 to 260 tokens, as the passages of a segmenter are."""
    import random

    from tiny_t5 import ENGLISH

    draw = random.Random(7)
    words = ENGLISH.split()
    return [" ".join(draw.choices(words, k=draw.randint(12, 75))) for _ in range(n)]


def made(size: str, threads: int) -> Any:
    import torch
    import transformers
    from tiny_t5 import CHINESE, ENGLISH, tiny_tokeniser

    from datakit.seq2seq import PLAIN_PROMPT, Seq2Seq

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=32128, d_kv=64, decoder_start_token_id=0, **SIZES[size]
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config).eval()
    # tied to its input, a random model repeats the token that it was given
    head = torch.randn(32128, config.d_model) / config.d_model**0.5
    model.lm_head.weight = torch.nn.Parameter(head)
    tokeniser = tiny_tokeniser([ENGLISH, CHINESE])
    return Seq2Seq("random", "", PLAIN_PROMPT, model, tokeniser, 512, "float32", "cpu")


def close_after(model: Any, texts: list[str], n: int) -> None:
    """A bias that gives the closing token one n-th of what top-25 leaves, in the mean."""
    import torch

    tokens = model.tokeniser(texts[:4], padding=True, return_tensors="pt")
    start = torch.zeros(len(texts[:4]), 1, dtype=torch.long)
    with torch.inference_mode():
        logits = model.model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"],
            decoder_input_ids=start,
        ).logits[:, 0]  # fmt: skip
    others = logits.topk(24, dim=1).values.logsumexp(dim=1)
    bias = torch.zeros(logits.shape[1])
    bias[1] = (others - logits[:, 1]).mean() - torch.tensor(n - 1.0).log()
    model.model.lm_head.bias = torch.nn.Parameter(bias, requires_grad=False)


def plain(model: Any, texts: list[str], batch: int, settings: dict[str, Any]) -> list[list[int]]:
    import torch

    found = []
    for start in range(0, len(texts), batch):
        tokens = model.tokeniser(texts[start : start + batch], padding=True, return_tensors="pt")
        with torch.inference_mode():
            ids = model.model.generate(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], **settings
            )
        found += ids[:, 1:].tolist()
    return found


def timed(name: str, queries: int, run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = run()
    speed = queries / (time.process_time() - start)
    print(f"{name:<44} {speed:7.2f} queries/s of processor time", flush=True)
    return speed, found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--passages", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=24)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threads = int(os.environ["OMP_NUM_THREADS"])
    warnings.simplefilter("ignore")

    import torch

    from datakit.seq2seq import Source
    from datakit.seq2seq.decoding import Decoding

    model, texts = made(args.size, threads), passages(args.passages)
    lengths = [len(one) for one in model.token_ids(texts)]
    parameters = sum(p.numel() for p in model.model.parameters()) / 1e6
    print(f"T5-{args.size}, {parameters:.0f} M parameters, {threads} thread(s), torch "
          f"{torch.__version__}; {len(texts)} passages of {min(lengths)}-{max(lengths)} tokens, "
          f"{args.tokens} tokens a query")  # fmt: skip

    # the tokenizer of the bench has fewer tokens than the model: what is compared are the numbers
    model.tokeniser.batch_decode = lambda rows, **_: [" ".join(map(str, row)) for row in rows]
    greedy = {"max_new_tokens": args.tokens, "do_sample": False}
    one, alone = timed("greedy, transformers, one at a time", len(texts),
                       lambda: plain(model, texts, 1, greedy))  # fmt: skip
    eight, _ = timed("greedy, transformers, batches of 8 as they come", len(texts),
                     lambda: plain(model, texts, 8, greedy))  # fmt: skip
    ours, found = timed("greedy, datakit", len(texts), lambda: model.generate(
        [Source(text, (0,)) for text in texts], Decoding(args.tokens, beams=1)))  # fmt: skip
    equal = sum(
        output[0].text == " ".join(map(str, ids)) for output, ids in zip(found, alone, strict=True)
    )
    print(f"datakit: {ours / one:.1f} x one at a time, {ours / eight:.1f} x batches of 8; "
          f"{equal} of {len(texts)} outputs equal, "
          f"{len({output[0].text for output in found})} of them distinct")  # fmt: skip

    close_after(model, texts, 8)
    sampling = {"max_new_tokens": 64, "do_sample": True, "top_p": 0.95, "top_k": 25,
                "num_return_sequences": 3}  # fmt: skip
    torch.manual_seed(1)
    n = 3 * len(texts)
    one, drawn = timed("3 sampled, transformers, one at a time", n,
                       lambda: plain(model, texts, 1, sampling))  # fmt: skip
    eight, _ = timed("3 sampled, transformers, batches of 8", n,
                     lambda: plain(model, texts, 8, sampling))  # fmt: skip
    ours, _ = timed("3 sampled, datakit", n, lambda: model.generate(
        [Source(text, (3 * i, 3 * i + 1, 3 * i + 2)) for i, text in enumerate(texts)],
        Decoding(64)))  # fmt: skip
    mean = sum(sum(t not in (0, 1) for t in ids) for ids in drawn) / n
    print(f"datakit: {ours / one:.1f} x one at a time, {ours / eight:.1f} x batches of 8; "
          f"{mean:.1f} tokens a query")  # fmt: skip


if __name__ == "__main__":
    main()
