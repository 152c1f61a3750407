"""The small base class that turns an op pair into a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.initializers import Initializer


class Layer:
    """An op pair with named parameters.

    A layer declares its pair, which of the forward's arguments are inputs, and what its parameters are
    called there; the rest follows from the rule that the gradient of argument ``w`` is the field ``dw``.
    Nothing is remembered between calls: what the backward needs is in the cache, and gradients are returned.

    Attributes
    ----------
    params : dict of str to Array
        Parameters by name, such as ``weight``. The arrays are live: an optimiser updates them in place.
    buffers : dict of str to Array
        Live arrays that no gradient moves, such as running statistics.
    options : dict
        Keyword options of the op, such as ``stride``.
    """

    op_forward: ClassVar[Callable[..., Any]]
    op_backward: ClassVar[Callable[..., Any]]
    inputs: ClassVar[tuple[str, ...]] = ("x",)  # the op's arguments that are no parameters
    arguments: ClassVar[Mapping[str, str]] = {}  # parameter name -> the op's argument
    modes: ClassVar[tuple[str, ...]] = ()  # which of ``training`` and ``rng`` the op asks for

    def __init__(self, **options: Any) -> None:
        self.params: Arrays = {}
        self.buffers: Arrays = {}
        self.options = options

    def add_params(self, rng: Rng, dtype: DTypeLike, **specs: tuple[tuple[int, ...], Initializer]) -> None:
        """Create parameters, each given as ``name=(shape, initialiser)``.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : dtype
        **specs : (shape, initialiser)
        """
        for name, (shape, initialise) in specs.items():
            self.params[name] = initialise(rng, shape, np.dtype(dtype))

    def forward(
        self, *inputs: Array, training: bool = False, rng: Rng | None = None, **options: Any
    ) -> tuple[Any, Any]:
        """Apply the op.

        Parameters
        ----------
        *inputs : Array
            The op's inputs, see ``inputs``.
        training : bool
            For layers that behave differently while training; the others ignore it.
        rng : numpy.random.Generator, optional
            For layers that draw random numbers.
        **options
            Further options of the op, such as ``mask``.

        Returns
        -------
        y : Array or tuple of Array
        cache : NamedTuple
        """
        params = {argument: self.params[name] for name, argument in self.arguments.items()}
        modes = {"training": training, "rng": rng}
        options |= {mode: modes[mode] for mode in self.modes}
        return type(self).op_forward(*inputs, **params, **self.options, **options)

    def backward(self, *upstreams_and_cache: Any) -> tuple[Any, Arrays]:
        """Propagate through the op: ``backward(dy, cache)``, one upstream for each output.

        Parameters
        ----------
        *upstreams_and_cache
            Upstream gradients in the order of the outputs, then the forward's cache.

        Returns
        -------
        dx : Array, tuple of Array, or None
            Gradient of each input that has one (ids have none).
        grads : dict of str to Array
            Gradients named and shaped like ``params``.
        """
        found = type(self).op_backward(*upstreams_and_cache)
        dxs = tuple(getattr(found, f"d{name}") for name in self.inputs if hasattr(found, f"d{name}"))
        grads = {name: getattr(found, f"d{argument}") for name, argument in self.arguments.items()}
        return (dxs[0] if len(dxs) == 1 else dxs or None), grads


class Composite:
    """Several layers or composites under names; a subclass says in ``parts`` which."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """The parts by name, in forward order."""
        raise NotImplementedError

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays, named ``<part>.<parameter>``."""
        return named(**{name: part.params for name, part in self.parts.items()})

    @property
    def buffers(self) -> Arrays:
        """All buffers in one flat dict of live arrays, named ``<part>.<buffer>``."""
        return named(**{name: part.buffers for name, part in self.parts.items()})


def named(**parts: Mapping[str, Array]) -> Arrays:
    """Join dicts of arrays into one flat dict: ``named(encoder=g)`` has the names ``encoder.<name>``.

    Parameters
    ----------
    **parts : dict of str to Array

    Returns
    -------
    dict of str to Array
    """
    return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
