"""The transformer over the lines of a document, and the two decisions at each gap."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

REACH = 32  # lines: farther apart counts as this far


@dataclass(frozen=True)
class NetworkSettings:
    """Size of the sequence transformer."""

    dim: int = 128
    layers: int = 3
    heads: int = 4
    dropout: float = 0.2


class _Layer(nn.Module):
    """Pre-norm self-attention with a learned bias by distance, and a gated feed-forward part."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        dim = settings.dim
        self.heads = settings.heads
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.norm_hidden = nn.LayerNorm(dim)
        self.hidden = nn.Linear(dim, 2 * dim)
        self.hidden_out = nn.Linear(2 * dim, dim)
        self.distance = nn.Parameter(torch.zeros(settings.heads, 2 * REACH + 1))
        self.dropout = nn.Dropout(settings.dropout)
        with torch.no_grad():
            steps = torch.arange(-REACH, REACH + 1).abs().float()
            slopes = 2.0 ** -torch.arange(settings.heads).float()
            self.distance.copy_(-0.3 * slopes[:, None] * steps)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        batch, length, dim = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.attention(self.norm_attention(x)).chunk(3, dim=-1)
        )
        bias = self._by_distance(length)[None]
        if mask is not None:
            bias = bias + mask
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        seen = seen.transpose(1, 2).reshape(batch, length, dim)
        x = x + self.dropout(self.attention_out(seen))
        hidden = functional.gelu(self.hidden(self.norm_hidden(x)))
        out: torch.Tensor = x + self.dropout(self.hidden_out(self.dropout(hidden)))
        return out

    def _by_distance(self, length: int) -> torch.Tensor:
        """(heads, length, length): each row is the one above, moved on by one."""
        return self.distance[:, _steps(length)].unfold(1, length, 1).flip(1)


@functools.lru_cache(maxsize=16)
def _steps(length: int) -> torch.Tensor:
    """(2 * length - 1,) int64: the place of each distance in the table of a layer."""
    with torch.inference_mode(False):  # what is kept serves training too
        return torch.arange(1 - length, length).clamp(-REACH, REACH) + REACH


class SequenceNetwork(nn.Module):
    """Line vectors and layout in, two logits a gap out."""

    def __init__(self, input_dim: int, n_layout: int, settings: NetworkSettings) -> None:
        super().__init__()
        dim = settings.dim
        self.line = nn.Linear(input_dim, dim)
        self.layout = nn.Linear(n_layout, dim)
        self.mix = nn.Sequential(nn.LayerNorm(dim), nn.GELU(), nn.Linear(dim, dim))
        self.layers = nn.ModuleList(_Layer(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(dim)
        self.gap = nn.Linear(4 * dim, dim)
        self.out = nn.Linear(dim, 2)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self, vectors: torch.Tensor, layout: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """Logits of each gap, (batch, n_lines - 1, 2); what they are of is up to the loss.

        Args:
            vectors: (batch, n_lines, input_dim).
            layout: (batch, n_lines, n_layout).
            lengths: (batch,) int64, lines that are no padding.
        """
        length = vectors.shape[1]
        mask = None
        if int(lengths.min()) < length:
            mask = torch.zeros(len(vectors), 1, 1, length)
            mask.masked_fill_(
                (torch.arange(length)[None] >= lengths[:, None])[:, None, None], float("-inf")
            )
        own = self.line(vectors) + self.layout(layout)
        own = own + self.mix(own)
        x = self.dropout(own)
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        both = torch.cat([x[:, :-1], x[:, 1:], own[:, :-1], own[:, 1:]], dim=-1)
        logits: torch.Tensor = self.out(self.dropout(functional.gelu(self.gap(both))))
        return logits
