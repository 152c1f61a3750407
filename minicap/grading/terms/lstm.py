"""The LSTM: one step, and a sequence of them."""

from __future__ import annotations

from minicap import ops
from minicap.grading.terms import recurrent
from minicap.grading.terms.base import Bodies, Term, Variant, fill

_PARAMETERS = ("w_x", "w_h", "b")
_SAVED = "h_prev, c_prev, i, f, g, o, c"
_GATES = recurrent.gate_orders("ifgo")
_STATES = {"h_prev": "(N, H)", "c_prev": "(N, H)"}


def _layout(variant: Variant) -> recurrent.Layout:
    return recurrent.layout(variant, "ifgo")


def _convention(variant: Variant) -> list[str]:
    turned = "^T" if variant["weights"] == "out_in" else ""
    order = ", ".join(variant["gates"])
    where = "rows" if turned else "columns"
    lines = [
        f"a = x_t w_x{turned} + h_{{t-1}} w_h{turned} + b; its four blocks, and the {where} of w_x and w_h, are "
        f"for {order} in this order",
        "i, f, o = sigmoid(their blocks), g = tanh(its block)",
        "c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)",
    ]
    return lines + (["h0, c0 are the states before the first step"] if "time" in variant else [])


def _step(variant: Variant) -> str:
    return fill(
        """
a = x_t @ $wx + h_prev @ $wh + b
$order = np.split(a, 4, axis=1)
i, f, o = (1 / (1 + np.exp(-part)) for part in (i, f, o))
g = np.tanh(g)
c = f * c_prev + i * g
h = o * np.tanh(c)
""",
        order=", ".join(variant["gates"]), **recurrent.products(variant),
    )  # fmt: skip


def _step_back(variant: Variant) -> str:
    return fill(
        """
shown = np.tanh(c)
do = dh * shown * o * (1 - o)
dc = dc + dh * o * (1 - shown**2)
di, df, dg = dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2)
da = np.hstack([$order])
dx_t = da @ $bx
dh = da @ $bh
dc = dc * f
dw_x_t = $dwx
dw_h_t = $dwh
db_t = da.sum(axis=0)
""",
        order=", ".join(f"d{gate}" for gate in variant["gates"]),
        dwx=recurrent.outer(variant, "x_t", "da"), dwh=recurrent.outer(variant, "h_prev", "da"),
        **recurrent.products(variant),
    )  # fmt: skip


def _bodies_step(variant: Variant) -> Bodies:
    ends = "\ndx, dh_prev, dc_prev, dw_x, dw_h, db = dx_t, dh, dc, dw_x_t, dw_h_t, db_t"
    kept = ("x", "w_x", "w_h", "h_prev", "c_prev", "i", "f", "g", "o", "c")
    return Bodies(_step(variant).replace("x_t", "x"), "x_t = x\n" + _step_back(variant) + ends, kept)


def _bodies(variant: Variant) -> Bodies:
    states = {"h": "h0", "c": "c0"}
    step = "h_prev, c_prev = h, c\n" + _step(variant)
    forward = recurrent.sequence_forward(variant, step, states, _SAVED)
    backward = recurrent.sequence_backward(variant, _step_back(variant), _SAVED, states, _PARAMETERS)
    return Bodies(forward, backward, ("x", *_PARAMETERS, "steps"))


TERMS = [
    Term(
        "lstm_step", "one step of an LSTM", ("x", *_STATES, *_PARAMETERS), ("x", *_STATES, *_PARAMETERS),
        ("h", "c"), {**recurrent.STEP, "gates": _GATES}, recurrent.draw(4, tuple(_STATES), ("b",), False),
        recurrent.answer(ops.lstm_step_forward, ops.lstm_step_backward, _layout, states=2),
        recurrent.shapes(4, _STATES, ("b",), {"h": "(N, H)", "c": "(N, H)"}, False), _convention, _bodies_step,
    ),
    Term(
        "lstm", "an LSTM over a sequence", ("x", "h0", "c0", *_PARAMETERS), ("x", "h0", "c0", *_PARAMETERS),
        ("hs",), {**recurrent.SEQUENCE, "gates": _GATES}, recurrent.draw(4, ("h0", "c0"), ("b",), True),
        recurrent.answer(ops.lstm_forward, ops.lstm_backward, _layout, states=2, dropped=1),
        recurrent.shapes(4, {"h0": "(N, H)", "c0": "(N, H)"}, ("b",), {"hs": "(*, H)"}, True),
        _convention, _bodies,
    ),
]  # fmt: skip
