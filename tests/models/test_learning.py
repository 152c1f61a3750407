"""The whole at work: eight captions are learnt by heart, and then said."""

import numpy as np
import pytest

from minicap.data import CaptionBatch
from minicap.data.collate import pad_captions
from minicap.models import CONDITIONINGS, DECODERS, Captioner
from minicap.optim import Adam, clip_by_global_norm

CAPTIONS = [
    "a red circle", "a blue circle", "a red square", "a blue square", "red above blue",
    "a circle above a square", "a red circle above a blue square", "square",
]  # fmt: skip


@pytest.mark.parametrize("conditioning", sorted(set(CONDITIONINGS) - {"none"}))
@pytest.mark.parametrize("decoder", DECODERS)
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
