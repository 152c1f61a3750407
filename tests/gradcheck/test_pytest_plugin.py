"""The pytest plugin: a fixture that fails with the report, and disturbs nobody."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

PLUGIN = "minicap.gradcheck.pytest_plugin"
LAYERS = """
import numpy as np

def affine_forward(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)

def wrong_backward(dout, cache):
    x, w = cache
    return dout @ w.T, 2 * x.T @ dout, dout.sum(axis=0)

def loss(x, y):
    return ((x - y) ** 2).sum(), 2 * (x - y)

def square(x):
    return x**2, lambda dy: 2 * x * dy

class Layer:
    def __init__(self):
        self.W = np.ones((3, 2))
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dy):
        self.dW = self.x.T @ dy
        return dy @ self.W.T

class Model:
    def __init__(self):
        self.params = {"W": np.ones((3, 2))}
    def loss(self, X):
        y = X @ self.params["W"]
        return (y**2).sum(), {"W": 2 * X.T @ y}

rng = np.random.default_rng(0)
x, w, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 2)), rng.standard_normal(2)
"""


@pytest.fixture
def suite(tmp_path):
    """Return a function that runs somebody's suite in a process of its own; it returns exit code and output."""

    def run(tests, conftest="", *arguments):
        (tmp_path / "layers.py").write_text(LAYERS)
        (tmp_path / "test_them.py").write_text(tests)
        (tmp_path / "conftest.py").write_text(conftest)
        (tmp_path / "pytest.ini").write_text(
            "[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n"
        )
        known = any(entry.name == PLUGIN for entry in entry_points(group="pytest11"))
        plugin = [] if known else ["-p", PLUGIN]
        quiet = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        command = [sys.executable, "-m", "pytest", "-q", *quiet, *plugin, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_right_gradients_pass_and_the_report_is_returned(suite):
    code, out = suite(
        "from layers import *\n"
        "def test_pair(gradcheck):\n    assert gradcheck(affine_forward, affine_backward, x, w, b).passed\n"
        "def test_op(gradcheck):\n    assert gradcheck(affine_forward, x, w, b)['dw'].passed\n"
        "def test_named(gradcheck):\n"
        "    assert gradcheck.op(affine_forward, x, w, b).name == 'affine'\n"
        "    assert gradcheck.pair(affine_forward, affine_backward, x, w, b).passed\n"
        "    assert gradcheck.loss(loss, x, x + 1).passed\n"
        "    assert gradcheck.closure(square, x).passed\n"
        "    assert gradcheck.layer(Layer(), x).passed\n"
        "    assert gradcheck.model(Model(), x).passed\n"
    )
    assert (code, "3 passed" in out) == (0, True), out


def test_a_wrong_gradient_fails_with_the_whole_report_and_no_traceback(suite):
    code, out = suite(
        "from layers import *\ndef test_pair(gradcheck):\n    gradcheck(affine_forward, wrong_backward, x, w, b)\n"
    )
    assert code == 1
    assert "affine: FAIL (tolerance 1e-06)" in out
    assert "dw is 2 times the true gradient" in out
    assert "pytest_plugin.py" not in out
    assert "Traceback" not in out


def test_nothing_is_loaded_before_a_test_asks(suite):
    code, out = suite(
        "import sys\nheavy = ('numpy', 'scipy', 'minicap.gradcheck.engine')\n"
        "loaded = [name for name in heavy if name in sys.modules]\n"
        "def test_none_is_loaded():\n    assert loaded == []\n"
        "def test_it_is_then(gradcheck):\n    from layers import affine_forward, b, w, x\n"
        "    gradcheck(affine_forward, x, w, b)\n"
        "    assert 'numpy' in sys.modules\n"
    )
    assert (code, "2 passed" in out) == (0, True), out


def test_somebodys_own_fixture_goes_first(suite):
    code, out = suite(
        "def test_it(gradcheck):\n    assert gradcheck == 'mine'\n",
        "import pytest\n@pytest.fixture\ndef gradcheck():\n    return 'mine'\n",
    )
    assert (code, "1 passed" in out) == (0, True), out


def test_it_may_be_named_again_or_left_out(suite):
    test = "from layers import *\ndef test_pair(gradcheck):\n    gradcheck(affine_forward, affine_backward, x, w, b)\n"
    code, out = suite(test, f"pytest_plugins = ['{PLUGIN}']\n", "-p", PLUGIN)
    assert (code, "1 passed" in out) == (0, True), out
    code, out = suite("def test_nothing():\n    pass\n", "", "-p", f"no:{PLUGIN}")
    assert (code, "1 passed" in out) == (0, True), out


def test_the_fixture_explains_itself(suite):
    code, out = suite("def test_nothing():\n    pass\n", "", "--fixtures")
    assert code == 0
    assert "gradcheck [session scope]" in out
