"""What the model tests share: tiny models, and batches for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minicap.data import CaptionBatch, ClassBatch, TagBatch, Vocabulary
from minicap.layers import CELLS
from minicap.models import (
    CONDITIONINGS,
    DECODERS,
    ENCODERS,
    HEADS,
    Captioner,
    Classifier,
    Tagger,
    conditionings_of,
)
from minicap.models.joining import GRIDS

SIDE = 8
WORDS = ["red", "blue", "circle", "square", "above", "a"]
CLASSES = ["cat", "dog", "owl"]
TAGS = ["sea", "beach", "tree", "sky"]
WAYS = sorted(set(CONDITIONINGS) - {"none"})
PAIRS = [(decoder, way) for decoder in DECODERS for way in WAYS if way in conditionings_of(decoder)]


def pytest_generate_tests(metafunc):
    """Give a test that asks for a decoder, a conditioning or both each of them in turn, and of pairs those that exist.

    A test that says for itself which it wants is left alone.
    """
    marks = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    own = {name for names in marks for name in ([names] if isinstance(names, str) else names)}
    asked = [
        name for name in ("decoder", "conditioning") if name in metafunc.fixturenames and name not in own
    ]
    values = {"decoder": DECODERS, "conditioning": WAYS}
    if len(asked) == 2:
        metafunc.parametrize(asked, PAIRS)
    elif asked:
        metafunc.parametrize(asked[0], values[asked[0]])


@pytest.fixture
def vocabulary() -> Vocabulary:
    """Return ten ids: four special tokens and six words."""
    return Vocabulary(WORDS)


@pytest.fixture
def captioner(monkeypatch, vocabulary) -> Callable[..., Captioner]:
    """Return a function that builds a tiny captioner with random biases, so that nothing is zero by chance."""
    monkeypatch.setitem(ENCODERS, "tiny", "3,M,4,M,4,M")

    def build(**options) -> Captioner:
        sizes = {"encoder": "tiny", "image_size": SIDE, "embed_size": 4, "hidden_size": 3, "dtype": "float64"}
        if options.get("conditioning") in GRIDS:  # of one place there is no choice
            sizes["encoder"] = "3,M,4,M"
        model = Captioner(vocabulary, **sizes | options)
        rng = np.random.default_rng(5)
        for name, array in model.params.items():
            if name.rpartition(".")[2].startswith("b"):
                array[...] = rng.uniform(0.2, 0.8, array.shape)
        return model

    return build


@pytest.fixture
def draw() -> Callable[..., CaptionBatch]:
    """Return a function that draws a batch: random pictures, captions of the given lengths."""

    def build(
        images: int, lengths: list[int], *, dtype: str = "float64", side: int = SIDE, seed: int = 0
    ) -> CaptionBatch:
        rng = np.random.default_rng(seed)
        pictures = rng.standard_normal((images, 3, side, side)).astype(dtype)
        tokens = np.zeros((len(lengths), max(lengths) + 1), np.int64)
        for row, length in zip(tokens, lengths, strict=True):  # <start>, length - 1 words, <end>
            row[: length + 1] = [1, *rng.integers(3, 4 + len(WORDS), length - 1), 2]
        return CaptionBatch(pictures, tokens, np.arange(max(lengths)) < np.array(lengths)[:, None])

    return build


@pytest.fixture(params=sorted(CELLS))
def cell(request):
    """Each kind of recurrent layer in turn."""
    return request.param


@pytest.fixture
def pictures():
    """Four random pictures, preprocessed."""
    return np.random.default_rng(4).standard_normal((4, 3, 8, 8))


def stirred(model):
    """Return a model whose numbers are all drawn: nothing is 0 or 1 by chance, and no way is closed."""
    rng = np.random.default_rng(5)
    for name, array in (model.params | model.buffers).items():
        if name.rpartition(".")[2] in ("gamma", "running_var") or not array.any():
            array[...] = rng.uniform(0.3, 0.9, array.shape)
    return model


@pytest.fixture
def classifier() -> Callable[..., Classifier]:
    """Return a function that builds a tiny classifier of three classes."""

    def build(**options) -> Classifier:
        sizes = {"encoder": "3,M,4,M", "hidden": "5", "image_size": SIDE, "dtype": "float64"}
        return stirred(Classifier(CLASSES, **sizes | options))

    return build


@pytest.fixture
def tagger() -> Callable[..., Tagger]:
    """Return a function that builds a tiny tagger of four tags."""

    def build(**options) -> Tagger:
        sizes = {"encoder": "3,M,4", "hidden": "5", "embed_size": 4, "hidden_size": 3, "image_size": SIDE}
        return stirred(Tagger(TAGS, **sizes | {"batch_norm": False, "dtype": "float64"} | options))

    return build


@pytest.fixture(params=HEADS)
def head(request):
    """Each head of a tagger in turn."""
    return request.param


@pytest.fixture
def class_batch() -> Callable[..., ClassBatch]:
    """Return a function that draws pictures with a class each."""

    def build(n: int, *, dtype: str = "float64", seed: int = 0) -> ClassBatch:
        rng = np.random.default_rng(seed)
        pictures = rng.standard_normal((n, 3, SIDE, SIDE)).astype(dtype)
        return ClassBatch(pictures, rng.integers(0, len(CLASSES), n))

    return build


@pytest.fixture
def tag_batch() -> Callable[..., TagBatch]:
    """Return a function that draws pictures with tags: the first one has all, the second none."""

    def build(n: int, *, dtype: str = "float64", seed: int = 0) -> TagBatch:
        rng = np.random.default_rng(seed)
        pictures = rng.standard_normal((n, 3, SIDE, SIDE)).astype(dtype)
        tags = rng.integers(0, 2, (n, len(TAGS)))
        tags[:1], tags[1:2] = 1, 0
        return TagBatch(pictures, tags.astype(dtype))

    return build
