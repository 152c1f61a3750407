"""Convolution kernels over wide shapes: every way of every build against float64, in spoilt memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap import kernels, use_kernels
from minicap.kernels import Workspace, conv_choice, kernel_threads, use_build
from minicap.kernels._switch import module_in_use
from minicap.kernels._workspace import ALIGNMENT

VECTOR_BYTES = {"generic": 16, "v3": 32, "v4": 64}
COUNTS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 33, 48)  # below, at and above whole vectors and tiles
PASSES = ("forward", "input", "weight")


class Case(NamedTuple):
    """The arguments of one convolution, and an upstream gradient that fits its output."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    dy: np.ndarray
    options: tuple  # stride, padding, dilation, groups

    def result(self, which: str) -> np.ndarray:
        """Return the result of one pass under the kernels in use."""
        if which == "forward":
            return kernels.conv.conv2d_forward(self.x, self.w, self.b, *self.options)
        if which == "input":
            return kernels.conv.conv2d_backward_input(self.dy, self.w, self.x.shape, *self.options)
        return kernels.conv.conv2d_backward_weight(self.dy, self.x, self.w.shape, *self.options)

    def exact(self, which: str) -> np.ndarray:
        """Return the reference's result in float64, computed from the same numbers."""
        with use_kernels("reference"):
            return Case(*(array.astype(np.float64) for array in self[:4]), self.options).result(which)

    def bound(self, which: str) -> np.ndarray:
        """Return how far a direct sum may be from the exact one: its additions times the sum of the terms' sizes."""
        sizes = Case(*map(np.abs, self[:4]), self.options).exact(which)
        additions = {"forward": self.w[0].size, "input": self.w[:, 0].size, "weight": self.dy[:, 0].size}[
            which
        ]
        return 2 * (additions + 1) * np.finfo(self.x.dtype).eps * sizes

    def ways(self, build: str) -> dict[str, str]:
        """Return which way a build goes in every pass."""
        stride, _, dilation, groups = self.options
        return conv_choice(self.w.shape, stride, dilation, groups, self.x.itemsize, VECTOR_BYTES[build])


def make_case(
    c, f, image, kernel, *, n=2, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    dtype="float32", seed=0,
) -> Case:  # fmt: skip
    """Return a case with random numbers; c and f count the channels and filters of one group."""
    rng = np.random.default_rng(seed)
    sides = zip(image, padding, dilation, kernel, stride, strict=True)
    output = [(size + sum(pads) - d * (k - 1) - 1) // s + 1 for size, pads, d, k, s in sides]
    shapes = [(n, groups * c, *image), (groups * f, c, *kernel), (groups * f,), (n, groups * f, *output)]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return Case(*arrays, (stride, padding, dilation, groups))


ONE = ((1, 1), (1, 1))
LISTED = {
    "winograd 3x3": make_case(17, 33, (9, 7), (3, 3), padding=ONE),
    "winograd 5x5": make_case(16, 24, (7, 13), (5, 5), padding=((2, 2), (4, 0))),
    "winograd, one pixel": make_case(24, 16, (1, 1), (3, 3), padding=ONE, n=3),
    "direct 3x3": make_case(17, 33, (9, 7), (3, 3), padding=ONE, dtype="float64"),
    "few filters": make_case(3, 1, (6, 11), (3, 5), padding=ONE),
    "few channels": make_case(3, 48, (9, 9), (7, 7), padding=((3, 3), (3, 3)), stride=(2, 2)),
    "large step": make_case(9, 15, (7, 5), (1, 1), stride=(3, 2), dtype="float64"),
    "step beyond the image": make_case(8, 9, (2, 1), (1, 1), stride=(3, 3)),
    "more phases than room": make_case(2, 3, (12, 10), (2, 3), stride=(9, 8)),
    "one pixel, many channels": make_case(48, 33, (1, 1), (1, 1), n=3),
    "width one": make_case(7, 8, (13, 1), (5, 1), padding=((2, 2), (0, 0))),
    "dilated": make_case(3, 7, (9, 12), (3, 3), dilation=(2, 3), padding=((2, 0), (3, 3))),
    "depthwise, a pixel beyond a vector": make_case(1, 1, (3, 17), (3, 3), groups=3),
    "far dilated": make_case(1, 1, (3, 30), (2, 4), dilation=(1, 20), padding=((0, 0), (20, 20)), groups=3),
    "groups": make_case(3, 16, (5, 6), (3, 2), groups=3, stride=(2, 1), padding=ONE),
    "depthwise": make_case(1, 1, (7, 6), (3, 3), groups=17, padding=ONE),
    "depthwise, in steps": make_case(1, 1, (7, 6), (3, 3), groups=9, padding=ONE, stride=(2, 2), dtype="float64"),
    "depthwise, three each": make_case(1, 3, (6, 5), (5, 5), groups=7, padding=((2, 2), (2, 2)), stride=(2, 1)),
    "one filter a group": make_case(8, 1, (6, 6), (3, 3), groups=2, stride=(2, 2)),
    "several strips of rows": make_case(16, 5, (61, 59), (3, 3), padding=ONE, n=1),
    "several strips of pixels": make_case(17, 33, (66, 64), (3, 3), padding=ONE, stride=(2, 2), n=1),
    "several strips of tiles": make_case(17, 16, (55, 30), (3, 3), padding=ONE, n=1),
    "several strips of small tiles": make_case(16, 17, (41, 23), (5, 5), n=1),
    "no image": make_case(3, 17, (5, 5), (3, 3), n=0),
    "no image, winograd": make_case(17, 17, (5, 5), (3, 3), n=0),
}  # fmt: skip


@st.composite
def cases(draw) -> Case:
    """Draw convolutions with odd numbers of channels and filters; some are depthwise, some a batch of none."""

    def pair(values):
        return draw(values), draw(values)

    kernel, stride = pair(st.sampled_from([1, 2, 3, 5, 7])), pair(st.integers(1, 3))
    dilation = pair(st.integers(1, 3))
    padding = tuple(pair(st.integers(0, k)) for k in kernel)
    smallest = [max(1, d * (k - 1) + 1 - sum(p)) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    image = tuple(size + draw(st.integers(0, 5)) for size in smallest)
    depthwise = draw(st.integers(0, 3)) == 0
    c, f = (1, draw(st.integers(1, 3))) if depthwise else pair(st.sampled_from(COUNTS))
    groups = draw(st.sampled_from([1, 2, 7, 16, 17] if depthwise else [1, 1, 1, 2, 3]))
    return make_case(
        c, f, image, kernel, n=draw(st.integers(0, 3)), stride=stride, padding=padding, dilation=dilation,
        groups=groups, dtype=draw(st.sampled_from(["float32", "float64"])), seed=draw(st.integers(0, 9)),
    )  # fmt: skip


class Spoilt(Workspace):
    """A workspace whose room, and a NumPy whose new memory, holds nothing but NaN and must not be overrun."""

    FENCE = 1024  # bytes on both sides, a multiple of the alignment

    def __init__(self):
        super().__init__()
        self.fences = []

    def fenced(self, size: int) -> np.ndarray:
        """Return so many bytes of NaN between two fences."""
        whole = np.full(size + 2 * self.FENCE + ALIGNMENT, 255, np.uint8)  # all bits set: NaN of either type
        start = -whole.ctypes.data % ALIGNMENT + self.FENCE
        self.fences += [whole[:start], whole[start + size :]]
        return whole[start : start + size]

    def room(self, size):
        return self.fenced(size)

    def empty(self, shape, dtype):
        dtype = np.dtype(dtype)
        return self.fenced(int(np.prod(shape)) * dtype.itemsize).view(dtype).reshape(shape)

    def __getattr__(self, name):
        return getattr(np, name)

    def check(self) -> None:
        """Fail where something was written to a fence."""
        assert all(np.all(fence == 255) for fence in self.fences)
        self.fences.clear()


@pytest.fixture
def spoilt(build, monkeypatch):
    """Run the test under every build, in memory that holds nothing but NaN; return the build and that memory."""
    memory = Spoilt()
    monkeypatch.setattr(module_in_use("conv"), "np", memory)
    if build == "generic":
        from minicap.kernels.compiled.generic import _unfold

        monkeypatch.setattr(_unfold, "np", memory)
    with memory:
        yield build, memory


@settings(max_examples=40)
@given(case=cases())
def test_every_shape_equals_the_reference_in_float64(spoilt, case):
    build, memory = spoilt
    for which, way in case.ways(build).items():
        if way != "winograd":  # which has a test file of its own
            result = case.result(which)
            assert result.dtype == case.x.dtype
            assert np.all(np.abs(result - case.exact(which)) <= case.bound(which)), (which, way)
            memory.check()


def test_the_listed_shapes_reach_every_way():
    for build, expected in {
        "generic": {"unfold", "rows", "pixels"},
        "v3": {"winograd", "rows", "pixels"},
        "v4": {"winograd", "rows", "pixels"},
    }.items():
        for which in PASSES:
            assert {case.ways(build)[which] for case in LISTED.values()} == expected, (build, which)


@pytest.mark.parametrize("name", LISTED)
def test_no_pass_reads_what_lay_in_memory_or_writes_beyond(spoilt, name):
    (build, memory), case = spoilt, LISTED[name]
    for which, way in case.ways(build).items():
        result, exact = case.result(which), case.exact(which)
        memory.check()
        factor = 8 if way == "winograd" else 1  # test_winograd.py has its bound
        assert np.all(np.abs(result - exact) <= factor * case.bound(which)), (which, way)


@pytest.mark.parametrize("name", LISTED)
def test_the_same_call_gives_the_same_bits_and_writes_to_no_input(build, name):
    case = LISTED[name]
    before = [array.copy() for array in case[:4]]
    for which in PASSES:
        assert case.result(which).tobytes() == case.result(which).tobytes(), which
    for array, copy in zip(case[:4], before, strict=True):
        np.testing.assert_array_equal(array, copy)


def where_it_is_seen(case: Case, array: str, at: tuple, which: str) -> np.ndarray:
    """Return where a result changes as one number of an array does, all other numbers being one."""
    changed = np.zeros_like(getattr(case, array), np.float64)
    changed[at] = 1
    ones = Case(*(np.ones_like(a, np.float64) for a in case[:4]), case.options)._replace(
        b=np.zeros(len(case.b))
    )
    with use_kernels("reference"):
        return ones._replace(**{array: changed}).result(which) != 0


def where_it_may_reach(case: Case, array: str, at: tuple, which: str, way: str) -> np.ndarray:
    """Return where one number of an array may at most change a result.

    Padding is multiplied too, so a number of dy belongs to all taps of its filter. Two ways spread a number
    further than it is seen: Winograd's over its tile, and rows over its channel's other taps, since what
    stands between the rows of dy is zero and not left out.
    """
    reach = where_it_is_seen(case, array, at, which)
    if which == "weight" and array == "dy":
        reach[at[1]] = True
    elif which == "weight" and way in ("winograd", "rows"):
        (f, c), groups = case.w.shape[:2], case.options[3]
        group, channel = divmod(at[1], c)
        reach[group * f // groups : (group + 1) * f // groups, channel] = True
    elif way == "winograd":
        reach[at[0]] = True
    return reach


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", [name for name, case in LISTED.items() if len(case.x)])
def test_nan_and_infinity_stay_where_they_belong(build, name, value):
    case = LISTED[name]
    for array, which in (("x", "forward"), ("dy", "input"), ("x", "weight"), ("dy", "weight")):
        numbers = getattr(case, array).copy()
        at = tuple(size // 2 for size in numbers.shape)
        numbers[at] = value
        with np.errstate(invalid="ignore"):
            lost = ~np.isfinite(case._replace(**{array: numbers}).result(which))
        assert np.all(lost[where_it_is_seen(case, array, at, which)]), (which, array)
        reach = where_it_may_reach(case, array, at, which, case.ways(build)[which])
        assert not np.any(lost & ~reach), (which, array)


def room_of(case: Case, which: str) -> int:
    """Return the bytes of scratch that a pass asks for."""
    with Workspace() as workspace:
        case.result(which)
        return workspace.nbytes


@pytest.mark.parametrize(
    ("c", "f", "kernel", "stride"),
    [(32, 32, 3, 1), (32, 32, 5, 1), (32, 1, 3, 1), (32, 24, 3, 2), (3, 32, 7, 2)],
    ids=["winograd 3x3", "winograd 5x5", "one filter", "in steps", "few channels"],
)
@pytest.mark.parametrize("build", ["v3", "v4"])
def test_the_room_is_a_few_images_however_many_there_are(compiled, build, c, f, kernel, stride):
    if build not in kernels.builds_here():
        pytest.skip(f"no {build} build here")
    half = kernel // 2
    one, many = (
        make_case(c, f, (48, 48), (kernel, kernel), n=n, padding=((half, half),) * 2, stride=(stride, stride))
        for n in (1, 5)
    )
    with use_kernels("compiled"), use_build(build):
        for which in PASSES:
            with kernel_threads(1):
                room = room_of(many, which)
                assert room == room_of(one, which)
                assert (
                    room < 4 * (one.x.nbytes + one.dy.nbytes) + 8 * one.w.nbytes
                )  # unfolded: 9, 25, 49 times x
            with kernel_threads(2):
                assert room <= room_of(many, which) <= 2 * room
