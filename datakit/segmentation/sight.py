"""Are there headings in sight? A document that lost its mark-up may still have them as lines.

A logistic regression on a document's layout and on how much its lines look like headings to the
evidence model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datakit.segmentation.features import N_OWN, NO_FINAL_MARK, UNDER_90_CHARS

N_TRAITS = N_OWN + 8
IN_DOUBT = -1.5  # logit below which a document surely has none: 3 % of those with some are there
_SHARES = (0.02, 0.05, 0.1, 0.25)  # of the lines: how like a heading is the one at this place?


def traits(own: np.ndarray, like_heading: np.ndarray) -> np.ndarray:
    """(N_TRAITS,) float64 of a document.

    Args:
        own: (n_lines, N_OWN) layout of the lines, headings taken for paragraphs.
        like_heading: (n_lines,) what the evidence says of each line's being a heading.
    """
    short = (own[:, UNDER_90_CHARS] > 0) & (own[:, NO_FINAL_MARK] > 0)
    p = 1 / (1 + np.exp(-np.clip(like_heading.astype(np.float64), -30, 30)))
    of_short = p[short]
    about = [
        *np.quantile(p, [1 - share for share in _SHARES]),
        p.mean(),
        of_short.sum() / len(own),
        of_short.mean() if len(of_short) else 0.0,
        np.log1p(len(own)) / 5,
    ]
    return np.concatenate([own.mean(axis=0), about])


def fit(shown: Sequence[np.ndarray], hidden: Sequence[np.ndarray]) -> np.ndarray:
    """(N_TRAITS + 1,) float32 weights, the intercept last, from documents in both forms."""
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


def headings_show(weights: np.ndarray, of_document: np.ndarray) -> bool:
    """May a document of these traits have its headings in it?"""
    return bool(of_document @ weights[:-1] + weights[-1] > IN_DOUBT)
