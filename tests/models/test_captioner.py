"""What a captioner computes: P(caption | image) as the product over its words."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.special import log_softmax

from minicap.data import CaptionBatch, Vocabulary
from minicap.data.vocabulary import END, START
from minicap.decoding import take_rows
from minicap.models import CONDITIONINGS, DECODERS, Captioner

CAPTIONS = ["a red circle", "blue square", "a red circle above a blue square", ""]


@pytest.fixture(params=DECODERS)
def decoder(request):
    """Each kind of recurrent layer in turn."""
    return request.param


@pytest.fixture(params=CONDITIONINGS)
def conditioning(request):
    """Each way to show the picture in turn."""
    return request.param


@pytest.fixture
def pictures():
    """Four random pictures, preprocessed."""
    return np.random.default_rng(4).standard_normal((4, 3, 8, 8))


# The loss


@pytest.mark.parametrize("v", [40, 400])
def test_the_first_loss_is_about_ln_v(v, decoder, conditioning, request):
    if (decoder, conditioning, v) == ("gru", "init", 40):
        reason = "the first state is not squashed, and a GRU carries it on: large states, sure of themselves"
        request.applymarker(pytest.mark.xfail(reason=reason))
    words, rng = [f"w{i}" for i in range(v - 4)], np.random.default_rng(0)
    model = Captioner(
        Vocabulary(words), image_size=16, decoder=decoder, conditioning=conditioning, hidden_size=64
    )
    tokens = np.hstack([np.ones((16, 1), int), rng.integers(4, v, (16, 7))])
    images = rng.uniform(-1, 1, (16, 3, 16, 16)).astype(np.float32)
    loss, _ = model.loss(CaptionBatch(images, tokens, np.ones((16, 7), bool)))
    assert float(loss) == pytest.approx(math.log(v), rel=0.2)


def test_padding_changes_nothing(captioner, draw, decoder, conditioning, kernels):
    model, batch = captioner(decoder=decoder, conditioning=conditioning, layers=2), draw(2, [4, 1, 3, 2])
    tokens = np.pad(batch.tokens, ((0, 0), (0, 3)))
    longer = batch._replace(tokens=tokens, mask=np.pad(batch.mask, ((0, 0), (0, 3))))
    (loss, cache), (loss_longer, cache_longer) = model.loss(batch), model.loss(longer)
    assert loss_longer == pytest.approx(loss, rel=1e-14)
    (dimages, grads), (dimages_longer, grads_longer) = model.backward(cache), model.backward(cache_longer)
    np.testing.assert_allclose(dimages_longer, dimages, atol=1e-16)
    for name, grad in grads.items():
        np.testing.assert_allclose(grads_longer[name], grad, rtol=1e-10, atol=1e-16, err_msg=name)


def test_the_order_of_the_batch_changes_nothing(captioner, draw, decoder, conditioning, kernels):
    model, batch, order = captioner(decoder=decoder, conditioning=conditioning), draw(3, [4, 1, 3]), [2, 0, 1]
    mixed = type(batch)(*(array[order] for array in batch))
    (loss, cache), (loss_mixed, cache_mixed) = model.loss(batch), model.loss(mixed)
    assert loss_mixed == pytest.approx(loss, rel=1e-13)
    (dimages, grads), (dimages_mixed, grads_mixed) = model.backward(cache), model.backward(cache_mixed)
    np.testing.assert_allclose(dimages_mixed, dimages[order], rtol=1e-9, atol=1e-16)
    for name, grad in grads.items():
        np.testing.assert_allclose(grads_mixed[name], grad, rtol=1e-9, atol=1e-15, err_msg=name)


def test_several_captions_of_a_picture_are_that_picture_several_times(captioner, draw, kernels):
    model, batch = captioner(), draw(2, [4, 1, 3, 3, 2, 1])
    repeated = batch._replace(images=np.repeat(batch.images, 3, axis=0))
    (loss, cache), (loss_repeated, cache_repeated) = model.loss(batch), model.loss(repeated)
    assert loss_repeated == pytest.approx(loss, rel=1e-14)
    (dimages, grads), (d_repeated, grads_repeated) = model.backward(cache), model.backward(cache_repeated)
    np.testing.assert_allclose(
        dimages, d_repeated.reshape(2, 3, *dimages.shape[1:]).sum(axis=1), rtol=1e-9, atol=1e-16
    )
    for name, grad in grads.items():
        np.testing.assert_allclose(grads_repeated[name], grad, rtol=1e-9, atol=1e-16, err_msg=name)


def test_dropout_needs_training_and_repeats_by_its_generator(captioner, draw):
    model, batch = captioner(dropout=0.5), draw(2, [4, 3])
    quiet = [model.loss(batch)[0], model.loss(batch, rng=np.random.default_rng(1))[0]]
    loud = [model.loss(batch, training=True, rng=np.random.default_rng(k))[0] for k in (1, 1, 2)]
    assert quiet[0] == quiet[1] != loud[0]
    assert loud[0] == loud[1] != loud[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(dtype, captioner, draw, decoder, conditioning, kernels):
    model = captioner(dtype=dtype, decoder=decoder, conditioning=conditioning, layers=2, dropout=0.2)
    loss, cache = model.loss(draw(2, [3, 2], dtype=dtype), training=True, rng=np.random.default_rng(0))
    dimages, grads = model.backward(cache)
    assert {a.dtype for a in (loss, dimages, *model.params.values(), *grads.values())} == {np.dtype(dtype)}


def test_names_of_parameters(captioner):
    assert list(captioner(conditioning="init", layers=2).params)[-11:] == [
        "decoder.embed.weight",
        "decoder.conditioning.to_state.weight",
        "decoder.conditioning.to_state.bias",
        *[f"decoder.rnn.layer{i}.{name}" for i in (1, 2) for name in ("w_x", "w_h", "b")],
        "decoder.to_vocab.weight",
        "decoder.to_vocab.bias",
    ]


def test_the_seed_decides_the_first_weights(captioner):
    one, two, other = captioner(seed=3), captioner(seed=3), captioner(seed=4)
    name = "encoder.conv1.weight"
    np.testing.assert_array_equal(one.params[name], two.params[name])
    assert (one.params[name] != other.params[name]).any()


# Word by word


@pytest.mark.parametrize("layers", [1, 2])
def test_stepwise_decoding_is_the_sequence_forward(captioner, draw, decoder, conditioning, layers, kernels):
    model, batch = (
        captioner(decoder=decoder, conditioning=conditioning, layers=layers, dropout=0.5),
        draw(3, [6, 6, 6]),
    )
    features, seen = model.features(batch.images), batch.tokens[:, :-1]
    logits, _ = model.decoder.forward(features, seen, batch.mask)
    memory, state = model.decoder.start(features)
    for t in range(6):
        step = model.decoder.step(seen[:, t], state, memory)
        np.testing.assert_allclose(step.logits, logits[:, t], rtol=1e-12, atol=1e-14)
        state = step.state


def test_a_search_may_re_index_the_state(captioner, decoder, conditioning, pictures):
    model, rows = captioner(decoder=decoder, conditioning=conditioning), np.array([2, 2, 0])
    memory, state = model.decoder.start(model.features(pictures))
    step = model.decoder.step(np.full(4, START), state, memory)
    after = model.decoder.step(np.full(4, 5), step.state, memory).logits
    taken = model.decoder.step(np.full(3, 5), take_rows(step.state, rows), memory[rows]).logits
    np.testing.assert_allclose(taken, after[rows], rtol=1e-12)


def test_log_prob_is_minus_the_loss_times_the_words(
    captioner, draw, decoder, conditioning, pictures, kernels
):
    model = captioner(decoder=decoder, conditioning=conditioning)
    found = model.log_prob(pictures, CAPTIONS)
    for picture, caption, log_prob in zip(pictures, CAPTIONS, found, strict=True):
        tokens = np.array([model.vocabulary.encode(caption)])
        batch = draw(1, [tokens.shape[1] - 1])._replace(images=picture[None], tokens=tokens)
        assert log_prob == pytest.approx(-float(model.loss(batch)[0]) * (tokens.shape[1] - 1), rel=1e-12)


def test_log_prob_of_unknown_words_is_that_of_unk(captioner, pictures):
    model = captioner()
    assert np.isfinite(model.log_prob(pictures[:1], "a purple circle")).all()
    one, two = (model.log_prob(pictures[:1], [text]) for text in ("a purple circle", "a pink circle"))
    np.testing.assert_array_equal(one, two)


def test_log_prob_needs_a_caption_an_image(captioner, pictures):
    with pytest.raises(ValueError, match=r"^log_prob: 4 images but 1 captions; give one caption an image"):
        captioner().log_prob(pictures, ["a"])


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_size_of_blocks_changes_nothing(batch_size, captioner, pictures):
    model = captioner()
    np.testing.assert_allclose(
        model.features(pictures, batch_size=batch_size), model.features(pictures), rtol=1e-12
    )
    assert model.caption(pictures, batch_size=batch_size) == model.caption(pictures)
    np.testing.assert_allclose(
        model.log_prob(pictures, CAPTIONS, batch_size=batch_size),
        model.log_prob(pictures, CAPTIONS),
        rtol=1e-12,
    )


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


@pytest.mark.xfail(reason="one generator serves all blocks, so what is drawn depends on batch_size")
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


@pytest.mark.xfail(raises=TypeError, reason="Caption.__new__ misses its second argument")
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
        ({"encoder": "huge"}, "Captioner: there is no encoder 'huge'; choose one of small"),
        ({"decoder": "lstn"}, "RecurrentStack: there is no cell 'lstn'; choose one of rnn, lstm, gru"),
        (
            {"conditioning": "post"},
            "RecurrentDecoder: there is no conditioning 'post'; choose one of par, init, pre",
        ),
        ({"layers": 0}, "RecurrentStack: layers is 0 but at least 1 is needed"),
        (
            {"image_size": 7},
            "SmallEncoder: image_size is 7 but 3 halvings need at least 8 pixels; use larger images",
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
@pytest.mark.xfail(reason="accepted (or ZeroDivisionError), and found out only in the first training step")
def test_options_that_make_no_sense_are_named(options, captioner):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        captioner(**options)


def test_captions_that_do_not_fit_the_pictures_are_named(captioner, draw):
    batch = draw(2, [3, 2])
    with pytest.raises(
        ValueError, match=r"^Captioner: tokens \(2, 4\) must have a multiple of the rows of images \(3, "
    ):
        captioner().loss(batch._replace(images=np.zeros((3, 3, 8, 8))))
    with pytest.raises(ValueError, match=r"mask is \(2, 2\) but \(N, T\) = \(2, 3\) is needed"):
        captioner().loss(batch._replace(mask=batch.mask[:, :2]))
    with pytest.raises(ValueError, match=r"^conv2d: x has 1 channels but w expects 3"):
        captioner().loss(batch._replace(images=batch.images[:, :1]))
    with pytest.raises(ValueError, match=r"^embedding: ids\[0, 1\] is 10 but V = 10, so 0 to 9 are allowed"):
        captioner().loss(batch._replace(tokens=np.array([[1, 10, 4, 2], [1, 4, 2, 0]])))


@pytest.mark.parametrize("side", [5, 16])
@pytest.mark.xfail(
    reason="the error is linear's or max_pool2d's, of maps the user never saw; at 16, none names image_size"
)
def test_pictures_of_another_size_are_named(side, captioner, draw):
    with pytest.raises(ValueError, match=r"image_size|images"):
        captioner().loss(draw(2, [3, 2], side=side))


@pytest.mark.xfail(reason="IndexError: too many indices for array")
def test_tokens_of_one_axis_are_named(captioner, draw):
    with pytest.raises(ValueError, match="tokens"):
        captioner().loss(draw(2, [3, 2])._replace(tokens=np.array([1, 4, 2])))
