"""Can a simple classifier tell two sets of texts apart?"""

from __future__ import annotations

from typing import Any


def auc(first: list[str], second: list[str]) -> tuple[float, float, float]:
    """Area under the ROC curve by five-fold cross-validation, with its 95 % interval.

    Character 2- to 4-grams, so that it works in any script.

    Source:
        Interval by Hanley and McNeil 1982.
    """
    import math

    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    labels = np.array([1] * len(first) + [0] * len(second))
    model: Any = make_pipeline(
        HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=1 << 18),
        SGDClassifier(loss="log_loss", random_state=0),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(
        model, [*first, *second], labels, cv=folds, method="decision_function"
    )
    a = float(roc_auc_score(labels, scores))
    q1, q2, n, m = a / (2 - a), 2 * a * a / (1 + a), len(first), len(second)
    variance = (a * (1 - a) + (n - 1) * (q1 - a * a) + (m - 1) * (q2 - a * a)) / (n * m)
    half = 1.959963984540054 * math.sqrt(max(variance, 0.0))
    return a, max(0.0, a - half), min(1.0, a + half)
