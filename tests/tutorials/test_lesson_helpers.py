"""What lessons call: code by inspect, figures with words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minicap.ops import linear_backward, linear_forward
from minicap.tutorials.lesson import code_of, figure, generator, label, show, source

ALT = "A line that rises from left to right, from zero to one, without any surprise on the way up there."


def test_code_is_the_library_s_own_without_its_docstring(capsys):
    source(linear_forward, linear_backward)
    out = capsys.readouterr().out
    assert out.startswith("# minicap/ops/linear.py\ndef linear_forward(")
    assert "rows_x.T @ rows_dy" in out
    assert "Parameters" not in out
    assert "Parameters" in code_of(linear_forward, docstring=True)


def test_code_of_one_s_own_is_shown_with_the_file_s_name():
    def own(x):
        """Say something."""
        return x

    first, *code = code_of(own).splitlines()
    assert first.startswith("# ")
    assert first.endswith("test_lesson_helpers.py")
    assert code == ["def own(x):", "    return x"]


def test_a_figure_is_saved_and_told_in_words(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("MINICAP_FIGURES", str(tmp_path / "new" / "folder"))
    made = figure(4, 3)
    axes = label(made.add_subplot(), "time in s", "length in m")
    axes.plot([0, 1], [0, 1])
    show(made, "01_line", ALT)
    assert (tmp_path / "new" / "folder" / "01_line.png").stat().st_size > 1000
    assert "without any surprise" in " ".join(capsys.readouterr().out.split())
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time in s", "length in m")


def test_a_figure_without_words_is_refused():
    with pytest.raises(ValueError, match="say what the figure shows"):
        show(figure(), "01_line", "a plot")


def test_a_folder_that_cannot_be_written_stops_no_lesson(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINICAP_FIGURES", str(tmp_path / "file"))
    show(figure(), "01_line", ALT)
    assert "not saved" in capsys.readouterr().out


def test_generators_are_the_same_for_everybody():
    assert np.array_equal(generator(3).random(4), generator(3).random(4))
