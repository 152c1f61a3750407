"""The zoo proves itself without the checker: right layers are right, and every mutant is wrong as it says.

Central differences along random directions, written here from nothing, are the only judge.
"""

from __future__ import annotations

import copy
import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minicap.gradcheck.findings import KINDS
from minicap.gradcheck.zoo import load as loading
from minicap.gradcheck.zoo.catalogue import LAYERS, make
from minicap.gradcheck.zoo.load import load, source
from minicap.gradcheck.zoo.mutants import DOUBLES, MUTANTS
from minicap.gradcheck.zoo.shapes import draw_inputs

OPS = [
    *("affine", "relu", "conv", "max_pool", "batch_norm", "layer_norm", "dropout"),
    *("rnn", "lstm", "gru", "embedding", "softmax_loss", "attention"),
]
STEP = 1e-6


class Run:
    """One layer of the zoo, called as its entry in the catalogue says."""

    def __init__(self, name, edits=(), seed=0, dtype=np.float64, kinks=False):
        self.name, self.entry = name, LAYERS[name]
        self.module = load(self.entry.file, edits)
        self.seed, self.rng = seed, np.random.default_rng(seed)
        self.inputs = draw_inputs(name, self.rng, dtype, kinks)
        self.made = make(name, self.module, self.inputs)
        self.wanted = [*self.returned(), *(p for p in self.entry.params if p not in self.returned())]
        self.outputs = self.forward()
        self.upstreams = [self.draw(y) for y in self.outputs]

    def returned(self):
        """Return the inputs whose gradients backward returns."""
        returns = self.entry.returns
        return list(returns.values() if isinstance(returns, dict) else returns)

    def draw(self, y):
        """Return a random upstream; 1 where the layer starts from its own loss."""
        if self.entry.style in ("loss", "model"):
            return 1.0
        if isinstance(y, list):
            return [self.draw(part) for part in y]
        return self.rng.standard_normal(np.shape(y)).astype(np.asarray(y).dtype)

    def array(self, name):
        """Return an input: an array, a list of arrays, or an array inside a dict."""
        dicts = [value for value in self.inputs.values() if isinstance(value, dict)]
        return self.inputs[name] if name in self.inputs else next(d[name] for d in dicts if name in d)

    def forward(self):
        """Return the outputs, and keep what backward needs."""
        np.random.seed(3)  # noqa: NPY002
        args = [self.inputs[key] for key in self.entry.args]
        style = self.entry.style
        if style in ("pair", "list"):
            *outputs, self.cache = self.made(*args)
            return outputs
        if style == "class":
            return [self.made.forward(*args)]
        y, self.rest = self.made.loss(*args) if style == "model" else self.made(*args)
        return [y]

    def backward(self, upstreams=None):
        """Return the gradients by input; those of the last forward where the layer is a loss."""
        upstreams = self.upstreams if upstreams is None else upstreams
        entry = self.entry
        if entry.style in ("loss", "model"):
            got = self.rest
        elif entry.style == "closure":
            got = self.rest(*upstreams)
        elif entry.style == "class":
            got = self.made.backward(*upstreams)
        else:
            got = getattr(self.module, entry.backward)(*upstreams, self.cache)
        if isinstance(got, dict):
            keys = (
                entry.returns if isinstance(entry.returns, dict) else {name: name for name in entry.returns}
            )
            return {name: got.get(key) for key, name in keys.items()}
        got = got if isinstance(got, tuple) else (got,)
        grads = dict(zip(entry.returns, got, strict=False))
        for name in entry.params:
            grads[name] = (
                self.made.grads[name] if entry.holder == "params" else getattr(self.made, f"d{name}")
            )
        return grads

    def value(self):
        """Return the upstreams times the outputs."""
        return dot(self.upstreams, self.forward())

    def error(self, name, gradient, directions=3):
        """Return how far a gradient is from central differences, relative to its own size."""
        x, worst = self.array(name), 0.0
        for _ in range(directions):
            v = like(x, self.rng)
            numeric = (self.moved(x, v, STEP) - self.moved(x, v, -STEP)) / (2 * STEP)
            size = max(1.0, np.sqrt(dot(gradient, gradient) * dot(v, v)))
            worst = max(worst, abs(dot(gradient, v) - numeric) / size)
        return worst

    def scale(self, name):
        """Return gradient over central difference along one direction."""
        x, gradient = self.array(name), self.backward()[name]
        v = like(x, self.rng) + np.sign(gradient)  # so that neither is near zero
        return dot(gradient, v) * 2 * STEP / (self.moved(x, v, STEP) - self.moved(x, v, -STEP))

    def moved(self, x, v, h):
        """Return the value with an input moved along a direction, and put it back."""
        parts, ways = (x, v) if isinstance(x, list) else ([x], [v])
        kept = [part.copy() for part in parts]
        for part, way in zip(parts, ways, strict=True):
            part += h * way
        value = self.value()
        for part, old in zip(parts, kept, strict=True):
            part[...] = old
        return value


def dot(a, b):
    """Return the inner product of arrays, numbers or lists of them."""
    if isinstance(a, list):
        return sum(dot(p, q) for p, q in zip(a, b, strict=True))
    return float(np.sum(np.asarray(a, np.float64) * np.asarray(b, np.float64)))


def like(x, rng):
    """Return random numbers in the form of an input."""
    return [like(part, rng) for part in x] if isinstance(x, list) else rng.standard_normal(x.shape)


def form(x):
    """Return shapes and dtypes."""
    return [form(part) for part in x] if isinstance(x, list) else (np.shape(x), np.asarray(x).dtype)


def frozen(run):
    """Return everything that a call must not change, as bytes."""
    state = run.made if run.entry.style in ("class", "model") else getattr(run, "cache", None)
    kept = state
    if hasattr(state, "__dict__"):  # a class stores its gradients, and updates nothing else
        kept = {k: v for k, v in vars(state).items() if k != "grads" and not k.startswith("d")}
    arrays = {k: v for k, v in run.inputs.items() if not (isinstance(v, dict) and "mode" in v)}
    return pickle.dumps(copy.deepcopy((arrays, run.upstreams, kept)))


def mutates(run):
    """Whether forward or backward changes an input, an upstream or what forward kept."""
    fresh = draw_inputs(run.name, np.random.default_rng(run.seed), kinks=False)
    if any(isinstance(v, np.ndarray) and not np.array_equal(v, run.inputs[k]) for k, v in fresh.items()):
        return True
    before = frozen(run)
    run.backward()
    return frozen(run) != before


def nondeterministic(run):
    """Whether two calls with the same arguments differ: forward from one seed, backward from any state."""
    first, second = run.backward(), run.backward()
    again = run.forward()
    same = all(np.array_equal(first[k], second[k]) for k in first)
    return not (same and all(np.array_equal(a, b) for a, b in zip(again, run.outputs, strict=True)))


def not_linear(run, name):
    """Whether twice the upstream gives something else than twice the gradient."""
    single = copy.deepcopy(run.backward())[name]
    doubled = [[2 * part for part in y] if isinstance(y, list) else 2 * y for y in run.upstreams]
    return not np.allclose(run.backward(doubled)[name], 2 * single)


def ties_wrong(run, name):
    """Whether moving all inputs together does not move the sum as the gradient says: ties move together."""
    x = run.array(name)
    gradient = run.backward()[name]
    change = run.moved(x, np.ones(x.shape), 1e-3) - run.moved(x, np.ones(x.shape), 0.0)
    return not np.isclose(change / 1e-3, gradient.sum(), rtol=1e-6, atol=1e-8)


def seen(mutant, run):
    """Whether a mutant is wrong in the way that its kind says."""
    kind, name = mutant.kind, (mutant.gradient or "d")[1:]
    if kind == "mutates_input":
        return mutates(run)
    if kind == "nondeterministic":
        return nondeterministic(run)
    gradient, x = run.backward().get(name), run.array(name)
    if kind == "missing_gradient":
        return gradient is None
    shape = np.shape(gradient) != np.shape(x)
    if kind == "shape" or shape:
        return shape and kind in ("shape", "transpose", "missing_batch_sum", "missing_time_sum", "padding")
    if kind == "dtype":
        return gradient.dtype != x.dtype
    if kind == "nan":
        return not np.isfinite(gradient).all()
    if kind == "not_linear":
        return not_linear(run, name)
    if kind == "ties":
        return ties_wrong(run, name)
    if kind == "never_written":
        return not np.any(gradient) and run.error(name, gradient) > 1e-4
    return run.error(name, gradient) > 1e-4


@pytest.mark.parametrize("name", LAYERS)
def test_right_layers_agree_with_central_differences(name):
    for seed in range(3):
        run = Run(name, seed=seed)
        grads = copy.deepcopy(run.backward())
        for key in run.wanted:
            assert form(grads[key]) == form(run.array(key)), key
            assert run.error(key, grads[key]) < 1e-6, key


@pytest.mark.parametrize("name", LAYERS)
def test_right_layers_have_manners(name):
    run = Run(name)
    assert not mutates(run)
    assert not nondeterministic(run)
    if run.entry.style not in ("loss", "model", "list"):
        assert not any(not_linear(run, key) for key in run.wanted)


@pytest.mark.parametrize("name", LAYERS)
def test_right_layers_keep_float32(name):
    wide, narrow = Run(name, seed=4), Run(name, seed=4, dtype=np.float32)
    narrow.upstreams = copy.deepcopy(wide.upstreams)
    if narrow.entry.style not in ("loss", "model"):
        narrow.upstreams = [
            [part.astype(np.float32) for part in y] if isinstance(y, list) else np.float32(y)
            for y in wide.upstreams
        ]
    for key, gradient in narrow.backward().items():
        assert form(gradient) == form(narrow.array(key)), key
        np.testing.assert_allclose(gradient, wide.backward()[key], rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("name", ["max_pool", "max_pool_class", "max_pool_channels_last"])
def test_right_pooling_gives_each_tie_once(name):
    run = Run(name, kinks=True)
    assert not ties_wrong(run, run.wanted[0])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_is_wrong_as_it_says(mutant):
    kinks = mutant.kind in ("ties", "nan")
    for seed in range(3):
        assert seen(mutant, Run(mutant.layer, mutant.edits, seed=seed, kinks=kinks)), seed


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_what_shows_a_mutant_does_not_show_in_the_right_layer(mutant):
    assert not seen(mutant, Run(mutant.layer, kinks=mutant.kind == "ties"))


SCALES = [mutant for mutant in MUTANTS if mutant.kind in ("sign", "factor", "missing_scale")]


@pytest.mark.parametrize("mutant", SCALES, ids=lambda m: m.name)
def test_a_wrong_scale_is_one_number_of_the_right_sort(mutant):
    for seed in range(5):
        run = Run(mutant.layer, mutant.edits, seed=seed)
        name = mutant.gradient[1:]
        scales = [run.scale(name) for _ in range(3)]
        np.testing.assert_allclose(scales, scales[0], rtol=1e-4)
        known = {float(n) for value in run.inputs.values() for n in np.shape(value)}
        known |= {1 - p for p in (run.inputs.get("dropout_param", {}).get("p"),) if p} | {
            run.inputs.get("keep_prob", 0)
        }
        named = any(np.allclose([scales[0], 1 / scales[0]], [k, 1 / k], rtol=1e-4) for k in known if k)
        named |= any(np.allclose([1 / scales[0], scales[0]], [k, 1 / k], rtol=1e-4) for k in known if k)
        assert named == (mutant.kind == "missing_scale"), scales[0]
        assert np.isclose(scales[0], -1, rtol=1e-4) == (mutant.kind == "sign"), scales[0]


@pytest.mark.parametrize(
    "mutant",
    [m for m in MUTANTS if m.kind in ("missing_batch_sum", "missing_time_sum")],
    ids=lambda m: m.name,
)
def test_a_missing_sum_is_one_over_one_axis(mutant):
    run = Run(mutant.layer, mutant.edits)
    gradient, shape = run.backward()[mutant.gradient[1:]], run.array(mutant.gradient[1:]).shape
    sums = [gradient.sum(axis=axis) for axis in range(gradient.ndim)]
    assert any(s.shape == shape and run.error(mutant.gradient[1:], s) < 1e-6 for s in sums)


@pytest.mark.parametrize("mutant", DOUBLES, ids=lambda m: m.name)
def test_two_bugs_at_once_are_wrong_too(mutant):
    run = Run(mutant.layer, mutant.edits)
    grads = run.backward()
    wrong = [
        key
        for key in run.wanted
        if np.shape(grads.get(key)) != np.shape(run.array(key)) or run.error(key, grads[key]) > 1e-4
    ]
    assert mutant.gradient[1:] in wrong


def test_edits_occur_exactly_once_and_change_the_file():
    for mutant in MUTANTS + DOUBLES:
        assert source(mutant.file, mutant.edits) != source(mutant.file), mutant.name
        assert mutant.file == LAYERS[mutant.layer].file, mutant.name


def test_an_edit_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match=r"occurs 0 times in affine\.py"):
        source("affine.py", (("no such line", ""),))


def test_loaded_modules_are_their_own():
    first, second = load("affine.py"), load("affine.py")
    assert first is not second
    assert first.affine_forward is not second.affine_forward


def test_every_kind_that_can_occur_is_there_and_most_are_several():
    counts = Counter(mutant.kind for mutant in MUTANTS)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 2
    assert len(MUTANTS) >= 72
    assert len(DOUBLES) >= 10
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_mutants_of_several_kinds(op):
    assert len({m.kind for m in MUTANTS if LAYERS[m.layer].op == op}) >= 2


def test_every_layer_is_in_the_catalogue_and_every_style_too():
    assert {entry.style for entry in LAYERS.values()} == {"pair", "class", "closure", "loss", "model", "list"}
    assert {entry.file for entry in LAYERS.values()} == {path.name for path in loading.STUDENTS.glob("*.py")}


def test_most_sources_are_links():
    assert sum(mutant.source.startswith("https://") for mutant in MUTANTS) >= 0.85 * len(MUTANTS)
    for mutant in MUTANTS:
        assert re.match(r"https://[\w./-]+$|the design's list$|no link$", mutant.source), mutant.name


def test_the_readme_lists_every_mutant():
    readme = (Path(__file__).parents[2] / "minicap/gradcheck/zoo/README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| \w+ \| `?(\w+)`? \|", readme, re.MULTILINE))
    assert rows == {mutant.name: mutant.kind for mutant in MUTANTS}


def test_draws_differ_and_repeat():
    for name in LAYERS:
        one, same, other = (draw_inputs(name, np.random.default_rng(seed), kinks=False) for seed in (5, 5, 6))
        assert pickle.dumps(one) == pickle.dumps(same)
        assert pickle.dumps(one) != pickle.dumps(other)
