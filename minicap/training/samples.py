"""A few captioned pictures, kept in the run folder for whoever wants to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicap.data.dataset import CaptionData
from minicap.data.images import save_png
from minicap.data.preprocessing import Preprocessing
from minicap.models import Caption
from minicap.training.run import RunFolder

COUNT = 24


def write_samples(
    run: RunFolder, data: CaptionData, captions: Sequence[Caption], preprocessing: Preprocessing
) -> None:
    """Write evenly spaced pictures as the model saw them (PNG), and their captions (``samples.json``).

    Parameters
    ----------
    run : RunFolder
    data : CaptionData
        N pictures.
    captions : sequence of N Caption
    preprocessing : Preprocessing

    Raises
    ------
    InputError
        If they cannot be written.
    """
    chosen = np.linspace(0, len(data) - 1, min(COUNT, len(data))).round().astype(int)
    part = data.subset(chosen)
    folder = run.path / "samples"
    folder.mkdir(exist_ok=True)
    records: list[dict[str, Any]] = []
    for k, (i, pixels) in enumerate(zip(chosen, part.pixels(preprocessing), strict=True)):
        name = f"{k:02d}.png"
        save_png(folder / name, pixels)
        records.append(
            {
                "image": f"samples/{name}",
                "name": part.names[k],
                "caption": str(captions[i]),
                "log_prob": captions[i].log_prob,
                "references": list(part.captions[k]),
                **_judged(captions[i], part, k),
            }
        )
    run.write_json(run.samples, records)


def _judged(caption: str, data: CaptionData, k: int) -> dict[str, bool]:
    """Return whether the caption is true and complete, where that can be known."""
    if data.scenes is None:
        return {}
    from minicap.data.scenes import judge

    return judge(caption, data.scenes[k])._asdict()
