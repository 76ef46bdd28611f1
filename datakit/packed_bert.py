"""BERT over texts of mixed length without padding, for processors.

The model's own modules run on the rows of all texts in one matrix; attention alone sees texts,
those of one length at once. What the library's forward spends on padding is not spent.
"""

from __future__ import annotations

import concurrent.futures
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

# of rows in a batch: what a core's caches hold; all-MiniLM in float32 takes 5.9 CPU s with it for
# what takes 6.4 with 2,048 and 6.2 with 512
ROWS_A_BATCH = 1024
# attention pads a text to a multiple: on AVX-512, torch's takes 1.3 µs a token at 96 and 112
# tokens, 2.1 at 100 and 104
MULTIPLE = 16

_EMBEDDINGS = {
    "word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm", "dropout",
}  # fmt: skip
_LAYER = {
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.self.dropout",
    "attention.output.dense", "attention.output.LayerNorm", "attention.output.dropout",
    "intermediate.dense", "intermediate.intermediate_act_fn",
    "output.dense", "output.LayerNorm", "output.dropout",
}  # fmt: skip


def is_packable(model: Any) -> bool:
    """Is it a BERT or RoBERTa encoder, with the modules that `packed_hidden` runs and no other?"""
    import transformers

    known = (transformers.BertModel, transformers.RobertaModel, transformers.XLMRobertaModel)
    config = model.config
    return (
        type(model) in known
        and not config.is_decoder
        and not config.add_cross_attention
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and _leaves(model.embeddings) == _EMBEDDINGS
        and all(_leaves(layer) == _LAYER for layer in model.encoder.layer)
    )


def _leaves(module: torch.nn.Module) -> set[str]:
    return {name for name, one in module.named_modules() if not any(one.children())}


def padded(length: int) -> int:
    """Rows that a text of so many tokens takes."""
    return max(1, -(-length // MULTIPLE)) * MULTIPLE


def lay_out_weights(model: Any) -> None:
    """Put the weights of a bfloat16 encoder, for good, in the order that oneDNN multiplies in.

    Otherwise it orders them anew, and copies the bias, at every product: 8 to 10 % of all time. The
    operator is the one that torch's inductor freezes linear layers to; where this build of torch
    or this processor lacks it, the layers stay as they are.
    """
    import torch

    operators = torch.ops.mkldnn
    wanted = ("_linear_pointwise", "_reorder_linear_weight", "_is_mkldnn_bf16_supported")
    if not all(hasattr(operators, name) for name in wanted):
        return
    if not operators._is_mkldnn_bf16_supported():
        return

    class Ordered(torch.nn.Module):
        def __init__(self, linear: torch.nn.Linear) -> None:
            super().__init__()
            weight = linear.weight.detach()
            self.weight = operators._reorder_linear_weight(weight, ROWS_A_BATCH)
            self.bias = linear.bias.detach()

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            product: torch.Tensor = operators._linear_pointwise(
                rows, self.weight, self.bias, "none", [], ""
            )
            return product

    with torch.no_grad():
        for parent in list(model.encoder.modules()):
            for name, child in list(parent.named_children()):
                if type(child) is torch.nn.Linear:
                    setattr(parent, name, Ordered(child))


@dataclass(frozen=True)
class OneLength:
    """Neighbouring texts of one padded length: rows `start` to `stop` of the batch."""

    start: int
    stop: int
    is_token: torch.Tensor  # (n_texts, padded length) bool

    def split(self, rows: torch.Tensor) -> torch.Tensor:
        """(n_rows, ...) of the batch to (n_texts, padded length, ...) of these texts."""
        return rows[self.start : self.stop].view(*self.is_token.shape, *rows.shape[1:])


def packed_hidden(
    model: Any, ids: Sequence[Sequence[int]]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The last hidden states of texts, given in order of length.

    Args:
        model: for which `is_packable` is true, on a processor.
        ids: of the tokens of each text, at least one text. Texts of one length that do not stand
            together cost time, not correctness.

    Yields:
        For neighbouring texts of one padded length, their (n_texts, length, dim) hidden states in
        the model's type, and (n_texts, length) bool, true where there is a token.

    Source:
        Devlin et al. 2019, by the modules of transformers' BertModel. Differs from its forward in
        the order of rounding alone.
    """
    import torch

    groups = list(_groups([len(one) for one in ids]))
    tokens, positions = _rows(ids, groups, _first_position(model))
    hidden = model.embeddings(input_ids=tokens[None], position_ids=positions[None])[0]
    masks = [_mask(group.is_token, hidden.dtype) for group in groups]
    for layer in model.encoder.layer:
        attention = layer.attention
        projections = [
            project(hidden).unflatten(1, (-1, attention.self.attention_head_size))
            for project in (attention.self.query, attention.self.key, attention.self.value)
        ]
        context = torch.cat(
            [_attend(group, projections, mask) for group, mask in zip(groups, masks, strict=True)]
        )
        hidden = attention.output(context, hidden)
        hidden = layer.output(layer.intermediate(hidden), hidden)
    for group in groups:
        yield group.split(hidden), group.is_token


def _attend(group: OneLength, projections: list[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
    """Queries, keys and values, (n_rows, heads, head size) of the batch, to (n_rows of the group,
    dim).
    """
    import torch

    query, key, value = (group.split(rows).transpose(1, 2) for rows in projections)
    context = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return context.transpose(1, 2).flatten(0, 1).flatten(1)


def _groups(lengths: Sequence[int]) -> Iterator[OneLength]:
    import torch

    start = 0
    for length, same in itertools.groupby(lengths, key=padded):
        real = torch.tensor(list(same))
        stop = start + len(real) * length
        is_token = torch.arange(length) < real[:, None]
        yield OneLength(start, stop, is_token)
        start = stop


def _rows(
    ids: Sequence[Sequence[int]], groups: Sequence[OneLength], first_position: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(n_rows,) ids of tokens and (n_rows,) positions, those of padding being the first of both."""
    import torch

    tokens = torch.zeros(groups[-1].stop, dtype=torch.long)
    positions = torch.zeros_like(tokens)
    flat = torch.tensor([token for one in ids for token in one], dtype=torch.long)
    is_token = torch.cat([group.is_token.flatten() for group in groups])
    tokens[is_token] = flat
    for group in groups:
        group.split(positions)[:] = torch.arange(group.is_token.shape[1])
    return tokens, positions.where(is_token, 0) + first_position


def _first_position(model: Any) -> int:
    """RoBERTa counts from the number after that of padding (as fairseq did), BERT from 0."""
    padding = getattr(model.embeddings, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


def _mask(is_token: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(n_texts, 1, 1, length), added to scores of attention: the least number for padding.

    Not minus infinity: a text without tokens would be nan.
    """
    import torch

    added = torch.zeros(is_token.shape, dtype=dtype)
    added.masked_fill_(~is_token, torch.finfo(dtype).min)
    return added[:, None, None, :]


def one_core_each(
    work: Callable[[Item], Result], items: Iterable[Item], cores: int
) -> Iterator[Result]:
    """`work` on each item, in their order, an item a core.

    Torch spreads no item over cores, so that no result hangs on their number; cores that wait for
    each other within an item also take twice the CPU time on a busy machine.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = concurrent.futures.ThreadPoolExecutor(
        cores, initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        with pool:
            yield from pool.map(work, items)
    finally:
        torch.set_num_threads(before)
