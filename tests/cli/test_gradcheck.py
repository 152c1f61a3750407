"""``minicap gradcheck``: what it prints, what it returns, and what it says of files that are none."""

import json
import signal
import time

import pytest

GOOD = """
import numpy as np

def affine_forward(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)
"""
WRONG = GOOD.replace("x.T @ dout", "2 * x.T @ dout")


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file with layers."""

    def write(text, name="layers.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_right_file(cli, file):
    code, out, err = cli("gradcheck", file(GOOD))
    assert (code, err) == (0, "")
    assert out.startswith("layers.py: its layer passes, ")
    assert "affine  PASS" in out


def test_a_wrong_file(cli, file):
    code, out, err = cli("gradcheck", file(WRONG))
    assert (code, err) == (1, "")
    assert "affine  FAIL     dw" in out
    assert "affine: FAIL" in out
    assert max(map(len, out.splitlines())) <= 100


def test_json_has_the_promised_form(cli, file):
    code, out, err = cli("gradcheck", file(WRONG), "--json")
    assert (code, err) == (1, "")
    result = json.loads(out, parse_constant=pytest.fail)
    assert result["passed"] is False
    assert result["seconds"] > 0
    (layer,) = result["layers"]
    assert (layer["name"], layer["verdict"]) == ("affine", "FAIL")
    assert {"kind", "gradient", "sentence", "hint", "confidence"} <= set(layer["diagnosis"] or {
        "kind": 0, "gradient": 0, "sentence": 0, "hint": 0, "confidence": 0,
    })  # fmt: skip
    by_name = {gradient["name"]: gradient for gradient in layer["gradients"]}
    assert list(by_name) == ["dx", "dw", "db"]
    wrong = by_name["dw"]
    assert (wrong["verdict"], wrong["never_exercised"]) == ("FAIL", 0.0)
    assert wrong["max_error"] == pytest.approx(1.0, rel=0.01)
    assert wrong["worst"]["analytic"] == pytest.approx(2 * wrong["worst"]["numeric"], rel=1e-6)
    assert len(wrong["worst"]["index"]) == 2
    assert by_name["db"]["verdict"] == "PASS"


def test_a_page(cli, file, tmp_path):
    page = tmp_path / "report.html"
    code, out, _ = cli("gradcheck", file(WRONG), "--html", page)
    assert code == 1
    assert out.endswith(f"\nwrote {page}\n")
    assert "data:image/png;base64," in page.read_text("utf-8")


def test_an_op_and_a_seed_and_a_layer(cli, file):
    code, out, _ = cli("gradcheck", file(GOOD), "--op", "linear", "--seed", "3", "--layer", "affine")
    assert code == 0
    assert "note: affine: forward agrees with linear" in out


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("absent.py",), "absent.py: there is no such file"),
        (("{folder}",), "a folder; give one Python file with layers in it"),
        (("{notes}",), "no layer found; looked for x_forward with x_backward"),
        (("{good}", "--seed", "-1"), "--seed: -1 is negative"),
        (("{good}", "--tolerance", "0"), "--tolerance: 0 is not between 0 and 1"),
        (("{good}", "--tolerance", "nan"), "--tolerance: nan is not between 0 and 1"),
        (("{good}", "--seconds", "0"), "--seconds: 0 is not above 0"),
        (("{good}", "--layer", "conv"), "there is no layer conv; there are affine"),
        (("{good}", "--inputs", "x; 3"), "--inputs: 'x; 3' is no name with a value"),
        (("{good}", "--op", "convolve"), "--op: 'convolve' is no op that can be compared"),
        (("{good}", "--html", "{folder}/no/report.html"), "--html: the folder of"),
        (("{good}", "--html", "{folder}"), "is a folder; give the page a name in it"),
    ],
)
def test_bad_usage_is_one_line(cli, file, tmp_path, arguments, because):
    known = {"good": file(GOOD), "notes": file("import math\n", "notes.py"), "folder": tmp_path}
    code, out, err = cli("gradcheck", *(argument.format(**known) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("minicap: ")
    assert because in err
    assert err.count("\n") == 1


def test_interrupting_ends_the_children_too(child, file, tmp_path):
    begun = tmp_path / "begun"
    process = child(
        "gradcheck",
        file(f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(300)\n"),
        "--seconds",
        "300",
    )
    for _ in range(600):
        if begun.exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "minicap: interrupted\n"
