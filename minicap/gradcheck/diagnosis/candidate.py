"""A hypothesis that explains what was seen, and the words for it."""

from __future__ import annotations

from typing import NamedTuple

from minicap.gradcheck.findings import Diagnosis

HINTS = {
    "factor": "Look for a constant that stands in the forward and not in the backward, or the other way round.",
    "sign": "Follow the signs through the derivative: a difference taken the other way round, or a lost minus.",
    "transpose": "Write the shape beside every factor of the product; where two lengths are equal, shapes do not tell.",
    "missing_batch_sum": "Every sample uses the same parameter, so its gradient is a sum over the samples.",
    "missing_time_sum": "Every step uses the same parameter, so its gradient is a sum over the steps.",
    "overwrite": "What is used several times gets a part from each use: look whether the parts are added.",
    "time_shift": "Write down which step's state each line of the forward reads, and use the same one in the backward.",
    "padding": "Draw one row with its padding, and count where the backward reads and cuts.",
    "not_flipped": "Write out a convolution of one row by hand: which tap meets which pixel on the way back?",
    "axes_swapped": "Check every place where height and width, or two axes, go into a reshape or an index.",
    "gates_permuted": "Compare the order in which the forward slices the gates with the one in which they are stacked.",
    "regularisation": "Compare the penalty in the loss with its derivative: same parameters, same strength.",
    "missing_mask": "Where the forward lets nothing through, the backward must not either.",
    "missing_scale": "Look where the forward divides or takes a mean: its derivative divides as well, once.",
    "never_written": "Look whether the computed value reaches the array that is returned.",
    "duplicate_ids": "Think of what NumPy does with an index that occurs twice on the left of an assignment.",
    "double_nonlinearity": "Does the derivative take the nonlinearity's input or its output? It is applied once.",
    "missing_term": "Draw the graph of the forward and count the paths that lead from this input to the output.",
    "ties": "Decide what happens where several entries are the largest, and give the gradient away only once.",
    "mutates_input": "Look for in-place operators (+=, *=, slices on the left) on arrays that were passed in.",
    "nondeterministic": "Draw random numbers once, in the forward, and keep them in the cache.",
    "not_linear": "Every term of a backward has the upstream gradient as a factor, exactly once.",
    "shape": "Print the shapes of the input and of its gradient; they are the same.",
    "dtype": "Look for a dtype written out, or an array made without one (zeros, ones, empty).",
    "nan": "Look for a division, a logarithm or an infinity that the forward avoids and the backward meets.",
    "missing_gradient": "Compare the backward's return with the forward's arguments.",
    "unknown": "Compare the worst entry with a case so small that you can work it out by hand.",
}
"""Where to look, a hint a kind, without giving the line away."""


class Candidate(NamedTuple):
    """One explanation of one gradient.

    Attributes
    ----------
    kind, gradient, sentence
        As in ``Diagnosis``.
    confidence : float
        How sure: 0.95 where everything agrees exactly, less where part of the evidence had to be left out.
    factor : float or None
        Analytic over numeric.
    hint : str
        Where there is a better one than the kind's.
    """

    kind: str
    gradient: str | None
    sentence: str
    confidence: float
    factor: float | None = None
    hint: str = ""

    def diagnosis(self) -> Diagnosis:
        """Return it in the report's form."""
        hint = self.hint or HINTS[self.kind]
        return Diagnosis(self.kind, self.gradient, self.sentence, hint, self.confidence, self.factor)
