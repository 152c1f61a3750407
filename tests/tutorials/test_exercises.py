"""Checks of exercises: no for the unsolved file, yes for the solution, and a sentence that helps for what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minicap.errors import InputError
from minicap.tutorials import Lesson, lessons
from minicap.tutorials.exercise import Wrong, check_answers, exercises

LESSONS = lessons()
EACH = [(lesson.number, exercise.name) for lesson in LESSONS for exercise in exercises(lesson.number)]


def softmax_wrong(logits, targets):
    """Overflow for large logits."""
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(targets)), targets] -= 1
    return p / len(targets)


def turned(x, w):
    """Correlate with the filter turned round."""
    w, (OH, OW) = w[::-1, ::-1], np.subtract(x.shape, w.shape) + 1
    return sum(w[i, j] * x[i : i + OH, j : j + OW] for i, j in np.ndindex(w.shape))


# lesson, exercise, an answer that somebody might give, what is said to it
ANSWERS = [
    (0, "sum_of_squares_gradient", lambda x: x, "half of what it should be"),
    (0, "scale_gradients", lambda dy, x, a: (a * dy, dy * x), "a is one number"),
    (0, "scale_gradients", lambda dy, x, a: a * dy, r"\(dx, da\) is asked for"),
    (0, "mean_gradient", lambda dy, x: np.repeat(dy[:, None], x.shape[1], 1), "D times"),
    (0, "product_gradients", lambda dy, x, w: (dy @ w.T, dy.T @ x), r"dw has the shape \(2, 3\)"),
    (1, "squared_error_backward", lambda d, y, t: 2 * d * (y - t) / len(y), "twice"),
    (1, "squared_error_backward", lambda d, y, t: d * (y - t) / y.size, "divides by N, not by N times M"),
    (1, "squared_error_backward", lambda d, y, t: (y - t) / len(y), "dloss = 3"),
    (1, "central_difference", lambda f, x, h=1e-5: np.cos(x), "h = 0.1"),
    (1, "relative_error", lambda a, n: float(np.abs((a - n) / n).max()), "zeros in numeric"),
    (1, "softmax_cross_entropy_gradient", softmax_wrong, "exp overflows"),
    (1, "tanh_layer_backward", lambda dy, x, w, b: (dy @ w.T, x.T @ dy, dy.sum(axis=0)), "tanh is not gone"),
    (2, "output_size", lambda n, k, s=1, p=0, d=1: (n + 2 * p - k) // s + 1, "three taps cover five pixels"),
    (2, "output_size", lambda n, k, s=1, p=0, d=1: (n + 2 * p - k) / s + 1, "an int, is asked for"),
    (2, "correlate", turned, "turned round"),
    (2, "receptive_field", lambda layers: 1 + sum(k - 1 for k, _ in layers), "two pixels apart"),
]  # fmt: skip


def check(number: int, name: str):
    """Return the check of one exercise."""
    return {exercise.name: exercise.check for exercise in exercises(number)}[name]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_the_unsolved_file_is_open_and_the_solution_right(lesson: Lesson):
    unsolved = check_answers(lesson.number, lesson.exercises)
    assert not unsolved.passed
    for answer in unsolved.answers:
        assert answer.state == "open"
        assert answer.sentence.startswith("not written yet: Return ")
    solved = check_answers(lesson.number, lesson.solutions)
    assert [answer for answer in solved.answers if answer.state != "right"] == []
    assert solved.passed


@pytest.mark.parametrize(("number", "name"), EACH)
def test_nothing_and_nonsense_are_no_answers(number: int, name: str):
    for nonsense in (None, "a word", np.zeros(99), (), 17):
        with pytest.raises(Wrong) as caught:
            check(number, name)(lambda *_, nonsense=nonsense, **__: nonsense)
        assert len(str(caught.value)) > 15


@pytest.mark.parametrize(("number", "name", "answer", "said"), ANSWERS)
def test_a_wrong_answer_gets_a_sentence_that_helps(number, name, answer, said):
    with np.errstate(all="ignore"), pytest.raises(Wrong, match=said):
        check(number, name)(answer)


def test_an_argument_that_was_changed_is_noticed():
    def greedy(f, x, h=1e-5):
        x += h
        return np.cos(x)

    with pytest.raises(Wrong, match="changes its argument x"):
        check(1, "central_difference")(greedy)


def written(folder: Path, code: str) -> Path:
    """Write answers to lesson 0."""
    path = folder / "mine.py"
    path.write_text(code, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("code", "state", "said"),
    [
        ("", "wrong", "there is no function mean_gradient"),
        ("mean_gradient = 3", "wrong", "mean_gradient is a int, not a function"),
        ("def mean_gradient(dy, x):\n    return dy[9]", "wrong", "IndexError at mine.py:2"),
        ("def mean_gradient(dy, x):\n    raise SystemExit(0)", "wrong", "sys.exit at mine.py:2"),
        ("import os\ndef mean_gradient(dy, x):\n    os._exit(0)", "wrong", "left the Python process"),
        ("def mean_gradient(dy, x):\n    raise NotImplementedError", "open", "not written yet"),
    ],
)
def test_what_goes_wrong_in_an_answer_is_told(tmp_path: Path, code, state, said):
    [answer] = check_answers(0, written(tmp_path, code), only=["mean_gradient"]).answers
    assert answer.state == state
    assert said in answer.sentence


def test_an_answer_without_end_is_stopped_and_the_others_are_checked(tmp_path: Path):
    code = (
        "def sum_of_squares_gradient(x):\n    while True:\n        pass\n"
        "def mean_gradient(dy, x):\n    return (0 * x + dy[:, None]) / x.shape[1]\n"
    )
    only = ["sum_of_squares_gradient", "mean_gradient"]
    first, second = check_answers(0, written(tmp_path, code), only=only, seconds=4).answers
    assert "is there a loop without end?" in first.sentence
    assert second.state == "right"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((77, "x.py"), "there is no lesson '77'"),
        (("one", "x.py"), "there is no lesson 'one'"),
        ((0, "x.py"), "there is no such file"),
        ((0, "."), "a folder"),
    ],
)
def test_what_cannot_be_checked_is_an_input_error(arguments, said):
    with pytest.raises(InputError, match=said):
        check_answers(*arguments)


def test_a_file_that_is_no_python_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match=r"mine.py: it is no Python"):
        check_answers(0, written(tmp_path, "def ("))
    with pytest.raises(InputError, match="has no exercise 'other'"):
        check_answers(0, written(tmp_path, ""), only=["other"])
