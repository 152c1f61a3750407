"""Scenes as a folder of files, for every program that reads captions or tags from a table.

    images/train_00000.png ...      the pictures
    captions.csv                    image,caption      five rows a picture
    tags.csv                        image,tags         each thing by colour and shape: red circle;blue star
    splits.csv                      image,split
    scenes.jsonl                    one object a line: image, split, size, seed, captions, objects

The tables come last and each is put in place whole, so a folder with `captions.csv` is complete.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from operator import index as as_integer
from pathlib import Path
from typing import Any

from minicap.data.files import shown, write_atomically
from minicap.data.scenes.generation import scene_at
from minicap.data.scenes.scene import SPLITS
from minicap.errors import InputError


def write_scenes(
    folder: str | Path, *, n: int, size: int = 64, seed: int = 0, progress: bool = False
) -> dict[str, int]:
    """Write n scenes to a folder: a tenth each for val, test and compositional, the rest for train.

    Parameters
    ----------
    folder : str or Path
        A folder that is empty or does not exist yet.
    n : int
        How many pictures in all, at least one; with four or more each split gets one.
    size : int
        The side of the pictures in pixels.
    seed : int
        The scenes are the first ones that `generate` gives for each split with this seed.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        How many scenes each split got.

    Raises
    ------
    InputError
        If the folder holds anything, cannot be written, or an argument is out of its range.
    """
    shares = _shares(n)
    scene_at(0, size=size, seed=seed)  # so that a wrong argument speaks before anything is written
    folder = Path(folder)
    _prepare(folder)
    truth = list(_write_images(folder, shares, size, seed, progress))
    captions = [(record["image"], caption) for record in truth for caption in record["captions"]]
    splits = [(record["image"], record["split"]) for record in truth]
    lines = "".join(json.dumps(record) + "\n" for record in truth)
    write_atomically(folder / "scenes.jsonl", lines.encode())
    tags = [(record["image"], ";".join(_things(record["objects"]))) for record in truth]
    write_atomically(folder / "tags.csv", _table([("image", "tags"), *tags]))
    write_atomically(folder / "splits.csv", _table([("image", "split"), *splits]))
    write_atomically(folder / "captions.csv", _table([("image", "caption"), *captions]))
    return shares


def _shares(n: int) -> dict[str, int]:
    """Divide n scenes among the splits."""
    if as_integer(n) < 1:
        raise InputError(f"scenes: the number of scenes must be at least 1, got {n}")
    tenth = max(n // 10, 1)
    shares = {split: tenth if index < n else 0 for index, split in enumerate(SPLITS)}
    shares["train"] = n - sum(shares[split] for split in SPLITS[1:])
    return shares


def _prepare(folder: Path) -> None:
    """Make the folder, or accept an empty one."""
    name = shown(folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{name}: is a file, not a folder; choose another name for the scenes")
        folder.mkdir(parents=True, exist_ok=True)
        found = next(folder.iterdir(), None)
        if found:
            raise InputError(
                f"{name}: already holds other things (such as {shown(found.name)}); choose an empty folder"
            )
        (folder / "images").mkdir()
    except OSError as error:
        raise InputError(f"{name}: cannot be made ({error.strerror}); choose another folder") from error


def _write_images(
    folder: Path, shares: dict[str, int], size: int, seed: int, progress: bool
) -> Iterator[dict[str, Any]]:
    """Draw and save the pictures one by one, and yield what is true of each."""
    from tqdm import tqdm

    from minicap.data.images import save_png

    with tqdm(
        total=sum(shares.values()), desc="scenes", unit="image", disable=None if progress else True
    ) as bar:
        for split, index in ((split, index) for split, share in shares.items() for index in range(share)):
            scene = scene_at(index, size=size, seed=seed, split=split)
            name = f"images/{split}_{index:05d}.png"
            assert scene.image is not None
            save_png(folder / name, scene.image)
            bar.update()
            yield {
                "image": name,
                "split": split,
                "size": int(size),
                "seed": int(seed),
                "captions": scene.captions,
                "objects": [thing._asdict() for thing in scene.objects],
            }


def _things(objects: list[dict[str, Any]]) -> list[str]:
    """Return what stands in a scene by colour and shape, each kind of thing once."""
    return list(dict.fromkeys(f"{thing['colour']} {thing['shape']}" for thing in objects))


def _table(rows: Iterable[tuple[str, str]]) -> bytes:
    """Return rows as comma-separated values."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
