"""What people read around scores: how sure they are, what they mean little for, how they were computed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from minicap.metrics import signature_text

WIDTH = 100
SHORT = {
    "random_caption": "random",
    "constant_caption": "constant",
    "nearest_caption": "nearest",
    "consensus_caption": "consensus",
}


def interval_cell(metrics: Mapping[str, Any], name: str) -> str:
    """Return the interval of a score as a cell of a table.

    Parameters
    ----------
    metrics : mapping
        As ``metrics.json`` holds them.
    name : str

    Returns
    -------
    str
        A dash where there is none.
    """
    ends = metrics.get(f"{name}_interval", metrics.get("intervals", {}).get(name))
    return "-" if ends is None else "..".join(f"{end:.3f}" for end in ends)


def column_name(name: str) -> str:
    """Return what a baseline is called above its column.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    return SHORT.get(name, name.replace("_", " "))


def remarks(metrics: Mapping[str, Any]) -> list[str]:
    """Return the lines below a table of scores.

    Parameters
    ----------
    metrics : mapping
        As ``metrics.json`` holds them.

    Returns
    -------
    list of str
        Of taggers and classifiers, none of this but what the best tags of each picture are worth.
    """
    said = [*_varied(metrics), *_ranked(metrics), *_best_tags(metrics), *_baselines(metrics)]
    if "signature" in metrics:
        said.append(f"signature: {signature_text(metrics['signature'])}")
    return wrapped([*said, *(f"note: {text}" for text in metrics.get("warnings", []))])


def wrapped(texts: Sequence[str]) -> list[str]:
    """Return texts in lines of a width that can be read, all but the first of each indented.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    list of str
    """
    options: dict[str, Any] = {
        "subsequent_indent": "  ",
        "break_long_words": False,
        "break_on_hyphens": False,
    }
    return [line for text in texts for line in textwrap.wrap(text, WIDTH, **options)]


def comparison_rows(comparison: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Return a row for each metric of two systems: both scores, their difference, its interval, and both tests.

    Parameters
    ----------
    comparison : mapping
        As ``evaluate --json`` prints it.

    Returns
    -------
    list of list of str
    """
    return [
        [
            name,
            f"{found['a']:.3f}",
            f"{found['b']:.3f}",
            f"{found['difference']:+.3f}",
            f"{found['low']:+.3f}..{found['high']:+.3f}",
            _p(found["p_bootstrap"]),
            _p(found["p_permutation"]),
        ]
        for name, found in comparison.items()
    ]


COMPARISON_HEADING = ("A", "B", "A - B", "95 % interval", "p bootstrap", "p permutation")


def verdict(names: Sequence[str]) -> str:
    """Say in which scores two systems differ.

    Parameters
    ----------
    names : sequence of str
        The metrics in which both tests find a difference.

    Returns
    -------
    str
    """
    if not names:
        return "No score tells the two apart: chance alone may give such differences (p >= 0.05 in a test)."
    return f"The two differ in {', '.join(names)} (p < 0.05 in both tests)."


def _p(value: float) -> str:
    """Return a p value; the smallest that a thousand samples can show is about 0.001."""
    return "< 0.002" if value < 0.002 else f"{value:.3f}"


def _varied(metrics: Mapping[str, Any]) -> list[str]:
    """Return a line on lengths and one on variety."""
    said = []
    if (lengths := metrics.get("lengths")) is not None:
        said.append(
            f"words a caption: {lengths['mean']:.1f} (spread {lengths['spread']:.1f}), of references "
            f"{lengths['reference_mean']:.1f} (spread {lengths['reference_spread']:.1f})"
        )
    if (variety := metrics.get("diversity")) is not None:
        share = variety.get("vocabulary_share")
        known = "" if share is None else f", {share:.1%} of the vocabulary"
        copied = f"; {variety['copied']:.1%} copied from training" if "copied" in variety else ""
        said.append(
            f"variety: {variety['captions']:,} different captions, {variety['words']:,} different words{known}; "
            f"distinct-1 {variety['distinct_1']:.3f}, distinct-2 {variety['distinct_2']:.3f}{copied}"
        )
    return said


def _ranked(metrics: Mapping[str, Any]) -> list[str]:
    """Return a line on each way of looking for the other half of a pair."""
    found = metrics.get("retrieval", {})
    ways = {"image_to_text": "caption of a picture", "text_to_image": "picture of a caption"}
    return [
        f"finding the {what} among {found['n_images']:,}: in the first place {found[way]['recall_1']:.1%}, of 5 "
        f"{found[way]['recall_5']:.1%}, of 10 {found[way]['recall_10']:.1%}, median rank {found[way]['median_rank']:g}"
        for way, what in ways.items()
        if way in found
    ]


def _best_tags(metrics: Mapping[str, Any]) -> list[str]:
    """Return a line on the best tags of each picture."""
    if (best := metrics.get("top_k")) is None:
        return []
    return [
        f"the {best['k']} best tags of each picture: precision {best['precision']:.3f}, recall {best['recall']:.3f}, "
        f"F1 {best['f1']:.3f}, {best['recalled']:.1%} of the tags recalled; each tag's own are in --json"
    ]


def _baselines(metrics: Mapping[str, Any]) -> list[str]:
    """Return what is to be known about baselines."""
    known = metrics.get("baselines", {})
    said = [f"{column_name(name)}: {scores['note']}" for name, scores in known.items() if "note" in scores]
    if "caption" in (constant := known.get("constant_caption", {})):
        said.append(f"constant: {constant['caption']!r} for every picture")
    if "k" in (consensus := known.get("consensus_caption", {})):
        said.append(f"consensus: of the captions of the {consensus['k']} nearest training pictures")
    return said
