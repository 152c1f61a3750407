"""Choose which matches hold: most exact ones, then fewest chunks, then least distance, by a beam search.

A chunk is a run of matches that stand side by side in both captions. The reference is read from left to
right, and every partial alignment either takes one of the possible matches of the next word or leaves it. The
forty best go on. Which of two equally good ones wins decides about scores, so three habits of the program are
part of the definition:

- a stem match is worth nothing here (its weight of one half is lost when totals are kept as whole numbers),
  so among uncertain matches it is taken only where it costs no chunk;
- the distance of a possible match is charged to the alignments tried after it, and not to the one that
  takes it;
- sorting is stable, and an alignment that leaves the word comes after those that take a match.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TypeAlias

from minicap.metrics.meteor.matches import EXACT, Match, certain_matches

BEAM = 40
# One number holds what is compared: exact matches (negative), chunks, distance, each in 32 bits of its own.
DISTANCE, CHUNK, EXACT_MATCH = 1, 1 << 32, -(1 << 64)
NOWHERE = -1

# (place in the hypothesis, in the reference, EXACT or STEM), and those before it
Chain: TypeAlias = "tuple[int, int, int, Chain] | None"
# cost; the place in the hypothesis that would go on with the chunk; bits of the places in use; matches
Path: TypeAlias = tuple[int, int, int, Chain]
COST = itemgetter(0)


def align(options: Sequence[Sequence[Match]]) -> list[tuple[int, int, int]]:
    """Return the best alignment that the beam search finds.

    Parameters
    ----------
    options : sequence of lists of Match
        For each word of the reference, as ``possible_matches`` returns them.

    Returns
    -------
    list of (int, int, int)
        Place in the hypothesis, place in the reference, and EXACT or STEM; in the reference's order.
    """
    paths: list[Path] = [(0, NOWHERE, 0, None)]
    for j, (found, certain) in enumerate(zip(options, certain_matches(options), strict=True)):
        if len(paths) > 1:
            paths.sort(key=COST)
            del paths[BEAM:]
        if not found:
            paths = leave(paths)
        elif certain:
            paths = take_certain(paths, j, found[0])
        else:
            paths = take_or_leave(paths, j, found)
    paths.sort(key=COST)
    closed = leave(paths[:BEAM])
    return unchained(min(closed, key=COST)[3])


def leave(paths: Sequence[Path]) -> list[Path]:
    """Go on without a match, which ends the chunk if there is one."""
    return [path if path[1] == NOWHERE else (path[0] + CHUNK, NOWHERE, path[2], path[3]) for path in paths]


def take_certain(paths: Sequence[Path], j: int, match: Match) -> list[Path]:
    """Take the only match of word ``j``, whose partner nothing else can take."""
    i, stage = match
    change = worth(stage) + DISTANCE * abs(i - j)
    continues = (NOWHERE, i)
    return [
        (cost + change + (0 if end in continues else CHUNK), i + 1, used, (i, j, stage, chain))
        for cost, end, used, chain in paths
    ]


def take_or_leave(paths: Sequence[Path], j: int, found: Sequence[Match]) -> list[Path]:
    """Return what may become of each alignment at word ``j``: one for each free match, and one without.

    Matches that cannot be among the forty best are left out: those that begin a chunk behind forty others of
    the same alignment, which come first and cost no more.
    """
    grown: list[Path] = []
    matches = [(i, stage, worth(stage), DISTANCE * abs(i - j)) for i, stage in found]
    for cost, end, used, chain in paths:
        most = len(grown) + BEAM
        for i, stage, value, distance in matches:
            if used >> i & 1:
                continue
            after = cost + value if end in (NOWHERE, i) else cost + value + CHUNK
            if len(grown) < most or end == i:
                grown.append((after, i + 1, used | 1 << i, (i, j, stage, chain)))
            cost += distance
        grown.append((cost if end == NOWHERE else cost + CHUNK, NOWHERE, used, chain))
    return grown


def worth(stage: int) -> int:
    """Return what a match adds to the cost."""
    return EXACT_MATCH if stage == EXACT else 0


def unchained(chain: Chain) -> list[tuple[int, int, int]]:
    """Return the matches of a chain, first to last."""
    pairs = []
    while chain is not None:
        i, j, stage, chain = chain
        pairs.append((i, j, stage))
    return pairs[::-1]


def count_chunks(pairs: Sequence[tuple[int, int, int]]) -> int:
    """Count the runs of matches that stand side by side in both captions.

    Parameters
    ----------
    pairs : sequence of (int, int, int)
        As ``align`` returns them.

    Returns
    -------
    int
    """
    starts = {(i, j) for i, j, _ in pairs}
    return sum((i - 1, j - 1) not in starts for i, j in starts)
