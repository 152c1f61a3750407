"""Make ``tagging.npz``: what scikit-learn 1.9 says of rankings and choices of tags.

Run it in an environment that has scikit-learn, from any folder; the tests themselves need none::

    python tests/golden/make_golden_tagging.py

An entry is called ``<case>/<array>``: ``scores`` (N, K), ``truth`` (N, K) and ``average_precision`` (K,),
NaN where a tag has no positive; with ``micro`` and ``macro``, precision, recall and F1 of the tags that
score above zero, ``macro`` over the tags that occur.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

FOLDER = Path(__file__).resolve().parent
RNG = np.random.default_rng(20261)


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return scores and truth by the name of what is special about them."""
    normal = RNG.standard_normal((60, 12))
    few, often = RNG.random((60, 12)) < 0.1, RNG.random((60, 12)) < 0.7
    one = np.zeros((40, 8), bool)
    one[RNG.integers(40, size=8), np.arange(8)] = True
    return {
        "few positives": (normal, few),
        "many positives": (normal, often),
        "single precision": (normal.astype(np.float32), few),
        "ties": (np.round(normal), few),
        "all tied": (np.full((30, 4), 0.25), RNG.random((30, 4)) < 0.4),
        "two values": (RNG.integers(-1, 2, (50, 6)).astype(float), RNG.random((50, 6)) < 0.3),
        "all positive": (RNG.standard_normal((20, 5)), np.ones((20, 5), bool)),
        "one positive": (RNG.standard_normal((40, 8)), one),
        "one positive, ties": (np.round(RNG.standard_normal((40, 8))), one),
        "one picture": (np.array([[0.3, -0.2]]), np.array([[True, True]])),
        "perfect": (often + 0.1 * RNG.random((60, 12)) - 0.5, often),
        "perfectly wrong": (0.5 - often, often),
        "tags without a positive": (normal, few & (np.arange(12) % 3 > 0)),
    }


def main() -> None:
    """Ask scikit-learn about every case and write the answers."""
    kept: dict[str, np.ndarray] = {}
    for name, (scores, truth) in cases().items():
        occurring = truth.any(axis=0)
        areas = np.full(truth.shape[1], np.nan)
        for tag in np.flatnonzero(occurring):
            areas[tag] = average_precision_score(truth[:, tag], scores[:, tag])
        kept |= {f"{name}/scores": scores, f"{name}/truth": truth, f"{name}/average_precision": areas}
        for average, labels in (("micro", None), ("macro", np.flatnonzero(occurring))):
            figures = precision_recall_fscore_support(
                truth, scores > 0, average=average, labels=labels, zero_division=0
            )
            kept[f"{name}/{average}"] = np.array(figures[:3], np.float64)
    np.savez_compressed(FOLDER / "tagging.npz", **kept)


if __name__ == "__main__":
    main()
