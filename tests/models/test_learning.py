"""The whole at work: eight captions or classes are learnt by heart, and then said."""

import numpy as np
import pytest

from minicap.data import CaptionBatch, ClassBatch, TagBatch
from minicap.data.collate import pad_captions
from minicap.models import Captioner, Classifier, Tagger
from minicap.optim import Adam, clip_by_global_norm

CAPTIONS = [
    "a red circle", "a blue circle", "a red square", "a blue square", "red above blue",
    "a circle above a square", "a red circle above a blue square", "square",
]  # fmt: skip


def test_eight_captions_are_learnt_by_heart(decoder, conditioning, vocabulary):
    sizes = {"image_size": 8, "embed_size": 24, "hidden_size": 32}
    model = Captioner(vocabulary, decoder=decoder, conditioning=conditioning, **sizes)
    rng = np.random.default_rng(3)
    pictures = rng.uniform(-1, 1, (8, 3, 8, 8)).astype(np.float32)
    batch = CaptionBatch(pictures, *pad_captions([model.vocabulary.encode(caption) for caption in CAPTIONS]))
    optimizer, losses = Adam(0.003), []
    for _ in range(250):
        loss, cache = model.loss(batch)
        _, grads = model.backward(cache)
        optimizer.step(model.params, clip_by_global_norm(grads, 5.0)[0])
        losses.append(float(loss))
    assert losses[0] > 1.5
    assert losses[-1] < 0.1
    assert model.caption(pictures) == CAPTIONS
    swapped = model.log_prob(pictures[::-1], CAPTIONS)
    assert (model.log_prob(pictures, CAPTIONS) > swapped).all()


def test_a_blind_model_learns_only_the_language(captioner):
    """It cannot tell which picture it sees: of two captions for two pictures, each gets half."""
    model = captioner(blind=True, embed_size=16, hidden_size=16, dtype="float32")
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    batch = CaptionBatch(pictures, *pad_captions([model.vocabulary.encode(c) for c in ("red", "blue")]))
    optimizer = Adam(0.02)
    for _ in range(150):
        loss, cache = model.loss(batch)
        optimizer.step(model.params, model.backward(cache)[1])
    assert float(loss) == pytest.approx(np.log(2) / 2, rel=0.02)  # ln 2 for the word, nothing for <end>


def test_eight_captions_are_learnt_behind_batch_norm(vocabulary):
    """In batches of four: later, pictures are normalised by what ran along, and it says the same."""
    sizes = {
        "image_size": 8,
        "embed_size": 24,
        "hidden_size": 32,
        "encoder": "16,M,R24,M",
        "batch_norm": True,
    }
    model, rng = Captioner(vocabulary, decoder="gru", **sizes), np.random.default_rng(3)
    pictures = rng.uniform(-1, 1, (8, 3, 8, 8)).astype(np.float32)
    batch = CaptionBatch(pictures, *pad_captions([model.vocabulary.encode(caption) for caption in CAPTIONS]))
    optimizer = Adam(0.003)
    for _ in range(80):
        for rows in rng.permutation(8).reshape(2, 4):
            _, cache = model.loss(CaptionBatch(*(array[rows] for array in batch)), training=True)
            optimizer.step(model.params, model.backward(cache)[1])
    assert float(model.loss(batch)[0]) < 0.1
    assert model.caption(pictures) == CAPTIONS


def test_what_does_not_look_learns_only_the_language(captioner):
    """As much as a blind model, which has weights for what it does not see."""
    model = captioner(conditioning="none", embed_size=16, hidden_size=16, dtype="float32")
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    batch = CaptionBatch(pictures, *pad_captions([model.vocabulary.encode(c) for c in ("red", "blue")]))
    optimizer = Adam(0.02)
    for _ in range(150):
        loss, cache = model.loss(batch)
        optimizer.step(model.params, model.backward(cache)[1])
    assert float(loss) == pytest.approx(np.log(2) / 2, rel=0.02)  # ln 2 for the word, nothing for <end>


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden": ""},
        {"batch_norm": True},
        {"encoder": "8,R8,M,R16"},
        {"encoder": "R8,M", "batch_norm": True},
    ],
    ids=str,
)
def test_eight_classes_are_learnt_by_heart(options):
    """Pictures of noise, which nothing but by heart can be told apart."""
    model = Classifier(8, **{"encoder": "8,M,16", "hidden": "32", "image_size": 8} | options)
    pictures = np.random.default_rng(3).uniform(-1, 1, (8, 3, 8, 8)).astype(np.float32)
    batch, optimizer, losses = ClassBatch(pictures, np.arange(8)), Adam(0.005), []
    for _ in range(80):
        loss, cache = model.loss(batch, training=True)
        optimizer.step(model.params, model.backward(cache)[1])
        losses.append(float(loss))
    assert losses[0] > 1.5
    assert losses[-1] < 0.05
    ((best, *_), *_) = guesses = model.classify(pictures)
    assert [guess[0].label for guess in guesses] == list("01234567")
    assert best.probability > 0.9


def squares(n, seed, columns=12):
    """Return dark pictures, every other with a bright square of five pixels, and its rows and columns from 0 on."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(-1, -0.6, (n, 3, 16, 16)).astype(np.float32)
    corners = rng.integers(0, (12, columns), (n, 2))
    for image, (row, column) in zip(images[::2], corners[::2], strict=True):
        image[:, row : row + 5, column : column + 5] = rng.uniform(0.2, 0.6)
    return images, corners


def test_a_square_is_found_where_none_ever_stood():
    """Nobody tells where squares stand: tags of pictures are all it learns from, and those on the left half."""
    model, (images, _) = Tagger(["square"], encoder="6,M,8,M", image_size=16), squares(64, 1, columns=4)
    tags = (np.arange(64) % 2 == 0).astype(np.float32)[:, None]
    optimizer = Adam(0.02)
    for _ in range(60):
        _, cache = model.loss(TagBatch(images, tags), training=True)
        optimizer.step(model.params, model.backward(cache)[1])
    images, corners = squares(60, 2)
    found = model.tag(images)
    assert [len(tags) for tags in found] == [1, 0] * 30
    for ((_, _, (x, y, width, height)),), (row, column) in zip(found[::2], corners[::2], strict=True):
        assert column - width < x < column + 5
        assert row - height < y < row + 5
