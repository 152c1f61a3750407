"""The Transformer decoder: what the tests of every decoder leave open."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from minicap.data import CaptionBatch, Vocabulary
from minicap.data.collate import pad_captions
from minicap.data.vocabulary import START
from minicap.gradcheck import check_model
from minicap.layers import LearnedPositions
from minicap.models import Captioner, TransformerDecoder
from minicap.models.transformer_block import TransformerBlock
from minicap.optim import Adam, clip_by_global_norm

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "transformer.npz"
QUICK = {"entries": 2, "directions": 1}
WAYS = ("par", "pre", "attention", "none")

# Norm before or behind, tied or not, with the other choices spread over them.
FORMS = [
    {"norm_first": True, "tied": False, "positions": "learned", "activation": "gelu"},
    {"norm_first": True, "tied": True, "positions": "sinusoidal", "activation": "relu"},
    {"norm_first": False, "tied": False, "positions": "sinusoidal", "activation": "gelu"},
    {"norm_first": False, "tied": True, "positions": "learned", "activation": "relu"},
]


@pytest.fixture(params=WAYS)
def way(request):
    """Each conditioning of a Transformer in turn."""
    return request.param


@pytest.fixture(params=FORMS, ids=lambda form: "-".join(map(str, form.values())))
def form(request):
    """Each form of its blocks in turn."""
    return request.param


@pytest.fixture
def transformer(captioner):
    """Return a function that builds a tiny one of two blocks and two heads, none of whose numbers is 0 by chance."""

    def build(way, **options):
        options = {"layers": 2, "heads": 2, "embed_size": 6} | options
        model = captioner(decoder="transformer", conditioning=way, **options)
        rng = np.random.default_rng(6)
        for name, array in model.decoder.params.items():
            if array.ndim > 1:  # the first words are small, and would be drowned
                array += rng.normal(0, 0.3, array.shape)
            elif name.endswith("gamma"):
                array[...] = rng.uniform(0.5, 1.5, array.shape)
        return model

    return build


# The gradient


def test_the_gradient_is_right(way, form, transformer, draw):
    """From the masked loss to the first convolution, with dropout on."""
    model, batch = transformer(way, dropout=0.3, **form), draw(2, [3, 1, 2, 2])
    report = check_model(model, batch, training=True, rng=np.random.default_rng(1), **QUICK)
    report.assert_ok()
    assert {gradient.name for gradient in report.gradients} == {"dimages", *model.params}


@pytest.mark.parametrize("layers", [1, 2])
def test_the_gradient_of_the_penalty_on_looking_is_right(layers, transformer, draw, kernels):
    model = transformer("attention", attention_penalty=2.0, layers=layers)
    batch = draw(2, [3, 1, 2, 2])
    assert model.loss(batch, training=True)[0] > model.loss(batch)[0] + 0.1
    check_model(model, batch, training=True, **QUICK).assert_ok()


def test_a_tied_matrix_receives_what_both_of_its_uses_do(way, transformer, draw):
    tied, apart, batch = transformer(way, tied=True), transformer(way), draw(2, [4, 3])
    for name, array in apart.params.items():
        array[...] = tied.params.get(name, tied.params["decoder.embed.weight"].T)
    (loss, cache), (expected, c_apart) = tied.loss(batch), apart.loss(batch)
    assert loss == pytest.approx(expected, rel=1e-14)
    (_, grads), (_, g_apart) = tied.backward(cache), apart.backward(c_apart)
    both = g_apart["decoder.embed.weight"] + g_apart.pop("decoder.to_vocab.weight").T
    np.testing.assert_allclose(grads["decoder.embed.weight"], both, rtol=1e-12, atol=1e-15)
    assert grads.keys() == g_apart.keys() == tied.params.keys()
    assert "decoder.to_vocab.weight" not in tied.params


# PyTorch


@pytest.mark.parametrize("case", ["before", "after"])
def test_a_block_agrees_with_pytorch(case, kernels):
    with np.load(GOLDEN) as file:
        kept = {key.partition("/")[2]: file[key] for key in file.files if key.startswith(f"{case}/")}
    block = TransformerBlock(
        6, 3, 10, memory_size=6, activation={"before": "gelu", "after": "relu"}[case], dropout=0.0,
        norm_first=case == "before", rng=np.random.default_rng(0), dtype="float64",
    )  # fmt: skip
    for name, array in block.params.items():
        array[...] = kept[name]
    y, cache = block.forward(kept["x"], kept["features"])
    np.testing.assert_allclose(y, kept["y"], rtol=1e-11, atol=1e-13)
    dx, dfeatures, grads = block.backward(kept["dy"], cache)
    assert grads.keys() == block.params.keys()
    for name, array in {"x": dx, "features": dfeatures, **grads}.items():
        np.testing.assert_allclose(array, kept[f"d{name}"], rtol=1e-9, atol=1e-12, err_msg=name)


# Who sees what


def test_no_position_sees_what_comes_later(way, form, transformer, pictures):
    decoder, rng = (model := transformer(way, **form)).decoder, np.random.default_rng(3)
    features, seen = model.features(pictures), rng.integers(4, 10, (4, 6))
    logits, _ = decoder.forward(features, seen)
    for t in range(6):
        other = seen.copy()
        other[:, t] = 4 + (seen[:, t] - 3) % 6
        changed, _ = decoder.forward(features, other)
        np.testing.assert_array_equal(changed[:, :t], logits[:, :t])
        assert (np.abs(changed[:, t:] - logits[:, t:]).max(axis=2) > 1e-6).all()  # and all later ones see it


def test_what_stands_under_the_mask_changes_nothing(way, form, transformer, draw):
    model, batch = transformer(way, **form), draw(2, [4, 1, 3, 2])
    tokens = batch.tokens.copy()
    tokens[:, 1:][~batch.mask] = 8
    (loss, cache), (other, c_other) = model.loss(batch), model.loss(batch._replace(tokens=tokens))
    assert other == loss
    (dimages, grads), (d_other, g_other) = model.backward(cache), model.backward(c_other)
    np.testing.assert_allclose(d_other, dimages, rtol=1e-12, atol=1e-16)
    for name, grad in grads.items():
        np.testing.assert_allclose(g_other[name], grad, rtol=1e-12, atol=1e-16, err_msg=name)


def test_nobody_sees_a_word_under_the_mask(way, form, transformer, pictures):
    """Wherever it stands: the words behind it say the same, whatever it is."""
    decoder = (model := transformer(way, **form)).decoder
    features, seen = model.features(pictures), np.random.default_rng(3).integers(4, 10, (4, 5))
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [1, 1, 0, 0, 1], [1, 1, 1, 0, 0]], bool)
    logits, _ = decoder.forward(features, seen, mask)
    changed, _ = decoder.forward(features, np.where(mask, seen, 1), mask)
    np.testing.assert_array_equal(changed[mask], logits[mask])
    assert np.abs(decoder.forward(features, seen)[0][1:][mask[1:]] - logits[1:][mask[1:]]).max() > 1e-6


def test_places_have_no_order(transformer, pictures):
    """Whoever looks at a grid finds the same in any order of its places; the maps are in theirs."""
    model, order = transformer("attention"), [2, 0, 3, 1]
    features, seen = model.features(pictures), np.full((4, 3), 5)
    logits, cache = model.decoder.forward(features, seen)
    mixed, c_mixed = model.decoder.forward(features[:, order], seen)
    np.testing.assert_allclose(mixed, logits, rtol=1e-12)
    np.testing.assert_allclose(c_mixed.weights, cache.weights[:, :, order], rtol=1e-12)


def test_the_order_of_the_words_before_matters(way, form, transformer, pictures):
    model = transformer(way, **form)
    features = model.features(pictures)
    one, two = (
        model.decoder.forward(features, np.tile(ids, (4, 1)))[0][:, -1] for ids in ([4, 5, 6], [5, 4, 6])
    )
    assert (np.abs(one - two).max(axis=1) > 1e-6).all()


# Word by word


def test_steps_are_the_sequence(way, form, transformer, pictures, kernels):
    decoder, rng = (model := transformer(way, **form)).decoder, np.random.default_rng(3)
    features, seen = model.features(pictures), rng.integers(1, 10, (4, 9))
    logits, cache = decoder.forward(features, seen)
    memory, state = decoder.start(features)
    for t in range(9):
        step = decoder.step(seen[:, t], state, memory)
        np.testing.assert_allclose(step.logits, logits[:, t], rtol=1e-12, atol=1e-13)
        assert (step.attention is not None) == (way == "attention")
        if way == "attention":
            np.testing.assert_allclose(step.attention, cache.weights[:, t], rtol=1e-12)
        state = step.state
        assert {len(array) for array in (*state, *memory)} == {4}
        assert state.keys.shape == (4, 2, 2, t + 1 + (way == "pre"), 3)


def test_a_step_leaves_the_state_and_earlier_results_alone(way, transformer, pictures):
    """Two words may be tried after the same beginning, as a search does."""
    decoder = (model := transformer(way)).decoder
    memory, state = decoder.start(model.features(pictures))
    _, state, _ = decoder.step(np.full(4, START), state, memory)
    before = [array.copy() for array in (*state, *memory)]
    one = decoder.step(np.full(4, 5), state, memory)
    kept = [array.copy() for array in one.state]
    two = decoder.step(np.full(4, 6), state, memory)
    for array, same in zip((*state, *memory, *one.state), (*before, *kept), strict=True):
        np.testing.assert_array_equal(array, same)
    assert np.abs(one.state.keys - two.state.keys).max() > 1e-3
    again = decoder.step(np.full(4, 5), state, memory)
    np.testing.assert_array_equal(again.logits, one.logits)


def test_a_sentence_may_be_longer_than_the_learnt_positions(transformer, pictures):
    model = transformer("par")
    model.decoder.positions = LearnedPositions(6, rng=np.random.default_rng(0), dtype="float64", most=3)
    model.params["decoder.to_vocab.bias"][2] = -1e6  # nobody ends
    captions = model.caption(pictures, max_length=12)
    assert [len(caption.word_log_probs) for caption in captions] == [12] * 4
    np.testing.assert_allclose(
        [c.log_prob for c in captions], model_log_probs(model, pictures, captions), rtol=1e-10
    )


def model_log_probs(model, pictures, captions):
    """Return the log-probabilities of captions without their ends, by the sequence forward."""
    tokens = np.array([model.vocabulary.encode(str(caption))[:-1] for caption in captions])
    logits, _ = model.decoder.forward(model.features(pictures), tokens[:, :-1])
    log_probs = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    return np.take_along_axis(log_probs, tokens[:, 1:, None], axis=2)[:, :, 0].sum(axis=1)


# What it learns


@pytest.mark.parametrize("v", [40, 400])
def test_the_first_loss_is_about_ln_v(v, way, form):
    words, rng = [f"w{i}" for i in range(v - 4)], np.random.default_rng(0)
    model = Captioner(
        Vocabulary(words), image_size=16, decoder="transformer", conditioning=way, hidden_size=64, **form
    )
    tokens = np.hstack([np.ones((16, 1), int), rng.integers(4, v, (16, 7))])
    images = rng.uniform(-1, 1, (16, 3, 16, 16)).astype(np.float32)
    loss, _ = model.loss(CaptionBatch(images, tokens, np.ones((16, 7), bool)))
    assert float(loss) == pytest.approx(math.log(v), rel=0.1)


@pytest.mark.parametrize(
    ("way", "form"), list(zip(("attention", "par", "pre", "attention"), FORMS, strict=True))
)
def test_each_form_learns_eight_captions_by_heart(way, form, vocabulary):
    said = [
        "a red circle", "a blue circle", "a red square", "a blue square", "red above blue",
        "a circle above a square", "a red circle above a blue square", "square",
    ]  # fmt: skip
    sizes = {"image_size": 8, "embed_size": 24, "hidden_size": 24, "layers": 2, "encoder": "16,M"}
    model = Captioner(vocabulary, decoder="transformer", conditioning=way, **sizes, **form)
    rng, optimizer = np.random.default_rng(3), Adam(0.003)
    pictures = rng.uniform(-1, 1, (8, 3, 8, 8)).astype(np.float32)
    batch = CaptionBatch(pictures, *pad_captions([model.vocabulary.encode(text) for text in said]))
    for _ in range(150):
        loss, cache = model.loss(batch)
        optimizer.step(model.params, clip_by_global_norm(model.backward(cache)[1], 5.0)[0])
    assert float(loss) < 0.1
    assert model.caption(pictures) == said
    assert model.caption(pictures, beam=3) == said


# Choices


def test_names_and_sizes_of_parameters(captioner):
    """The feed-forwards are four times as wide as the hidden size, everything else as the words."""
    model = captioner(decoder="transformer", conditioning="attention", embed_size=8, hidden_size=5)
    shapes = {name: array.shape for name, array in model.decoder.params.items()}
    parts = [f"block1.{part}.norm.{name}" for part in ("self", "cross", "feed") for name in ("gamma", "beta")]
    assert {*parts, "norm.gamma", "norm.beta"} < shapes.keys()
    assert shapes["block1.feed.wide.weight"] == (8, 20)
    assert shapes["block1.feed.narrow.weight"] == (20, 8)
    assert shapes["block1.cross.attention.w_k"] == (8, 8)
    assert shapes["positions.weight"] == (256, 8)
    assert shapes["to_vocab.weight"] == (8, 10)
    after = captioner(
        decoder="transformer", norm_first=False, tied=True, positions="sinusoidal", embed_size=8
    ).decoder.params
    assert not {"norm.gamma", "to_vocab.weight", "positions.weight", "block1.cross.norm.gamma"} & after.keys()
    assert {"to_vocab.bias", "block1.feed.norm.gamma", "conditioning.to_word.weight"} < after.keys()


def test_every_choice_changes_what_is_said(transformer, draw):
    batch = draw(2, [4, 3])
    choices = [
        {},
        {"heads": 1},
        {"positions": "sinusoidal"},
        {"norm_first": False},
        {"activation": "relu"},
        {"tied": True},
    ]
    losses = [float(transformer("par", seed=1, **choice).loss(batch)[0]) for choice in choices]
    assert all(abs(a - b) > 1e-6 for a, b in itertools.combinations(losses, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *[
            (
                {"conditioning": way},
                f"a Transformer has no conditioning '{way}'; choose one of par, pre, attention, none",
            )
            for way in ("init", "merge", "dot", "post")
        ],
        (
            {"positions": "rotary"},
            "a Transformer has no positions 'rotary'; choose one of learned, sinusoidal",
        ),
        ({"activation": "tanh"}, "a Transformer has no activation 'tanh'; choose one of gelu, relu"),
        ({"heads": 3}, "embed_size 4 does not divide into 3 heads"),
        ({"heads": 0}, "embed_size 4 does not divide into 0 heads"),
        ({"heads": True}, "embed_size 4 does not divide into True heads"),
        (
            {"conditioning": "attention", "attention_gate": True},
            "attention_gate goes with recurrent decoders; a Transformer has none",
        ),
    ],
)
def test_what_it_cannot_be_is_refused_in_one_line(options, message, captioner):
    with pytest.raises(ValueError, match=f"^Captioner: {message}"):
        captioner(decoder="transformer", **options)


def test_the_decoder_alone_refuses_too():
    with pytest.raises(ValueError, match="has no conditioning 'init'"):
        TransformerDecoder(10, 4, conditioning="init", embed_size=4, rng=np.random.default_rng(0))
