"""A whole file: every layer in a process of its own, and whatever its code does ends in a sentence."""

import json
import math

import numpy as np
import pytest

from minicap.errors import InputError
from minicap.gradcheck import check_op
from minicap.gradcheck.answers import compare_forward
from minicap.gradcheck.discover import find_layers
from minicap.gradcheck.discover_source import load_file
from minicap.gradcheck.file import check_file
from minicap.gradcheck.file_text import WIDTH, describe
from minicap.gradcheck.findings import Diagnosis, Problem
from minicap.gradcheck.html import fragment
from minicap.gradcheck.invent import invent_inputs
from minicap.gradcheck.json_form import report_json, report_of
from minicap.gradcheck.report import GradientResult, Report
from minicap.gradcheck.zoo.load import STUDENTS, source

GOOD = """
import numpy as np

def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)
"""
FIRST = "    x, w = cache\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file."""

    def write(text, name="layers.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_right_and_wrong_layers_of_one_file(write):
    path = write(
        GOOD
        + "def tanh_forward(x): return np.tanh(x), np.tanh(x)\n"
        + "def tanh_backward(dout, cache): return dout * (1 - cache)\n"
    )
    report = check_file(path, arrays=True)
    assert [(r.name, r.verdict) for r in report.reports] == [("affine", "PASS"), ("tanh", "FAIL")]
    assert not report.passed
    affine, tanh = report.layers
    assert (affine.style, affine.op, affine.inputs) == ("pair", "affine", "x (3, 2, 3), w (6, 5), b (5,)")
    assert tanh.report.worst.analytic_array.shape == (4, 5)
    assert 0 < affine.seconds < report.seconds


def test_only_some_layers():
    report = check_file(STUDENTS / "affine.py", only=["Linear", "affine"])
    assert [r.name for r in report.reports] == ["affine", "Linear"]
    with pytest.raises(InputError, match=r"affine\.py: there is no layer conv; there are affine, "):
        check_file(STUDENTS / "affine.py", only=["conv"])


def test_given_inputs_are_used(write):
    path = write(GOOD)
    report = check_file(path, inputs="x: (2, 7), w: (7, 3), b: (3)")
    assert report.layers[0].inputs == "x (2, 7), w (7, 3), b (3,)"
    assert report.reports[0]["dw"].shape == (7, 3)
    with pytest.raises(InputError, match="--inputs: no layer takes q; there are x, w, b"):
        check_file(path, inputs="q: (2)")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("def f(:\n", "layers.py: it is no Python: invalid syntax at layers.py:1"),
        ("raise ValueError('no data')\n", "layers.py: it raised ValueError at layers.py:1: no data"),
        ("import sys\nsys.exit(0)\n", "layers.py: it leaves Python with sys.exit at layers.py:2"),
        ("import os\nos._exit(0)\n", "layers.py: it left the Python process with exit code 0"),
        ("while True: pass\n", "layers.py: it took longer than 2 s and was stopped"),
        ("while True: print('x' * 100_000)\n", "layers.py: it printed more than 64 MB and was stopped"),
        ("n = input()\n", "layers.py: it reads from the keyboard at layers.py:1"),
        ("def f(): return f()\nf()\n", "layers.py: it calls itself without end at layers.py:1"),
        ("import ctypes\nctypes.string_at(0)\n", "layers.py: it crashed the Python process"),
        ("import not_there_at_all\n", "layers.py: it raised ModuleNotFoundError at layers.py:1"),
        ("", "layers.py: no layer found; looked for x_forward with x_backward"),
        ("def conv_forward(x): return x\n", "conv_forward has no conv_backward beside it"),
    ],
)
def test_a_file_that_cannot_be_run_ends_in_a_sentence(write, text, because):
    with pytest.raises(InputError) as caught:
        check_file(write(text), seconds=2)
    assert because in str(caught.value)


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ("    import os; os._exit(3)\n", "it left the Python process with exit code 3"),
        ("    while True: pass\n", "it took longer than 2 s and was stopped"),
        ("    import sys; sys.exit()\n", "backward raised SystemExit"),
        ("    return None\n", "dx is None"),
        ("    return 'dx', 'dw', 'db'\n", "dx is a str, not an array"),
        ("    raise KeyError('x')\n", "backward raised KeyError"),
        ("    np.zeros((90_000, 90_000))\n", "backward raised MemoryError"),
        ("    affine_backward(dout, cache)\n", "backward raised RecursionError"),
        ("    __import__('ctypes').string_at(0)\n", "it crashed the Python process"),
    ],
)
def test_a_backward_that_misbehaves_fails_alone(write, change, because):
    path = write(GOOD.replace(FIRST, change + FIRST) + "def relu(x):\n    return x, lambda dy: dy\n")
    report = check_file(path, seconds=2)
    assert [r.passed for r in report.reports] == [False, True]
    assert any(because in problem for problem in report.reports[0].problems)


def test_two_bugs_are_told_both(write):
    path = write(GOOD.replace(".T @ dout, dout.sum", ".T @ -dout, dout.mean"))
    report = check_file(path)
    said = " ".join(describe(report).split())
    assert "dw has the right size and the wrong sign" in said
    assert "perhaps also: db is 1/3 of the true gradient" in said
    assert "perhaps also: db is 1/3 of the true gradient" in fragment(report.reports[0])


def test_numpy_may_be_taken_apart(write):
    text = "import sys\nfor key in list(vars(np)):\n    if key[0] != '_': delattr(np, key)\ndel sys.modules['numpy']\n"
    report = check_file(write(GOOD + text))
    assert report.reports[0].verdict == "ERROR"
    assert "does the file change NumPy or Python?" in report.reports[0].problems[0]


def test_a_layer_that_prints_and_reads_its_files_name(write):
    path = write(GOOD.replace(FIRST, f"    print('x' * 10_000, __file__)\n{FIRST}"))
    assert check_file(path).passed


def test_slow_code_is_probed_less(write):
    path = write(
        "import time\n" + GOOD.replace("    return x.reshape", "    time.sleep(0.02)\n    return x.reshape")
    )
    report = check_file(path, seconds=20)
    assert report.passed
    assert report.reports[0]["dw"].analytic_array is None


# Forwards against an op


@pytest.mark.parametrize(
    ("file", "name", "op", "note"),
    [
        ("affine.py", "affine", "linear", ""),
        ("affine.py", "Linear", "linear", "weights (out, in)"),
        ("conv.py", "conv_naive", "conv2d", ""),
        ("conv.py", "conv", "conv2d", "channels last"),
        ("pool.py", "max_pool_naive", "max_pool2d", ""),
        ("pool.py", "avg_pool", "avg_pool2d", ""),
        ("norms.py", "batchnorm", "batch_norm", ""),
        ("norms.py", "LayerNorm", "layer_norm", ""),
        ("lstm.py", "lstm", "lstm", "gates in the order i, f, o, g"),
        ("gru.py", "gru_step", "gru_step", "gates in the order r, z, n, reset before the product"),
        ("gru.py", "GRUCell", "gru_step", "gates in the order z, r, n"),
        ("rnn.py", "TimeRNN", "rnn", "time first"),
        ("rnn_dicts.py", "rnn_cell", "rnn_step", "weights (out, in), samples in columns"),
        ("embedding.py", "word_embedding", "embedding", ""),
        ("attention.py", "attention", "scaled_dot_product_attention", ""),
        ("losses.py", "softmax_loss", "softmax_cross_entropy", ""),
        (
            "losses.py", "temporal_softmax_loss", "softmax_cross_entropy",
            "summed over time, averaged over samples",
        ),
    ],
)  # fmt: skip
def test_forwards_agree_with_the_ops(file, name, op, note):
    candidate = next(c for c in find_layers(load_file(STUDENTS / file)) if c.name == name)
    found = compare_forward(candidate, invent_inputs(candidate).values, op, "minicap.ops")
    assert found == ([], [f"forward agrees with {op}" + (f" ({note})" if note else "")])


def test_a_wrong_forward_is_told(write):
    path = write(source("conv.py", (("np.sum(window * w[f]) + b[f]", "np.sum(window * w[f]) - b[f]"),)))
    report = check_file(path, only=["conv_naive"], op="conv2d", library="minicap.ops")
    assert any(
        p.startswith("forward differs from conv2d at 120 of 120 entries") for p in report.reports[0].problems
    )
    assert not report.passed


def test_an_op_that_nothing_looks_like(write):
    with pytest.raises(InputError, match=r"--op conv2d: none of .* looks like it; say which one is meant"):
        check_file(STUDENTS / "affine.py", op="conv2d", library="minicap.ops")
    with pytest.raises(
        InputError, match="--op: 'convolve' is no op that can be compared; there are linear, "
    ):
        check_file(write(GOOD), op="convolve", library="minicap.ops")


# Words and JSON


def forward(x):
    return np.tanh(x), np.tanh(x)


def backward(dy, y):
    return dy * (1 - y)


def test_reports_survive_the_way_through_json():
    report = check_op(forward, np.linspace(-1, 1, 6).reshape(2, 3), backward=backward)
    again = report_of(json.loads(json.dumps(report_json(report, arrays=True), allow_nan=False)))
    assert again == report
    np.testing.assert_array_equal(again["dx"].numeric_array, report["dx"].numeric_array)
    assert report_of(report_json(report))["dx"].numeric_array is None


def test_what_json_has_no_number_for_is_null():
    missing = GradientResult("dw", (2, 3), "FAIL", math.inf, math.nan, None, math.nan, math.nan)
    diagnosis = Diagnosis("factor", "dw", "dw is 2 times too large.", "Look at the 2.", 0.9, 2.0)
    problems = (Problem("dw is None", "missing_gradient", "dw"),)
    other = Diagnosis("sign", "db", "db has the wrong sign.", "Look at the minus.", 0.8)
    report = Report("affine", (missing,), problems, 1e-6, None, ("so",), diagnosis, (other,))
    form = json.loads(json.dumps(report_json(report), allow_nan=False))
    assert (form["name"], form["verdict"]) == ("affine", "FAIL")
    assert form["gradients"][0] | {"shape": 0} == {
        "name": "dw", "shape": 0, "verdict": "FAIL", "max_error": None, "error_bar": None, "worst": None,
        "kinks": 0, "never_exercised": 0.0,
    }  # fmt: skip
    assert form["diagnosis"]["factor"] == 2.0
    assert [further["kind"] for further in form["further"]] == ["sign"]
    again = report_of(form)
    assert math.isinf(again["dw"].max_error)
    assert math.isnan(again["dw"].analytic)
    assert again.problems[0].kind == "missing_gradient"
    assert (again.diagnosis, again.further) == (diagnosis, (other,))


def test_the_words_fit_on_a_screen_and_say_what_is_wrong(write):
    path = write(GOOD.replace("dout.sum(axis=0)\n", "dout.sum(axis=0) * 2\n"))
    text = describe(check_file(path), 80)
    assert max(map(len, text.splitlines())) <= 80 < WIDTH
    assert text.startswith("layers.py: its layer fails, ")
    assert "\naffine: FAIL\n" in text
    assert "db[" in text
    assert "  right: dx, dw\n" in text
    assert "  inputs: x (3, 2, 3), w (6, 5), b (5,)" in text
