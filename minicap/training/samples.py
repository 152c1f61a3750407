"""A few pictures with what the model says of them, kept in the run folder for whoever wants to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.dataset import CaptionData, Pictures
from minicap.data.images import save_png
from minicap.data.preprocessing import Preprocessing
from minicap.errors import InputError
from minicap.training.run import RunFolder

COUNT = 24


def write_samples(
    run: RunFolder, data: Pictures, records: Sequence[Mapping[str, Any]], preprocessing: Preprocessing
) -> None:
    """Write evenly spaced pictures as the model saw them (PNG), and what it says of them (``samples.json``).

    Parameters
    ----------
    run : RunFolder
    data : Pictures
        N pictures.
    records : sequence of N dict
        What stands in ``samples.json`` beside picture and name.
    preprocessing : Preprocessing

    Raises
    ------
    InputError
        If they cannot be written.
    """
    chosen = np.linspace(0, len(data) - 1, min(COUNT, len(data))).round().astype(int).tolist()
    part = data.subset(chosen)
    pictures = _pictures(part, preprocessing)
    folder = run.path / "samples"
    folder.mkdir(exist_ok=True)
    kept: list[dict[str, Any]] = []
    for k, i in enumerate(chosen):
        name = f"{k:02d}.png"
        if part.names[k] in pictures:
            save_png(folder / name, pictures[part.names[k]])
        kept.append({"image": f"samples/{name}", "name": part.names[k], **records[i]})
    run.write_json(run.samples, kept)


def _pictures(data: Pictures, preprocessing: Preprocessing) -> dict[str, Array]:
    """Return pixels by name: of whoever has features, perhaps only of some."""
    if not isinstance(data, CaptionData) or data.features is None:
        return dict(zip(data.names, data.pixels(preprocessing), strict=True))
    try:
        seen, pixels = replace(data, features=None).load(preprocessing)
    except InputError:  # none is there
        return {}
    return dict(zip(seen.names, pixels, strict=True))
