"""Layers are found in whatever style they are written, and nothing else is taken for one."""

import sys

import pytest

from minicap.errors import InputError
from minicap.gradcheck.discover import find_layers, passed_over
from minicap.gradcheck.discover_names import form_of, op_of, pair_up
from minicap.gradcheck.discover_source import NO_DEFAULT, keys_of, load_file
from minicap.gradcheck.invent_shapes import RECIPES, recipes
from minicap.gradcheck.zoo.catalogue import LAYERS
from minicap.gradcheck.zoo.load import STUDENTS


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """Let what loading a file does to the import path end with the test."""
    monkeypatch.setattr(sys, "path", sys.path[:])


@pytest.fixture
def found(tmp_path):
    """Return a function that writes a file and finds the layers in it."""

    def find(text, name="layers_of_mine.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        module = load_file(tmp_path / name)
        return {c.name: c for c in find_layers(module)}, passed_over(module)

    return find


def stem(layer):
    """Return the name that a layer of the zoo goes by."""
    if layer.style not in ("pair", "list"):
        return layer.forward
    return "_".join(word for word in layer.forward.split("_") if word != "forward")


@pytest.mark.parametrize("file", sorted({layer.file for layer in LAYERS.values()}))
def test_every_layer_of_the_zoo_is_found_and_nothing_else(file):
    expected = {
        stem(layer): {"list": "pair"}.get(layer.style, layer.style)
        for layer in LAYERS.values()
        if layer.file == file
    }
    candidates = find_layers(load_file(STUDENTS / file))
    assert {c.name: c.style for c in candidates} == expected
    assert [c.line for c in candidates] == sorted(c.line for c in candidates)


@pytest.mark.parametrize(
    ("forward", "backward", "name"),
    [
        ("affine_forward", "affine_backward", "affine"),
        ("forward_affine", "backward_affine", "affine"),
        ("conv_forward_naive", "conv_backward_naive", "conv_naive"),
        ("conv_forward_naive", "conv_backward", "conv"),
        ("affine_fwd", "affine_bwd", "affine"),
        ("affineForward", "affineBackward", "affine"),
        ("relu", "relu_backward", "relu"),
        ("softmax_loss", "softmax_loss_grad", "softmax_loss"),
        ("lstm_forward_pass", "lstm_backward_pass", "lstm_pass"),
    ],
)
def test_names_of_pairs(forward, backward, name):
    assert pair_up([forward, backward, "train"], [backward]) == [(name, forward, backward)]


def test_a_forward_with_two_backwards_is_two_layers():
    names = ["batchnorm_forward", "batchnorm_backward", "batchnorm_backward_alt"]
    assert [pair[0] for pair in pair_up(names, names[1:])] == ["batchnorm", "batchnorm_alt"]


def test_a_backward_of_nothing_is_no_pair():
    assert pair_up(["affine_forward", "conv_backward"], ["conv_backward"]) == []


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("affine_relu", None), ("conv_bn_relu_pool", None), ("FullyConnected", "affine"), ("fc1", "affine"),
        ("Linear", "affine"),
        ("conv_forward_naive", "conv"), ("Conv2D", "conv"), ("MaxPool2d", "max_pool"), ("avg_pool", "avg_pool"),
        ("spatial_batchnorm", "batch_norm"), ("BatchNormalization", "batch_norm"), ("LayerNorm", "layer_norm"),
        ("lstm_step_forward", "lstm_step"), ("lstm_cell_forward", "lstm_step"), ("TimeRNN", "rnn"),
        ("word_embedding", "embedding"), ("temporal_softmax_loss", "softmax_loss"), ("svm_loss", "softmax_loss"),
        ("CrossEntropyLoss", "softmax_loss"), ("softmax", "softmax"), ("SelfAttention", "attention"),
        ("MultiHeadAttention", "multi_head_attention"), ("sigmoid_backward", "sigmoid"), ("MSELoss", "squared_loss"),
        ("leaky_relu", "leaky_relu"), ("convert_labels", None), ("train", None), ("preprocess", None),
    ],
)  # fmt: skip
def test_known_ops_are_known_by_their_names(name, op):
    assert op_of(name) == op
    assert form_of(name) is None or form_of(name) in RECIPES


@pytest.mark.parametrize("form", RECIPES)
def test_every_recipe_can_be_read(form):
    for recipe in recipes(form):
        assert recipe.items
        assert all(min(item.shape, default=1) > 0 for item in recipe.items.values())


def test_what_is_no_layer_is_left_alone(found):
    layers, notes = found(
        "import numpy as np\n"
        "from numpy.linalg import norm\n"
        "from abc import ABC, abstractmethod\n"
        "class Layer:\n"
        "    def forward(self, x): raise NotImplementedError\n"
        "    def backward(self, dout): raise NotImplementedError\n"
        "class Base(ABC):\n"
        "    @abstractmethod\n"
        "    def forward(self, x): ...\n"
        "    @abstractmethod\n"
        "    def backward(self, dout): ...\n"
        "class Sequential:\n"
        "    def __init__(self, layers): self.layers = layers\n"
        "    def forward(self, x): return x\n"
        "    def backward(self, dout): return dout\n"
        "def grad_check(f, x): return 1, 2\n"
        "def eval_numerical_gradient(f, x): return x\n"
        "def sigmoid_grad(z): return z\n"
        "def sigmoid(z): return z\n"
        "def conv_forward(x, w): return x, w\n"
        "def make(n):\n"
        "    def inner(x): return x\n"
        "    return inner\n"
    )
    assert layers == {}
    assert notes == [
        "conv_forward has no conv_backward beside it, so it is not checked",
        "Sequential is made of other layers, so it is not checked by itself",
    ]


def test_loss_functions_are_told_by_name_or_by_what_they_return(found):
    layers, _ = found(
        "def hinge_loss(x, y):\n    return x, y\n"
        "def objective(W, X, y):\n    loss = 1.0\n    dW = W\n    return loss, dW\n"
        "def accuracy_loss(x):\n    return 3\n"
        "def split(x):\n    return x, x\n"
    )
    assert {name: layer.style for name, layer in layers.items()} == {
        "hinge_loss": "loss",
        "objective": "loss",
    }


def test_two_layers_of_one_name_are_told_apart(found):
    layers, _ = found(
        "def relu_forward(x): return x, x\n"
        "def relu_backward(dout, cache): return dout\n"
        "def relu(x):\n    return x, lambda dy: dy\n"
    )
    assert [(name, layer.style) for name, layer in layers.items()] == [
        ("relu", "pair"),
        ("relu_2", "closure"),
    ]


def test_keys_of_a_dict_are_read_in_the_source(found):
    layers, _ = found(
        "def bn_forward(x, bn_param, other):\n"
        "    mode = bn_param['mode']\n"
        "    eps = bn_param.get('eps', 1e-5)\n"
        "    bn_param['running_mean'] = 0\n"
        "    return x, mode\n"
        "def bn_backward(dout, cache):\n    return dout\n"
    )
    slots = {slot.name: slot.keys for slot in layers["bn"].slots}
    assert slots == {"x": {}, "bn_param": {"mode": NO_DEFAULT, "eps": 1e-5}, "other": {}}
    assert keys_of(len, "obj") == {}  # no source


def test_a_file_of_a_package_is_loaded_as_one(tmp_path):
    package = tmp_path / "homework_package"
    package.mkdir()
    (package / "tools.py").write_text("def double(x): return 2 * x\n", encoding="utf-8")
    (package / "layers.py").write_text(
        "from .tools import double\n"
        "def twice_forward(x): return double(x), None\n"
        "def twice_backward(dout, cache): return double(dout)\n",
        encoding="utf-8",
    )
    assert [c.name for c in find_layers(load_file(package / "layers.py"))] == ["twice"]


@pytest.mark.parametrize(
    ("name", "content", "because"),
    [
        ("absent.py", None, "there is no such file"),
        ("picture.py", b"\x89PNG\0\0", "no Python source"),
        ("notes.ipynb", b"{}", "a notebook"),
    ],
)
def test_what_is_no_python_file_is_refused(tmp_path, name, content, because):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=because):
        load_file(tmp_path / name)
    with pytest.raises(InputError, match="a folder"):
        load_file(tmp_path)
