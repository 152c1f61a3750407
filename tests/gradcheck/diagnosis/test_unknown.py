"""What no bug explains is called unknown: gradients spoiled at random get no name."""

from dataclasses import replace

import numpy as np
import pytest

from minicap.gradcheck.diagnosis import Evidence, diagnose
from minicap.gradcheck.engine import check
from minicap.gradcheck.self_test_run import FEW, smallest, zoo_subject
from minicap.gradcheck.zoo.catalogue import LAYERS
from minicap.gradcheck.zoo.load import load
from minicap.gradcheck.zoo.shapes import draw_inputs

SAMPLE = [
    "affine",
    "relu",
    "softmax",
    "conv_closure",
    "max_pool",
    "batch_norm_class",
    "attention",
    "rnn",
    "gru_step",
]


def noise(g, rng):
    return g * (1 + 0.1 * rng.standard_normal(g.shape))


def operator(g, rng):
    return g + 0.1 * (rng.standard_normal((g.size, g.size)) @ g.ravel()).reshape(g.shape)


def shuffle(g, rng):
    return rng.permutation(g.ravel()).reshape(g.shape)


def subject(layer):
    """Return a right layer at small inputs."""
    drawn = [draw_inputs(layer, np.random.default_rng([7, i]), kinks=False) for i in range(8)]
    return zoo_subject(layer, load(LAYERS[layer].file), smallest(layer, drawn))


def spoiled(layer, how):
    """Return a subject whose first gradient is spoiled, in the same linear way at every call."""
    right = subject(layer)
    first = next(iter(right.inputs))

    def backward(upstreams, cache):
        gradients, problems = right.backward(upstreams, cache)
        return {**gradients, first: how(np.asarray(gradients[first]), np.random.default_rng(1))}, problems

    return replace(right, backward=backward)


@pytest.mark.parametrize("how", [noise, operator, shuffle])
@pytest.mark.parametrize("layer", SAMPLE)
def test_random_errors_get_no_name(layer, how):
    report = check(lambda: spoiled(layer, how), layer, budget=FEW)
    assert not report.passed
    assert report.diagnosis.kind == "unknown"
    assert report.diagnosis.gradient == next(iter(subject(layer).inputs))


def test_inputs_are_as_they_were_after_a_diagnosis():
    wrong = spoiled("rnn", noise)
    before = {name: x.copy() for name, x in wrong.inputs.items()}
    report = check(lambda: wrong, "rnn", budget=FEW)
    assert diagnose(Evidence(wrong, report.gradients, report.problems)).kind == "unknown"
    for name, x in wrong.inputs.items():
        np.testing.assert_array_equal(x, before[name])


def test_the_place_is_told():
    right = subject("rnn")

    def backward(upstreams, cache):
        gradients, problems = right.backward(upstreams, cache)
        dx = gradients["dx"].copy()
        dx[:, 0] = dx[:, 0] @ np.random.default_rng(2).standard_normal(2 * dx.shape[-1:])
        return {**gradients, "dx": dx}, problems

    report = check(lambda: replace(right, backward=backward), "rnn", budget=FEW)
    assert "first step only (t = 0)" in report.diagnosis.sentence
