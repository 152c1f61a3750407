"""The rows of the ladder, and how each rung does them: two convolutions and the classifier's step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from minicap._types import Array, Arrays, Rng
from minicap.bench.inputs import inputs_of
from minicap.bench.jobs import Call, Job, Way, plainly
from minicap.bench.ladder import IM2COL, KERNELS, LOOPS, REFERENCE, RUNGS, THEIRS, WINDOWS, Rung
from minicap.bench.our_models import LEARNING_RATE, batch_of, build_classifier, step_job
from minicap.bench.ours import op_job
from minicap.bench.rows import ALL, Row, catalogue
from minicap.bench.shapes import ConvShape
from minicap.kernels import use_kernels
from minicap.layers import Conv2d
from minicap.optim import Adam
from minicap.training.objective import likelihood

LADDER = "ladder"
SHAPES = (ConvShape(64, 32, 14, 14, 64), ConvShape(64, 3, 28, 28, 32))
SMALL_CONV = [1, 3, 8, 8, 4, 3, 1, 1]  # plain loops are not waited for: measured on this, and scaled
SMALL_STEP = {"batch": 1, "image_size": 8}
ORDER = (LOOPS, WINDOWS, IM2COL, REFERENCE, KERNELS, THEIRS)


def ladder_rows(*, against: bool) -> list[Row]:
    """Return one row a rung for each piece of work.

    Parameters
    ----------
    against : bool
        Whether PyTorch stands among the rungs.

    Returns
    -------
    list of Row
        ``part`` names the work, ``options["rung"]`` the rung, and ``options["scale"]`` by how much more
        arithmetic the work has than what is measured.
    """
    works = [
        Row(f"conv {shape.name} {ALL}", LADDER, "conv", ALL, {"shape": list(shape)}, 3 * shape.flops)
        for shape in SHAPES
    ]
    works += [row for row in catalogue(random=0) if row.kind == "classifier"]
    return [_rung_row(work, rung) for work in works for rung in ORDER if against or rung != THEIRS]


def _rung_row(work: Row, rung: str) -> Row:
    """Return the row of one rung on one piece of work."""
    small, scale = dict(work.options), 1.0
    if rung == LOOPS and work.kind == "conv":
        small = {"shape": SMALL_CONV}
        scale = work.flops / (3 * ConvShape(*SMALL_CONV).flops)
    elif rung == LOOPS:
        small |= SMALL_STEP
        scale = _conv_flops(work.options) / _conv_flops(small)
    options = {"rung": rung, "scale": scale, "kind": work.kind, "part": work.part, **small}
    return Row(f"{work.name}: {rung}", LADDER, LADDER, work.name, options, work.flops)


def _conv_flops(sizes: dict[str, Any]) -> float:
    """Return the arithmetic of the classifier's two convolutions, forward and backward."""
    n, side = sizes["batch"], sizes["image_size"]
    return 3 * (ConvShape(n, 3, side, side, 32).flops + ConvShape(n, 32, side // 2, side // 2, 64).flops)


def plain_row(row: Row) -> Row:
    """Return the row of the work itself, without its rung.

    Parameters
    ----------
    row : Row
        Of the ladder.

    Returns
    -------
    Row
    """
    options = {
        name: value for name, value in row.options.items() if name not in ("rung", "scale", "kind", "part")
    }
    return replace(row, name=row.part, kind=row.options["kind"], part=row.options["part"], options=options)


def rung_job(row: Row) -> Job:
    """Return how a rung does its work.

    Parameters
    ----------
    row : Row
        Of the ladder, and not PyTorch's.

    Returns
    -------
    Job
    """
    work, name = plain_row(row), row.options["rung"]
    if name in RUNGS:
        return (_conv_job if work.kind == "conv" else _step_job)(work, RUNGS[name])
    job = op_job(work) if work.kind == "conv" else step_job(work, 1)
    kernels = "reference" if name == REFERENCE else "auto"
    return job._replace(ways={way: _under(kernels, made) for way, made in job.ways.items()})


def _under(kernels: str, way: Way) -> Way:
    """Return a way that runs on one set of kernels."""

    @contextmanager
    def chosen() -> Iterator[Call]:
        with use_kernels(kernels), way() as call:
            yield call

    return chosen


def _conv_job(work: Row, rung: Rung) -> Job:
    """Return all three directions of a convolution."""
    given, shape = inputs_of(work), ConvShape(*work.options["shape"])

    def all_three() -> tuple[Any, ...]:
        x, w, b, dy = (given[name] for name in ("x", "w", "b", "dy"))
        y, cache = rung.forward(x, w, b, stride=shape.stride, padding=shape.padding)
        return (y, *rung.backward(dy, cache))

    return Job({"": plainly(all_three)}, lambda found: dict(zip(("y", "dx", "dw", "db"), found, strict=True)))


def _step_job(work: Row, rung: Rung) -> Job:
    """Return the classifier's step with the rung's convolutions, everything else by the reference."""
    model, batch = build_classifier(work.options), batch_of("classifier", inputs_of(work))
    layers = model.encoder.layers
    for name, layer in layers.items():
        if isinstance(layer, Conv2d):
            layers[name] = RungConv(layer, rung)
    optimizer, rng = Adam(LEARNING_RATE), np.random.default_rng(0)

    def step() -> tuple[float, Arrays]:
        loss, grads = likelihood(model, batch, rng)
        optimizer.step(model.params, grads)
        return loss, grads

    call: Callable[[], Any] = step
    ways = {"": _under("reference", plainly(call))}
    return Job(ways, lambda found: {"loss": np.asarray(found[0]), **found[1]})


class RungConv:
    """A convolution layer that goes by a rung instead of minicap's op.

    Parameters
    ----------
    layer : Conv2d
        Whose parameters it has.
    rung : Rung
    """

    buffers: Arrays = {}

    def __init__(self, layer: Conv2d, rung: Rung) -> None:
        self.params, self.rung = layer.params, rung
        self.options = {name: layer.options[name] for name in ("stride", "padding")}

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> tuple[Array, Any]:
        """Convolve images (N, C, H, W)."""
        return self.rung.forward(x, self.params["weight"], self.params["bias"], **self.options)

    def backward(self, dy: Array, cache: Any) -> tuple[Array | None, Arrays]:
        """Propagate back to the images."""
        dx, dw, db = self.rung.backward(dy, cache)
        return dx, {"weight": dw, "bias": db}
