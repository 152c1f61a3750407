"""What every kernel promises: it writes to no input, keeps no memory of a call, and repeats itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minicap import kernels as sets
from minicap.kernels._loading import reference_module

GEOMETRY = ((2, 1), ((1, 2), (0, 1)), (1, 2), 2)  # stride, padding, dilation, groups
WINDOWS = ((3, 2), (2, 2), ((1, 1), (0, 0)))  # kernel size, stride, padding


def calls(dtype: str, seed: int = 0) -> dict[tuple[str, str], list[Any]]:
    """Return, for every kernel by family and name, arguments that fit it."""
    rng = np.random.default_rng(seed)

    def a(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    x, w, dy = a(3, 4, 6, 7), a(6, 2, 3, 2), a(3, 6, 4, 6)
    winner = rng.integers(0, 42, (3, 4, 3, 3), dtype=np.int32)
    mask = rng.random((3, 2)) < 0.7
    past, kept, parts = [a(3, 5), a(3, 2, 4), a(3, 5), a(3, 5)], [a(3, 2, 20), a(3, 2, 5)], [a(3, 2, 15)] * 2
    return {
        ("conv", "conv2d_forward"): [x, w, a(6), *GEOMETRY],
        ("conv", "conv2d_relu_pool_forward"): [x, a(6, 4, 3, 2), a(6), ((1, 2), (0, 1))],
        ("conv", "conv2d_backward_input"): [dy, w, x.shape, *GEOMETRY],
        ("conv", "conv2d_backward_weight"): [dy, x, w.shape, *GEOMETRY],
        ("pool", "max_pool2d_forward"): [x, *WINDOWS],
        ("pool", "max_pool2d_backward"): [a(3, 4, 3, 3), winner, x.shape],
        ("pool", "avg_pool2d_forward"): [x, *WINDOWS, a(3, 3)],
        ("pool", "avg_pool2d_backward"): [a(3, 4, 3, 3), x.shape, *WINDOWS, a(3, 3)],
        ("embedding", "embedding_backward"): [a(9, 5), rng.integers(0, 4, 9), 4],
        ("recurrent", "tanh"): [a(3, 4)],
        ("recurrent", "sigmoid"): [a(3, 4)],
        ("recurrent", "rnn_step"): [a(3, 5), a(3, 5), a(5, 5)],
        ("recurrent", "lstm_step"): [a(3, 20), a(3, 10), a(5, 20)],
        ("recurrent", "gru_step"): [a(3, 15), a(3, 5), a(5, 15), a(15)],
        ("decoding", "best_words"): [a(4, 9), np.arange(9) < 2],
        ("decoding", "word_log_probs"): [a(4, 9), rng.integers(0, 9, 4)],
        ("recurrent", "rnn_forward"): [a(3, 2, 4), a(3, 5), a(4, 5), a(5, 5), a(5), mask],
        ("recurrent", "rnn_backward"): [
            a(3, 2, 5),
            a(3, 2, 4),
            a(3, 5),
            a(4, 5),
            a(5, 5),
            a(5),
            a(3, 2, 5),
            mask,
        ],
        ("recurrent", "lstm_forward"): [a(3, 2, 4), a(3, 5), a(3, 5), a(4, 20), a(5, 20), a(20), mask],
        ("recurrent", "lstm_backward"): [
            a(3, 2, 5),
            *past,
            a(4, 20),
            a(5, 20),
            a(3, 20),
            *kept,
            a(3, 2, 5),
            mask,
        ],
        ("recurrent", "gru_forward"): [a(3, 2, 4), a(3, 5), a(4, 15), a(5, 15), a(15), a(15), mask],
        ("recurrent", "gru_backward"): [
            a(3, 2, 5),
            *past[1:3],
            a(4, 15),
            a(5, 15),
            a(15),
            *parts,
            a(3, 2, 5),
            mask,
        ],
        ("recurrent", "lstm_gates_forward"): [a(3, 20), a(3, 5)],
        ("recurrent", "lstm_gates_backward"): [a(3, 5), a(3, 5), a(3, 20), a(3, 5), a(3, 5)],
        ("recurrent", "gru_gates_forward"): [a(3, 15), a(3, 15), a(3, 5)],
        ("recurrent", "gru_gates_backward"): [a(3, 5), a(3, 15), a(3, 15), a(3, 5)],
        ("norm", "batch_norm_forward"): [a(3, 4, 9), a(4), a(4), 1e-5],
        ("norm", "batch_norm_apply"): [a(3, 4, 9), a(4), a(4), a(4), a(4)],
        ("norm", "batch_norm_backward"): [a(3, 4, 9), a(3, 4, 9), a(4), a(4), a(4), True],
        ("norm", "layer_norm_forward"): [a(4, 9), a(9), a(9), 1e-5],
        ("norm", "layer_norm_backward"): [a(4, 9), a(4, 9), a(4), a(4), a(9)],
        ("loss", "log_softmax"): [a(4, 9)],
        ("loss", "cross_entropy_backward"): [a(4, 9), rng.integers(0, 9, 4), np.arange(4) > 0, 0.5, 0.1],
        ("sums", "channel_sums"): [a(3, 4, 9)],
        ("sums", "row_means"): [a(4, 9)],
        ("elementwise", "relu_forward"): [a(9)],
        ("elementwise", "relu_backward"): [a(9), a(9)],
        ("elementwise", "spread_rows"): [a(4), 9],
    }


KERNELS = sorted(calls("float64"))


def run(kernel: tuple[str, str], arguments: list[Any]) -> tuple[np.ndarray, ...]:
    """Call a kernel of the set in use and return all its results as a tuple."""
    family, name = kernel
    result = getattr(getattr(sets, family), name)(*arguments)
    return result if isinstance(result, tuple) else (result,)


def arrays(arguments: list[Any]) -> list[np.ndarray]:
    """Return the arrays among the arguments."""
    return [argument for argument in arguments if isinstance(argument, np.ndarray)]


def test_this_file_knows_every_kernel():
    public = {(family, name) for family, name in KERNELS}
    writing = {"optim"}  # its steps write to what they move: see test_optim.py
    for family in sets.kernel_table().keys() - writing:
        module = reference_module(family)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_"):
                assert (family, name) in public


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel[1])
class TestEveryKernel:
    def test_takes_read_only_arrays_and_leaves_them_alone(self, every_set, kernel, dtype):
        arguments, untouched = calls(dtype)[kernel], calls(dtype)[kernel]
        for array in arrays(arguments):
            array.flags.writeable = False
        run(kernel, arguments)
        for array, former in zip(arrays(arguments), arrays(untouched), strict=True):
            np.testing.assert_array_equal(array, former)

    def test_returns_new_contiguous_arrays_of_the_same_float_type(self, every_set, kernel, dtype):
        arguments = calls(dtype)[kernel]
        for result in run(kernel, arguments):
            assert result.flags.c_contiguous
            assert result.flags.writeable
            if kernel[0] == "decoding":  # ids as a search counts, and log-probabilities that are added up
                assert result.dtype == (np.int64 if result.dtype.kind == "i" else np.float64)
            else:
                assert result.dtype == (np.int32 if result.dtype.kind == "i" else dtype)
            assert not any(np.shares_memory(result, array) for array in arrays(arguments))

    def test_a_second_call_leaves_the_first_result_alone(self, every_set, kernel, dtype):
        first = run(kernel, calls(dtype)[kernel])
        kept = [result.copy() for result in first]
        run(kernel, calls(dtype, seed=1)[kernel])
        for result, copy in zip(first, kept, strict=True):
            np.testing.assert_array_equal(result, copy)

    def test_repeats_itself_bit_for_bit(self, every_set, kernel, dtype):
        first, second = (run(kernel, calls(dtype)[kernel]) for _ in range(2))
        assert [result.tobytes() for result in first] == [result.tobytes() for result in second]
