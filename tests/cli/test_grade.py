"""``minicap grade``: what it prints, writes and returns."""

import json

import pytest

SPEC = """
secret = "of this test"
cases = 1

[[part]]
op = "relu"

[part.points]
forward = 1
dx = 2
"""
GOOD = """
import numpy as np

def relu_forward(x):
    return np.maximum(x, 0), x

def relu_backward(dy, x):
    return dy * (x > 0)
"""


@pytest.fixture
def files(tmp_path):
    """Return a spec and a submission with a wrong gradient."""
    (tmp_path / "spec.toml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "relu.py").write_text(GOOD.replace("x > 0", "x < 0"), encoding="utf-8")
    return tmp_path / "spec.toml", tmp_path / "relu.py"


def test_words(cli, files):
    code, out, err = cli("grade", *files, "--student", "ann")
    assert (code, err) == (0, "")
    assert out.startswith("spec of ann: 1 of 3 points, ")
    assert "relu: 1 of 3" in out
    assert "  forward  1/1  right" in out
    assert "  dx       0/2  dx is wrong at " in out
    assert "note" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_json_plain_and_for_gradescope(cli, files, tmp_path):
    code, out, err = cli("grade", *files, "--student", "ann", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["points"] == 1
    out = cli("grade", *files, "--json", "gradescope", "--out", tmp_path / "results.json").out
    assert out.startswith("spec: 1 of 3 points")
    form = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [test["score"] for test in form["tests"]] == [1, 0]


def test_a_spec_that_comes_along_is_no_secret(cli, files):
    files[1].write_text(GOOD)
    code, out, err = cli("grade", "relu", files[1], "--json", "plain")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["points"] == result["max_points"] == 3
    assert "set one of your own" in result["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("no.toml", "relu.py"),
            "no.toml: no such spec; give a .toml file, or one that comes along: affine, ",
        ),
        (("spec.toml", "no.py"), "no.py: there is no such submission"),
        (
            ("spec.toml", "relu.py", "--out", "no/r.json"),
            "--out: no/r.json is no file in a folder that exists",
        ),
        (("spec.toml", "relu.py", "--out", "."), "--out: . is no file in a folder that exists"),
        (("broken.toml", "relu.py"), "broken.toml: not TOML"),
    ],
)
def test_bad_input_is_one_line(cli, files, tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.toml").write_text("[", encoding="utf-8")
    code, out, err = cli("grade", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"minicap: {complaint}")
    assert err.count("\n") == 1


def test_a_submission_that_misbehaves_ends_in_a_sentence(cli, files):
    files[1].write_text("import os\nos._exit(0)\n")
    code, out, err = cli("grade", *files)
    assert (code, err) == (0, "")
    assert out.startswith("spec: 0 of 3 points")
    assert "it left the Python process" in out


def test_another_form_of_json_is_a_wrong_usage(cli, files):
    code, _, err = cli("grade", *files, "--json", "xml")
    assert code == 2
    assert "invalid choice: 'xml'" in err
