"""Whole models: encoder, decoder, captioner."""

from minicap.models.captioner import Captioner
from minicap.models.conditioning import CONDITIONINGS
from minicap.models.decoders import DECODERS, RecurrentDecoder
from minicap.models.describing import Caption
from minicap.models.encoder import ENCODERS, SmallEncoder

__all__ = [
    "CONDITIONINGS",
    "DECODERS",
    "ENCODERS",
    "Caption",
    "Captioner",
    "RecurrentDecoder",
    "SmallEncoder",
]
