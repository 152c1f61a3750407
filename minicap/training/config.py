"""Every choice of a training run, in one place and in one file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from minicap.data.files import read_text, shown, write_atomically
from minicap.data.tokenizers import get_tokenizer
from minicap.errors import InputError
from minicap.models import CONDITIONINGS, DECODERS, ENCODERS
from minicap.optim import OPTIMIZERS
from minicap.training.schedules import SCHEDULES


@dataclass(frozen=True)
class TrainConfig:
    """The choices of a run; ``config.toml`` holds them in this order.

    Raises
    ------
    InputError
        If a value makes no sense; the message names the option.
    """

    data: str = ""
    task: str = "caption"
    encoder: str = "small"
    decoder: str = "lstm"
    conditioning: str = "par"
    image_size: int = 64  # pixels
    embed_size: int = 256
    hidden_size: int = 256
    layers: int = 1
    dropout: float = 0.0
    tokenizer: str = "word"
    min_count: int = 1
    epochs: int = 20
    batch_size: int = 32  # images
    captions_per_image: int = 0  # 0: as many as the images have, at most 5
    optimizer: str = "adam"
    lr: float = 1e-3
    schedule: str = "cosine"
    warmup: float = 0.05  # share of all steps
    clip_norm: float = 5.0
    patience: int = 0  # epochs without a better validation score; 0: never stop early
    val_images: int = 500  # at most so many are captioned after each epoch
    blind: bool = False
    threads: int = 0  # 0: as many as the machine has and the batch keeps busy
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"--{_flag(name)}: {shown(repr(getattr(self, name)))} is not built; choose of {', '.join(choices)}"
                )
        get_tokenizer(self.tokenizer)
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not _TYPES[str(field.type)] and not (
                field.type == "float" and type(value) is int
            ):
                raise InputError(f"--{_flag(field.name)}: {shown(repr(value))} is no {field.type}")
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"--{_flag(name)}: {getattr(self, name)} is not within {low} to {high}")

    def model_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``Captioner``."""
        names = (
            "encoder",
            "decoder",
            "conditioning",
            "image_size",
            "embed_size",
            "hidden_size",
            "layers",
            "dropout",
        )
        return {name: getattr(self, name) for name in (*names, "blind", "seed")}

    def save(self, path: str | Path) -> None:
        """Write the choices as TOML.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        # Strings, numbers and Booleans look the same in JSON and in TOML, but for one character.
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in asdict(self).items()]
        text = ("\n".join(lines) + "\n").replace("\x7f", "\\u007f")
        try:
            write_atomically(path, text.encode())
        except UnicodeEncodeError as error:
            raise InputError(f"--data: {shown(repr(self.data))} is no Unicode name; rename it") from error

    @classmethod
    def load(cls, path: str | Path) -> TrainConfig:
        """Read what ``save`` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        TrainConfig

        Raises
        ------
        InputError
            If the file is missing, no TOML, or holds an unknown choice.
        """
        try:
            settings = tomllib.loads(read_text(path))
        except tomllib.TOMLDecodeError as error:
            raise InputError(
                f"{shown(path)}: this is no TOML ({shown(error)}); mend the line or start a new run"
            ) from error
        unknown = sorted(set(settings) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"{shown(path)}: unknown setting {shown(unknown[0])}; remove the line")
        return cls(**settings)


_TYPES = {"str": str, "int": int, "float": float, "bool": bool}
_CHOICES: dict[str, tuple[str, ...]] = {
    "task": ("caption",),
    "encoder": tuple(ENCODERS),
    "decoder": DECODERS,
    "conditioning": tuple(CONDITIONINGS),
    "tokenizer": ("word", "char"),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": SCHEDULES,
}
_RANGES: dict[str, tuple[float, float]] = {
    "image_size": (8, 1024),
    "embed_size": (1, 8192),
    "hidden_size": (1, 8192),
    "layers": (1, 4),
    "dropout": (0, 0.95),
    "min_count": (1, 10**9),
    "epochs": (1, 10**6),
    "batch_size": (1, 10**6),
    "captions_per_image": (0, 100),
    "lr": (1e-12, 1e3),
    "warmup": (0, 1),
    "clip_norm": (1e-12, 1e12),
    "patience": (0, 10**6),
    "val_images": (1, 10**9),
    "threads": (0, 256),
    "seed": (0, 2**63 - 1),
}


def _flag(name: str) -> str:
    """Return the command-line flag of a field."""
    return name.replace("_", "-")
