"""Are there headings in sight? A document that lost its mark-up may still have them as lines.

Two logistic regressions, one upon the other. The first reads a document's layout and how much its
lines look like headings to the evidence model; training documents teach it, for evidence is had
out of fold. The second adds how sure a network that looks for headings is of the boundaries that
it finds; development documents teach it, which the network has not seen. Both are linear, so one
table of weights holds them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datakit.segmentation.features import N_OWN, NO_FINAL_MARK, UNDER_90_CHARS

N_OF_LINES = N_OWN + 8
N_OF_GAPS = 4
N_TRAITS = N_OF_LINES + N_OF_GAPS
_SHARES = (0.02, 0.05, 0.1, 0.25)  # of the lines: how like a heading is the one at this place?
# logit below which a document has none; to miss headings costs far more than to look in vain, and
# from -1.5 to 0.5 the mean Pk of development documents differs by 0.06 points
IN_DOUBT = -1.5
_LEAST = 1e-3  # probability, and 1 less it, for entropies


def traits(own: np.ndarray, like_heading: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(N_TRAITS,) float64 of a document.

    Args:
        own: (n_lines, N_OWN) layout of the lines, headings taken for paragraphs.
        like_heading: (n_lines,) what the evidence says of each line's being a heading.
        change: (n_lines - 1,) logits of a change, of a network that has learnt to see headings.
    """
    return np.concatenate([of_lines(own, like_heading), _of_gaps(change)])


def of_lines(own: np.ndarray, like_heading: np.ndarray) -> np.ndarray:
    """(N_OF_LINES,) float64, the first of the traits."""
    short = (own[:, UNDER_90_CHARS] > 0) & (own[:, NO_FINAL_MARK] > 0)
    p = _p(like_heading)
    of_short = p[short]
    about = [
        *np.quantile(p, [1 - share for share in _SHARES]),
        p.mean(),
        of_short.sum() / len(own),
        of_short.mean() if len(of_short) else 0.0,
        np.log1p(len(own)) / 5,
    ]
    return np.concatenate([own.mean(axis=0), about])


def _of_gaps(change: np.ndarray) -> np.ndarray:
    """(N_OF_GAPS,) float64: how sure the boundaries are, in four ways.

    Headings leave no doubt where a boundary is, words alone do.
    """
    p = _p(change)
    expected = p.sum()
    likeliest = np.sort(p)[::-1][: max(1, round(expected))]
    return np.array(
        [
            (p**2).sum() / expected,  # the precision of boundaries drawn by their probability
            _entropy(p).mean() / _entropy(p.mean()),  # 1: no gap differs from another
            likeliest.mean(),
            p.mean(),
        ]
    )


def _p(logits: np.ndarray) -> np.ndarray:
    p: np.ndarray = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -30, 30)))
    return p


def _entropy(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, _LEAST, 1 - _LEAST)
    found: np.ndarray = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    return found


def fit(shown: Sequence[np.ndarray], hidden: Sequence[np.ndarray]) -> np.ndarray:
    """(n + 1,) float32 weights, the intercept last, from (n,) traits of documents in both forms."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.stack([*shown, *hidden])
    y = np.repeat([1, 0], [len(shown), len(hidden)])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x, y)
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    intercept = regression.intercept_[0] - weights @ scaler.mean_
    found: np.ndarray = np.append(weights, intercept).astype(np.float32)
    return found


def refined(
    first: np.ndarray, shown: Sequence[np.ndarray], hidden: Sequence[np.ndarray]
) -> np.ndarray:
    """(N_TRAITS + 1,) float32 weights of all traits.

    Args:
        first: (N_OF_LINES + 1,) of the traits of the lines.
        shown: (N_TRAITS,) each, of documents that taught neither `first` nor the network.
        hidden: the same documents without headings.
    """

    def short(of: np.ndarray) -> np.ndarray:
        return np.append(of[:N_OF_LINES] @ first[:-1] + first[-1], of[N_OF_LINES:])

    if not shown:  # nothing tells what a network's being sure is worth
        return np.insert(first, N_OF_LINES, np.zeros(N_OF_GAPS, np.float32))
    second = fit([short(of) for of in shown], [short(of) for of in hidden])
    intercept = second[0] * first[-1] + second[-1]
    found: np.ndarray = np.concatenate([second[0] * first[:-1], second[1:-1], [intercept]]).astype(
        np.float32
    )
    return found


def headings_show(weights: np.ndarray, of_document: np.ndarray) -> bool:
    """May a document of these traits have its headings in it?"""
    return bool(of_document @ weights[:-1] + weights[-1] > IN_DOUBT)
