"""LaTeX to MathML: every formula of every lesson, and what the converter would get wrong."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("latex2mathml", reason="pip install 'minicap[tutorials]' to export lessons")

from minicap.errors import InputError
from minicap.tutorials import lessons
from minicap.tutorials.mathml import mathml, with_mathml


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.path.stem)
def test_every_formula_of_a_lesson_is_understood(lesson):
    lines = lesson.path.read_text("utf-8").splitlines()
    text = "\n".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    made = with_mathml(text, lambda markdown: markdown)
    assert made.count("<math") >= 20
    assert "$" not in re.sub(r"`[^`]*`", "", re.sub(r'alttext="[^"]*"', "", made))


def test_mathematics_in_a_line_and_alone():
    made = with_mathml("so $x_1$ and\n\n$$y = x$$\n\nhere", lambda markdown: f"<p>{markdown}</p>")
    assert '<math alttext="x_1" ' in made
    assert '<div class="equation"><span class="piece" tabindex="0"><math alttext="y = x" ' in made
    assert made.count('display="block"') == 1


def test_a_dollar_in_code_is_a_dollar():
    text = "`a $x$ b` and\n```\n$$y$$\n```"
    assert with_mathml(text, lambda markdown: markdown) == text


def test_a_wide_gap_makes_two_pieces():
    assert mathml(r"a = b, \qquad c = d", display=True).count("<math ") == 2
    assert mathml(r"a = b, \qquad c = d", display=False).count("<math ") == 1


def test_what_the_converter_gets_wrong_is_put_right():
    assert "<mtext>d</mtext>" in mathml(r"\mathrm{d}x", display=False)
    assert "\U0001d7cf" in mathml(r"\mathbf{1}", display=False)
    assert "<mtable" in mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", display=True)
    assert '<mi>ln</mi><mspace width="0.17em"/>' in mathml(r"\ln x", display=False)
    assert "<msup>" not in mathml("f'(x) = g''(x)", display=False)
    assert 'alttext="a &lt; &quot;b&quot;"' in mathml('a < "b"', display=False)


def test_a_command_that_is_not_understood_is_named():
    with pytest.raises(InputError, match=r"no MathML for .*oops.* in the formula"):
        mathml(r"\oops{x}", display=True)
