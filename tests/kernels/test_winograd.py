"""Winograd's convolution: a proof of its transforms, a rounding bound for its results, and how large errors are.

Its numbers pass through factors up to 1 / N * 2**j and back, so its rounding is no mere sum's. The bound here is
the one that its operations have by themselves: every rounding is at most half of ``eps`` times what it
rounds, which is never larger than the same formula with the sizes of all its terms,

    |error|  <=  gamma(n)  |A^T| [ sum over C of  (|G| |g| |G^T|) * (|B^T| |d| |B|) ] |A|

with n the roundings that one product meets on its way and gamma(n) = n u / (1 - n u), u = eps / 2.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from minicap import kernels, use_kernels
from minicap.errors import InputError
from minicap.kernels import Workspace, _conv_choice, conv_choice, get_num_threads

POINTS = (0, 1, -1, 2, -2)  # and infinity
B_TRANSPOSED = [  # as conv_winograd.pxi has it
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
# Roundings on one number's way through a transform in one direction, a fused multiply-add counted as two
DATA, RESULTS = 4, 4
FILTER = {2: 4, 3: 5, 4: 6, 5: 6}  # by its size; 1 / 6 and 1 / 24 are rounded themselves


class Transforms(NamedTuple):
    """B^T (6, 6), G (6, r) and A^T (m, 6), exact."""

    bt: np.ndarray
    g: np.ndarray
    at: np.ndarray


def transforms(r: int) -> Transforms:
    """Return the transforms for filters of size r from the points: Lagrange's interpolation, written out."""
    bt, g, at = np.zeros((6, 6), object), np.zeros((6, r), object), np.zeros((7 - r, 6), object)
    for k, a in enumerate(POINTS):
        others = [b for b in POINTS if b != a]
        bt[k, :5] = list(map(Fraction, np.poly(others)[::-1].round()))  # the product of all (x - b)
        g[k] = [Fraction(a) ** j / Fraction(int(np.prod([a - b for b in others]))) for j in range(r)]
        at[:, k] = [Fraction(a) ** i for i in range(7 - r)]
    bt[5] = list(map(Fraction, np.poly(POINTS)[::-1].round()))
    g[5, -1] = at[-1, 5] = Fraction(1)
    return Transforms(bt, g, at)


def through_points(x, g, at: Transforms) -> np.ndarray:
    """Return what filters g (F, C, r, r) make of images x (N, C, H, W), padded already, (N, F, OH, OW)."""
    bt, gt, att = (np.asarray(matrix, np.float64) for matrix in at)
    m, r = len(att), gt.shape[1]
    oh, ow = (size - r + 1 for size in x.shape[2:])
    tall, wide = -(-oh // m), -(-ow // m)
    spare = tall * m + r - 1 - x.shape[2], wide * m + r - 1 - x.shape[3]
    x = np.pad(x, ((0, 0), (0, 0), (0, spare[0]), (0, spare[1])))
    d = bt @ sliding_window_view(x, (6, 6), axis=(2, 3))[:, :, ::m, ::m] @ bt.T  # (N, C, tall, wide, 6, 6)
    u = gt @ g @ gt.T  # (F, C, 6, 6)
    y = att @ np.einsum("fcij,ncpqij->nfpqij", u, d, optimize=True) @ att.T
    return y.swapaxes(3, 4).reshape(len(x), len(g), tall * m, wide * m)[:, :, :oh, :ow]


def taps_through_points(x, dy, at: Transforms) -> np.ndarray:
    """Return what dy (N, F, OH, OW), tile by tile, makes of images x (N, C, H, W), padded: dw (F, C, r, r)."""
    r, m = at.at.shape[0], at.g.shape[1]  # the taps are the results, and a tile of dy is the filter
    dw = np.zeros((dy.shape[1], x.shape[1], r, r))
    for p in range(0, dy.shape[2], m):
        for q in range(0, dy.shape[3], m):
            filters, pixels = np.zeros((len(x), dy.shape[1], m, m)), np.zeros((len(x), x.shape[1], 6, 6))
            tile, seen = dy[:, :, p : p + m, q : q + m], x[:, :, p : p + 6, q : q + 6]
            filters[:, :, : tile.shape[2], : tile.shape[3]] = tile
            pixels[:, :, : seen.shape[2], : seen.shape[3]] = seen
            # the images take the place of the channels, and filters and channels that of filters and images
            dw += through_points(pixels.swapaxes(0, 1), filters.swapaxes(0, 1), at).swapaxes(0, 1)
    return dw


class Case(NamedTuple):
    """The arguments of one convolution at stride 1."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    dy: np.ndarray
    padding: tuple

    @property
    def options(self) -> tuple:
        return (1, 1), self.padding, (1, 1), 1

    def results(self) -> list[np.ndarray]:
        """Return the forward, the input and the weight gradient."""
        return [
            kernels.conv.conv2d_forward(self.x, self.w, self.b, *self.options),
            kernels.conv.conv2d_backward_input(self.dy, self.w, self.x.shape, *self.options),
            kernels.conv.conv2d_backward_weight(self.dy, self.x, self.w.shape, *self.options),
        ]

    def exact(self) -> list[np.ndarray]:
        """Return the reference's results in float64, from the same numbers."""
        with use_kernels("reference"):
            return self._replace(
                **{k: getattr(self, k).astype(np.float64) for k in ("x", "w", "b", "dy")}
            ).results()

    def through_points(self, sizes: bool) -> list[np.ndarray]:
        """Return the results by Winograd's formula in float64, or the formula with the sizes of all its terms."""
        x, w, b, dy = (array.astype(np.float64) for array in self[:4])
        r = w.shape[2]
        at, at_weights = transforms(r), transforms(7 - r)
        if sizes:
            x, w, b, dy = map(np.abs, (x, w, b, dy))
            at, at_weights = (Transforms(*map(np.abs, matrices)) for matrices in (at, at_weights))
        padded = np.pad(x, ((0, 0), (0, 0), *self.padding))
        around = [tuple(r - 1 - p for p in pads) for pads in self.padding]  # what dy lacks, or has too much
        cut = [
            slice(max(0, -a), size - max(0, -z)) for (a, z), size in zip(around, dy.shape[2:], strict=True)
        ]
        margin = [(max(0, a), max(0, z)) for a, z in around]
        turned = np.pad(dy[:, :, cut[0], cut[1]], ((0, 0), (0, 0), *margin))
        flipped = w[:, :, ::-1, ::-1].swapaxes(0, 1)
        found = [through_points(padded, w, at) + b.reshape(-1, 1, 1), through_points(turned, flipped, at)]
        return [*found, taps_through_points(padded, dy, at_weights)]

    def roundings(self) -> tuple[int, int, int]:
        """Return how many roundings a product meets in the forward, the input and the weight gradient."""
        n, _, oh, ow = self.dy.shape
        f, c, r, _ = self.w.shape
        around = 2 * (DATA + FILTER[r] + RESULTS)
        m = 7 - r
        tiles = n * -(-oh // m) * -(-ow // m)
        weights = tiles + 2 * (DATA + FILTER[m] + RESULTS) + get_num_threads()
        return c + around + 1, f + around, weights  # the bias is one more

    def bounds(self) -> list[np.ndarray]:
        """Return how far the results may be from the exact ones."""
        half = np.finfo(np.float32).eps / 2
        sizes = zip(self.roundings(), self.through_points(sizes=True), strict=False)
        return [n * half / (1 - n * half) * size for n, size in sizes]


def make_case(n, c, f, image, r, padding, seed=0) -> Case:
    """Return a case with random float32 numbers."""
    rng = np.random.default_rng(seed)
    output = [size + sum(pads) - r + 1 for size, pads in zip(image, padding, strict=True)]
    shapes = [(n, c, *image), (f, c, r, r), (f,), (n, f, *output)]
    return Case(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes), padding)


@st.composite
def cases(draw) -> Case:
    """Draw convolutions that go Winograd's way, with more padding than the filter and less than it."""
    r, n = draw(st.sampled_from([3, 5])), draw(st.integers(1, 2))
    c, f = (draw(st.sampled_from([16, 17, 23, 31, 32, 33, 50])) for _ in "cf")
    padding = tuple((draw(st.integers(0, 5)), draw(st.integers(0, 5))) for _ in "hw")
    image = tuple(draw(st.integers(max(1, r - sum(pads)), 13)) for pads in padding)
    return make_case(n, c, f, image, r, padding, draw(st.integers(0, 9)))


class Spoilt(Workspace):
    """A workspace whose room holds nothing but NaN whenever it is asked for."""

    def room(self, size):
        room = super().room(size)
        room[:] = 255
        return room


@pytest.fixture
def wide(build):
    """Run the test under every build that goes Winograd's way."""
    if build == "generic":
        pytest.skip("narrow vectors do not go Winograd's way")
    return build


@pytest.fixture
def direct(monkeypatch):
    """Return a function that closes Winograd's way."""

    def close():
        monkeypatch.setattr(_conv_choice, "_winograd_wanted", lambda: False)
        conv_choice.cache_clear()

    yield close
    conv_choice.cache_clear()


@pytest.mark.parametrize("r", [3, 4, 5])
def test_the_transforms_are_a_correlation(r):
    """Both sides are linear in d and in g, so what holds for all pairs of unit vectors holds for all numbers."""
    bt, g, at = transforms(r)
    assert bt.tolist() == B_TRANSPOSED
    for i in range(6):
        for j in range(r):
            y = at @ (g[:, j] * bt[:, i])  # of d = 1 at pixel i and g = 1 at tap j
            assert y.tolist() == [i == k + j for k in range(7 - r)]


def test_the_filter_transform_is_the_one_that_is_written_down():
    assert [row[0] for row in transforms(3).g[:5]] == [Fraction(1, n) for n in (4, -6, -6, 24, 24)]
    assert transforms(5).at.tolist() == [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 1]]


@pytest.mark.parametrize("r", [3, 5])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 2), (5, 3))])
def test_the_formula_equals_the_reference(r, padding):
    case = make_case(2, 3, 2, (9, 6), r, padding)
    for found, exact in zip(case.through_points(sizes=False), case.exact(), strict=False):
        np.testing.assert_allclose(found, exact, rtol=1e-11, atol=1e-11)


@settings(max_examples=30)
@given(case=cases())
def test_every_result_is_within_the_rounding_bound(wide, case):
    ways = conv_choice(case.w.shape, (1, 1), (1, 1), 1, 4, 32)
    assert set(ways.values()) == {"winograd"}
    with Spoilt():
        results = case.results()
    for result, exact, bound in zip(results, case.exact(), case.bounds(), strict=False):
        assert result.dtype == np.float32
        assert result.shape == exact.shape
        assert np.all(np.abs(result - exact) <= bound)


def errors(case: Case) -> list[float]:
    """Return the largest error of each result relative to its largest value."""
    pairs = zip(case.results(), case.exact(), strict=True)
    return [float(np.max(np.abs(found - exact)) / np.max(np.abs(exact))) for found, exact in pairs]


@pytest.mark.parametrize("r", [3, 5])
def test_errors_are_as_large_as_stated(wide, direct, r):
    """What the docstring of `_conv_choice` says, and within 4 millionths where Winograd's way is closed."""
    case = make_case(8, 64, 64, (28, 28), r, ((r // 2, r // 2),) * 2)
    winograd = errors(case)
    direct()
    direct_errors = errors(case)
    assert max(winograd[:2]) < 12e-6
    assert winograd[2] < (12e-6 if r == 3 else 60e-6)
    assert max(direct_errors) < 4e-6
    for one, other in zip(winograd, direct_errors, strict=True):
        assert one > 2 * other  # so the two are different ways indeed


@pytest.mark.parametrize(("value", "expected"), [("off", 0), (" OFF ", 0), ("no", 0), ("on", 3), ("", 3)])
def test_the_environment_closes_winograds_way(child, value, expected):
    code = "from minicap.kernels import conv_choice as c; print(c((64, 64, 3, 3), (1, 1), (1, 1), 1, 4, 64))"
    shown = child(code, MINICAP_WINOGRAD=value).stdout
    assert (shown.count("forward"), shown.count("winograd")) == (1, expected)


def test_a_value_that_is_neither_on_nor_off_is_refused(monkeypatch):
    monkeypatch.setenv("MINICAP_WINOGRAD", "maybe")
    with pytest.raises(
        InputError, match=r"MINICAP_WINOGRAD='maybe' is neither on nor off; set it to one of them"
    ):
        _conv_choice._winograd_wanted.__wrapped__()
