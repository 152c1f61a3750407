"""The plain recurrent layer: one step, and a sequence of them."""

from __future__ import annotations

from minicap import ops
from minicap.grading.terms import recurrent
from minicap.grading.terms.base import Bodies, Term, Variant, fill

_PARAMETERS = ("w_x", "w_h", "b")
_SAVED = "h_prev, h"


def _layout(variant: Variant) -> recurrent.Layout:
    return recurrent.layout(variant, "h")


def _convention(variant: Variant) -> list[str]:
    turned = "^T" if variant["weights"] == "out_in" else ""
    lines = [f"h_t = tanh(x_t w_x{turned} + h_{{t-1}} w_h{turned} + b)"]
    return lines + (["h0 is the state before the first step"] if "time" in variant else [])


def _step(variant: Variant) -> str:
    return fill("h = np.tanh(x_t @ $wx + h_prev @ $wh + b)", **recurrent.products(variant))


def _step_back(variant: Variant) -> str:
    return fill(
        """
da = dh * (1 - h**2)
dx_t = da @ $bx
dh = da @ $bh
dw_x_t = $dwx
dw_h_t = $dwh
db_t = da.sum(axis=0)
""",
        dwx=recurrent.outer(variant, "x_t", "da"), dwh=recurrent.outer(variant, "h_prev", "da"),
        **recurrent.products(variant),
    )  # fmt: skip


def _bodies_step(variant: Variant) -> Bodies:
    ends = "\ndx, dh_prev, dw_x, dw_h, db = dx_t, dh, dw_x_t, dw_h_t, db_t"
    forward = _step(variant).replace("x_t", "x")
    return Bodies(forward, "x_t = x\n" + _step_back(variant) + ends, ("x", "h_prev", "w_x", "w_h", "h"))


def _bodies(variant: Variant) -> Bodies:
    states = {"h": "h0"}
    forward = recurrent.sequence_forward(variant, "h_prev = h\n" + _step(variant), states, _SAVED)
    backward = recurrent.sequence_backward(variant, _step_back(variant), _SAVED, states, _PARAMETERS)
    return Bodies(forward, backward, ("x", *_PARAMETERS, "steps"))


TERMS = [
    Term(
        "rnn_step", "one step of a recurrent layer", ("x", "h_prev", *_PARAMETERS),
        ("x", "h_prev", *_PARAMETERS), ("h",), recurrent.STEP,
        recurrent.draw(1, ("h_prev",), ("b",), False),
        recurrent.answer(ops.rnn_step_forward, ops.rnn_step_backward, _layout),
        recurrent.shapes(1, {"h_prev": "(N, H)"}, ("b",), {"h": "(N, H)"}, False),
        _convention, _bodies_step, cached=("x", "h_prev", "w_x", "w_h", "h"),
    ),
    Term(
        "rnn", "a recurrent layer over a sequence", ("x", "h0", *_PARAMETERS), ("x", "h0", *_PARAMETERS),
        ("hs",), recurrent.SEQUENCE, recurrent.draw(1, ("h0",), ("b",), True),
        recurrent.answer(ops.rnn_forward, ops.rnn_backward, _layout),
        recurrent.shapes(1, {"h0": "(N, H)"}, ("b",), {"hs": "(*, H)"}, True), _convention, _bodies,
    ),
]  # fmt: skip
