"""Data: pictures and captions from files, vocabulary, and batches; the built-in scenes are in ``scenes``.

corpus = read_captions("flickr8k")                                    # report, splits
vocabulary = Vocabulary.build(corpus.train.all_captions(), min_count=3)
batches = CaptionBatches(corpus.train, vocabulary, Preprocessing(64), batch_size=32)
for batch in batches.epoch(seed):                                     # images, tokens, mask
    ...
"""

from importlib import import_module
from typing import Any

from minicap.data.augment import Augmentation
from minicap.data.batches import Batches, CaptionBatches, eval_batches
from minicap.data.cache import cache_folder
from minicap.data.collate import CaptionBatch, ClassBatch, TagBatch, pad_captions
from minicap.data.corpus import Corpus
from minicap.data.dataset import CaptionData
from minicap.data.images import check_image, load_image, save_png
from minicap.data.labelled import ClassData, TagData
from minicap.data.labelled_batches import LabelledBatches
from minicap.data.labels import Labels
from minicap.data.preprocessing import Preprocessing, normalize, to_tensor
from minicap.data.readers import read_captions, read_classes, read_data, read_tags
from minicap.data.report import ReadingReport
from minicap.data.splits import SPLITS, known_split
from minicap.data.tokenizers import CharTokenizer, Tokenizer, WordTokenizer, get_tokenizer
from minicap.data.vocabulary import END, PAD, SPECIALS, START, UNK, Vocabulary

__all__ = [
    "END",
    "PAD",
    "SPECIALS",
    "SPLITS",
    "START",
    "UNK",
    "Augmentation",
    "Batches",
    "CaptionBatch",
    "CaptionBatches",
    "CaptionData",
    "CharTokenizer",
    "ClassBatch",
    "ClassData",
    "Corpus",
    "LabelledBatches",
    "Labels",
    "Preprocessing",
    "ReadingReport",
    "TagBatch",
    "TagData",
    "Tokenizer",
    "Vocabulary",
    "WordTokenizer",
    "cache_folder",
    "check_image",
    "eval_batches",
    "get_tokenizer",
    "known_split",
    "load_image",
    "normalize",
    "pad_captions",
    "read_captions",
    "read_classes",
    "read_data",
    "read_tags",
    "save_png",
    "scenes",
    "to_tensor",
]


def __getattr__(name: str) -> Any:
    if name == "scenes":
        return import_module("minicap.data.scenes")
    raise AttributeError(f"module 'minicap.data' has no attribute {name!r}")
