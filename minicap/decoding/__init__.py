"""From a trained decoder to sentences: searches that know only ``start`` and ``step``."""

from minicap.decoding.search import Hypothesis, greedy_search, random_search, score
from minicap.decoding.steps import Decoder, Step, take_rows

__all__ = ["Decoder", "Hypothesis", "Step", "greedy_search", "random_search", "score", "take_rows"]
