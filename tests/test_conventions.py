"""What every op and every public name promises, checked by walking the package.

A new op is found by itself; give it a line in ``EXAMPLES``.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minicap
from minicap import ops

PACKAGE = Path(minicap.__file__).parent
STEMS = sorted(name.removesuffix("_forward") for name in ops.__all__ if name.endswith("_forward"))


def reals(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return random arrays, the same at each call."""
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape) for shape in shapes]


MASK = np.array([[True, True, True], [True, False, False]])
IDS = np.array([[1, 0, 3], [3, 2, 3]])
EXAMPLES: dict[str, tuple[list[Any], dict[str, Any]]] = {  # positional arguments, options
    "additive_attention_step": (reals((2, 3, 4), (2, 3, 5), (2, 2), (2, 5), (5,)), {"mask": MASK}),
    "additive_attention": (reals((2, 3, 4), (2, 2), (4, 5), (2, 5), (5,), (5,)), {"mask": MASK}),
    "avg_pool2d": ([*reals((2, 2, 5, 4)), (3, 2)], {"stride": 2, "padding": 1, "count_include_pad": False}),
    "batch_norm": (reals((3, 2, 2, 3), (2,), (2,)), {}),
    "conv2d": (reals((2, 2, 5, 4), (4, 1, 3, 2), (4,)), {"stride": (2, 1), "padding": 1, "groups": 2}),
    "conv2d_relu_pool": (reals((2, 2, 5, 4), (3, 2, 3, 2), (3,)), {"padding": 1}),
    "dropout": (reals((4, 3)), {"rng": np.random.default_rng(3)}),
    "embedding": ([IDS, *reals((4, 3))], {}),
    "gelu": (reals((3, 4)), {}),
    "global_avg_pool2d": (reals((2, 3, 4, 5)), {}),
    "gru": (reals((2, 3, 2), (2, 3), (2, 9), (3, 9), (9,), (9,)), {"mask": MASK}),
    "gru_step": (reals((2, 2), (2, 3), (2, 9), (3, 9), (9,), (9,)), {}),
    "layer_norm": (reals((2, 3, 4), (4,), (4,)), {}),
    "linear": (reals((2, 3, 4), (4, 5), (5,)), {}),
    "lstm": (reals((2, 3, 2), (2, 3), (2, 3), (2, 12), (3, 12), (12,)), {"mask": MASK}),
    "lstm_step": (reals((2, 2), (2, 3), (2, 3), (2, 12), (3, 12), (12,)), {}),
    "max_pool2d": ([*reals((2, 2, 5, 4)), (3, 2)], {"stride": 2, "padding": 1}),
    "multi_head_attention": (
        reals((2, 2, 4), (2, 3, 3), (2, 3, 5), (4, 4), (3, 4), (5, 6), (6, 3), (4,), (4,), (6,), (3,)),
        {"heads": 2, "mask": MASK},
    ),
    "relu6": (reals((3, 4)), {}),
    "relu": (reals((3, 4)), {}),
    "rnn": (reals((2, 3, 2), (2, 3), (2, 3), (3, 3), (3,)), {"mask": MASK}),
    "rnn_step": (reals((2, 2), (2, 3), (2, 3), (3, 3), (3,)), {}),
    "scaled_dot_product_attention": (
        reals((2, 2, 4), (2, 3, 4), (2, 3, 2)),
        {"mask": MASK[:, None], "causal": True},
    ),
    "sigmoid": (reals((3, 4)), {}),
    "sigmoid_binary_cross_entropy": ([*reals((2, 3)), np.array([[0, 1, 1], [1, 0, 1]])], {"mask": MASK}),
    "softmax": (reals((3, 4)), {}),
    "softmax_cross_entropy": ([*reals((2, 3, 4)), IDS], {"mask": MASK, "label_smoothing": 0.1}),
    "tanh": (reals((3, 4)), {}),
}


def is_float(value: Any) -> bool:
    """Tell whether a value is an array of floats."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def example(stem: str, dtype: str, shape: Callable[[np.ndarray], np.ndarray] = np.array) -> tuple[list, dict]:
    """Return fresh arguments of one dtype; ``shape`` makes of each array what the test wants it to be."""
    if stem not in EXAMPLES:
        pytest.fail(f"{stem} has no example arguments; add a line to EXAMPLES in {Path(__file__).name}")
    args, options = EXAMPLES[stem]
    made = [shape(a.astype(dtype) if is_float(a) else a) if isinstance(a, np.ndarray) else a for a in args]
    return made, {k: np.random.default_rng(3) if k == "rng" else v for k, v in options.items()}


class Run:
    """One forward and one backward of an op."""

    def __init__(self, stem: str, dtype: str = "float64", shape: Callable[..., Any] = np.array) -> None:
        self.args, self.options = example(stem, dtype, shape)
        y, self.cache = getattr(ops, f"{stem}_forward")(*self.args, **self.options)
        self.outputs = y if isinstance(y, tuple) else (y,)
        rng = np.random.default_rng(6)
        self.upstreams = [shape(np.asarray(rng.standard_normal(np.shape(y)), dtype)) for y in self.outputs]
        self.kept = [copies(part) for part in (self.args, self.upstreams, self.cache)]
        self.grads = getattr(ops, f"{stem}_backward")(*self.upstreams, self.cache)


def copies(values: Any) -> list[Any]:
    """Return the values with every array copied."""
    return [v.copy() if isinstance(v, np.ndarray) else v for v in values]


def assert_same(found: Any, expected: Any, tolerance: float = 0.0) -> None:
    """Hold two sequences of arrays and other values against each other."""
    for one, two in zip(found, expected, strict=True):
        if isinstance(two, np.ndarray):
            np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)


def frozen(array: np.ndarray) -> np.ndarray:
    """Return a read-only copy."""
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array: np.ndarray) -> np.ndarray:
    """Return the same numbers with other numbers in between, in another order of axes."""
    spaced = np.full([2 * n for n in array.shape[::-1]], 99, array.dtype).T
    view = spaced[(..., *[slice(None, None, 2)] * array.ndim)]
    view[...] = array
    return view


@pytest.fixture(params=STEMS)
def stem(request, kernels):
    """Each op in turn, under both kernel sets."""
    return request.param


# Every op


@pytest.mark.parametrize("name", STEMS)
def test_it_has_a_backward_and_an_example(name):
    assert f"{name}_backward" in ops.__all__
    example(name, "float64")


def test_no_example_or_backward_is_left_over():
    backwards = {name.removesuffix("_backward") for name in ops.__all__ if name.endswith("_backward")}
    assert set(EXAMPLES) == backwards == set(STEMS)


def test_every_gradient_belongs_to_a_float_argument(stem):
    run = Run(stem)
    names = list(inspect.signature(getattr(ops, f"{stem}_forward")).parameters)[: len(run.args)]
    floats = {f"d{name}": arg for name, arg in zip(names, run.args, strict=True) if is_float(arg)}
    assert {name: array.shape for name, array in run.grads._asdict().items()} == {
        name: arg.shape for name, arg in floats.items()
    }


def test_options_are_given_by_keyword(stem):
    parameters = inspect.signature(getattr(ops, f"{stem}_forward")).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters if p.default is not p.empty)
    parameters = inspect.signature(getattr(ops, f"{stem}_backward")).parameters.values()
    backward = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert backward[-1] == "cache"
    assert all(name.startswith("d") for name in backward[:-1])


def test_caches_and_gradients_are_named_tuples(stem):
    run = Run(stem)
    for record in (run.cache, run.grads):
        assert isinstance(record, tuple)
        assert record._fields


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(stem, dtype):
    run = Run(stem, dtype)
    floats = [a for a in (*run.outputs, *run.cache, *run.grads) if np.asarray(a).dtype.kind == "f"]
    assert {a.dtype for a in floats if type(a) is not float} == {np.dtype(dtype)}


def test_float32_and_float64_agree(stem):
    small, large = Run(stem, "float32"), Run(stem, "float64")
    assert_same(map(np.asarray, small.outputs), map(np.asarray, large.outputs), 1e-5)
    assert_same(small.grads, large.grads, 1e-4)


def test_inputs_upstreams_and_cache_are_left_alone(stem):
    run = Run(stem)
    for values, kept in zip((run.args, run.upstreams, run.cache), run.kept, strict=True):
        assert_same(values, kept)


@pytest.mark.parametrize("shape", [frozen, strided])
def test_inputs_may_be_read_only_or_views(stem, shape):
    run, plain = Run(stem, shape=shape), Run(stem)
    assert_same(map(np.asarray, run.outputs), map(np.asarray, plain.outputs), 1e-12)
    assert_same(run.grads, plain.grads, 1e-12)


def test_a_second_call_leaves_the_results_of_the_first_alone(stem):
    first = Run(stem)
    results = [copies(part) for part in (first.outputs, first.cache, first.grads)]
    second = Run(stem, shape=lambda a: a * 2 if is_float(a) else a.copy())
    for now, then in zip((first.outputs, first.cache, first.grads), results, strict=True):
        assert_same(now, then)
    theirs = [a for a in (*second.outputs, *second.grads) if isinstance(a, np.ndarray)]
    for array in (a for a in (*first.outputs, *first.grads) if isinstance(a, np.ndarray)):
        assert not any(np.shares_memory(array, other) for other in theirs)


def test_results_and_gradients_are_no_views_of_what_went_in(stem):
    run = Run(stem)
    given = [a for a in (*run.args, *run.upstreams) if isinstance(a, np.ndarray)]
    for result in (a for a in (*run.outputs, *run.grads) if isinstance(a, np.ndarray)):
        assert not any(np.shares_memory(result, array) for array in given)


def test_the_same_call_gives_the_same_bits(stem):
    one, two = Run(stem), Run(stem)
    assert_same(map(np.asarray, one.outputs), map(np.asarray, two.outputs))
    assert_same(one.grads, two.grads)


@pytest.mark.parametrize("name", STEMS)
def test_a_forward_under_one_kernel_set_fits_a_backward_under_the_other(name):
    if not minicap.kernels.compiled_available():
        pytest.skip("no compiled kernels in this installation")
    backward = getattr(ops, f"{name}_backward")
    for one, other in [("reference", "compiled"), ("compiled", "reference")]:
        with minicap.use_kernels(one):
            run = Run(name)
        with minicap.use_kernels(other):
            assert_same(backward(*run.upstreams, run.cache), run.grads, 1e-11)


# Every public name


def modules() -> Iterator[str]:
    """Yield every module of the package but the compiled kernels and the command line."""
    for found in pkgutil.walk_packages([str(PACKAGE)], "minicap."):
        if not found.name.startswith(("minicap.kernels.compiled", "minicap.cli", "minicap.__main__")):
            yield found.name


def public(name: str) -> Iterator[tuple[str, Any]]:
    """Yield the public functions and classes that a module defines, and the classes' own public methods."""
    for key, thing in vars(import_module(name)).items():
        if key.startswith("_") or getattr(thing, "__module__", None) != name:
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield f"{name}.{key}", thing
        for method, member in vars(thing).items() if inspect.isclass(thing) else ():
            member = getattr(member, "__func__", getattr(member, "fget", member))
            if not method.startswith("_") and inspect.isfunction(member) and member.__module__ == name:
                yield f"{name}.{key}.{method}", member


@pytest.mark.parametrize("module", list(modules()))
def test_every_public_name_has_a_docstring(module):
    assert import_module(module).__doc__, f"{module} has no docstring"
    bare = [name for name, thing in public(module) if not (thing.__doc__ or "").strip()]
    assert not bare, f"without a docstring: {', '.join(bare)}"


@pytest.mark.parametrize("name", sorted(name for name in ops.__all__))
def test_an_ops_docstring_has_parameters_and_returns_with_shapes(name):
    function = getattr(ops, name)
    doc = inspect.getdoc(function) or ""
    assert re.match(r"[A-Z][^\n]*[.:]\n", doc), f"{name}: the first line is no sentence"
    body = dict(re.findall(r"^(\w+)\n-+\n(.*?)(?=\n\n\w+\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL))
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"^[\w, ]*\b{parameter}\b[\w, ]* : |^cache\b", body["Parameters"], re.MULTILINE), (
            parameter
        )
    shape = r"\([^)]*\)|0-d|any shape|like \w+|batch|each"
    arrays = re.findall(r"^[\w, ]+ : (Array.*)$", body["Parameters"], re.MULTILINE)
    assert all(re.search(shape, line) for line in arrays), f"{name}: a parameter without its shape"
    assert re.search(shape, body["Returns"]), f"{name}: no shape in Returns"


def test_public_functions_annotate_what_they_take_and_return():
    for name in ops.__all__:
        function = getattr(ops, name)
        assert set(function.__annotations__) == {*inspect.signature(function).parameters, "return"}, name


# An installed package carries the lessons, which are articles that run and stand outside it in a checkout.
FILES = sorted(
    file for file in PACKAGE.rglob("*.py") if PACKAGE / "tutorials" / "lessons" not in file.parents
)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_files_and_functions_stay_short(file):
    text = file.read_text("utf-8")
    lines = text.count("\n")
    long = [f"{node.name} ({size})" for node, size in sized_functions(ast.parse(text)) if size > 50]
    assert not long, f"more than 50 lines without the docstring: {', '.join(long)}"
    assert lines <= 350, f"{lines} lines; split it"


def sized_functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, int]]:
    """Yield every function and its number of lines without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            doc = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
            yield node, node.end_lineno - node.lineno + 1 - doc
