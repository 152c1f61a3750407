"""From a trained decoder to sentences: searches that know only ``start`` and ``step``."""

from minicap.decoding.beam import beam_search
from minicap.decoding.exhaustive import SearchErrors, exhaustive_search, search_errors
from minicap.decoding.hypothesis import LENGTH_PENALTY, Hypothesis, normalised
from minicap.decoding.search import greedy_search, random_search, score
from minicap.decoding.settings import Decoding, decode
from minicap.decoding.steps import Decoder, Step, take_rows

__all__ = [
    "LENGTH_PENALTY", "Decoder", "Decoding", "Hypothesis", "SearchErrors", "Step", "beam_search", "decode",
    "exhaustive_search", "greedy_search", "normalised", "random_search", "score", "search_errors", "take_rows",
]  # fmt: skip
