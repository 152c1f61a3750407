"""The sign that tells right from wrong at a glance, with its words."""

from __future__ import annotations

from minicap.plots.verdict import Verdict
from minicap.report.html import Child, Html, element

SIGNS = {
    Verdict.COMPLETE: ("complete", "\N{CHECK MARK}"),
    Verdict.PARTIAL: ("partial", "\N{CHECK MARK}"),
    Verdict.WRONG: ("wrong", "\N{BALLOT X}"),
}


def marked(verdict: Verdict, *words: Child) -> Html:
    """Return a verdict's sign with words behind it.

    Parameters
    ----------
    verdict : Verdict
    *words : str or Html

    Returns
    -------
    Html
    """
    name, sign = SIGNS[verdict]
    return element("p", element("span", sign, aria_hidden="true"), " ", *words, class_=f"verdict {name}")
