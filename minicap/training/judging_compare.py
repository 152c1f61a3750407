"""Whether two systems differ on the same images, or chance alone could give such a difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap.metrics import Statistics, compare_systems

SMALL_P = 0.05
NOTHING = 1e-3  # a score below is 0 but for rounding, and so is its difference from another


def comparison(
    a: tuple[Mapping[str, Any], Mapping[str, Statistics]],
    b: tuple[Mapping[str, Any], Mapping[str, Statistics]],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two systems by paired bootstrap and permutation test.

    Parameters
    ----------
    a, b : (metrics, statistics)
        Of the same images in the same order; what only one has is left out.
    seed : int

    Returns
    -------
    dict
        ``a``, ``b``: the metrics of each; ``comparison``: of each metric the fields of
        ``minicap.metrics.Comparison``; ``differ``: the metrics that tell the two apart; ``n_images``, ``warnings``.

    Raises
    ------
    ValueError
        If the two are not of the same images, or have no metric in common.
    """
    found = {name: test._asdict() for name, test in compare_systems(a[1], b[1], seed=seed).items()}
    of_a, of_b = (metrics.get("warnings", []) for metrics, _ in (a, b))
    warnings = [text if text in of_b else f"A: {text}" for text in of_a]
    warnings += [f"B: {text}" for text in of_b if text not in of_a]
    return {
        "a": dict(a[0]),
        "b": dict(b[0]),
        "comparison": found,
        "differ": told_apart(found),
        "n_images": a[0]["n_images"],
        "warnings": warnings,
    }


def told_apart(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the metrics in which both tests find a difference, at 5 %, and that are not 0 for both.

    Parameters
    ----------
    found : mapping
        As ``comparison`` has it under this name.

    Returns
    -------
    list of str
    """
    tests = ("p_bootstrap", "p_permutation")
    return [
        name
        for name, values in found.items()
        if max(values[test] for test in tests) < SMALL_P and max(values["a"], values["b"]) >= NOTHING
    ]
