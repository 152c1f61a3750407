"""Compare what a submission gave with what is right, and say what is wrong without saying what is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.grading.values import read_result

_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e[+-]?\d+)?", re.IGNORECASE)
MOST_WORDS = 600


@dataclass(frozen=True)
class Item:
    """What one forward or one gradient got.

    Attributes
    ----------
    name : str
        ``forward`` or ``dx``.
    most : float
        The points it is worth.
    right : bool
        Whether it got them; there is no half.
    sentence : str
        What is wrong; empty where nothing is.
    hint : str
        Where to look.
    """

    name: str
    most: float
    right: bool
    sentence: str = ""
    hint: str = ""

    @property
    def points(self) -> float:
        """The points it got."""
        return self.most if self.right else 0.0

    def said(self, sentence: str, hint: str = "") -> Item:
        """Return the item with a better sentence.

        Parameters
        ----------
        sentence, hint : str
        """
        return replace(self, sentence=without_numbers(sentence), hint=without_numbers(hint))


def without_numbers(text: str) -> str:
    """Return a text for students on one line, any long decimal in it replaced: it may be an answer.

    Parameters
    ----------
    text : str
    """
    return _NUMBER.sub("...", " ".join(text.split()))[:MOST_WORDS]


def wrong(form: Any, right: Array, tolerance: float) -> str:
    """Return what is wrong with one result, nothing where it is right.

    Parameters
    ----------
    form : object
        As ``values.result_form`` made it.
    right : Array
    tolerance : float
        Of the largest number that is right.

    Returns
    -------
    str
        To stand behind the result's name.
    """
    found, sentence = read_result(form, right)
    if found is None:
        return sentence
    bad = ~np.isfinite(found)
    if bad.any():
        return f"is not finite at {int(bad.sum())} of {found.size} entries"
    scale = max(float(np.abs(right).max(initial=0.0)), 1e-6)
    off = np.abs(found - right) > tolerance * scale
    if not off.any():
        return ""
    if not found.any():
        return "is zero everywhere"
    return f"is wrong at {int(off.sum())} of {found.size} entries"


def judge_outputs(
    names: Sequence[str], case: Mapping[str, Any], outputs: Sequence[Array], tolerance: float
) -> str:
    """Return what is wrong with a forward's outputs in one case.

    Parameters
    ----------
    names : sequence of str
    case : mapping
        What came back.
    outputs : sequence of Array
        What is right.
    tolerance : float
    """
    forms = case.get("outputs")
    if not isinstance(forms, list):
        return "what came back cannot be read"
    if len(forms) != len(names):
        return f"it returns {len(forms)} outputs beside the cache where {', '.join(names)} are asked for"
    for name, form, right in zip(names, forms, outputs, strict=True):
        if sentence := wrong(form, right, tolerance):
            return f"{name} {sentence}"
    return ""


def judge_cache(
    order: Sequence[str], case: Mapping[str, Any], arguments: Mapping[str, Any], outputs: Any
) -> str:
    """Return what is wrong with a cache of which the order is prescribed.

    Parameters
    ----------
    order : sequence of str
        Names of arguments and outputs; empty where the cache is free.
    case : mapping
        What came back.
    arguments : mapping
        By name.
    outputs : mapping
        What is right, by name.
    """
    if not order:
        return ""
    asked = f"the cache is not the tuple of {', '.join(order)}, in this order"
    forms = case.get("cache")
    if not isinstance(forms, list) or len(forms) != len(order):
        return asked
    right = {**arguments, **outputs}
    for name, form in zip(order, forms, strict=True):
        if wrong(form, np.asarray(right[name], np.float64), 1e-9):
            return asked
    return ""
