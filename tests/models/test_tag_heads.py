"""Three ways from a map to tags: what each computes, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.data import END, PAD, SPECIALS, START, UNK
from minicap.gradcheck import check_layer
from minicap.models.tag_heads import DOUBT, DenseHead, SequenceHead, SpatialHead
from minicap.ops.loss import log_softmax

FILTERS, SIDE, K = 3, 3, 5
TAGS = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]], float)


def build(name, seed=1, dtype="float64", scale=1.0, **options):
    """Return a head whose biases are drawn too."""
    options |= {"rng": np.random.default_rng(seed), "dtype": dtype}
    if name == "spatial":
        head = SpatialHead(FILTERS, SIDE, K, **options)
    elif name == "dense":
        head = DenseHead(FILTERS, SIDE, K, **{"hidden": "6", "dropout": 0.0} | options)
    else:
        sizes = {"decoder": "lstm", "embed_size": 4, "hidden_size": 3, "batch_norm": False, "dropout": 0.0}
        head = SequenceHead(FILTERS, SIDE, K, **sizes | options)
    rng = np.random.default_rng(seed + 100)
    for array in head.params.values():
        if array.ndim == 1:
            array[...] = rng.uniform(-0.5, 0.5, array.shape)
        array *= scale
    return head


@pytest.fixture
def maps(rng):
    """Return maps of four pictures, as a ReLU leaves them."""
    return np.maximum(rng.standard_normal((4, FILTERS, SIDE, SIDE)), 0)


def cross_entropy(logits):
    """Return the mean binary cross-entropy of logits, written out."""
    p = 1 / (1 + np.exp(-logits))
    return -(TAGS * np.log(p) + (1 - TAGS) * np.log(1 - p)).mean()


# Every head


class AsLayer:
    """A head whose loss is the output, as ``check_layer`` expects."""

    inputs = ("maps",)

    def __init__(self, head):
        self.head = head

    @property
    def params(self):
        return self.head.params

    @property
    def buffers(self):
        return self.head.buffers

    def forward(self, maps, **options):
        return self.head.loss(maps, TAGS[: len(maps)], **options)

    def backward(self, dloss, cache):
        return self.head.backward(dloss, cache)


@pytest.mark.parametrize("options", [{}, {"dropout": 0.4}], ids=str)
def test_the_gradient_is_right(head, options, maps, kernels):
    layer = AsLayer(build(head, **(options if head != "spatial" else {})))
    check_layer(layer, maps[:2] + 0.01, training=True, rng=np.random.default_rng(2)).assert_ok()


@pytest.mark.parametrize("decoder", ["rnn", "gru"])
def test_the_gradient_of_other_sequences_is_right(decoder, maps, kernels):
    layer = AsLayer(build("sequence", decoder=decoder, batch_norm=True))
    check_layer(layer, maps[:3] + 0.01, training=True, rng=np.random.default_rng(2)).assert_ok()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(head, dtype, maps, kernels):
    made, maps = build(head, dtype=dtype), maps.astype(dtype)
    loss, cache = made.loss(maps, TAGS.astype(dtype), training=True, rng=np.random.default_rng(0))
    dmaps, grads = made.backward(1.0, cache)
    found = made.find(maps)
    arrays = (loss, dmaps, found.probabilities, *grads.values(), *made.params.values())
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_gradients_are_named_like_parameters(head, maps):
    made = build(head)
    dmaps, grads = made.backward(1.0, made.loss(maps, TAGS)[1])
    assert dmaps.shape == maps.shape
    assert {n: g.shape for n, g in grads.items()} == {n: p.shape for n, p in made.params.items()}


def test_a_picture_is_found_the_same_among_others(head, maps, kernels):
    made = build(head, scale=2.0)
    together = made.find(maps)
    for n in range(4):
        alone = made.find(maps[n : n + 1])
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[n], rtol=1e-12)
        for one, all_ in zip(alone[1:], together[1:], strict=True):
            assert one is all_ is None or (one[0] == all_[n]).all()


# Places


def test_the_spatial_head_is_its_equation(maps, kernels):
    made = build("spatial")
    assert list(made.params) == ["to_tags.weight", "to_tags.bias"]
    weight, bias = made.params["to_tags.weight"][:, :, 0, 0], made.params["to_tags.bias"]
    logits = np.einsum("nfhw,kf->nkhw", maps, weight) + bias[:, None, None]
    found = made.find(maps)
    np.testing.assert_allclose(found.probabilities, 1 / (1 + np.exp(-logits.max(axis=(2, 3)))), rtol=1e-12)
    flat = logits.reshape(4, K, -1).argmax(axis=2)
    assert found.places.tolist() == np.stack([flat // SIDE, flat % SIDE], axis=2).tolist()
    assert found.said is None
    assert float(made.loss(maps, TAGS)[0]) == pytest.approx(cross_entropy(logits.max(axis=(2, 3))), rel=1e-12)


def test_what_moves_is_found_as_well_and_elsewhere(kernels):
    made, maps = build("spatial"), np.zeros((SIDE * SIDE, FILTERS, SIDE, SIDE))
    made.params["to_tags.weight"][...] = np.abs(made.params["to_tags.weight"]) + 0.1
    places = [(row, column) for row in range(SIDE) for column in range(SIDE)]
    for n, (row, column) in enumerate(places):
        maps[n, :, row, column] = 3
    found = made.find(maps)
    np.testing.assert_allclose(found.probabilities, found.probabilities[[0] * len(places)], rtol=1e-12)
    assert [tuple(place) for place in found.places[:, 2].tolist()] == places


def test_only_the_strongest_place_learns(maps):
    made = build("spatial")
    dmaps, _ = made.backward(1.0, made.loss(maps, TAGS)[1])
    found = made.find(maps)
    for n in range(4):
        touched = {tuple(place) for place in np.argwhere(dmaps[n].any(axis=0)).tolist()}
        assert touched == {tuple(place) for place in found.places[n].tolist()}


def test_it_starts_in_doubt():
    made = SpatialHead(FILTERS, SIDE, K, rng=np.random.default_rng(0), dtype="float32")
    assert (made.params["to_tags.bias"] == DOUBT).all()
    found = made.find(np.zeros((1, FILTERS, SIDE, SIDE), np.float32))
    np.testing.assert_allclose(found.probabilities, 1 / (1 + np.exp(2)), rtol=1e-6)


# Fully connected


def test_the_dense_head_is_its_equation(maps, kernels):
    made = build("dense")
    p = made.params
    inner = np.maximum(maps.reshape(4, -1) @ p["linear1.weight"] + p["linear1.bias"], 0)
    logits = inner @ p["linear2.weight"] + p["linear2.bias"]
    found = made.find(maps)
    np.testing.assert_allclose(found.probabilities, 1 / (1 + np.exp(-logits)), rtol=1e-12)
    assert found.said is found.places is None
    assert float(made.loss(maps, TAGS)[0]) == pytest.approx(cross_entropy(logits), rel=1e-12)


# One after another


def sequence(row):
    """Return the tokens that a picture's tags are, by hand."""
    return [START, *(len(SPECIALS) + k for k, has in enumerate(row) if has), END]


def test_the_loss_of_the_sequence_is_its_written_out(maps, cell, kernels):
    """Each picture alone: every tag that it has, in order, and then the end."""
    made, total, count = build("sequence", decoder=cell), 0.0, 0
    for picture, row in zip(maps, TAGS, strict=True):
        tokens = sequence(row)
        features, _ = made.reading.forward(picture[None])
        logits, _ = made.decoder.forward(features, np.array([tokens[:-1]]))
        log_probs = log_softmax(logits)[0]
        total -= sum(log_probs[t, token] for t, token in enumerate(tokens[1:]))
        count += len(tokens) - 1
    assert count == TAGS.sum() + 4
    assert float(made.loss(maps, TAGS)[0]) == pytest.approx(total / count, rel=1e-12)


def test_a_picture_without_tags_only_says_that_it_has_done(maps):
    made = build("sequence")
    loss, cache = made.loss(maps[:1], np.zeros((1, K)))
    memory, state = made.decoder.start(made.reading.forward(maps[:1])[0])
    first = made.decoder.step(np.array([START]), state, memory).logits
    assert float(loss) == pytest.approx(-log_softmax(first)[0, END], rel=1e-12)
    assert np.isfinite(made.backward(1.0, cache)[0]).all()


def say(head, maps):
    """Return what a head finds, and the sequences that it says: tokens up to the end, for each picture."""
    steps, step = [], head.decoder.step

    def watched(tokens, state, memory):
        steps.append(tokens.copy())
        return step(tokens, state, memory)

    head.decoder.step = watched
    try:
        found = head.find(maps)
    finally:
        del head.decoder.step
    rows = np.array(steps).T.tolist()
    return found, [row[1 : row.index(END) if END in row else len(row)] for row in rows]


@pytest.mark.parametrize("seed", range(12))
def test_no_tag_is_said_twice_and_no_other_token_at_all(seed, cell, maps):
    """Large weights, so that a head that may not say its favourite again has to look for another."""
    made = build("sequence", seed, decoder=cell, scale=4.0)
    made.params["decoder.to_vocab.bias"][[PAD, START, UNK]] = 9  # what must not be said is most probable
    found, said = say(made, maps)
    for row, tokens in zip(found.said, said, strict=True):
        assert len(set(tokens)) == len(tokens) <= K
        assert set(tokens).isdisjoint({PAD, START, UNK})
        assert set(tokens) == {len(SPECIALS) + k for k in np.flatnonzero(row)}


def test_some_are_said_in_full_and_some_not_at_all(maps):
    made = build("sequence")
    made.params["decoder.to_vocab.bias"][END] = -50
    assert made.find(maps).said.all()
    made.params["decoder.to_vocab.bias"][END] = 50
    found = made.find(maps)
    assert not found.said.any()
    assert (found.probabilities < 1e-6).all()
    assert (found.probabilities > 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_found_is_greedy_and_its_best_probability(seed, cell, maps, kernels):
    """By the sequence forward, which has no steps, for one picture at a time."""
    made = build("sequence", seed, decoder=cell, scale=2.0)
    found = made.find(maps)
    for n, picture in enumerate(maps):
        features, _ = made.reading.forward(picture[None])
        tokens, barred, best = [START], {PAD, START, UNK}, np.zeros(K)
        while tokens[-1] != END:
            logits, _ = made.decoder.forward(features, np.array([tokens]))
            row = np.exp(logits[0, -1])
            row[sorted(barred)] = 0
            row /= row.sum()
            best = np.maximum(best, row[len(SPECIALS) :])
            tokens.append(int(row.argmax()))
            barred |= {tokens[-1]} - {END}
        np.testing.assert_allclose(found.probabilities[n], best, rtol=1e-9)
        assert set(tokens[1:-1]) == {len(SPECIALS) + k for k in np.flatnonzero(found.said[n])}
    assert found.places is None


def test_names_of_the_sequences_parameters(maps):
    made = build("sequence", batch_norm=True)
    assert list(made.params)[:2] == ["reading.where.linear.weight", "reading.where.linear.bias"]
    assert made.params["decoder.embed.weight"].shape == (len(SPECIALS) + K, 4)
    assert list(made.buffers) == ["reading.last.norm.running_mean", "reading.last.norm.running_var"]
    made.loss(maps, TAGS, training=True)
    assert made.buffers["reading.last.norm.running_mean"].all()


@pytest.mark.parametrize("head", ["spatial", "dense"])
@pytest.mark.parametrize("value", [2.0, -0.1, np.nan])
def test_tags_that_are_no_yes_or_no_are_named(head, value, maps):
    tags = TAGS.copy()
    tags[1, 2] = value
    with pytest.raises(ValueError, match=r"targets\[1, 2\] is .* but 0 to 1 is needed"):
        build(head).loss(maps, tags)
