"""The report says what was found, in a table that lines up."""

import numpy as np
import pytest

from minicap.gradcheck import GradientResult, Report, check_op

RIGHT = GradientResult("dx", (2, 3), "PASS", 1e-10, 2e-10, (1, 2), 0.5, 0.5)
KINK = GradientResult("db", (3,), "KINK", 0.0, 1e-9, (0,), 0.0, 0.0, kinks=2)
WRONG = GradientResult("dw", (3, 5), "FAIL", 0.5, 2e-10, (2, 3), 1.0, 2.0)
UNSURE = GradientResult("dv", (), "INCONCLUSIVE", 1e-3, 2e-3, (), 1.0, 1.001)


def report(*gradients, problems=(), error=None):
    return Report("layer", gradients, problems, 1e-6, error)


@pytest.mark.parametrize(
    ("found", "verdict", "passed"),
    [
        (report(RIGHT), "PASS", True),
        (report(RIGHT, KINK), "KINK", True),
        (report(KINK, UNSURE), "INCONCLUSIVE", False),
        (report(UNSURE, WRONG), "FAIL", False),
        (report(RIGHT, problems=("dw is None",)), "FAIL", False),
        (report(WRONG, error=ValueError("no")), "ERROR", False),
        (report(), "ERROR", False),
    ],
)
def test_the_verdict_is_the_worst_of_all(found, verdict, passed):
    assert (found.verdict, found.passed, bool(found)) == (verdict, passed, passed)


def test_the_table():
    assert str(report(RIGHT, WRONG, KINK, problems=("dw is odd",))).splitlines() == [
        "layer: FAIL (tolerance 1e-06)",
        "  gradient  shape   verdict  rel. error  error bar  worst entry",
        "  dx        (2, 3)  PASS     1.0e-10     2.0e-10    dx[1, 2]: analytic 0.5, numeric 0.5",
        "  dw        (3, 5)  FAIL     5.0e-01     2.0e-10    dw[2, 3]: analytic 1, numeric 2",
        "  db        (3,)    KINK     0.0e+00     1.0e-09    db[0]: analytic 0, numeric 0 (2 on a kink)",
        "  - dw is odd",
    ]


def test_a_gradient_never_exercised_is_noted():
    dead = check_op(lambda x: (np.maximum(x, 0), x), -np.ones(3), backward=lambda dy, x: dy * 0)
    assert dead.verdict == "PASS"
    assert "note: dx is zero at every probed entry" in str(dead)


def test_assert_ok_raises_with_the_whole_table():
    report(RIGHT, KINK).assert_ok()
    with pytest.raises(AssertionError, match=r"dw\[2, 3\]: analytic 1, numeric 2"):
        report(WRONG).assert_ok()


def test_gradients_by_name():
    assert report(RIGHT, WRONG)["dw"] is WRONG
    with pytest.raises(KeyError, match="no gradient 'dz'"):
        report(RIGHT)["dz"]
