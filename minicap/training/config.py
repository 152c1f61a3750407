"""Every choice of a training run, in one place and in one file."""

from __future__ import annotations

import difflib
import inspect
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from minicap.data.augment import Augmentation
from minicap.data.files import read_text, shown, write_atomically
from minicap.errors import InputError
from minicap.models.dense import read_widths
from minicap.models.transformer_options import check_transformer
from minicap.training.choices import CHOICES, DEFAULTS, MODELS, RANGES
from minicap.training.inputs import check_inputs


@dataclass(frozen=True)
class TrainConfig:
    """The choices of a run; ``config.toml`` holds them in this order.

    The defaults here are those of ``caption``; ``for_task`` begins with the ones that suit another task.

    Raises
    ------
    InputError
        If a value makes no sense, or two do not go together; the message names the option.
    """

    data: str = ""
    task: str = "caption"
    encoder: str = "small"
    batch_norm: bool = False
    encoder_from: str = ""  # run whose convolutions are taken over
    freeze: bool = False  # keep those as they are, or a network's
    features: str = ""  # file of stored features, read in place of pictures
    decoder: str = "lstm"
    conditioning: str = "par"
    attention_gate: bool = False
    attention_penalty: float = 0.0  # nats a caption
    reset_after: bool = True  # of the GRU
    heads: int = 4  # this and the next four are the Transformer's
    positions: str = "learned"
    norm_first: bool = True
    activation: str = "gelu"
    tied: bool = False
    decoder_from: str = ""  # run whose decoder is taken over, with its vocabulary
    head: str = "spatial"
    hidden: str = "512,128"  # widths of fully connected layers
    image_size: int = 64  # pixels
    resize: str = "crop"
    normalize: str = "measured"
    embed_size: int = 256
    hidden_size: int = 256
    layers: int = 1
    dropout: float = 0.0
    tokenizer: str = "word"
    min_count: int = 1
    crop: int = 0  # pixels
    flip: bool = False
    jitter: float = 0.0
    epochs: int = 20
    batch_size: int = 32  # images
    accumulate: int = 1  # batches
    captions_per_image: int = 0  # 0: as many as the images have, at most 5
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.05  # share of all steps
    step_every: float = 0.0  # epochs; 0: a third of them
    step_factor: float = 0.1
    clip_norm: float = 5.0
    label_smoothing: float = 0.0  # share of the target's probability
    scheduled_sampling: float = 0.0  # share of words at the end of training
    patience: int = 0  # epochs without a better validation score; 0: never stop early
    val_images: int = 500  # at most so many are judged after each epoch
    blind: bool = False
    threads: int = 0  # 0: as many as the machine has and the batch keeps busy
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings(asdict(self))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"--{_flag(name)}: {shown(repr(getattr(self, name)))} is not built; choose of {', '.join(choices)}"
                )
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"--{_flag(name)}: {getattr(self, name)} is not within {low} to {high}")
        self._check_together()

    def _check_together(self) -> None:
        """Raise where two choices do not go together, before any long work."""
        check_inputs(self)
        try:
            read_widths(self.hidden)
        except ValueError as error:
            raise InputError(f"--hidden: {error}") from error
        if self.decoder_from and self.task != "caption":
            raise InputError(f"--decoder-from: only a captioner takes a decoder over, not --task {self.task}")
        if self.blind and self.task != "caption":
            raise InputError(f"--blind: only captioners have a blind baseline, not --task {self.task}")
        self._check_decoder()
        if self.crop >= self.image_size:
            raise InputError(
                f"--crop: {self.crop} pixels are no small shift of pictures of {self.image_size}; use fewer"
            )

    def _check_decoder(self) -> None:
        """Raise where choices of the decoder do not go together."""
        if self.conditioning != "attention" and (self.attention_gate or self.attention_penalty):
            raise InputError(
                "--attention-gate, --attention-penalty: only --conditioning attention has them, "
                f"not {self.conditioning}"
            )
        if self.decoder != "transformer":
            return
        if self.task == "tag":
            raise InputError("--decoder: tags are said by rnn, lstm or gru, not by a transformer")
        if self.attention_gate:
            raise InputError("--attention-gate: only recurrent decoders have one, not --decoder transformer")
        try:
            check_transformer(asdict(self))
        except ValueError as error:
            raise InputError(f"--decoder transformer: {error}") from error

    @classmethod
    def for_task(cls, settings: Mapping[str, Any]) -> TrainConfig:
        """Return a configuration with the defaults of its task.

        Parameters
        ----------
        settings : mapping
            The choices that are not left to the defaults, ``task`` among them (``caption`` where absent).

        Returns
        -------
        TrainConfig

        Raises
        ------
        InputError
            If a choice is unknown (with a suggestion) or makes no sense.
        """
        check_settings(settings)
        return cls(**{**DEFAULTS.get(settings.get("task", "caption"), {}), **settings})

    def model_options(self) -> dict[str, Any]:
        """Return the keyword arguments of the task's model."""
        names = {field.name for field in fields(self)}
        return {n: getattr(self, n) for n in inspect.signature(MODELS[self.task]).parameters if n in names}

    def augmentation(self) -> Augmentation:
        """Return how training pictures are changed at random."""
        return Augmentation(self.crop, self.flip, self.jitter)

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
        return cls(**read_settings(path))


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read choices from a TOML file: all of a run's ``config.toml``, or the few that somebody wrote down.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the file is missing, no TOML, or holds an unknown choice.
    """
    try:
        settings = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{shown(path)}: this is no TOML ({shown(error)}); mend the line or start a new run"
        ) from error
    check_settings(settings, f"{shown(path)}: ")
    return settings


def check_settings(settings: Mapping[str, Any], where: str = "") -> None:
    """Raise where a choice is unknown, with the name that was probably meant, or a value of another kind.

    Parameters
    ----------
    settings : mapping
    where : str
        Goes in front of the message.

    Raises
    ------
    InputError
    """
    for name, value in settings.items():
        kind = _kind(name, where)
        if type(value) is not _TYPES[kind] and not (kind == "float" and type(value) is int):
            raise InputError(f"{where}--{_flag(name)}: {shown(repr(value))} is no {kind}")


def read_setting(text: str) -> tuple[str, Any]:
    """Return name and value of one ``key=value`` of the command line.

    Parameters
    ----------
    text : str
        Such as ``lr=0.002`` or ``batch-norm=true``.

    Returns
    -------
    name : str
    value : str, int, float or bool
        As the choice wants it.

    Raises
    ------
    InputError
        If there is no equals sign, the key is unknown (with a suggestion) or the value is of another kind.
    """
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise InputError(f"--set: {shown(repr(text), 60)} is no key=value, such as lr=0.002")
    kind, value = _kind(name, "--set: "), value.strip()
    try:
        if kind == "bool":
            return name, {"true": True, "false": False}[value.lower()]
        return name, _TYPES[kind](value)
    except (KeyError, ValueError) as error:
        wanted = "true or false" if kind == "bool" else kind
        raise InputError(f"--set: {name} = {shown(repr(value), 60)} is no {wanted}") from error


_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


def _kind(name: str, where: str) -> str:
    """Return what kind of value a choice wants, or raise where there is none of this name."""
    kinds = {field.name: str(field.type) for field in fields(TrainConfig)}
    if name not in kinds:
        near = difflib.get_close_matches(str(name), kinds, 1)
        meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(kinds)}"
        raise InputError(f"{where}unknown setting {shown(name, 60)}; {meant}")
    return kinds[name]


def _flag(name: str) -> str:
    """Return the command-line flag of a field."""
    return name.replace("_", "-")
