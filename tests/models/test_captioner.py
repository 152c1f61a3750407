"""What a captioner computes: P(caption | image) as the product over its words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minicap.data import CaptionBatch, Vocabulary
from minicap.data.vocabulary import END, START
from minicap.decoding import Decoding, take_rows
from minicap.models import ENCODERS, Captioner

CAPTIONS = ["a red circle", "blue square", "a red circle above a blue square", ""]


# The loss


@pytest.mark.parametrize("v", [40, 400])
def test_the_first_loss_is_about_ln_v(v, decoder, conditioning):
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
    taken = model.decoder.step(np.full(3, 5), take_rows(step.state, rows), take_rows(memory, rows)).logits
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


# Nothing to see


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_language_model_does_not_look(batch_norm, captioner, draw, decoder, pictures, kernels):
    model = captioner(conditioning="none", decoder=decoder, layers=2, batch_norm=batch_norm)
    batch = draw(4, [4, 1, 3, 2])
    loss, cache = model.loss(batch)
    for other in (pictures, np.zeros_like(pictures), batch.images[::-1].copy(), 1e6 * pictures):
        assert model.loss(batch._replace(images=other))[0] == loss
    dimages, grads = model.backward(cache)
    assert dimages.shape == batch.images.shape
    assert not dimages.any()
    assert grads.keys() == model.params.keys()
    for name, grad in grads.items():
        # What is added to all keys alike has no effect either.
        assert grad.any() != (name.startswith("encoder.") or name.endswith(".b_k")), name
    assert len(set(model.caption(pictures))) == 1
    log_probs = model.log_prob(pictures, ["a red circle"] * 4)
    np.testing.assert_allclose(log_probs, log_probs[0], rtol=1e-12)


def test_a_language_model_is_the_recurrent_layers_alone(captioner, draw, kernels):
    """Embedding, layers from the zero state, vocabulary: as those parts compute it."""
    model, batch = captioner(conditioning="none", decoder="lstm"), draw(2, [3, 2])
    decoder, seen = model.decoder, batch.tokens[:, :-1]
    assert not decoder.conditioning.params
    words = model.params["decoder.embed.weight"][seen]
    hs, _, _ = decoder.rnn.run(words, np.zeros((2, decoder.rnn.state_size)), mask=batch.mask)
    logits = hs @ model.params["decoder.to_vocab.weight"] + model.params["decoder.to_vocab.bias"]
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    targets = np.take_along_axis(log_probs, batch.tokens[:, 1:, None], axis=2)[:, :, 0]
    assert float(model.loss(batch)[0]) == pytest.approx(-targets[batch.mask].mean(), rel=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_language_models_steps_are_its_sequence(captioner, draw, decoder, layers, kernels):
    model = captioner(conditioning="none", decoder=decoder, layers=layers)
    batch = draw(2, [5, 5])
    features, seen = model.features(batch.images), batch.tokens[:, :-1]
    logits, _ = model.decoder.forward(features, seen, batch.mask)
    memory, state = model.decoder.start(features)
    for t in range(5):
        step = model.decoder.step(seen[:, t], state, memory)
        np.testing.assert_allclose(step.logits, logits[:, t], rtol=1e-12, atol=1e-14)
        state = step.state


# Batch norm


def test_with_batch_norm_only_training_minds_the_neighbours(captioner, draw, kernels):
    model, batch = captioner(batch_norm=True), draw(4, [3, 2, 1, 3])
    features = model.features(batch.images)
    for n in range(4):
        np.testing.assert_allclose(model.features(batch.images[n : n + 1])[0], features[n], rtol=1e-11)
    pair, all_ = (model.encoder.forward(batch.images[:n], training=True)[0][:2] for n in (2, 4))
    assert np.abs(pair - all_).max() > 1e-3


def test_with_batch_norm_only_training_moves_the_statistics(captioner, draw):
    model, batch = captioner(batch_norm=True), draw(3, [3, 2, 1])
    assert list(model.buffers)[-2:] == ["encoder.last.norm.running_mean", "encoder.last.norm.running_var"]
    assert len(model.buffers) == 8  # three convolutions, and the features
    before = {name: array.copy() for name, array in model.buffers.items()}
    model.loss(batch)
    model.caption(batch.images)
    assert all((model.buffers[name] == array).all() for name, array in before.items())
    model.loss(batch, training=True)
    assert all((model.buffers[name] != array).any() for name, array in before.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm_changes_no_dtype(dtype, captioner, draw, kernels):
    model = captioner(dtype=dtype, batch_norm=True, encoder="3,M,R4")
    loss, cache = model.loss(draw(2, [3, 2], dtype=dtype), training=True)
    dimages, grads = model.backward(cache)
    arrays = (loss, dimages, *model.params.values(), *model.buffers.values(), *grads.values())
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_a_picture_alone_can_be_trained_on(captioner, draw):
    """Its features have one value a channel: they are normalised by what ran along."""
    model, batch = captioner(batch_norm=True), draw(1, [3])
    loss, cache = model.loss(batch, training=True)
    dimages, grads = model.backward(cache)
    assert np.isfinite(loss)
    assert all(np.isfinite(array).all() for array in (dimages, *grads.values()))
    assert not model.buffers["encoder.last.norm.running_mean"].any()
    assert model.buffers["encoder.norm1.running_mean"].any()


# Searches


def test_a_beam_of_one_is_greedy_and_a_wider_one_no_worse(
    captioner, pictures, decoder, conditioning, kernels
):
    model = captioner(decoder=decoder, conditioning=conditioning)
    greedy, one, five = (model.caption(pictures, max_length=6, **k) for k in ({}, {"beam": 1}, {"beam": 5}))
    assert [(c, c.word_log_probs) for c in one] == [(c, c.word_log_probs) for c in greedy]
    for narrow, wide in zip(greedy, five, strict=True):
        scores = [c.log_prob / len(c.word_log_probs) ** 0.7 for c in (narrow, wide)]
        assert scores[1] >= scores[0] - 1e-12


def test_a_beam_as_wide_as_the_tree_is_brute_force(captioner, pictures, decoder, conditioning):
    model, limits = (
        captioner(decoder=decoder, conditioning=conditioning),
        {"max_length": 2, "length_penalty": 1.0},
    )
    wide, best = (model.caption(pictures, **k, **limits) for k in ({"beam": 60}, {"exhaustive": True}))
    assert wide == best
    np.testing.assert_allclose([c.log_prob for c in wide], [c.log_prob for c in best], rtol=1e-12)
    errors = model.search_errors(model.features(pictures), [[text] for text in best], beam=60, **limits)
    assert errors.search_error == 0
    assert errors.preferred.tolist() == [END not in h.tokens for h in errors.best]  # a reference has an end


def test_a_beams_log_prob_is_what_log_prob_says(captioner, pictures, decoder, conditioning):
    model = captioner(decoder=decoder, conditioning=conditioning)
    model.params["decoder.to_vocab.bias"][END] += 1
    captions = model.caption(pictures, beam=4, no_repeat=2, batch_size=3)
    np.testing.assert_allclose([c.log_prob for c in captions], model.log_prob(pictures, captions), rtol=1e-10)
    assert captions == model.caption(pictures, Decoding(beam=4, no_repeat=2))


def test_captions_carry_where_the_decoder_looked(captioner, pictures, conditioning):
    model = captioner(conditioning=conditioning)
    looks = conditioning in ("attention", "dot")
    for way in ({}, {"beam": 3}, {"sample": True}, {"exhaustive": True, "max_length": 2}):
        for caption in model.caption(pictures, **way):
            assert (caption.attention is not None) == looks
            if looks:
                assert len(caption.attention) == len(caption.word_log_probs)
                np.testing.assert_allclose(caption.attention.sum(axis=1), 1, rtol=1e-12)


def test_a_vocabulary_without_words_can_only_end(draw, pictures, decoder, conditioning, monkeypatch):
    monkeypatch.setitem(ENCODERS, "tiny", "3,M,4,M,4,M")
    model = Captioner(
        Vocabulary([]), encoder="tiny", image_size=8, decoder=decoder, conditioning=conditioning,
        embed_size=4, hidden_size=3, dtype="float64",
    )  # fmt: skip
    for way in ({}, {"beam": 3}, {"sample": True, "top_p": 0.5}, {"exhaustive": True}):
        assert model.caption(pictures, **way) == [""] * 4
        assert {len(c.word_log_probs) for c in model.caption(pictures, **way, min_length=1)} == {0}


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_whatever_the_weights_a_search_ends(value, captioner, pictures, decoder, conditioning, kernels):
    model = captioner(decoder=decoder, conditioning=conditioning)
    features = model.features(pictures)
    first = "block1.self.attention.w_v" if decoder == "transformer" else "rnn.layer1.w_x"
    model.params[f"decoder.{first}"][::2] = value
    model.params["decoder.to_vocab.weight"][0] = value
    for way in ({}, {"beam": 3}, {"sample": True}, {"exhaustive": True, "max_length": 2}):
        captions = model.caption_features(features, **way)
        assert len(captions) == 4
        assert all(np.isfinite(c.log_prob) and len(c.word_log_probs) <= 40 for c in captions)


def test_match_is_the_log_probability_of_a_word(captioner, pictures):
    model = captioner()
    fits = model.match(model.features(pictures), CAPTIONS, batch_size=3)
    assert fits.shape == (4, 4)
    for m, text in enumerate(CAPTIONS):
        expected = model.log_prob(pictures, [text] * 4) / (len(text.split()) + 1)
        np.testing.assert_allclose(fits[:, m], expected, rtol=1e-12)


def test_settings_of_a_name_that_does_not_exist_are_named(captioner, pictures):
    with pytest.raises(TypeError, match="beams"):
        captioner().caption(pictures, beams=3)
