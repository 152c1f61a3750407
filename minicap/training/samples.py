"""A few pictures with what the model says of them, kept in the run folder for whoever wants to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minicap.data.dataset import Pictures
from minicap.data.images import save_png
from minicap.data.preprocessing import Preprocessing
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
    folder = run.path / "samples"
    folder.mkdir(exist_ok=True)
    kept: list[dict[str, Any]] = []
    for k, (i, pixels) in enumerate(zip(chosen, part.pixels(preprocessing), strict=True)):
        name = f"{k:02d}.png"
        save_png(folder / name, pixels)
        kept.append({"image": f"samples/{name}", "name": part.names[k], **records[i]})
    run.write_json(run.samples, kept)
