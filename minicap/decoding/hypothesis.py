"""What a search finds, and by which number it ranks what it finds."""

from __future__ import annotations

from typing import NamedTuple

from minicap._types import Array

LENGTH_PENALTY = 0.7  # between the probability of the whole sentence (0) and that of a word on average (1)


class Hypothesis(NamedTuple):
    """A sentence and what the model thinks of it."""

    tokens: list[int]  # without the start, with the end marker where it was reached
    log_probs: list[float]  # of each token, in nats
    attention: Array | None = None  # (T, L): where the decoder looked for each token, if it looks at places

    @property
    def log_prob(self) -> float:
        """Log-probability of the whole sentence, in nats."""
        return sum(self.log_probs)

    def score(self, length_penalty: float = LENGTH_PENALTY) -> float:
        """Return what sentences of different lengths are ranked by, see `normalised`.

        Parameters
        ----------
        length_penalty : float

        Returns
        -------
        float
        """
        return float(normalised(self.log_prob, len(self.tokens), length_penalty))

    def cut(self, length: int) -> Hypothesis:
        """Return its first tokens.

        Parameters
        ----------
        length : int

        Returns
        -------
        Hypothesis
        """
        maps = None if self.attention is None else self.attention[:length]
        return Hypothesis(self.tokens[:length], self.log_probs[:length], maps)


def normalised(log_prob: Array | float, length: int, length_penalty: float) -> Array | float:
    """Divide log-probabilities by a power of the length.

        score = log P(y) / |y|^alpha

    Each further word makes a sentence less probable, so log P alone prefers short ones. alpha = 0 leaves it alone,
    alpha = 1 gives the mean log-probability of a word; the end marker counts as a word.

    Parameters
    ----------
    log_prob : float or Array, (N,)
    length : int
        In tokens; nothing said at all counts as one.
    length_penalty : float
        alpha, at least 0.

    Returns
    -------
    score : float or Array, (N,)

    References
    ----------
    Wu et al., "Google's neural machine translation system" (2016), section 7: theirs is ((5 + |y|) / 6)^alpha, which
    tells short sentences apart less.
    """
    return log_prob / max(length, 1) ** length_penalty
