"""Check a whole model, from its loss down to every parameter and to the images."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np

from minicap._types import Rng
from minicap.gradcheck.adapters import models
from minicap.gradcheck.adapters.calls import parameters
from minicap.gradcheck.adapters.layers import buffer_keeper, live_params, split_gradients, unwired
from minicap.gradcheck.adapters.trees import is_float_array
from minicap.gradcheck.compare import Budget
from minicap.gradcheck.engine import Check, Subject, check
from minicap.gradcheck.hygiene import Gradients
from minicap.gradcheck.report import Report


def check_model(
    model: Any,
    batch: Any,
    *inputs: Any,
    seed: int = 0,
    tolerance: float = 1e-6,
    entries: int = 6,
    directions: int = 2,
    training: bool = False,
    rng: Rng | None = None,
    **options: Any,
) -> Report:
    """Prove the derivative of a model's loss by every parameter and by the images.

    A parameter of up to ``entries`` numbers is checked whole; a larger one along ``directions`` random
    directions and at about ``entries`` of its entries. Each probe is four forwards, and at most twenty more
    where it is in doubt. Parameters are moved in place and put back; buffers are put back too.

    Parameters
    ----------
    model : object
        Has ``params``, a flat dict of live float64 arrays,
        ``loss(batch, training=..., rng=...) -> (loss, cache)`` and ``backward(cache) -> (dimages, grads)``,
        ``grads`` being named like ``params``. Where ``backward`` takes an upstream ``dloss`` as its second
        argument, a random one is given. Or has ``loss(X, y)`` that returns ``(loss, grads)`` at once, or leaves
        its gradients in the object: such a model is copied, and its float32 parameters are made float64.
    batch : NamedTuple, or ndarray with more ``inputs`` and ``options``
        Float fields are cast to float64; the field ``images`` is moved, and belongs to ``dimages``. Others
        (targets, masks) have no gradient.
    seed, tolerance
        As for ``check_op``.
    entries, directions : int
        The number of probes a parameter.
    training : bool
        Whether to check the training mode (dropout, batch statistics).
    rng : numpy.random.Generator, optional
        Copied for each call, so that every forward draws the same numbers.

    Returns
    -------
    Report
        ``dimages`` first, then the parameters by their names.

    Raises
    ------
    TypeError
        If ``batch`` is no NamedTuple though the model is one of minicap's kind.
    ValueError
        If a parameter of such a model is not float64.
    """
    name, budget = type(model).__name__, Budget(dense=entries, entries=entries, directions=directions)
    if not _explicit(model):
        return check(
            lambda: models.subject(model, (batch, *inputs), options),
            name, tolerance=tolerance, budget=budget, seed=seed, usage=True,
        )  # fmt: skip
    if not hasattr(batch, "_replace"):
        raise TypeError(
            f"check_model: batch must be a NamedTuple with a field images, got {type(batch).__name__}"
        )
    params = live_params(model, f"check_model: {name}", upcast=True)
    batch = batch._replace(
        **{k: v.astype(np.float64) for k, v in batch._asdict().items() if is_float_array(v)}
    )
    images = {"dimages": batch.images} if is_float_array(getattr(batch, "images", None)) else {}
    takes_upstream = len(inspect.signature(model.backward).parameters) > 1
    restore = buffer_keeper(model)

    def forward() -> tuple[tuple[Any, ...], Any]:
        try:
            loss, cache = model.loss(batch, training=training, rng=copy.deepcopy(rng))
        finally:
            restore()
        return (loss,), cache

    def backward(upstreams: tuple[Any, ...], cache: Any) -> tuple[Gradients, list[str]]:
        result = model.backward(cache, *upstreams) if takes_upstream else model.backward(cache)
        dimages, grads = split_gradients(result, "dimages")
        return ({"dimages": dimages} if images else {}) | grads, unwired(grads, params)

    subject = Subject(
        name, images | params, forward, backward, linear=takes_upstream,
        arguments=batch._asdict() | params, style="model", parameters=frozenset(params),
    )  # fmt: skip
    return Check(subject, tolerance, budget, np.random.default_rng(seed)).run()


def _explicit(model: Any) -> bool:
    """Whether a model hands out its cache, as minicap's do: ``backward(cache)`` and a dict of ``params``."""
    if not hasattr(model, "params") or not hasattr(model, "backward"):
        return False
    return any(p.required for p in parameters(model.backward) or [])
