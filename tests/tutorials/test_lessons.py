"""Every lesson runs, under both kernel sets, keeps its claims, and has the parts that a lesson has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import minicap
from minicap.tutorials import Lesson, lessons
from minicap.tutorials.exercise import exercises

LESSONS = lessons()
PARTS = (
    "**What you will do.**", "**What you will learn.**", "**Before you start.**", "## A broken version to debug",
    "## Exercises", "## Going further",
)  # fmt: skip
# A measured number: two digits behind the point at least, or a percentage.
MEASURED = re.compile(r"(?<![\w.])\d+\.\d\d+(?![\w.])|\b\d+(?:\.\d+)?\s?%")
NO_PROSE = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)", re.DOTALL)

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)


def prose(lesson: Lesson) -> str:
    """Return a lesson's Markdown."""
    cells = re.split(r"^# %%", lesson.path.read_text("utf-8"), flags=re.MULTILINE)
    texts = [cell.partition("\n")[2] for cell in cells if cell.startswith(" [markdown]")]
    return "\n\n".join(re.sub(r"^# ?", "", text, flags=re.MULTILINE) for text in texts)


def figures_of(lesson: Lesson) -> dict[str, str]:
    """Return name and alternative text of every figure that a lesson shows."""
    tree = ast.parse(lesson.path.read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    shown = [call.args for call in calls if getattr(call.func, "id", "") == "show"]
    return {ast.literal_eval(name): ast.literal_eval(alt) for _, name, alt in shown}


@pytest.mark.parametrize("kernels", ["reference", "compiled"])
@each_lesson
def test_it_runs_and_keeps_its_claims(lesson: Lesson, kernels: str, python, tmp_path: Path):
    if kernels == "compiled" and not minicap.kernels.compiled_available():
        pytest.skip("no compiled kernels in this installation")
    done = python(lesson.path, MINICAP_KERNELS=kernels)
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"all claims of lesson {lesson.number} hold"
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == set(figures_of(lesson))
    printed = " ".join(done.stdout.split())
    said = MEASURED.findall(NO_PROSE.sub(" ", prose(lesson)))
    assert [number for number in said if number not in printed] == [], (
        "numbers in the prose that no code prints"
    )


@each_lesson
def test_it_has_every_part(lesson: Lesson):
    text = prose(lesson)
    assert text.startswith(f"# {lesson.number}. {lesson.title}\n")
    places = [text.find(part) for part in PARTS]
    assert min(places) > 0, f"missing: {[p for p, at in zip(PARTS, places, strict=True) if at < 0]}"
    assert places == sorted(places)
    assert "minutes" in lesson.time
    assert lesson.needs
    assert "$$" in text
    assert f"minicap exercise {lesson.number} exercises/{lesson.path.name}" in text
    assert all(f"minicap gradcheck broken/{path.name}" in text for path in lesson.broken)


@each_lesson
def test_its_figures_are_told_in_words(lesson: Lesson):
    figures = figures_of(lesson)
    assert figures
    for name, alt in figures.items():
        assert name.startswith(f"{lesson.number:02d}_")
        assert len(alt.split()) >= 15, f"{name}: say what the figure shows"


@each_lesson
def test_its_exercises_are_named_in_order(lesson: Lesson):
    names = [exercise.name for exercise in exercises(lesson.number)]
    assert 3 <= len(names) <= 5
    assert re.findall(r"^\d\. `(\w+)`", prose(lesson).split("## Exercises")[1], re.MULTILINE) == names
    for path in (lesson.exercises, lesson.solutions):
        tree = ast.parse(path.read_text("utf-8"))
        defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert [name for name in defined if name in names] == names


@each_lesson
def test_its_links_lead_somewhere(lesson: Lesson):
    for target in re.findall(r"\]\(([^)#]+)\)", prose(lesson)):
        assert target.startswith("https://") or (lesson.path.parent / target).is_file(), target


def test_they_are_numbered_from_zero_and_none_is_left_out():
    assert [lesson.number for lesson in LESSONS] == list(range(len(LESSONS)))
    readme = (LESSONS[0].path.parent / "README.md").read_text("utf-8")
    for lesson in LESSONS:
        assert f"[{lesson.title}]({lesson.path.name})" in readme
        assert f"thumbnails/{lesson.number:02d}.png" in readme
        assert (lesson.path.parent / "thumbnails" / f"{lesson.number:02d}.png").is_file()
