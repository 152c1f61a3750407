"""Exercises: every spec's solution gets all points and passes the public tests, the starter file gets none."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from minicap.errors import InputError
from minicap.grading.course import TEACHER, make_course, public_tests, rubric, solution_file, starter_file
from minicap.grading.read import read_spec, shipped
from minicap.grading.run import grade
from minicap.grading.spec import NO_SECRET

PLUGIN = "minicap.gradcheck.pytest_plugin"
# A term as another one might set it: every kind of choice, in one spec or another.
CHANGED = {
    "affine": (('weights = "in_out"', 'weights = "out_in"'), ('["x", "w", "b"]', '["w", "b", "x"]')),
    "relu": (("slope = 0.0", "slope = 0.1"), ("scale = 1.0", "scale = 3.0")),
    "conv": (
        ('layout = "channels_first"', 'layout = "channels_last"'), ('padding = "int"', 'padding = "sides"'),
        ('kernel = "first"', 'kernel = "last"'),
    ),
    "max_pool": (('layout = "channels_first"', 'layout = "channels_last"'),),
    "batch_norm": (("eps = 1e-5", "eps = 0.01"), ('upstream = "first"', 'upstream = "last"')),
    "layer_norm": (("eps = 1e-5", "eps = 0.1"),),
    "dropout": (('p = "drop"', 'p = "keep"'), ("inverted = true", "inverted = false")),
    "rnn": (('weights = "in_out"', 'weights = "out_in"'), ('time = "batch_first"', 'time = "time_first"')),
    "lstm": (('gates = "ifgo"', 'gates = "ogfi"'), ('weights = "in_out"', 'weights = "out_in"')),
    "gru": (("reset_after = true", "reset_after = false"), ('update = "keeps"', 'update = "writes"')),
    "embedding": (("padding_id = -1", "padding_id = 0"),),
    "softmax_loss": (('reduction = "mean"', 'reduction = "sum"'), ("smoothing = 0.0", "smoothing = 0.1")),
    "attention": (('scores = "scaled"', 'scores = "plain"'), ("causal = false", "causal = true")),
}  # fmt: skip


def spec_of(name, folder, changed=()):
    """Return a spec that comes along, with changes, one hidden case and a secret of its own."""
    text = (
        read_spec(name)
        .path.read_text(encoding="utf-8")
        .replace(f'"{NO_SECRET}"', '"of this test"\ncases = 1')
    )
    for old, new in changed:
        assert old in text
        text = text.replace(old, new)
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return read_spec(file)


def pytest_in(folder):
    """Run pytest in a folder, with the plugin, as a student would; return its output."""
    known = any(entry.name == PLUGIN for entry in entry_points(group="pytest11"))
    plugin = [] if known else ["-p", PLUGIN]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        *plugin,
        ".",
    ]
    (folder / "pytest.ini").write_text("[pytest]\n")
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return result.stdout + result.stderr


@pytest.mark.parametrize("name", shipped())
def test_the_solution_gets_all_points_and_the_starter_none(tmp_path, name):
    spec = spec_of(name, tmp_path)
    (tmp_path / spec.file).write_text(solution_file(spec))
    done = grade(spec, tmp_path / spec.file, student="ann")
    assert [item for part in done.parts for item in part.items if not item.right] == []
    assert done.points == done.most == spec.points > 0
    assert done.parts[0].remarks == ()
    (tmp_path / spec.file).write_text(starter_file(spec))
    done = grade(spec, tmp_path / spec.file, student="ann")
    assert done.points == 0
    assert "it is not written yet" in done.parts[0].items[0].sentence


@pytest.mark.parametrize("name", ["affine", "dropout", "softmax_loss"])
def test_in_another_term_the_same_solution_is_worth_less(tmp_path, name):
    spec, other = spec_of(name, tmp_path), tmp_path / "other"
    other.mkdir()
    changed = spec_of(name, other, CHANGED[name])
    (other / spec.file).write_text(solution_file(changed))
    done = grade(changed, other)
    assert [item for part in done.parts for item in part.items if not item.right] == []
    (other / spec.file).write_text(solution_file(spec))
    assert grade(changed, other).points < done.points


def test_public_tests_pass_with_every_solution_and_fail_with_every_starter(tmp_path):
    for name in shipped():
        for variant, changes in (("", ()), ("x", CHANGED[name])):
            spec = spec_of(name, tmp_path, changes)
            module = spec.file.removesuffix(".py")
            renamed = f"{module}{variant}"
            for kind, text in (("solved", solution_file(spec)), ("started", starter_file(spec))):
                (tmp_path / kind).mkdir(exist_ok=True)
                (tmp_path / kind / f"{renamed}.py").write_text(text)
                tests = re.sub(
                    rf"^import {module}$", f"import {renamed} as {module}", public_tests(spec), flags=re.M
                )
                (tmp_path / kind / f"test_{renamed}.py").write_text(tests)
    parts = 2 * sum(len(read_spec(name).parts) for name in shipped())
    assert f"{2 * parts} passed" in pytest_in(tmp_path / "solved")
    started = pytest_in(tmp_path / "started")
    assert f"{2 * parts} failed" in started
    assert "passed" not in started


def test_what_is_written(tmp_path):
    files = make_course(read_spec("lstm"), tmp_path / "hw")
    names = [file.relative_to(tmp_path / "hw").as_posix() for file in files]
    assert names == ["lstm.py", "test_lstm.py", "RUBRIC.md", f"{TEACHER}/lstm.py", f"{TEACHER}/spec.toml"]
    assert sorted(p.name for p in (tmp_path / "hw").rglob("*") if p.is_file()) == sorted(
        file.name for file in files
    )
    own = read_spec(files[-1])
    assert own.is_secret
    assert (own.parts, own.points) == (read_spec("lstm").parts, read_spec("lstm").points)
    secret = own.secret
    assert len(secret) == 32
    assert not any(secret in file.read_text(encoding="utf-8") for file in files[:-1])
    again = make_course(read_spec("lstm"), tmp_path / "again")
    assert read_spec(again[-1]).secret != secret
    kept = make_course(own, tmp_path / "kept")
    assert read_spec(kept[-1]).secret == secret


def test_a_spec_without_a_secret_gets_one(tmp_path, make_spec):
    spec = make_spec('part = [{op = "relu", points = {forward = 1, dx = 1}}]')
    assert not spec.is_secret
    files = make_course(spec, tmp_path / "hw")
    assert read_spec(files[-1]).is_secret


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "hw").mkdir()
    make_course(read_spec("relu"), tmp_path / "hw")
    with pytest.raises(InputError, match="is there already, and not an empty folder"):
        make_course(read_spec("relu"), tmp_path / "hw")
    with pytest.raises(InputError, match="is there already"):
        make_course(read_spec("relu"), tmp_path / "hw" / "relu.py")


def test_the_starter_says_the_terms_convention(tmp_path):
    text = starter_file(spec_of("lstm", tmp_path, CHANGED["lstm"]))
    functions = {
        node.name: ast.get_docstring(node)
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }
    assert list(functions) == ["lstm_step_forward", "lstm_step_backward", "lstm_forward", "lstm_backward"]
    doc = functions["lstm_step_forward"] or ""
    assert "o, g, f, i in this order" in re.sub(r"\s+", " ", doc)
    assert "w_x: (4H, D)" in doc
    assert "one for each of x, h_prev, c_prev, w_x, w_h, b" in re.sub(
        r"\s+", " ", functions["lstm_step_backward"] or ""
    )
    assert "raise NotImplementedError" in text
    assert "np.tanh" not in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", shipped())
def test_the_rubric_adds_up_and_gives_nothing_away(tmp_path, name):
    spec = spec_of(name, tmp_path)
    text = rubric(spec)
    points = [float(n) for n in re.findall(r"^\| .* \| ([\d.]+) \|$", text, re.M)]
    assert sum(points) == spec.points
    assert "of this test" not in text
    assert "np." not in text
    assert "\n\n\n" not in text
