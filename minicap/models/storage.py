"""Models as files: what is written, and what is asked of a file before it is believed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minicap._types import Arrays
from minicap.archive import read_archive, write_archive
from minicap.data.files import shown
from minicap.data.preprocessing import Preprocessing
from minicap.errors import InputError

VERSION = 1
# Options that the first files did not know.
LATER = (
    "attention_gate", "attention_penalty", "reset_after", "heads", "positions", "norm_first", "activation", "tied",
    "features_of",
)  # fmt: skip
_APART = ("vocabulary", "labels", "preprocessing")  # stored beside the config
Model = TypeVar("Model")


def model_record(model: Any) -> tuple[Arrays, dict[str, Any]]:
    """Return a model as arrays (``model/<name>``) and JSON-ready settings.

    Parameters
    ----------
    model : Model

    Returns
    -------
    arrays : dict of str to Array
    meta : dict
    """
    arrays = {f"model/{name}": array for name, array in (model.params | model.buffers).items()}
    meta = {
        "format": "minicap",
        "version": VERSION,
        "kind": type(model).__name__,
        "config": model.config,
        "vocabulary": model.vocabulary.to_dict(),
        "preprocessing": model.preprocessing.to_dict(),
    }
    return arrays, meta


def save_model(path: str | Path, model: Any) -> None:
    """Write a model as one file.

    Parameters
    ----------
    path : str or Path
    model : Model

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_archive(path, *model_record(model))


def load_model(path: str | Path, kind: type[Model]) -> Model:
    """Read a model from a file, or from a run folder: its best checkpoint, else its last.

    Parameters
    ----------
    path : str or Path
    kind : type
        The class that the file has to hold.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If there is no such file, it is damaged, of another version, or holds another kind of model.
    """
    path = checkpoint_in(path)
    arrays, meta = read_archive(path, prefix="model/")
    return restore_model(path, arrays, meta, kind)


def checkpoint_in(path: str | Path) -> Path:
    """Return the file to load: the path itself, or the best (else the last) checkpoint of a run folder.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If there is none.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f"{shown(path)}: there is no such run folder or checkpoint; train one with 'minicap train'"
        )
    if not path.is_dir():
        return path
    for name in ("best.npz", "checkpoint.npz"):
        if (path / name).is_file():
            return path / name
    raise InputError(
        f"{shown(path)}: the folder holds no checkpoint (best.npz or checkpoint.npz); is it a run folder?"
    )


def restore_model(path: Path, arrays: Arrays, meta: dict[str, Any], kind: type[Model]) -> Model:
    """Build the model that a record describes and fill in its parameters.

    Parameters
    ----------
    path : Path
        Named in errors.
    arrays : dict of str to Array
        ``model/<name>``.
    meta : dict
    kind : type

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If the record does not describe such a model, or the arrays do not fit it.
    """
    if meta.get("format") != "minicap" or meta.get("version") != VERSION:
        raise InputError(
            f"{shown(path)}: checkpoint version {shown(meta.get('version'))}, but this minicap reads {VERSION}; "
            "use the minicap that wrote it, or train again"
        )
    if meta.get("kind") != kind.__name__:
        raise InputError(
            f"{shown(path)}: it holds a {shown(meta.get('kind'))} but a {kind.__name__} is needed"
        )
    try:
        vocabulary = kind.vocabulary_type.from_dict(meta["vocabulary"])  # type: ignore[attr-defined]
        preprocessing = Preprocessing.from_dict(meta["preprocessing"])
        config = _full_config(meta["config"], kind)
        _check_config(config, len(vocabulary), arrays, kind)
        model: Any = kind(vocabulary, preprocessing=preprocessing, **config)  # type: ignore[call-arg]
    except (KeyError, TypeError, ValueError, MemoryError) as error:
        raise InputError(
            f"{shown(path)}: the checkpoint's settings make no sense ({shown(error)})"
        ) from error
    for name, target in (model.params | model.buffers).items():
        stored = arrays.get(f"model/{name}")
        if stored is None or stored.shape != target.shape or stored.dtype.kind != "f":
            found = "missing" if stored is None else f"{stored.dtype} {stored.shape}"
            raise InputError(
                f"{shown(path)}: {name} is {found} but {target.shape} is needed; the file is damaged"
            )
        with np.errstate(over="ignore"):  # a float64 may be too large for float32
            np.copyto(target, stored, casting="same_kind")
        if not np.isfinite(target).all() or (name.endswith("running_var") and target.min() < 0):
            raise InputError(
                f"{shown(path)}: {name} holds numbers that are not finite, or a negative variance; use another copy"
            )
    return model


def _full_config(config: Any, kind: Any) -> dict[str, Any]:
    """Return the settings with those that came later than the file: what it did was what their defaults do."""
    if not isinstance(config, dict):
        raise ValueError(f"config is a {type(config).__name__}")
    later = {name: value for name, value in _options(kind).items() if name in LATER}
    return later | config


def _options(kind: Any) -> dict[str, Any]:
    """Return the options of a kind of model with their defaults."""
    return {n: p.default for n, p in inspect.signature(kind).parameters.items() if n not in _APART}


def _check_config(config: dict[str, Any], words: int, arrays: Arrays, kind: Any) -> None:
    """Refuse settings that no model has, or whose sizes the arrays of the file do not bear out."""
    options = _options(kind)
    if set(config) != set(options):
        raise ValueError("config: " + ", ".join(sorted(map(str, set(options) ^ set(config)))))
    for name, default in options.items():
        if type(config[name]) is not type(default) and not (isinstance(default, float) and config[name] == 0):
            raise ValueError(f"{name} = {config[name]!r}")
    if config.get("layers", 0) > len(arrays):  # each has arrays of its own
        raise ValueError(f"layers = {config['layers']}")
    for name, shape in kind.telling_shapes(config, words).items():
        stored = arrays.get(f"model/{name}")
        if stored is None or stored.shape != shape:
            found = "missing" if stored is None else stored.shape
            raise ValueError(f"{name} is {found} but {shape} is needed")
