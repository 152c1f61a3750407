"""The versions with a bug: `minicap gradcheck` finds it and gives it its right name, and finds nothing else."""

from __future__ import annotations

import pytest

from minicap.gradcheck.file import check_file
from minicap.tutorials import lessons

# file: the layer that is wrong, the gradient that shows it, the kind of bug, a word of the sentence
BUGS = {
    "00_centre": ("centre", "dx", "missing_term", "the path through the mean"),
    "01_linear_classifier": ("linear", "dw", "missing_scale", "1/3 of the true gradient"),
    "02_conv": ("conv", "dx", "not_flipped", "turned by 180 degrees"),
}
FILES = {path.stem: path for lesson in lessons() for path in lesson.broken}


def test_every_lesson_has_one_and_every_one_is_known():
    assert set(FILES) == set(BUGS)
    assert all(lesson.broken for lesson in lessons())


@pytest.mark.parametrize("stem", sorted(BUGS))
def test_the_bug_is_found_and_named(stem: str):
    layer, gradient, kind, word = BUGS[stem]
    report = check_file(FILES[stem])
    assert [found.report.name for found in report.layers if not found.report.passed] == [layer]
    [wrong] = [found.report for found in report.layers if not found.report.passed]
    assert [g.name for g in wrong.gradients if not g.passed] == [gradient]
    assert wrong.diagnosis is not None
    assert (wrong.diagnosis.kind, wrong.diagnosis.gradient) == (kind, gradient)
    assert word in wrong.diagnosis.sentence


@pytest.mark.parametrize("stem", sorted(BUGS))
def test_another_seed_finds_the_same(stem: str):
    layer, _, kind, _ = BUGS[stem]
    [found] = check_file(FILES[stem], only=[layer], seed=7).layers
    assert found.report.diagnosis is not None
    assert found.report.diagnosis.kind == kind


def test_a_file_does_not_give_its_bug_away():
    for path in FILES.values():
        text = path.read_text("utf-8").lower()
        for word in ("bug", "# wrong", "forgot", "should be"):
            assert word not in text, f"{path.name} says {word!r}"
