"""The GRU: one step, and a sequence of them."""

from __future__ import annotations

from typing import Any

from minicap import ops
from minicap.grading.terms import recurrent
from minicap.grading.terms.base import Bodies, Choice, Term, Variant, fill

_BIASES = ("b_x", "b_h")
_PARAMETERS = ("w_x", "w_h", *_BIASES)
_SAVED = "h_prev, r, z, n, q"
_CHOICES = {
    "gates": recurrent.gate_orders("rzn"),
    "reset_after": Choice(True, (True, False)),
    "update": Choice("keeps", ("keeps", "writes")),
}


def _layout(variant: Variant) -> recurrent.Layout:
    # sigmoid(-a) is 1 - sigmoid(a): a gate that writes is a gate that keeps with the sign turned.
    return recurrent.layout(variant, "rzn", "z" if variant["update"] == "writes" else "")


def _options(variant: Variant) -> dict[str, Any]:
    return {"reset_after": variant["reset_after"]}


def _convention(variant: Variant) -> list[str]:
    turned = "^T" if variant["weights"] == "out_in" else ""
    order, where = ", ".join(variant["gates"]), "rows" if turned else "columns"
    inner = (
        f"r (h_{{t-1}} w_hn{turned} + b_hn)"
        if variant["reset_after"]
        else f"(r h_{{t-1}}) w_hn{turned} + b_hn"
    )
    keeps = variant["update"] == "keeps"
    lines = [
        f"the {where} of w_x and w_h, and the entries of b_x and b_h, are in three blocks for {order} in this order",
        f"r, z = sigmoid(x_t w_x{turned} + b_x + h_{{t-1}} w_h{turned} + b_h), of their blocks",
        f"n = tanh(x_t w_xn{turned} + b_xn + {inner})",
        "h_t = (1 - z) n + z h_{t-1}" if keeps else "h_t = (1 - z) h_{t-1} + z n",
    ]
    return lines + (["h0 is the state before the first step"] if "time" in variant else [])


def _blocks(variant: Variant, name: str) -> str:
    """Return code that cuts something into the gates' blocks."""
    return ", ".join(f"{name}{gate}" for gate in variant["gates"])


def _step(variant: Variant) -> str:
    after = variant["reset_after"]
    keeps = variant["update"] == "keeps"
    return fill(
        """
$x_blocks = np.split(x_t @ $wx + b_x, 3, axis=1)
$w_blocks = np.split($wh, 3, axis=1)
$b_blocks = np.split(b_h, 3)
r = 1 / (1 + np.exp(-(x_r + h_prev @ w_r + b_r)))
z = 1 / (1 + np.exp(-(x_z + h_prev @ w_z + b_z)))
q = $q
n = np.tanh(x_n + $inner)
h = $h
""",
        x_blocks=_blocks(variant, "x_"), w_blocks=_blocks(variant, "w_"), b_blocks=_blocks(variant, "b_"),
        q="h_prev @ w_n + b_n" if after else "r * h_prev", inner="r * q" if after else "q @ w_n + b_n",
        h="(1 - z) * n + z * h_prev" if keeps else "(1 - z) * h_prev + z * n", **recurrent.products(variant),
    )  # fmt: skip


_AFTER = """
dr = da_n * q * r * (1 - r)
dq = da_n * r
da = {"r": dr, "z": dz, "n": da_n}
dg = {"r": dr, "z": dz, "n": dq}
left = {"r": h_prev, "z": h_prev, "n": h_prev}
dh = dh_kept + dr @ w_r.T + dz @ w_z.T + dq @ w_n.T
"""
_BEFORE = """
dq = da_n @ w_n.T
dr = dq * h_prev * r * (1 - r)
da = {"r": dr, "z": dz, "n": da_n}
dg = {"r": dr, "z": dz, "n": da_n}
left = {"r": h_prev, "z": h_prev, "n": q}
dh = dh_kept + dr @ w_r.T + dz @ w_z.T + dq * r
"""


def _step_back(variant: Variant) -> str:
    keeps = variant["update"] == "keeps"
    turned = ".T" if variant["weights"] == "out_in" else ""
    return fill(
        """
$w_blocks = np.split($wh, 3, axis=1)
dn, dz = dh * $write, dh * $move * z * (1 - z)
dh_kept = dh * $keep
da_n = dn * (1 - n**2)
$inside
order = "$gates"
da_all = np.hstack([da[gate] for gate in order])
dg_all = np.hstack([dg[gate] for gate in order])
dx_t = da_all @ $bx
dw_x_t = $dwx
dw_h_t = np.hstack([left[gate].T @ dg[gate] for gate in order])$turned
db_x_t = da_all.sum(axis=0)
db_h_t = dg_all.sum(axis=0)
""",
        w_blocks=_blocks(variant, "w_"), write="(1 - z)" if keeps else "z", keep="z" if keeps else "(1 - z)",
        move="(h_prev - n)" if keeps else "(n - h_prev)", gates=variant["gates"], turned=turned,
        inside=(_AFTER if variant["reset_after"] else _BEFORE).strip(),
        dwx=recurrent.outer(variant, "x_t", "da_all"), **recurrent.products(variant),
    )  # fmt: skip


def _bodies_step(variant: Variant) -> Bodies:
    ends = "\ndx, dh_prev, dw_x, dw_h, db_x, db_h = dx_t, dh, dw_x_t, dw_h_t, db_x_t, db_h_t"
    forward = "x_t = x\n" + _step(variant)
    return Bodies(forward, "x_t = x\n" + _step_back(variant) + ends, ("x", "w_x", "w_h", *_SAVED.split(", ")))


def _bodies(variant: Variant) -> Bodies:
    states = {"h": "h0"}
    forward = recurrent.sequence_forward(variant, "h_prev = h\n" + _step(variant), states, _SAVED)
    backward = recurrent.sequence_backward(variant, _step_back(variant), _SAVED, states, _PARAMETERS)
    return Bodies(forward, backward, ("x", *_PARAMETERS, "steps"))


TERMS = [
    Term(
        "gru_step", "one step of a GRU", ("x", "h_prev", *_PARAMETERS), ("x", "h_prev", *_PARAMETERS), ("h",),
        {**recurrent.STEP, **_CHOICES}, recurrent.draw(3, ("h_prev",), _BIASES, False),
        recurrent.answer(ops.gru_step_forward, ops.gru_step_backward, _layout, options=_options),
        recurrent.shapes(3, {"h_prev": "(N, H)"}, _BIASES, {"h": "(N, H)"}, False), _convention, _bodies_step,
    ),
    Term(
        "gru", "a GRU over a sequence", ("x", "h0", *_PARAMETERS), ("x", "h0", *_PARAMETERS), ("hs",),
        {**recurrent.SEQUENCE, **_CHOICES}, recurrent.draw(3, ("h0",), _BIASES, True),
        recurrent.answer(ops.gru_forward, ops.gru_backward, _layout, options=_options),
        recurrent.shapes(3, {"h0": "(N, H)"}, _BIASES, {"hs": "(*, H)"}, True), _convention, _bodies,
    ),
]  # fmt: skip
