"""Scheduled sampling: which words a decoder reads, and that the rest of training is as it was."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_model
from minicap.models.sampling import own_words


class Sure:
    """A decoder that is sure that word 7 comes next, always."""

    def forward(self, features, seen, mask):
        logits = np.full((*seen.shape, 10), -1e9)
        logits[..., 7] = 0
        return logits, None


SEEN = np.array([[1, 4, 5, 6], [1, 4, 0, 0]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, [[1, 7, 7, 7], [1, 7, 0, 0]]), (0.0, [[1, 4, 5, 6], [1, 4, 0, 0]])]
)
def test_all_words_or_none_but_never_the_start_nor_the_padding(share, expected, rng):
    read = own_words(Sure(), np.zeros((2, 3)), SEEN, MASK, share=share, rng=rng)
    np.testing.assert_array_equal(read, expected)


def test_about_a_share_of_the_words_is_exchanged(rng):
    seen = np.full((200, 11), 5)
    read = own_words(Sure(), np.zeros((200, 3)), seen, np.ones((200, 11), bool), share=0.3, rng=rng)
    assert abs((read[:, 1:] == 7).mean() - 0.3) < 0.04
    assert (read[:, 0] == 5).all()


def test_the_word_drawn_is_the_one_that_comes_after_the_place_before(rng):
    class Counting:
        def forward(self, features, seen, mask):
            logits = np.full((*seen.shape, 10), -1e9)
            np.put_along_axis(logits, np.arange(seen.shape[1])[None, :, None] + 0 * seen[..., None], 0, 2)
            return logits, None

    read = own_words(Counting(), np.zeros((2, 3)), SEEN, np.ones((2, 4), bool), share=1.0, rng=rng)
    np.testing.assert_array_equal(read, [[1, 0, 1, 2]] * 2)


class Harder:
    """A captioner whose loss is smoothed and sampled; the words are drawn once, for drawing has no derivative."""

    def __init__(self, model):
        self.model, self.params, self.buffers = model, model.params, model.buffers

    def loss(self, batch, *, training, rng):
        return self.model.loss(batch, training=training, rng=rng, label_smoothing=0.2, sampling=0.5)

    def backward(self, cache, dloss=1.0):
        return self.model.backward(cache, dloss)


@pytest.mark.parametrize("conditioning", ["par", "attention"])
def test_the_gradient_of_the_harder_objective_is_right(conditioning, captioner, draw):
    model, batch = Harder(captioner(conditioning=conditioning)), draw(2, [4, 1, 3, 2])
    check_model(
        model, batch, training=True, rng=np.random.default_rng(1), entries=2, directions=1
    ).assert_ok()
