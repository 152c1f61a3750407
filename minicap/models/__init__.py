"""Whole models: captioner, classifier, tagger, and what they are made of."""

from minicap.models.captioner import Captioner
from minicap.models.choosing import DECODERS, conditionings_of
from minicap.models.classifier import Classifier, Guess
from minicap.models.decoders import RecurrentDecoder
from minicap.models.describing import Caption
from minicap.models.encoder import Encoder
from minicap.models.joining import CONDITIONINGS
from minicap.models.loading import load_any
from minicap.models.tag_heads import HEADS
from minicap.models.tagger import Tag, Tagger
from minicap.models.transformer import TransformerDecoder
from minicap.models.trunk import ENCODERS, Trunk

__all__ = [
    "CONDITIONINGS",
    "DECODERS",
    "ENCODERS",
    "HEADS",
    "Caption",
    "Captioner",
    "Classifier",
    "Encoder",
    "Guess",
    "RecurrentDecoder",
    "Tag",
    "Tagger",
    "TransformerDecoder",
    "Trunk",
    "conditionings_of",
    "load_any",
]
