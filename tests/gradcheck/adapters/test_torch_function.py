"""An autograd.Function is checked where torch is installed, and a sentence where it is not."""

import builtins

import numpy as np
import pytest

from minicap.gradcheck.adapters import torch_function
from minicap.gradcheck.engine import check


def scaled_product(factor):
    """Return y = x @ w * by as an autograd.Function whose dw is ``factor`` times what it should be."""
    torch = pytest.importorskip("torch", exc_type=ImportError)

    class ScaledProduct(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, by):
            ctx.save_for_backward(x, w)
            ctx.by = by
            return x @ w * by

        @staticmethod
        def backward(ctx, dy):
            x, w = ctx.saved_tensors
            return dy @ w.T * ctx.by, x.T @ dy * ctx.by * factor, None

    return ScaledProduct


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "PASS"), (2.0, "FAIL")])
def test_a_function_is_judged_by_its_inputs(rng, factor, verdict):
    function = scaled_product(factor)
    inputs = rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal((3, 2)), 3.0
    report = check(lambda: torch_function.subject(function, inputs), "ScaledProduct")
    assert {g.name: g.verdict for g in report.gradients} == {"dx": "PASS", "dw": verdict}, report


def test_without_torch_it_is_a_sentence(monkeypatch):
    real = builtins.__import__

    def without_torch(name, *args, **kwargs):
        if name == "torch":
            raise ImportError("No module named 'torch'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    report = check(lambda: torch_function.subject(type, [np.ones(3)]), "Function")
    assert report.verdict == "ERROR"
    assert report.problems == ("an autograd.Function needs torch, which is not installed",)
