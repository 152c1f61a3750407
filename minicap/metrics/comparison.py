"""Error bars on corpus metrics, tests between two systems, and warnings where a score means little.

The pictures are a sample; another would have given other scores. The bootstrap draws samples of the same size
from the pictures at hand, with replacement, and shows how far the scores then lie apart.

References
----------
P. Koehn: Statistical significance tests for machine translation evaluation. EMNLP 2004.

S. Riezler, J. T. Maxwell: On some pitfalls in automatic evaluation and significance testing for MT. ACL
workshop, 2005.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.metrics.bootstrap import Interval
from minicap.metrics.idf import SCORED
from minicap.metrics.resampling import Statistics, coins_tossed, images_drawn

FEW = 50  # images; below, captions of single pictures decide a score
ROUNDING = 1e-12  # differences as small as this are none
BY_CORPUS = ("bleu_2", "bleu_3", "bleu_4")
DRAWN = ("bleu_1", *BY_CORPUS, "rouge_l", "meteor", "cider", "cider_plain", "exact_match", "truth")


class Comparison(NamedTuple):
    """One metric of two systems on the same images.

    ``difference`` is a minus b, with ends ``low`` and ``high`` of its bootstrap interval. ``p_bootstrap`` is twice
    the share of samples in which the difference has the other sign or none; ``p_permutation`` how often a
    difference as large comes about where each image's two captions change places by the toss of a coin.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_bootstrap: float
    p_permutation: float


def corpus_intervals(
    metrics: Mapping[str, Statistics], *, level: float = 0.95, n: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Return the percentile bootstrap interval of each metric, all from the same samples of images.

    Parameters
    ----------
    metrics : mapping of Statistics
        By name; all of the same N images.
    level : float
        The share of resampled scores between the two ends, in 0..1.
    n : int
        How many samples to draw.
    seed : int
        Seeds the draws.

    Returns
    -------
    dict of Interval

    Raises
    ------
    ValueError
        If the metrics are not of the same images, or ``level`` or ``n`` is out of range.
    """
    n_images = _check("corpus_intervals", metrics, level, n)
    scores = _resampled(metrics, n_images, n, seed)
    return {name: Interval(*_ends(values, level)) for name, values in scores.items()}


def compare_systems(
    a: Mapping[str, Statistics],
    b: Mapping[str, Statistics],
    *,
    level: float = 0.95,
    n: int = 1000,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Test whether two systems differ, by paired bootstrap and by permutation.

    Parameters
    ----------
    a, b : mapping of Statistics
        The metrics of both, by name, of the same images in the same order; names in one only are left out.
    level, n, seed
        As for ``corpus_intervals``; ``n`` samples for each of the two tests.

    Returns
    -------
    dict of Comparison

    Raises
    ------
    ValueError
        If the two are not of the same images, have no metric in common, or ``level`` or ``n`` is out of range.
    """
    names = [name for name in a if name in b]
    a, b = {name: a[name] for name in names}, {name: b[name] for name in names}
    n_images = _check("compare_systems", a, level, n)
    if n_images != _check("compare_systems", b, level, n):
        raise ValueError(
            f"compare_systems: a has {n_images} images, b has {len(b[names[0]].rows)}; score both on the same"
        )
    # the same seed draws the same images for both: the bootstrap is paired
    of_a, of_b = (_resampled(metrics, n_images, n, seed) for metrics in (a, b))
    shuffled = _shuffled_differences(a, b, n_images, n, seed)
    found = {}
    for name in names:
        one, two = (float(m[name].score(m[name].rows.sum(axis=0))) for m in (a, b))
        drawn = of_a[name] - of_b[name]
        as_large = np.abs(shuffled[name]) >= abs(one - two) - ROUNDING
        p_permutation = float((1 + as_large.sum()) / (1 + n))
        found[name] = Comparison(
            one, two, one - two, *_ends(drawn, level), _p_bootstrap(drawn), p_permutation
        )
    return found


def warnings_for(
    n_images: int,
    scores: Mapping[str, float],
    *,
    idf: str = SCORED,
    n_references: int | None = None,
) -> list[str]:
    """Say in plain sentences where a score means little.

    Parameters
    ----------
    n_images : int
        How many were scored.
    scores : mapping
        By the keys of ``metrics.json``; other entries are passed over.
    idf : str
        Where CIDEr's document frequencies come from, as the signature says.
    n_references : int, optional
        In all.

    Returns
    -------
    list of str
        Empty where there is nothing to say.
    """
    said = []
    if n_images == 1 and idf == SCORED and not {"cider", "cider_plain"}.isdisjoint(scores):
        said.append(
            "CIDEr of one image is 0 by its formula, whatever the caption: every n-gram stands in the references of "
            "every image. Score more images, or give the document frequencies of a corpus."
        )
    drawn = [name for name in DRAWN if name in scores]
    if n_images < FEW and drawn:
        said.append(
            f"{n_images} image{'s' if n_images > 1 else ''}: with fewer than {FEW}, single captions decide "
            f"{', '.join(drawn)}, and other images may reverse any comparison. Read the intervals, not the scores."
        )
        if n_images > 1 and idf == SCORED and "cider" in scores:
            said.append(
                f"CIDEr weighs words by how rare they are among these {n_images} images, which says little about "
                "how rare they are: do not compare it with CIDEr on another set."
            )
    none = [name for name in BY_CORPUS if name in scores and scores[name] < 1e-3 < scores.get("bleu_1", 0.0)]
    if none:
        said.append(
            f"{none[0]} is 0 but for rounding: no caption shares {none[0][-1]} words in a row with a reference."
        )
    if n_references is not None and n_references < 2 * n_images and drawn:
        said.append(
            f"{n_references} references for {n_images} images: nearly every score rises with the number of "
            "references. Compare only with scores on as many."
        )
    return said


def _check(who: str, metrics: Mapping[str, Statistics], level: float, n: int) -> int:
    """Return the number of images, or raise where the metrics or the options cannot be used."""
    if not 0 < level < 1 or n < 1:
        raise ValueError(f"{who}: level is {level}, n is {n}; 0 < level < 1 and n >= 1 are needed")
    if not metrics:
        raise ValueError(f"{who}: no metric to compute; at least one is needed")
    sizes = {name: len(statistics.rows) for name, statistics in metrics.items()}
    if len(set(sizes.values())) > 1 or 0 in sizes.values():
        raise ValueError(f"{who}: the metrics are of {sizes} images; the same ones are needed, one at least")
    return next(iter(sizes.values()))


def _resampled(metrics: Mapping[str, Statistics], n_images: int, n: int, seed: int) -> dict[str, Array]:
    """Return each metric (n,) on ``n`` samples of the images."""
    scores: dict[str, list[Array]] = {name: [] for name in metrics}
    for weights in images_drawn(n_images, n, np.random.default_rng(seed)):
        for name, (rows, score) in metrics.items():
            scores[name].append(score(weights @ rows))
    return {name: np.concatenate(parts) for name, parts in scores.items()}


def _shuffled_differences(
    a: Mapping[str, Statistics], b: Mapping[str, Statistics], n_images: int, n: int, seed: int
) -> dict[str, Array]:
    """Return each metric's difference (n,) where images' captions change places between the systems at random."""
    differences: dict[str, list[Array]] = {name: [] for name in a}
    for swapped in coins_tossed(n_images, n, np.random.default_rng([seed, 1])):
        for name, (rows, score) in a.items():
            other = b[name].rows
            moved = swapped @ (other - rows)  # (samples, K) what a gains and b loses
            differences[name].append(score(rows.sum(axis=0) + moved) - score(other.sum(axis=0) - moved))
    return {name: np.concatenate(parts) for name, parts in differences.items()}


def _p_bootstrap(differences: Array) -> float:
    """Return twice the share of differences on the smaller side of 0, at most 1; one more, so that it is never 0."""
    fewer = min((differences <= ROUNDING).sum(), (differences >= -ROUNDING).sum())
    return float(min(1.0, 2 * (1 + fewer) / (1 + len(differences))))


def _ends(values: Array, level: float) -> tuple[float, float]:
    """Return the ends of the middle ``level`` of the values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
