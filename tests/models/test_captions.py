"""What a captioner says, also one that sees nothing; and what it is told that makes no sense."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from scipy.special import log_softmax

from minicap.data.vocabulary import END, START

# Captions


def test_greedy_takes_the_best_word_at_each_step(captioner, pictures, decoder, conditioning):
    model = captioner(decoder=decoder, conditioning=conditioning)
    for picture, caption in zip(pictures, model.caption(pictures, max_length=5), strict=True):
        tokens, log_probs = [START], []
        while tokens[-1] != END and len(log_probs) < 5:
            logits, _ = model.decoder.forward(model.features(picture[None]), np.array([tokens]))
            log_p = log_softmax(logits[0, -1])
            tokens.append(int(np.argmax([log_p[END], *log_p[4:]])))
            tokens[-1] = END if tokens[-1] == 0 else tokens[-1] + 3  # only <end> and words may be said
            log_probs.append(log_p[tokens[-1]])
        assert caption == model.vocabulary.decode(tokens)
        assert caption.word_log_probs == pytest.approx(log_probs, rel=1e-10)
        assert caption.log_prob == pytest.approx(sum(log_probs), rel=1e-10)


def test_a_captions_log_prob_is_what_log_prob_says(captioner, pictures):
    model = captioner()
    model.params["decoder.to_vocab.bias"][END] += 1
    captions = model.caption(pictures, sample=True, seed=2)
    expected = model.log_prob(pictures, captions)
    np.testing.assert_allclose([caption.log_prob for caption in captions], expected, rtol=1e-10)


def test_special_tokens_are_never_said(captioner, pictures):
    model = captioner()
    model.params["decoder.to_vocab.bias"][[0, 1, 3]] = 50
    for caption in model.caption(pictures) + model.caption(pictures, sample=True, temperature=3.0):
        assert "<" not in caption
        assert len(caption.word_log_probs) <= 40


def test_sampling_is_seeded_and_varies(captioner, pictures):
    model = captioner()
    draws = [model.caption(pictures, sample=True, seed=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_sampling_near_temperature_zero_is_greedy(captioner, pictures):
    model = captioner()
    assert model.caption(pictures, sample=True, temperature=1e-6) == model.caption(pictures)


def test_sampling_does_not_depend_on_the_size_of_blocks(captioner, pictures):
    model = captioner()
    one, two = (model.caption(pictures, sample=True, seed=1, batch_size=size) for size in (4, 3))
    assert one == two


def test_max_length_cuts(captioner, pictures):
    model = captioner()
    model.params["decoder.to_vocab.bias"][END] = -50
    assert {len(caption.word_log_probs) for caption in model.caption(pictures, max_length=3)} == {3}


def test_a_caption_is_a_string(captioner, pictures):
    caption = captioner().caption(pictures)[0]
    assert isinstance(caption, str)
    assert caption.upper() == str(caption).upper()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_caption_can_be_copied(duplicate, captioner, pictures):
    caption = captioner().caption(pictures)[0]
    assert duplicate(caption).log_prob == caption.log_prob


# Blind


def test_a_blind_model_says_the_same_of_every_picture(captioner, draw, decoder, conditioning, pictures):
    model = captioner(blind=True, decoder=decoder, conditioning=conditioning)
    assert len(set(model.caption(pictures))) == 1
    assert len(model.caption(pictures)) == 4
    features = model.features(pictures)
    np.testing.assert_array_equal(features, np.repeat(features[:1], 4, axis=0))
    batch = draw(2, [4, 1, 3, 2])
    other = batch._replace(images=batch.images * 100)
    assert model.loss(batch)[0] == model.loss(other)[0]


def test_a_blind_model_is_a_seeing_one_in_front_of_grey(captioner, draw):
    batch = draw(2, [3, 3])
    grey = batch._replace(images=np.zeros_like(batch.images))
    assert captioner(blind=True).loss(batch)[0] == pytest.approx(captioner().loss(grey)[0], rel=1e-13)


# What does not fit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "huge"}, "there is no encoder 'huge'; choose one of small, classic, fine"),
        (
            {"decoder": "lstn"},
            "Captioner: there is no decoder 'lstn'; choose one of rnn, lstm, gru, transformer",
        ),
        (
            {"conditioning": "post"},
            "RecurrentDecoder: there is no conditioning 'post'; choose one of par, init, pre",
        ),
        ({"layers": 0}, "Captioner: layers is 0 but a whole number of at least 1 is needed"),
        (
            {"image_size": 7},
            "encoder: image_size is 7 but 3 halvings need at least 8 pixels; use larger images",
        ),
    ],
)
def test_options_that_do_not_exist_are_named(options, message, captioner):
    with pytest.raises(ValueError, match=f"^{message}"):
        captioner(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 1.5},
        {"dropout": "x"},
        {"dtype": "int32"},
        {"dtype": "float16"},
        {"hidden_size": 0},
        {"embed_size": 0},
    ],
)
def test_options_that_make_no_sense_are_named(options, captioner):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        captioner(**options)


def test_captions_that_do_not_fit_the_pictures_are_named(captioner, draw):
    batch = draw(2, [3, 2])
    with pytest.raises(
        ValueError, match=r"^Captioner: tokens are \(2, 4\) but \(N, T\+1\) with N a multiple of 3 is needed"
    ):
        captioner().loss(batch._replace(images=np.zeros((3, 3, 8, 8))))
    with pytest.raises(ValueError, match=r"mask is \(2, 2\) but \(N, T\) = \(2, 3\) is needed"):
        captioner().loss(batch._replace(mask=batch.mask[:, :2]))
    with pytest.raises(ValueError, match=r"^Captioner: images are \(2, 1, 8, 8\) but"):
        captioner().loss(batch._replace(images=batch.images[:, :1]))
    with pytest.raises(ValueError, match=r"^embedding: ids\[0, 1\] is 10 but V = 10, so 0 to 9 are allowed"):
        captioner().loss(batch._replace(tokens=np.array([[1, 10, 4, 2], [1, 4, 2, 0]])))


@pytest.mark.parametrize("side", [5, 16])
def test_pictures_of_another_size_are_named(side, captioner, draw):
    with pytest.raises(ValueError, match=r"image_size|images"):
        captioner().loss(draw(2, [3, 2], side=side))


def test_tokens_of_one_axis_are_named(captioner, draw):
    with pytest.raises(ValueError, match="tokens"):
        captioner().loss(draw(2, [3, 2])._replace(tokens=np.array([1, 4, 2])))
