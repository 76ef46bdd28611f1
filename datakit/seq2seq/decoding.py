"""How a model's outputs are drawn: greedy, sampled by seed, or by beam search.

What a text gives depends on the text and its seed, not on the texts beside it in a batch: a
sampled token is the best of its logit plus a noise that is a hash of seed, position and token
(the Gumbel trick). What is left of the neighbours is the last digit of a matrix product.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from datakit import models
from datakit.errors import DatakitError

if TYPE_CHECKING:
    import torch

    from datakit.seq2seq import Seq2Seq

# source tokens that the encoder reads at once: 24 passages with T5-small on one core, 512 tokens
# 1.9 s, 2,048 2.2 s, 8,192 3.6 s (they leave the processor's caches)
ENCODED_TOGETHER = {"cpu": 512, "cuda": 65_536}
_REPACK = 0.75  # share of a batch still unfinished below which the finished rows are taken out


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an output is drawn; the defaults are those of GPL (arXiv 2112.07577)."""

    max_tokens: int = 64
    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 25  # 0: all
    beams: int = 0  # 0: sampling; 1: greedy; more: beam search


@dataclass(frozen=True, slots=True)
class Output:
    """A text that the model wrote."""

    text: str
    logprob: float  # mean over its tokens, the closing one included; before temperature and cuts
    finished: bool  # the model closed it; False: it was cut off at `max_tokens`


@dataclass(frozen=True, slots=True)
class Unit:
    """What is never split: one sampled output, or the beams of one source."""

    source: int
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Marks:
    """The tokens with a meaning of their own."""

    start: int
    end: tuple[int, ...]
    padding: int
    first: int | None  # a token that every output begins with, such as BART's


def _marks(model: Seq2Seq) -> _Marks:
    of, plain = model.model.generation_config, model.model.config
    padding = model.tokeniser.pad_token_id
    padding = 0 if padding is None else int(padding)
    start = of.decoder_start_token_id
    start = getattr(plain, "decoder_start_token_id", None) if start is None else start
    end = model.tokeniser.eos_token_id if of.eos_token_id is None else of.eos_token_id
    if end is None:
        raise DatakitError(
            f"model {model.name!r} has no closing token (eos_token_id), expected one: its outputs "
            "would never end. Is it a model that writes?"
        )
    ends = tuple(end) if isinstance(end, list | tuple) else (int(end),)
    return _Marks(padding if start is None else int(start), ends, padding, of.forced_bos_token_id)


def padded(ids: Sequence[Sequence[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, longest) int64 tokens padded on the right, and (n, longest) int64, 1 where a token is."""
    import torch

    longest = max(map(len, ids))
    tokens = torch.full((len(ids), longest), padding)
    mask = torch.zeros((len(ids), longest), dtype=torch.long)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = torch.tensor(one, dtype=torch.long)
        mask[row, : len(one)] = 1
    return tokens, mask


def decoded(
    model: Seq2Seq, ids: Sequence[list[int]], batch: Sequence[Unit], decoding: Decoding
) -> list[list[Output]]:
    """One output for each unit: greedy, or sampled with the unit's seed.

    A source is encoded once for all its outputs, and finished outputs leave the batch: otherwise
    they would be computed until the longest is done.
    """
    import torch
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    marks, n = _marks(model), len(batch)
    hidden, mask = _encoded(model, ids, [unit.source for unit in batch], marks.padding)
    seeds = torch.tensor([unit.seeds[0] for unit in batch], device=model.device)
    ends = torch.tensor(marks.end, device=model.device)
    tokens = torch.full((n, decoding.max_tokens), marks.padding, device=model.device)
    total = torch.zeros(n, device=model.device)  # log-probability
    lengths = torch.full((n,), decoding.max_tokens, device=model.device)
    finished = torch.zeros(n, dtype=torch.bool, device=model.device)
    rows = torch.arange(n, device=model.device)  # of the batch, those that are still computed
    current = torch.full((n, 1), marks.start, device=model.device)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    for step in range(decoding.max_tokens):
        logits = _forward(model, hidden, mask, current, cache)  # (rows, vocabulary)
        if step == 0 and marks.first is not None:
            chosen = torch.full_like(rows, marks.first)
        elif decoding.beams == 1:
            chosen = logits.argmax(dim=1)
        else:
            chosen = _sampled(logits, seeds[rows], step, decoding)
        logprob = logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(dim=1)
        is_open = ~finished[rows]
        total[rows] += torch.where(is_open, logprob, 0.0)
        tokens[rows, step] = torch.where(is_open, chosen, marks.padding)
        closed = rows[is_open & torch.isin(chosen, ends)]
        finished[closed] = True
        lengths[closed] = step + 1
        left = (~finished[rows]).nonzero()[:, 0]
        if not len(left):
            break
        current = chosen[:, None]
        if len(left) <= _REPACK * len(rows):
            rows, hidden, mask, current = rows[left], hidden[left], mask[left], current[left]
            cache.batch_select_indices(left)
    texts = model.tokeniser.batch_decode(tokens.tolist(), skip_special_tokens=True)
    return [
        [Output(_tidy(text), score, done)]
        for text, score, done in zip(
            texts, (total / lengths).tolist(), finished.tolist(), strict=True
        )
    ]


def _encoded(
    model: Seq2Seq, ids: Sequence[list[int]], wanted: Sequence[int], padding: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, tokens, dim) and (n, tokens), a source that is wanted several times encoded once."""
    import torch

    unique = list(dict.fromkeys(wanted))
    tokens, mask = padded([ids[i] for i in unique], padding)
    tokens, mask = tokens.to(model.device), mask.to(model.device)
    encoder = model.model.get_encoder()
    budget = ENCODED_TOGETHER.get(model.device.split(":")[0], ENCODED_TOGETHER["cpu"])
    hidden: torch.Tensor | None = None
    for rows in models.batches([len(ids[i]) for i in unique], budget):
        longest = len(ids[unique[rows[0]]])
        part = encoder(
            input_ids=tokens[rows, :longest], attention_mask=mask[rows, :longest]
        ).last_hidden_state
        if hidden is None:
            hidden = part.new_zeros(*tokens.shape, part.shape[2])
        hidden[rows, :longest] = part
    assert hidden is not None
    place = {source: row for row, source in enumerate(unique)}
    at = torch.tensor([place[source] for source in wanted], device=model.device)
    return hidden[at], mask[at]


def _forward(
    model: Seq2Seq, hidden: torch.Tensor, mask: torch.Tensor, current: torch.Tensor, cache: Any
) -> torch.Tensor:
    """(n, vocabulary) float32 logits of the next token."""
    from transformers.modeling_outputs import BaseModelOutput

    logits: torch.Tensor = model.model(
        encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
        attention_mask=mask,
        decoder_input_ids=current,
        use_cache=True,
        **{_cache_argument(model.model.forward.__func__): cache},
    ).logits[:, -1]
    return logits.float()


@functools.cache
def _cache_argument(forward: Hashable) -> str:
    """The name of the cache among the arguments: transformers renames `past_key_values`."""
    names = inspect.signature(cast("Callable[..., Any]", forward)).parameters
    return "cache" if "cache" in names else "past_key_values"


def _sampled(
    logits: torch.Tensor, seeds: torch.Tensor, step: int, decoding: Decoding
) -> torch.Tensor:
    """(n,) tokens drawn from the softmax of the logits, cut to top-k and then to top-p.

    Args:
        logits: (n, vocabulary) float32.
        seeds: (n,) int64.
        step: position of the token in its output, from 0.
        decoding: temperature, top_k, top_p.
    """
    size = logits.shape[1]
    best, ids = (logits / decoding.temperature).topk(min(decoding.top_k or size, size), dim=1)
    p = best.softmax(dim=1)
    best = best.masked_fill(p.cumsum(dim=1) - p >= decoding.top_p, float("-inf"))
    choice = (best.double() + _gumbel(seeds, step, ids)).argmax(dim=1)
    return ids.gather(1, choice[:, None])[:, 0]


def _gumbel(seeds: torch.Tensor, step: int, ids: torch.Tensor) -> torch.Tensor:
    """(n, k) float64 noise: the same for the same seed, step and token, wherever it is computed."""
    bits = _mixed(_mixed(seeds[:, None] + _signed(_GOLDEN * (step + 1))) ^ ids)
    uniform = (_shifted(bits, 11).double() + 0.5) * 2.0**-53
    return -(-uniform.log()).log()


def _signed(number: int) -> int:
    """The int64 with the lowest 64 bits of the number."""
    return (number + 2**63) % 2**64 - 2**63


# splitmix64 (Steele, Lea, Flood 2014)
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1, _MIX_2 = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def _mixed(x: torch.Tensor) -> torch.Tensor:
    x = (x ^ _shifted(x, 30)) * _MIX_1
    x = (x ^ _shifted(x, 27)) * _MIX_2
    return x ^ _shifted(x, 31)


def _shifted(x: torch.Tensor, by: int) -> torch.Tensor:
    """A shift to the right that fills with zeros; torch's own keeps the sign."""
    return (x >> by) & ((1 << (64 - by)) - 1)


def searched(
    model: Seq2Seq, ids: Sequence[list[int]], batch: Sequence[Unit], decoding: Decoding
) -> list[list[Output]]:
    """The best outputs of each unit by beam search, best first; as many as it has seeds."""
    import torch
    import transformers

    marks = _marks(model)
    wanted = max(len(unit.seeds) for unit in batch)
    tokens, mask = padded([ids[unit.source] for unit in batch], marks.padding)
    config = transformers.GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=decoding.max_tokens,
        num_beams=decoding.beams,
        num_return_sequences=wanted,
        do_sample=False,
        length_penalty=1.0,  # the score of a beam is then its mean log-probability
        decoder_start_token_id=marks.start,
        forced_bos_token_id=marks.first,
        eos_token_id=list(marks.end),
        pad_token_id=marks.padding,
        return_dict_in_generate=True,
        output_scores=True,
    )
    found = model.model.generate(
        input_ids=tokens.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=config,
    )
    finished = torch.isin(found.sequences[:, 1:], torch.tensor(marks.end, device=model.device))
    texts = model.tokeniser.batch_decode(found.sequences.tolist(), skip_special_tokens=True)
    outputs = [
        Output(_tidy(text), score, done)
        for text, score, done in zip(
            texts, found.sequences_scores.tolist(), finished.any(dim=1).tolist(), strict=True
        )
    ]
    return [
        outputs[row * wanted : row * wanted + len(unit.seeds)] for row, unit in enumerate(batch)
    ]


def _tidy(text: str) -> str:
    return " ".join(text.split())
