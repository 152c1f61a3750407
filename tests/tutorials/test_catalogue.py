"""Lessons are found in a checkout and beside an installed package, and copied without overwriting anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minicap.errors import InputError
from minicap.tutorials import catalogue, copy_lessons, find_lesson, lessons, lessons_folder


def test_numbers_may_be_written_in_any_way():
    assert find_lesson(1) == find_lesson("1") == find_lesson("01")
    for wrong in ("", "-1", "1.0", "x", 99):
        with pytest.raises(InputError, match="there is no lesson"):
            find_lesson(wrong)


def test_lessons_are_copied_once_and_the_reader_s_own_are_left_alone(tmp_path: Path):
    made = copy_lessons(tmp_path / "mine")
    names = {path.relative_to(tmp_path / "mine").as_posix() for path in made}
    for lesson in lessons():
        name = lesson.path.name
        assert {name, f"exercises/{name}", f"solutions/{name}"} <= names
        assert {f"broken/{path.name}" for path in lesson.broken} <= names
    assert {"README.md", "glossary.md", "captioner_in_one_file.py"} <= names
    assert "AUTHORS.md" not in names
    own = tmp_path / "mine" / "exercises" / find_lesson(1).path.name
    own.write_text("mine", "utf-8")
    made[0].unlink()
    assert copy_lessons(tmp_path / "mine") == [made[0]]
    assert own.read_text("utf-8") == "mine"


def test_a_copy_has_to_go_into_a_folder(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        copy_lessons(tmp_path / "file")
    with pytest.raises(InputError, match="holds the lessons themselves"):
        copy_lessons(lessons_folder())


def test_lessons_beside_the_package_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = find_lesson(1).path
    package = tmp_path / "site-packages" / "minicap" / "tutorials"
    monkeypatch.setattr(catalogue, "HERE", package)
    with pytest.raises(InputError, match="this installation has no lessons"):
        lessons_folder()
    (package / "lessons").mkdir(parents=True)
    shutil.copy(source, package / "lessons")
    assert lessons_folder() == package / "lessons"
