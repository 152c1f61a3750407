"""Grading: points for what is right, and an end with a sentence whatever a submission does."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from minicap.errors import InputError
from minicap.gradcheck.child import Outcome
from minicap.grading.cases import hidden_cases
from minicap.grading.results import describe, gradescope, plain
from minicap.grading.run import grade
from minicap.grading.source import solution
from tests.grading.conftest import AFFINE, GOOD

BACK = "    return dy @ w.T, x.T @ dy, dy.sum(axis=0)"
HEAD = "import numpy as np\n"


def by_name(done, part=0):
    return {item.name: item for item in done.parts[part].items}


def test_a_right_submission_gets_all_points(graded):
    done = graded(GOOD)
    assert (done.points, done.most) == (10, 10)
    assert all(item.right and not item.sentence for item in done.parts[0].items)
    assert done.reported == done.notes == done.parts[0].remarks == ()


def test_a_wrong_gradient_costs_its_own_points_and_the_bug_is_named(graded):
    done = graded(GOOD, ("x.T @ dy", "2 * x.T @ dy"))
    items = by_name(done)
    assert done.points == 6
    assert [name for name, item in items.items() if not item.right] == ["dw"]
    assert items["dw"].sentence.startswith("dw is wrong at ")
    assert "dw is 2 times the true gradient" in items["dw"].hint


def test_a_wrong_forward_costs_the_forward_only(graded):
    done = graded(GOOD, ("x @ w + b, (x", "x @ w + 2 * b, (x"))
    items = by_name(done)
    assert done.points == 8
    assert items["forward"].sentence.startswith("y is wrong at ")


def test_zeros_are_no_gradients_of_zeros(graded):
    """A constant forward with a backward of zeros is consistent, and worth nothing."""
    done = graded(
        GOOD, ("x @ w + b, (x", "0 * (x @ w + b), (x"), (BACK, "    return 0 * x, 0 * w, 0 * dy.sum(axis=0)")
    )
    assert done.points == 0
    assert by_name(done)["dx"].sentence == "dx is zero everywhere"


def test_gradients_may_be_a_dict(graded):
    done = graded(GOOD, (BACK, "    return {'dw': x.T @ dy, 'db': dy.sum(0), 'dx': dy @ w.T}"))
    assert done.points == 10


def test_an_argument_that_is_written_to_is_a_remark(graded):
    body = "    kept = x.copy()\n    y = x @ w + b\n    x[0, 0] = 7\n    return y, (kept, w)"
    done = graded(GOOD, ("    return x @ w + b, (x, w)", body))
    assert done.points == 10
    assert done.parts[0].remarks == ("it changes its argument x: work on a copy",)


MISBEHAVIOUR = {
    "raises at import": ("raise RuntimeError('no')", "it raised RuntimeError at affine.py:1: no"),
    "no Python": ("def (", "it is no Python: invalid syntax at affine.py:1"),
    "leaves at import": ("import sys\nsys.exit(0)", "it leaves Python with sys.exit at affine.py:2"),
    "leaves at once": ("import os\nos._exit(0)", "it left the Python process with exit code 0"),
    "loops": ("while True: pass", "it took longer than 1 s and was stopped"),
    "prints a gigabyte": ("while True: print('x' * 100_000)", "it printed more than 64 MB and was stopped"),
    "reads the keyboard": ("input()", "it reads from the keyboard at affine.py:1"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "it crashed the Python process"),
    "has nothing": ("x = 1", "there is no function affine_forward"),
    "has no function of that name": (
        "affine_forward = affine_backward = 3",
        "there is no function affine_forward",
    ),
    "starts a process": (
        "import subprocess\nsubprocess.run(['true'])",
        "a submission may not start or stop processes",
    ),
    "forks": ("import os\nos.fork()", "a submission may not start or stop processes (os.fork)"),
    "kills the grader": (
        "import os\nos.kill(os.getppid(), 9)",
        "a submission may not start or stop processes",
    ),
    "recurses": ("def f(): return f()\nf()", "it calls itself without end"),
    "fills the disk": ("open('big', 'wb').write(bytes(80_000_000))", "it raised OSError at affine.py:1"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_a_submission_that_misbehaves_gets_nothing_and_a_sentence(
    graded, make_spec, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    code, sentence = MISBEHAVIOUR[name]
    began = time.monotonic()
    done = graded(code + "\n" + GOOD * (name == "forks"), spec=_quick(make_spec) if name == "loops" else None)
    assert time.monotonic() - began < 60
    assert done.points == 0
    assert len(done.parts[0].items) == 4
    for item in done.parts[0].items:
        assert sentence in item.sentence
        assert "\n" not in item.sentence


def _quick(make_spec):
    return make_spec(AFFINE, ("seconds = 20", "seconds = 1"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory so")
def test_memory_is_limited(graded, make_spec):
    done = graded("big = bytearray(9_000_000_000)\n" + GOOD)
    assert done.points == 0
    assert by_name(done)["dx"].sentence == "it needs more memory than there is at affine.py:1"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("    while True: pass", "it took longer than 1 s"),
        ("    import os; os._exit(3)", "it left the Python process with exit code 3"),
        ("    raise KeyboardInterrupt", "backward: it raised KeyboardInterrupt at affine.py:8"),
        ("    while True: print('x' * 100_000)", "it printed more than 64 MB"),
    ],
)
def test_a_backward_that_misbehaves_leaves_the_forwards_points(graded, make_spec, line, sentence):
    done = graded(GOOD, ("    x, w = cache", f"{line}\n    x, w = cache"), spec=_quick(make_spec))
    items = by_name(done)
    assert items["forward"].right
    assert done.points == 2
    assert sentence in items["dw"].sentence


FORGED = """
import json, os, sys
with open(os.path.join(sys.argv[1], "answer.json"), "w") as file:
    file.write({answer!r})
os._exit(0)
"""
ANSWERS = [
    None, 7, "all points", [], {"cases": 7}, {"cases": [7, 8]}, {"cases": []}, {"cases": [{}]},
    {"cases": [{}, {}], "imports": 3}, {"cases": [{}, {}], "imports": [[]]}, {"cases": [{"sentence": 5}, {}]},
    {"cases": [{"outputs": [{"shape": [-1]}]}] * 2}, {"cases": [{"outputs": 3, "gradients": 4}] * 2},
    {"cases": [{"outputs": [None], "gradients": {"x": {"shape": [10**9, 10**9]}}}] * 2},
    {"cases": [{"gradients": {"x": {"shape": "()", "data": {}}, "w": {"what": []}}, "changed": 5}] * 2},
    {"sentence": ["right"]}, {"cases": [{"changed": ["x" * 10_000, "y"]}] * 2},
]  # fmt: skip


@pytest.mark.parametrize("value", ANSWERS, ids=lambda value: json.dumps(value)[:50])
def test_a_forged_result_gets_nothing(graded, monkeypatch, value):
    monkeypatch.setattr(
        "minicap.grading.part.run_in_child", lambda *args, **options: Outcome("ok", value, "")
    )
    done = graded(GOOD)
    assert done.points == 0
    assert all(item.sentence for item in done.parts[0].items)
    assert len(json.dumps([plain(done), gradescope(done)])) < 10_000
    assert describe(done)


@pytest.mark.parametrize(
    "answer", ["[" * 100_000, '{"kind": "ok", "value": {"cases": [{}, {}]}, "sentence": ""}']
)
def test_a_submission_that_writes_to_the_result_channel_gets_nothing(graded, answer):
    done = graded(FORGED.format(answer=answer))
    assert done.points == 0
    assert all(item.sentence for item in done.parts[0].items)


def test_what_a_copy_of_the_process_writes_does_not_count(graded, make_spec):
    """Threads are ended with their process, and a process that goes on by itself is stopped."""
    code = GOOD + "\nimport threading, time\nthreading.Thread(target=time.sleep, args=(50,)).start()\n"
    done = graded(code)
    assert done.points == 10
    assert done.seconds < 40


def test_hidden_inputs_are_a_students_own(make_spec):
    spec = make_spec()
    part = spec.parts[0]
    first, again, other = (hidden_cases(spec, part, who) for who in ("ann", "ann", "bob"))
    for one, two in zip(first, again, strict=True):
        for name in one.arguments:
            np.testing.assert_array_equal(one.arguments[name], two.arguments[name])
    assert not np.array_equal(first[0].upstreams[0], other[0].upstreams[0])
    assert {case.upstreams[0].shape for case in first} != {case.upstreams[0].shape for case in other}
    changed = replace(spec, secret="another")
    assert not np.array_equal(hidden_cases(changed, part, "ann")[0].upstreams[0], first[0].upstreams[0])


def test_no_answer_is_in_any_message(graded, make_spec):
    """Wrong in every way at once: the numbers that are right stand nowhere."""
    spec = make_spec()
    codes = [
        GOOD.replace("x.T @ dy", "x.T @ dy + 0.1 * w").replace("x @ w + b", "x @ w - b"),
        GOOD.replace(BACK, "    raise ValueError(str(dy @ w.T))"),
        GOOD.replace(BACK, "    return dy @ w.T * 1.234567, x.T @ dy * w, dy.sum(axis=0) + 1"),
    ]
    cases = hidden_cases(spec, spec.parts[0], "ann")
    right = [v for case in cases for a in (*case.outputs, *case.gradients.values()) for v in a.ravel()]
    for code in codes:
        done = graded(code, spec=spec)
        text = " ".join(f"{item.sentence} {item.hint}" for item in done.parts[0].items)
        text += " ".join(done.parts[0].remarks)
        assert done.points < 10
        assert [v for v in right if f"{abs(v):.3f}" in text] == []


def test_the_child_has_no_answers_in_memory(graded):
    names = ("ops", "kernels", "layers", "grading.terms", "grading.run", "grading.cases", "gradcheck.zoo")
    answers = tuple(f"minicap.{name}" for name in names)
    code = f"import sys\nloaded = [m for m in sys.modules if m.startswith({answers})]\nassert not loaded, loaded\n"
    assert graded(code + GOOD).points == 10


IMPORTS = {
    "plainly": ("from minicap import ops\n", 1),
    "the ops": ("import numpy as np\nimport minicap.ops as o\n", 2),
    "a function": ("from minicap.ops import linear_backward\n", 1),
    "the checker": ("def f():\n    from minicap.gradcheck import numerical_gradient\n", 2),
    "by name": ("import importlib\no = importlib.import_module('minicap.ops')\n", 2),
    "a guarded torch": ("try:\n    import torch\nexcept ImportError:\n    pass\n", 2),
    "jax": ("from jax import grad\n", 1),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_of_the_answers_is_reported_and_costs_all(graded, name):
    code, line = IMPORTS[name]
    done = graded(code + GOOD)
    assert done.points == 0
    assert len(done.reported) == 1
    assert f"in line {line}, which is not allowed" in done.reported[0]
    assert by_name(done)["forward"].sentence == done.reported[0]


@pytest.mark.parametrize(
    "code",
    [
        "m = 'minicap.' + 'ops'\n__import__(m)\n",
        "exec('import minicap.ops')\n",
        "import sys\nsys.modules['minicap'].ops\n",
        "import importlib as i\ntry:\n    i.import_module('.'.join(['minicap', 'ops']))\nexcept ImportError:\n    0\n",
    ],
)
def test_an_import_that_is_hidden_is_seen_while_it_runs(graded, code):
    done = graded(code + GOOD)
    assert done.points == 0
    assert any("minicap.ops while it runs" in sentence for sentence in done.reported)


def test_imports_may_be_reported_only(graded, make_spec):
    spec = make_spec(AFFINE, ("cases = 2", 'cases = 2\non_forbidden = "report"'))
    done = graded("try:\n    import torch\nexcept ImportError:\n    pass\n" + GOOD, spec=spec)
    assert done.points == 10
    assert "affine.py imports torch in line 2" in done.reported[0]


def test_other_packages_may_be_imported(graded):
    done = graded("import scipy.special, json, math, collections, dataclasses\n" + GOOD)
    assert (done.points, done.reported) == (10, ())


def test_a_folder_is_handed_in(tmp_path, make_spec):
    spec = make_spec()
    folder = tmp_path / "ann"
    folder.mkdir()
    (folder / "affine.py").write_text("from helper import forward as affine_forward, affine_backward\n")
    (folder / "helper.py").write_text(GOOD.replace("def affine_forward", "def forward"))
    assert grade(spec, folder).points == 10
    (folder / "helper.py").write_text("from minicap.ops import linear_forward\n" + GOOD)
    assert "helper.py imports minicap.ops" in grade(spec, folder).reported[0]


def test_a_file_that_is_missing_or_unreadable(tmp_path, make_spec):
    spec, folder = make_spec(), tmp_path / "bob"
    folder.mkdir()
    done = grade(spec, folder)
    assert done.points == 0
    assert by_name(done)["dx"].sentence == "affine.py was not handed in; there is no Python file at all"
    (folder / "hw.py").write_text("")
    assert by_name(grade(spec, folder))["dx"].sentence == "affine.py was not handed in; there are hw.py"
    with pytest.raises(InputError, match="there is no such submission"):
        grade(spec, tmp_path / "nobody.py")
    (folder / "affine.py").write_text(GOOD + "#" * 1_100_000)
    assert by_name(grade(spec, folder))["dx"].sentence == "affine.py is larger than 1 MB"
    (folder / "affine.py").write_text("x = " + "-" * 300_000 + "1")  # too deep for any parser
    assert grade(spec, folder).points == 0
    (folder / "affine.py").write_bytes(b"\0\1\2")
    assert "no Python source" in by_name(grade(spec, folder))["dx"].sentence


def test_the_cache_and_the_order_of_backwards_arguments(graded, make_spec):
    text = AFFINE.replace(
        'op = "affine"', 'op = "affine"\ncache = ["b", "w", "x"]\n[part.variant]\nupstream = "last"'
    )
    spec = make_spec(text)
    code = "import numpy as np\n\n\n" + solution(spec.parts[0])
    assert graded(code, spec=spec).points == 10
    done = graded(code, ("(b, w, x)", "(x, w, b)"), ("b, w, x = cache", "x, w, b = cache"), spec=spec)
    assert by_name(done)["forward"].sentence == "the cache is not the tuple of b, w, x, in this order"
    assert done.points == 8
    assert graded(code, ("(cache, dy)", "(dy, cache)"), spec=spec).points == 2


def test_a_grader_that_meets_the_unexpected_goes_on(graded, monkeypatch):
    def broken(*args, **options):
        raise RecursionError("who thought of this")

    monkeypatch.setattr("minicap.grading.part.run_in_child", broken)
    done = graded(GOOD)
    assert done.points == 0
    assert by_name(done)["dx"].sentence == "what came back cannot be graded (RecursionError)"


def test_nothing_is_left_behind(graded, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert graded("open('a_plot.png', 'w').write('x')\n" + GOOD).points == 10
    assert sorted(os.listdir(tmp_path)) == ["affine.py", "here", "spec.toml"]
    assert os.listdir(tmp_path / "here") == []


@pytest.mark.skipif(sys.platform != "linux", reason="this is how the C library is called on Linux")
def test_a_copy_of_the_process_ends(graded):
    """Made behind Python's back; only one of the two may answer."""
    done = graded("import ctypes\nctypes.CDLL(None).fork()\n" + GOOD)
    assert done.points == 10
    assert done.seconds < 30


def test_a_submission_that_throws_the_result_away_gets_nothing(graded):
    done = graded("import shutil, sys\nshutil.rmtree(sys.argv[1])\n" + GOOD)
    assert done.points == 0
    assert "it left the Python process with exit code 1" in by_name(done)["dx"].sentence
