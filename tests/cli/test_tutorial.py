"""``minicap tutorial`` and ``minicap exercise``: lists, copies, answers checked, one line where something lacks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from minicap.cli import tutorial
from minicap.tutorials import find_lesson, lessons


def test_list_names_every_lesson_with_time_and_needs(cli):
    out = cli("tutorial", "list").out
    for lesson in lessons():
        assert f"{lesson.number:2}. {lesson.title}" in out
        assert lesson.time in out
    found = json.loads(cli("tutorial", "list", "--json").out)
    assert [entry["number"] for entry in found] == [lesson.number for lesson in lessons()]
    assert all(Path(entry["path"]).is_file() for entry in found)


def test_copy_says_what_to_do_next_and_copies_once(cli, tmp_path: Path):
    code, out, err = cli("tutorial", "copy", tmp_path / "mine")
    assert (code, err) == (0, "")
    assert out.startswith("copied ")
    assert f"cd {tmp_path / 'mine'} && python 00_start_here.py" in out
    assert "has all of them already" in cli("tutorial", "copy", tmp_path / "mine").out
    assert json.loads(cli("tutorial", "copy", tmp_path / "mine", "--json").out) == []


def test_open_without_jupyter_says_where_the_lesson_is_and_how_to_get_it(cli, monkeypatch):
    monkeypatch.setattr(tutorial, "find_spec", lambda name: None)
    code, out, err = cli("tutorial", "open", "1")
    first, second = out.splitlines()
    assert (code, first, err) == (0, str(find_lesson(1).path), "")
    assert "minicap[tutorials]" in second


def test_open_starts_jupyter_on_a_notebook_that_is_made_once(cli, monkeypatch, tmp_path: Path):
    pytest.importorskip("jupytext", reason="no jupytext: pip install 'minicap[tutorials]'")
    started = []

    def start(command, check):
        started.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(tutorial, "find_spec", lambda name: True)
    monkeypatch.setattr(tutorial.subprocess, "run", start)
    monkeypatch.chdir(tmp_path)
    name = f"{find_lesson(1).path.stem}.ipynb"
    assert cli("tutorial", "open", "1").code == 0
    assert json.loads((tmp_path / name).read_text("utf-8"))["cells"]
    (tmp_path / name).write_text("mine", "utf-8")
    assert cli("tutorial", "open", "1").code == 0
    assert started == [["-m", "jupyterlab", name]] * 2
    assert (tmp_path / name).read_text("utf-8") == "mine"


def test_a_lesson_that_is_not_there_is_bad_input(cli):
    for arguments in (("open", "77"), ("export", "77", "--to", "ipynb")):
        code, out, err = cli("tutorial", *arguments)
        assert (code, out) == (2, "")
        assert "there is no lesson '77'" in err or "minicap[tutorials]" in err


def test_exercise_tells_right_from_wrong_from_open(cli, tmp_path: Path):
    answers = find_lesson(0).exercises.read_text("utf-8").split("def mean_gradient")[0]
    mine = tmp_path / "mine.py"
    mine.write_text(answers.replace("    raise NotImplementedError", "    return 2 * x", 1), "utf-8")
    code, out, err = cli("exercise", "0", mine)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == f"Lesson 0, {find_lesson(0).title}: {mine}"
    assert lines[1].split() == ["1.", "sum_of_squares_gradient", "right"]
    assert lines[2].split() == ["2.", "scale_gradients", "open"]
    assert "there is no function mean_gradient in the file" in out
    assert lines[-1] == "1 of 4 right"


def test_exercise_as_json(cli):
    code, out, err = cli("exercise", "00", find_lesson(0).solutions, "--only", "mean_gradient", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["passed"] is True
    assert found["lesson"] == 0
    assert found["exercises"] == [{"name": "mean_gradient", "state": "right", "sentence": ""}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("7x", "x.py"), "there is no lesson '7x'"),
        (("0", "nowhere.py"), "nowhere.py: there is no such file"),
        (("0", "nowhere.py", "--only", "other"), "lesson 0 has no exercise 'other'"),
    ],
)
def test_exercise_with_bad_input(cli, arguments, said):
    code, out, err = cli("exercise", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
