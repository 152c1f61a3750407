"""Every rung of the ladder is the same convolution, proved as any op, and the same classifier's step."""

from __future__ import annotations

import numpy as np
import pytest

import minicap
from minicap import ops
from minicap.bench.jobs import fingerprint, same
from minicap.bench.ladder import IM2COL, KERNELS, LOOPS, REFERENCE, RUNGS, THEIRS, WINDOWS
from minicap.bench.ladder_jobs import ladder_rows, plain_row, rung_job
from minicap.bench.libraries import Minicap
from minicap.bench.rows import catalogue
from minicap.gradcheck import check_op

CASES = [
    ((2, 2, 5, 4), (3, 2, 3, 2), 1, 1),
    ((1, 1, 6, 5), (2, 1, 2, 3), 2, 0),
    ((2, 3, 4, 4), (1, 3, 1, 1), 3, 2),
]


@pytest.mark.parametrize(("x", "w", "stride", "padding"), CASES)
@pytest.mark.parametrize("name", RUNGS)
def test_a_rung_is_the_convolution(name, x, w, stride, padding, rng):
    x, w, b = (rng.standard_normal(shape) for shape in (x, w, w[:1]))
    options = {"stride": stride, "padding": padding}
    expected, cache = ops.conv2d_forward(x, w, b, **options)
    y, own = RUNGS[name].forward(x, w, b, **options)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    dy = rng.standard_normal(y.shape)
    for found, right in zip(RUNGS[name].backward(dy, own), ops.conv2d_backward(dy, cache), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", RUNGS)
def test_a_rungs_gradients_pass_the_checker(name, rng):
    arrays = [rng.standard_normal(shape) for shape in ((2, 2, 4, 3), (2, 2, 2, 3), (2,))]
    rung = RUNGS[name]
    assert check_op(rung.forward, *arrays, backward=rung.backward, stride=2, padding=1).passed


@pytest.mark.parametrize("name", [WINDOWS, IM2COL])
def test_a_step_by_a_rung_finds_the_models_own_gradients(name):
    (row,) = (row for row in ladder_rows(against=False) if row.options["rung"] == name and "step" in row.part)
    small = {**row.options, "batch": 2, "image_size": 8, "hidden": [8]}
    row = type(row)(**{**row.to_dict(), "options": small})
    prints = []
    for job in (rung_job(row), Minicap(1).job(plain_row(row))):
        (way,) = job.ways.values()
        with way() as call:
            prints.append(fingerprint(job.arrays(call())))
    assert same(*prints, tolerance=1e-4)
    assert len(prints[0]) == 1 + 2 * 4


def test_the_rungs_of_minicap_choose_their_kernels():
    rows = [row for row in ladder_rows(against=False) if row.options["rung"] in (REFERENCE, KERNELS)]
    seen = {}
    for row in rows[:2]:
        job = rung_job(type(row)(**{**row.to_dict(), "options": {**row.options, "shape": [1, 1, 5, 5, 2]}}))
        (way,) = job.ways.values()
        with way():
            seen[row.options["rung"]] = minicap.active_kernels()
    with minicap.use_kernels("auto"):
        assert seen == {REFERENCE: "reference", KERNELS: minicap.active_kernels()}


def test_plain_loops_are_measured_small_and_scaled_by_arithmetic():
    works = {row.name: row for row in catalogue(random=0)}
    for row in ladder_rows(against=True):
        if row.options["rung"] != LOOPS:
            assert row.options["scale"] == 1
            assert plain_row(row) == type(row)(**{**works[row.part].to_dict(), "group": "ladder"})
    loops = [row for row in ladder_rows(against=True) if row.options["rung"] == LOOPS]
    assert len(loops) == 3
    conv = next(row for row in loops if row.options["kind"] == "conv")
    assert conv.flops / conv.options["scale"] == pytest.approx(3 * 2 * 4 * 64 * 27)
    step = next(row for row in loops if row.options["kind"] == "classifier")
    assert step.options["scale"] == 64 * (28 / 8) ** 2


def test_pytorch_stands_among_the_rungs_only_where_it_is_measured():
    assert THEIRS not in {row.options["rung"] for row in ladder_rows(against=False)}
    assert [row.options["rung"] for row in ladder_rows(against=True)].count(THEIRS) == 3
