"""The self-test as text: the kill matrix, what was taken for what, pairs of bugs, false alarms."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from minicap.gradcheck.self_test import CAUGHT, NAMED, Kill, SelfTest


def describe(test: SelfTest, width: int = 110) -> str:
    """Return what a terminal shows.

    Parameters
    ----------
    test : SelfTest
    width : int
        Of the terminal.

    Returns
    -------
    str
    """
    lines = ["Bugs, one a file: what each is, what it was called, and the sentence that a student reads", ""]
    lines += _matrix(test.kills, width)
    lines += ["", *_confusion(test), "", *_kinds(test.kills)]
    if test.doubles:
        both = sum(kill.complete for kill in test.doubles)
        one = sum(kill.right for kill in test.doubles)
        lines += ["", "Two bugs in one file", "", *_matrix(test.doubles, width), ""]
        lines.append(
            f"{sum(k.caught for k in test.doubles)} of {len(test.doubles)} caught; in {one} the diagnosis is one of "
            f"the two bugs, in {both} both are named"
        )
    lines += ["", *(f"FALSE ALARM {alarm}" for alarm in test.alarms), *_summary(test)]
    return "\n".join(lines)


def _matrix(kills: Sequence[Kill], width: int) -> list[str]:
    """Return two lines a mutant: its fate, and the sentence below."""
    name, kind = max(len(k.name) for k in kills), max(len(k.expected) for k in kills)
    lines = []
    for kill in kills:
        mark = "    " if kill.right else "  ! " if kill.caught else " !! "
        called = " and ".join((kill.named, *kill.further))
        lines.append(f"{mark}{kill.name:{name}}  {kill.expected:{kind}}  {called}")
        lines += textwrap.wrap(kill.sentence, width, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return lines


def _confusion(test: SelfTest) -> list[str]:
    """Return which kinds were taken for which."""
    rows = sorted(test.confusion.items(), key=lambda item: -item[1])
    if not rows:
        return ["No bug was called by another's name."]
    return ["Called by another name:", *(f"  {count} x {a} called {b}" for (a, b), count in rows)]


def _kinds(kills: Sequence[Kill]) -> list[str]:
    """Return how many of each kind were named."""
    kinds = sorted({kill.expected for kill in kills})
    lines = ["Named rightly, by kind:"]
    for kind in kinds:
        own = [kill for kill in kills if kill.expected == kind]
        wrongly = sum(kill.named == kind and kill.expected != kind for kill in kills)
        extra = f"  (and {wrongly} of other kinds called so)" if wrongly else ""
        lines.append(f"  {kind:20} {sum(kill.right for kill in own):3} of {len(own)}{extra}")
    return lines


def _summary(test: SelfTest) -> list[str]:
    """Return the four lines that matter."""
    return [
        f"caught       {_share([k.caught for k in test.kills], CAUGHT)}",
        f"named        {_share([k.right for k in test.kills], NAMED)}",
        f"false alarms {len(test.alarms)} in {test.cases:,} right layers, {test.kinks} of them at kinks (none wanted)",
        f"self-test {'passed' if test.passed else 'FAILED'} in {test.seconds:.0f} s",
    ]


def _share(hits: Sequence[bool], wanted: float) -> str:
    """Return how many of all, and how many there should be."""
    share = sum(hits) / max(1, len(hits))
    return f"{sum(hits)} of {len(hits)} ({share:.1%}, at least {wanted:.0%} wanted)"
