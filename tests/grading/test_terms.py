"""Every term in its variants: the answer against numbers, the solution's code against the answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.gradcheck import numerical_gradient
from minicap.grading.source import solution
from minicap.grading.spec import Part
from minicap.grading.terms import TERMS
from minicap.grading.values import Seed

NUMBERS = {
    "scale": (1.0, 2.5), "eps": (1e-5, 0.01), "slope": (0.0, 0.1), "smoothing": (0.0, 0.2), "padding_id": (-1, 2)
}  # fmt: skip
MOST = 14


def variants(op, most=MOST):
    """Return some variants of a term, the default one among them, each value of each choice in one of them."""
    choices = TERMS[op].all_choices()
    values = {name: choice.values or NUMBERS[name] for name, choice in choices.items()}
    default = {name: choice.default for name, choice in choices.items()}
    every = [default] + [
        {**default, name: value} for name in values for value in values[name] if value != default[name]
    ]
    mixed = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    order = np.random.default_rng(0).permutation(len(mixed))
    return [*(every + [mixed[i] for i in order[:4]])[-most:], default]


CASES = [(op, variant) for op in TERMS for variant in variants(op)]
IDS = [f"{op}-{'-'.join(map(str, variant.values()))}" for op, variant in CASES]


def drawn(op, variant, seed=3):
    """Return arguments, right outputs, upstreams and right gradients."""
    rng = np.random.default_rng(seed)
    arguments = TERMS[op].draw(rng, variant)
    outputs, pull = TERMS[op].right(arguments, variant)
    upstreams = [np.asarray(1.0) if TERMS[op].loss else rng.standard_normal(y.shape) for y in outputs]
    return arguments, outputs, upstreams, pull(*upstreams)


def part_of(op, variant):
    loss = TERMS[op].loss
    return Part(op, TERMS[op], variant, op if loss else f"{op}_forward", "" if loss else f"{op}_backward", {})


@pytest.mark.parametrize(("op", "variant"), CASES, ids=IDS)
def test_the_solutions_code_gives_the_answer(op, variant):
    assert_the_solution_is_right(op, variant, 3)


@given(case=st.sampled_from(CASES), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_it_does_so_for_every_student(case, seed):
    assert_the_solution_is_right(*case, seed)


def assert_the_solution_is_right(op, variant, seed):
    """Hold a solution's outputs and gradients against the answer for one hidden input."""
    arguments, outputs, upstreams, gradients = drawn(op, variant, seed)
    names: dict = {"np": np}
    exec(solution(part_of(op, variant)), names)
    given = [np.random.default_rng(x.number) if isinstance(x, Seed) else x for x in arguments.values()]
    if TERMS[op].loss:
        *ys, found = names[op](*given)
        found = (found,)
    else:
        *ys, cache = names[f"{op}_forward"](*given)
        last = variant["upstream"] == "last"
        found = names[f"{op}_backward"](*([cache, *upstreams] if last else [*upstreams, cache]))
        found = found if isinstance(found, tuple) else (found,)
    for y, right in zip(ys, outputs, strict=True):
        np.testing.assert_allclose(y, right, rtol=1e-9, atol=1e-11)
    for name, dx in zip(TERMS[op].gradients, found, strict=True):
        np.testing.assert_allclose(dx, gradients[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize(("op", "variant"), [(op, v) for op in TERMS for v in variants(op, 2)])
def test_the_answers_gradients_are_the_slopes_of_its_outputs(op, variant):
    arguments, _, upstreams, gradients = drawn(op, variant)
    assert tuple(gradients) == TERMS[op].gradients

    def value(_):
        outputs = TERMS[op].right(arguments, variant)[0]
        return np.sum([np.sum(dy * y) for dy, y in zip(upstreams, outputs, strict=True)])

    for name in TERMS[op].gradients:
        slope = numerical_gradient(value, arguments[name])
        if op == "embedding" and variant["padding_id"] >= 0:
            slope[variant["padding_id"]] = 0  # by the term's convention
        np.testing.assert_allclose(gradients[name], slope, rtol=1e-6, atol=1e-7, err_msg=f"{op} {name}")


@pytest.mark.parametrize("op", TERMS)
def test_shapes_and_names_are_complete(op):
    term = TERMS[op]
    for variant in variants(op):
        arguments, outputs, _, _ = drawn(op, variant)
        assert tuple(arguments) == term.arguments
        assert len(outputs) == len(term.outputs)
        assert set(term.shapes(variant)) == {*term.arguments, *term.outputs}
        assert all(term.convention(variant))


@pytest.mark.parametrize("op", TERMS)
def test_every_choice_changes_something(op):
    """A variant that changes neither answer nor form would be none."""
    default = {name: choice.default for name, choice in TERMS[op].all_choices().items()}
    before = solution(part_of(op, default))
    for variant in variants(op):
        if variant != default:
            assert solution(part_of(op, variant)) != before, variant


def test_hand_worked_variants():
    x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([5.0])
    variant = {"weights": "out_in", "scale": 2.0, "upstream": "first"}
    (y,), pull = TERMS["affine"].right({"x": x, "w": w, "b": b}, variant)
    assert y.tolist() == [[32.0]]  # 2 (1 * 3 + 2 * 4 + 5)
    assert {name: g.tolist() for name, g in pull(np.array([[1.0]])).items()} == {
        "x": [[6.0, 8.0]], "w": [[2.0, 4.0]], "b": [2.0],
    }  # fmt: skip
    (y,), pull = TERMS["relu"].right({"x": np.array([-2.0, 3.0])}, {"slope": 0.5, "scale": 1.0})
    assert (y.tolist(), pull(np.array([1.0, 1.0]))["x"].tolist()) == ([-1.0, 3.0], [0.5, 1.0])
    scores, y = np.zeros((2, 4)), np.array([0, 3])
    (loss,), pull = TERMS["softmax_loss"].right(
        {"x": scores, "y": y}, {"reduction": "sum", "smoothing": 0.0, "scale": 1.0}
    )
    assert loss == pytest.approx(2 * np.log(4))
    assert pull(np.asarray(1.0))["x"][0].tolist() == pytest.approx([-0.75, 0.25, 0.25, 0.25])
