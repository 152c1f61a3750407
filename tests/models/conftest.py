"""What the model tests share: a tiny captioner, and batches for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minicap.data import CaptionBatch, Vocabulary
from minicap.models import CONDITIONINGS, DECODERS, ENCODERS, Captioner

SIDE = 8
WORDS = ["red", "blue", "circle", "square", "above", "a"]


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


@pytest.fixture(params=DECODERS)
def decoder(request):
    """Each kind of recurrent layer in turn."""
    return request.param


@pytest.fixture(params=sorted(set(CONDITIONINGS) - {"none"}))
def conditioning(request):
    """Each way to show the picture in turn."""
    return request.param


@pytest.fixture
def pictures():
    """Four random pictures, preprocessed."""
    return np.random.default_rng(4).standard_normal((4, 3, 8, 8))
