"""How long captions are, beside their references: BLEU and CIDEr-D both move with the length alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from minicap.metrics._pairs import Tokens, check_pairs


class Lengths(NamedTuple):
    """Words a caption: mean and standard deviation, of captions and references, and the ratio of the means.

    ``ratio`` is None where the references have no words.
    """

    mean: float
    spread: float
    reference_mean: float
    reference_spread: float
    ratio: float | None


def length_statistics(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    ids: Sequence[Hashable] | None = None,
) -> Lengths:
    """Return how long captions and references are.

    A spread far below that of the references is a model that always says one sentence with other nouns.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    references : sequence of lists of token lists
        At least one reference a picture; every reference counts alike.
    ids : sequence, optional
        What a message calls the pictures.

    Returns
    -------
    Lengths

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, or a caption is not split into tokens.
    """
    check_pairs("length_statistics", hypotheses, references, ids)
    ours = np.array([len(hypothesis) for hypothesis in hypotheses], np.float64)
    theirs = np.array([len(reference) for several in references for reference in several], np.float64)
    ratio = float(ours.mean() / theirs.mean()) if theirs.any() else None
    return Lengths(float(ours.mean()), float(ours.std()), float(theirs.mean()), float(theirs.std()), ratio)
