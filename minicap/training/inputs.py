"""Which choices of a run go with what its model reads: pictures, a network's view of them, or stored features."""

from __future__ import annotations

from typing import Any

from minicap.errors import InputError
from minicap.models.encoders import check_encoder
from minicap.models.features import STORED
from minicap.models.network import NETWORKS

CHANGES = ("crop", "flip", "jitter")  # of pictures while training


def check_inputs(config: Any) -> None:
    """Raise where choices do not go with what the model reads.

    Parameters
    ----------
    config : TrainConfig

    Raises
    ------
    InputError
        The message names the option.
    """
    stored, network = config.encoder.startswith(STORED), config.encoder in NETWORKS
    if config.features and not stored:
        raise InputError(
            f"--encoder: {config.encoder} reads pictures, not the stored features of --features; leave it out"
        )
    if stored and not config.features:
        raise InputError(
            f"--encoder: {config.encoder} reads stored features; name their file with --features"
        )
    if (stored or network) and config.task != "caption":
        flag = "--features" if stored else f"--encoder {config.encoder}"
        raise InputError(f"{flag}: only captioners read what a network has found, not --task {config.task}")
    if stored and (config.encoder_from or config.freeze):
        flag = "--encoder-from" if config.encoder_from else "--freeze"
        raise InputError(f"{flag}: with --features there are no convolutions; leave one of the two out")
    if config.freeze and not config.encoder_from and not network:
        raise InputError(
            "--freeze: only convolutions taken over can be frozen; name a run with --encoder-from"
        )
    changed = [name for name in CHANGES if getattr(config, name)]
    if changed and (stored or (network and config.freeze)):
        way_out = "leave it out" if stored else "leave it out, or fine-tune with --no-freeze"
        raise InputError(
            f"--{changed[0]}: what a network finds in each picture is computed once, so pictures cannot change while "
            f"training; {way_out}"
        )
    try:
        check_encoder(
            config.encoder, config.image_size, config.conditioning if config.task == "caption" else None
        )
    except ValueError as error:
        raise InputError(f"{'--features' if stored else '--encoder'}: {error}") from error
