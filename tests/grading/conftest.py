"""A spec of one affine layer, and a way to hand something in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minicap.grading.read import read_spec
from minicap.grading.run import Grade, grade
from minicap.grading.spec import Spec

AFFINE = """
title = "Affine"
secret = "of this test"
cases = 2
seconds = 20

[[part]]
op = "affine"

[part.points]
forward = 2
dx = 3
dw = 4
db = 1
"""
GOOD = """
import numpy as np

def affine_forward(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(dy, cache):
    x, w = cache
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)
"""


@pytest.fixture
def make_spec(tmp_path: Path) -> Callable[..., Spec]:
    """Return a function that writes a spec and reads it."""

    def made(text: str = AFFINE, *edits: tuple[str, str]) -> Spec:
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
        return read_spec(tmp_path / "spec.toml")

    return made


@pytest.fixture
def graded(tmp_path: Path, make_spec: Callable[..., Spec]) -> Callable[..., Grade]:
    """Return a function that hands in a file for the affine spec."""

    def hand_in(
        code: str, *edits: tuple[str, str], student: str = "ann", spec: Spec | None = None, **more: Any
    ) -> Grade:
        for old, new in edits:
            assert old in code
            code = code.replace(old, new)
        file = tmp_path / "affine.py"
        file.write_text(code, encoding="utf-8")
        return grade(spec or make_spec(), file, student=student, **more)

    return hand_in
