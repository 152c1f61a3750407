"""Invented inputs fit, and make bugs visible."""

import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.errors import InputError
from minicap.gradcheck.discover import find_layers
from minicap.gradcheck.discover_source import load_file
from minicap.gradcheck.engine import check
from minicap.gradcheck.invent import invent_inputs
from minicap.gradcheck.invent_fill import integers, mask, shaped
from minicap.gradcheck.invent_given import given_for, made_inputs, parse_inputs, require_known
from minicap.gradcheck.zoo.catalogue import LAYERS
from minicap.gradcheck.zoo.load import STUDENTS

FILES = sorted({layer.file for layer in LAYERS.values()})


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """Let what loading a file does to the import path end with the test."""
    monkeypatch.setattr(sys, "path", sys.path[:])


@pytest.fixture
def layers(tmp_path):
    """Return a function that writes a file and returns its layers by name."""

    def find(text):
        (tmp_path / "own_layers.py").write_text("import numpy as np\n" + text, encoding="utf-8")
        return {c.name: c for c in find_layers(load_file(tmp_path / "own_layers.py"))}

    return find


def student(file, name):
    """Return a layer of the zoo."""
    return next(c for c in find_layers(load_file(STUDENTS / file)) if c.name == name)


@pytest.mark.parametrize("file", FILES)
def test_every_layer_of_the_zoo_passes_with_invented_inputs(file):
    for candidate in find_layers(load_file(STUDENTS / file)):
        invention = invent_inputs(candidate, 3)
        assert invention.sentence == ""
        report = check(lambda c=candidate, i=invention: c.build(i.values), candidate.name)
        assert report.verdict in ("PASS", "KINK"), str(report)
        exercised = [g.never_exercised < 1 for g in report.gradients]
        assert all(exercised), f"{candidate.name}: a gradient is zero everywhere\n{report}"


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    candidate = student("affine.py", "affine")
    one, two, three = (invent_inputs(candidate, seed).values["x"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.any(one == three)


def test_upstream_gradients_are_other_numbers_than_the_inputs():
    # Batch norm has no gradient along its own input: drawn from the same numbers, dx would be zero and prove nothing.
    candidate = student("norms.py", "batchnorm")
    report = check(lambda: candidate.build(invent_inputs(candidate, 0).values), "batchnorm", seed=0)
    assert np.abs(report["dx"].numeric_array).max() > 0.01


def test_a_convolution_is_padded_strided_and_not_square():
    values = invent_inputs(student("conv.py", "conv_naive")).values
    assert values["conv_param"] == {"stride": 2, "pad": 1}
    assert len(set(values["x"].shape)) == 4
    assert len(set(values["w"].shape)) == 4
    assert min(values["w"].shape[2:]) > 1
    assert len(values["x"]) >= 2


def test_layouts_are_found_by_trying():
    shapes = {
        ("conv.py", "conv"): {"A_prev": (2, 5, 7, 4), "W": (3, 3, 4, 5), "b": (1, 1, 1, 5)},  # channels last
        ("rnn.py", "TimeRNN"): {"xs": (3, 2, 4), "h0": (2, 5)},  # time first
        ("rnn_dicts.py", "rnn_cell"): {"xt": (4, 3), "a_prev": (5, 3)},  # samples in columns
        ("norms.py", "LayerNorm"): {"x": (3, 2, 5)},  # as its docstring says
    }
    for (file, name), expected in shapes.items():
        values = invent_inputs(student(file, name)).values
        assert {key: values[key].shape for key in expected} == expected


def test_keys_that_only_an_inner_function_reads_are_found():
    parameters = invent_inputs(student("rnn_dicts.py", "rnn_sequence")).values["parameters"]
    assert {key: value.shape for key, value in parameters.items()} == {
        "Wax": (5, 4),
        "Waa": (5, 5),
        "ba": (5, 1),
    }


def test_dropout_is_at_work_and_sequences_are_long_and_ids_repeat():
    dropout = invent_inputs(student("dropout.py", "dropout")).values["dropout_param"]
    assert dropout["mode"] == "train"
    assert 0 < dropout["p"] < 1
    assert dropout["p"] != 0.5
    assert invent_inputs(student("rnn.py", "rnn")).values["x"].shape[1] >= 3
    ids = invent_inputs(student("embedding.py", "word_embedding")).values["x"]
    assert max(Counter(ids.ravel().tolist()).values()) > 1
    masks = invent_inputs(student("losses.py", "temporal_softmax_loss")).values["mask"]
    assert 0 < masks.sum() < masks.size


def test_a_bias_of_zeros_made_by_a_constructor_is_moved():
    candidate = student("affine.py", "Linear")
    subject = candidate.build(invent_inputs(candidate).values)
    assert np.all(subject.arguments["bias"] != 0)


def test_defaults_that_hide_bugs_are_replaced_and_others_stay(layers):
    found = layers(
        "def conv_forward(x, w, b, stride=1, pad=0, dilation=1, name='a'):\n"
        "    assert (stride, pad, dilation, name) == (2, 1, 1, 'a')\n"
        "    return x * w.sum() + b.sum(), None\n"
        "def conv_backward(dout, cache): return dout, dout, dout\n"
    )
    assert invent_inputs(found["conv"]).sentence == ""


def test_a_forward_that_flattens_is_held_to_it(layers):
    # dx comes back flat: the shape is wrong for images, though a plain matrix would do.
    found = layers(
        "def affine_forward(x, w, b): return x.reshape(len(x), -1) @ w + b, (x, w)\n"
        "def affine_backward(dout, cache):\n"
        "    x, w = cache\n"
        "    return dout @ w.T, x.reshape(len(x), -1).T @ dout, dout.sum(0)\n"
    )
    values = invent_inputs(found["affine"]).values
    assert values["x"].ndim == 3


def test_biases_have_the_shape_of_their_gradient(layers):
    found = layers(
        "def affine_forward(x, w, b): return x @ w + b, (x, w)\n"
        "def affine_backward(dout, cache):\n"
        "    return dout @ cache[1].T, cache[0].T @ dout, dout.sum(axis=0, keepdims=True)\n"
    )
    assert invent_inputs(found["affine"]).values["b"].shape == (1, 5)


def test_a_wrong_backward_does_not_change_the_inputs(layers):
    text = (
        "def affine_forward(x, w, b): return x @ w + b, (x, w)\n"
        "def affine_backward(dout, cache):\n"
        "    return dout @ cache[1].T, (cache[0].T @ dout){}, dout.sum(axis=0)\n"
    )
    right, wrong = (invent_inputs(layers(text.format(end))["affine"]) for end in ("", ".T"))
    assert right.shapes == wrong.shapes == "x (3, 4), w (4, 5), b (5,)"


def test_nothing_fits(layers):
    found = layers(
        "def odd_forward(x, w):\n"
        "    raise ValueError(f'no {x.shape}')\n"
        "def odd_backward(dout, cache): return dout\n"
        "def undefined_forward(x): return y\n"
        "def undefined_backward(dout, cache): return dout\n"
        "def empty_forward(x): pass\n"
        "def empty_backward(dout, cache): pass\n"
    )
    assert invent_inputs(found["odd"]).sentence.startswith(
        "none of the usual inputs fit; with x (3, 2, 3), w (6, 5)"
    )
    assert "make_inputs()" in invent_inputs(found["odd"]).sentence
    assert invent_inputs(found["undefined"]).sentence == "forward raised NameError: name 'y' is not defined"
    assert "not a NoneType" in invent_inputs(found["empty"]).sentence


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 6))
def test_drawn_ids_repeat_and_masks_are_mixed(seed, rows, columns):
    rng = np.random.default_rng(seed)
    ids = integers((rows, columns), 7, rng)
    assert ids.min() >= 0
    assert ids.max() < 7
    assert len(set(ids.ravel().tolist())) < ids.size
    kept = mask((rows, columns), rng)
    assert kept[:, 0].all()
    assert not kept.all()


# Given inputs


def test_inputs_are_read_from_a_line():
    inputs = parse_inputs(
        "x: (2, 3,5,4), y: int(2) < 5, keep: bool(4,2), p: prob(3), reg: 0.5, conv_param: {'stride': 2, 'pad': 1},"
        " mode: 'train', t: [1, 2], affine.x: (7,)"
    )
    values = inputs[""]
    assert values["x"].shape == (2, 3, 5, 4)
    assert values["x"].dtype == np.float64
    assert values["y"].shape == (2,)
    assert values["y"].dtype.kind == "i"
    assert values["keep"].dtype == bool
    assert 0 < values["p"].min() <= values["p"].max() < 1
    assert (values["reg"], values["mode"]) == (0.5, "train")
    assert values["conv_param"] == {"stride": 2, "pad": 1}
    np.testing.assert_array_equal(values["t"], [1, 2])
    assert inputs["affine"]["x"].shape == (7,)


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("x", "'x' is no name with a value"),
        ("x: (2,3", "x: '(2,3' cannot be read"),
        ("x: import os", "x: 'import os' cannot be read"),
        ("y: int(2)", "integers have a limit"),
        ("x: (2) < 5", "integers have a limit"),
        ("x: (100000,100000)", "is too large to check"),
    ],
)
def test_what_cannot_be_read_is_said(text, because):
    with pytest.raises(InputError, match="--inputs: ") as caught:
        parse_inputs(text)
    assert because in str(caught.value)


def test_given_inputs_go_where_they_are_taken():
    candidate = student("affine.py", "affine")
    inputs = parse_inputs("x: (2, 7), w: (7, 3), b: (3), q: 5, affine.b: (1,3)")
    assert shaped(given_for(candidate, inputs)) == "x (2, 7), w (7, 3), b (1, 3)"
    with pytest.raises(InputError, match="no layer takes q; there are x, w, b"):
        require_known([candidate], inputs)
    with pytest.raises(InputError, match="there is no layer conv; there are affine"):
        require_known([candidate], parse_inputs("conv.x: (2)"))


def test_given_inputs_are_taken_as_they_are_and_the_rest_is_invented():
    candidate = student("conv.py", "conv_naive")
    given_x = np.ones((1, 4, 5, 6))
    invention = invent_inputs(candidate, 0, {"x": given_x})
    assert invention.values["x"] is given_x
    assert invention.values["w"].shape[1] == 4


@pytest.mark.parametrize(
    "body",
    [
        "def make_inputs(): return {'x': np.ones((2, 3)), 'other': 1}",
        "def make_inputs(): return {'tanh': {'x': np.ones((2, 3))}, 'relu': {'x': 1}}",
        "def make_inputs(layer): return {'x': np.ones((2, 3))} if layer == 'tanh' else None",
        "def make_inputs(): return (np.ones((2, 3)),)",
    ],
)
def test_a_file_may_make_its_own_inputs(tmp_path, body):
    text = f"import numpy as np\n{body}\ndef tanh_forward(x): return np.tanh(x), x\ndef tanh_backward(d, c): return d\n"
    (tmp_path / "making.py").write_text(text, encoding="utf-8")
    module = load_file(tmp_path / "making.py")
    made = made_inputs(module, find_layers(module)[0])
    assert shaped(made) == "x (2, 3)"


def test_make_inputs_has_to_return_a_dict(tmp_path):
    text = "def make_inputs(): return 3\ndef a_forward(x): return x, x\ndef a_backward(dout, cache): return dout\n"
    (tmp_path / "making_wrong.py").write_text(text, encoding="utf-8")
    module = load_file(tmp_path / "making_wrong.py")
    with pytest.raises(InputError, match="make_inputs returns a int; a dict"):
        made_inputs(module, find_layers(module)[0])
