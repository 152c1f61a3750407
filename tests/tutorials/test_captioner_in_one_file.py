"""The captioner in one file: it runs, it stands alone, and its layers are the library's."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minicap import ops

PROGRAM = Path(__file__).resolve().parents[2] / "tutorials" / "captioner_in_one_file.py"


@pytest.fixture(scope="module")
def program():
    """Import the file as a module, which must not train."""
    spec = importlib.util.spec_from_file_location(PROGRAM.stem, PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def first(x):
    """Put the channels first: (N, H, W, C) to (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


def test_it_runs_from_the_gradient_check_to_its_last_assertion():
    environment = os.environ | {"MINICAP_FAST": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    run = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    for said in ("conv1.w", "logits.b", "descriptions never met", "one another's pictures", "blind baseline"):
        assert said in run.stdout


def test_it_is_short_and_needs_numpy_alone():
    text = PROGRAM.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 110
    tree = ast.walk(ast.parse(text))
    imported = {name.name for node in tree if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"os", "time", "numpy"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(text)))


@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 1, 1, 2), (3, 4, 4, 1)])
def test_convolution_is_the_librarys(program, rng, kernels, shape):
    x, w, b = rng.standard_normal(shape), rng.standard_normal((3, 3, shape[3], 4)), rng.standard_normal(4)
    y, cache = program.conv_forward(x, w, b)
    expected, their_cache = ops.conv2d_forward(first(x), w.transpose(3, 2, 0, 1), b, padding=1)
    assert_same(first(y), expected)
    dy = rng.standard_normal(y.shape)
    dx, dw, db = program.conv_backward(dy, cache)
    grads = ops.conv2d_backward(first(dy), their_cache)
    assert_same(first(dx), grads.dx)
    assert_same(dw.transpose(3, 2, 0, 1), grads.dw)
    assert_same(db, grads.db)


@pytest.mark.parametrize("levels", [3, 10**9])
def test_max_pooling_is_the_librarys_among_equals_too(program, rng, kernels, levels):
    x = rng.integers(levels, size=(2, 6, 8, 3)).astype(float)
    y, cache = program.pool_forward(x)
    expected, their_cache = ops.max_pool2d_forward(first(x), 2)
    assert_same(first(y), expected)
    dy = rng.standard_normal(y.shape)
    assert_same(first(program.pool_backward(dy, cache)), ops.max_pool2d_backward(first(dy), their_cache).dx)


def test_linear_is_the_librarys(program, rng, kernels):
    x, w, b = rng.standard_normal((2, 3, 4)), rng.standard_normal((4, 5)), rng.standard_normal(5)
    y, cache = program.linear_forward(x, w, b)
    expected, their_cache = ops.linear_forward(x, w, b)
    assert_same(y, expected)
    dy = rng.standard_normal(y.shape)
    grads = ops.linear_backward(dy, their_cache)
    for ours, theirs in zip(program.linear_backward(dy, cache), grads, strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize(("n", "steps", "d", "s"), [(3, 5, 4, 6), (1, 1, 2, 1)])
def test_the_lstm_is_the_librarys(program, rng, kernels, n, steps, d, s):
    x, w, b = (rng.standard_normal(shape) for shape in [(n, steps, d), (d + s, 4 * s), 4 * s])
    zeros = np.zeros((n, s))
    hs, cache = program.lstm_forward(x, w, b)
    (expected, _), their_cache = ops.lstm_forward(x, zeros, zeros, w[:d], w[d:], b)
    assert_same(hs, expected)
    dhs = rng.standard_normal(hs.shape)
    dx, dw, db = program.lstm_backward(dhs, cache)
    grads = ops.lstm_backward(dhs, zeros, their_cache)
    assert_same(dx, grads.dx)
    assert_same(dw, np.concatenate([grads.dw_x, grads.dw_h]))
    assert_same(db, grads.db)


@pytest.mark.parametrize("scale", [1, 1000])
def test_the_loss_is_the_librarys_with_padding(program, rng, kernels, scale):
    logits, targets = scale * rng.standard_normal((3, 4, 6)), rng.integers(6, size=(3, 4))
    mask = np.arange(4) < np.array([[4], [2], [1]])
    loss, cache = program.loss_forward(logits, targets, mask)
    expected, their_cache = ops.softmax_cross_entropy_forward(logits, targets, mask=mask)
    assert_same(loss, expected)
    grads = ops.softmax_cross_entropy_backward(1.0, their_cache)
    assert_same(program.loss_backward(cache), grads.dlogits)


def test_its_gradient_check_passes_from_another_start_too(program, rng):
    errors = program.check_gradients(rng)
    assert errors.keys() == program.initial_parameters(rng).keys()
    assert max(errors.values()) < 1e-5


@pytest.mark.parametrize("layer", ["conv", "pool", "linear", "lstm", "loss"])
def test_its_gradient_check_finds_a_backward_that_is_a_little_wrong(program, rng, monkeypatch, layer):
    """Scale the first gradient that each layer hands down by one in a thousand."""
    right = getattr(program, f"{layer}_backward")

    def wrong(*args):
        grads = right(*args)
        return (1.001 * grads[0], *grads[1:]) if isinstance(grads, tuple) else 1.001 * grads

    monkeypatch.setattr(program, f"{layer}_backward", wrong)
    assert max(program.check_gradients(rng).values()) > 1e-4


def test_captions_are_true_of_their_scene_from_either_side(program, rng):
    one, other = program.true_captions(("red circle", "left of", "blue square"))
    assert one == "a red circle left of a blue square"
    assert other == "a blue square right of a red circle"
    _, tokens, chosen = program.draw_batch(program.DESCRIPTIONS, 50, rng)
    for ids, description in zip(tokens, chosen, strict=True):
        words = [program.VOCABULARY[k] for k in ids if program.VOCABULARY[k] != "<pad>"]
        assert (words[0], words[-1]) == ("<start>", "<end>")
        assert " ".join(words[1:-1]) in program.true_captions(description)


def test_things_stand_where_the_description_says(program, rng):
    """Red minus blue is positive on red pixels and negative on blue ones."""
    for relation, axis in (("above", 0), ("left of", 1)):
        image = program.draw(("red square", relation, "blue square"), rng)
        redness = image[..., 0] - image[..., 2]
        assert np.argwhere(redness > 0.4)[:, axis].max() < np.argwhere(redness < -0.4)[:, axis].min()


def test_training_float32_stays_float32(program, rng):
    p = program.initial_parameters(rng)
    images, tokens, _ = program.draw_batch(program.DESCRIPTIONS, 2, rng)
    loss, gradients = program.loss_and_gradients(p, images, tokens)
    assert loss.dtype == np.float32
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}
    assert gradients.keys() == p.keys()
