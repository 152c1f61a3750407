"""Two-stage training: convolutions or a decoder that another run has learnt are taken over.

``adopt`` settles, before anything is built, the choices that the other run decides; ``hand_on`` copies its
numbers into the new model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from minicap._types import Arrays
from minicap.data.files import shown
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import Vocabulary
from minicap.errors import InputError
from minicap.interop.pretrained import fill_efficientnet, find_weights
from minicap.models import Captioner, load_any
from minicap.models.efficientnet import SIZE, lite0_preprocessing
from minicap.models.network import NETWORKS
from minicap.models.transformer_options import TRANSFORMER_OPTIONS
from minicap.models.trunk import ENCODERS
from minicap.training.config import TrainConfig, check_settings
from minicap.training.feature_files import encoder_for

_OF_ENCODER = ("encoder", "batch_norm")
_OF_DECODER = ("decoder", "embed_size", "hidden_size", "layers")
_OF_KIND = {"gru": ("reset_after",), "transformer": TRANSFORMER_OPTIONS}  # besides these
_LOOK = ".cross."  # where a Transformer looks at the picture; one that does not is still taken over


def adopt(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings completed by what the runs named in ``encoder_from`` and ``decoder_from`` decide.

    A file of ``features`` decides the encoder, and a network is frozen unless that is given. The convolutions and
    batch norm are the other run's, and so are the size of the pictures and the way of
    resizing unless they are given; the kind and widths of the decoder are the other run's.

    Parameters
    ----------
    settings : mapping
        Names and values of ``TrainConfig`` that somebody chose.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If a setting contradicts the other run, or there is no such run.
    """
    check_settings(settings)
    adopted = dict(settings)
    if path := settings.get("features"):
        encoder = encoder_for(path, settings.get("conditioning", TrainConfig.conditioning))
        _settle(adopted, "encoder", encoder, "--features", path)
    if source := settings.get("encoder_from"):
        model = load_any(source)
        for name in _OF_ENCODER:
            _settle(adopted, name, model.config[name], "--encoder-from", source)
        adopted.setdefault("image_size", model.preprocessing.size)
        adopted.setdefault("resize", model.preprocessing.resize)
    if adopted.get("encoder") in NETWORKS:
        adopted = {"freeze": True, "image_size": SIZE} | adopted
        if not settings.get("encoder_from"):
            find_weights()  # which says what is missing, before any long work
    if source := settings.get("decoder_from"):
        writer = _captioner(source)
        for name in (*_OF_DECODER, *_OF_KIND.get(writer.config["decoder"], ())):
            _settle(adopted, name, writer.config[name], "--decoder-from", source)
        _settle(adopted, "tokenizer", writer.vocabulary.tokenizer.name, "--decoder-from", source)
    return adopted


def preprocessing_from(config: TrainConfig) -> Preprocessing | None:
    """Return the preprocessing that convolutions taken over or a network are used to, at this run's size, or None.

    Parameters
    ----------
    config : TrainConfig

    Returns
    -------
    Preprocessing or None
    """
    if config.features:  # nobody looks at pictures, but whoever reads the report
        return Preprocessing(config.image_size, resize=config.resize)
    if not config.encoder_from:
        looks = replace(lite0_preprocessing(config.image_size), resize=config.resize)
        return looks if config.encoder in NETWORKS else None
    used = load_any(config.encoder_from).preprocessing
    return replace(used, size=config.image_size, resize=config.resize)


def vocabulary_from(config: TrainConfig) -> Vocabulary | None:
    """Return the words of a decoder that is taken over, None where there is none.

    Parameters
    ----------
    config : TrainConfig

    Returns
    -------
    Vocabulary or None
    """
    return _captioner(config.decoder_from).vocabulary if config.decoder_from else None


def hand_on(config: TrainConfig, model: Any) -> None:
    """Copy what other runs, or ImageNet's network, have learnt into a new model.

    Parameters
    ----------
    config : TrainConfig
    model : Model
        Changed in place.

    Raises
    ------
    InputError
        If shapes do not fit; the message names the weight.
    """
    if config.encoder_from:
        trunk = load_any(config.encoder_from).trunk
        _copy(trunk.params | trunk.buffers, model.trunk.params | model.trunk.buffers, "--encoder-from")
    elif config.encoder in NETWORKS:
        fill_efficientnet(model.trunk)
    if config.decoder_from:
        decoders = [_captioner(config.decoder_from).decoder.params, model.decoder.params]
        look = all(any(_LOOK in name for name in params) for params in decoders)
        learnt, own = (
            {
                name: array
                for name, array in params.items()
                if not name.startswith("conditioning.") and (look or _LOOK not in name)
            }
            for params in decoders
        )
        _copy(learnt, own, "--decoder-from", grown="rnn.layer1.w_x")


def _copy(learnt: Arrays, own: Arrays, flag: str, grown: str = "") -> None:
    """Copy arrays by name; of the ``grown`` one the first rows, those of the word, may be all there is."""
    for name in learnt | own:
        there, here = learnt.get(name), own.get(name)
        rows = (
            min(len(there), len(here)) if there is not None and here is not None and name == grown else None
        )
        if there is None or here is None or there[:rows].shape != here[:rows].shape:
            sizes = ["missing" if array is None else array.shape for array in (there, here)]
            raise InputError(f"{flag}: {name} is {sizes[0]} there but {sizes[1]} here; the two do not fit")
        np.copyto(here[:rows], there[:rows], casting="same_kind")


def _settle(adopted: dict[str, Any], name: str, value: Any, flag: str, source: str) -> None:
    """Take a value over, or complain where another one was given."""
    given = adopted.setdefault(name, value)
    same = _written_out(given) == _written_out(value) if name == "encoder" else given == value
    if not same:
        raise InputError(
            f"--{name.replace('_', '-')}: {shown(repr(given), 60)} is not what {flag} {shown(source, 60)} has, "
            f"{shown(repr(value), 60)}; leave it out"
        )


def _written_out(encoder: str) -> str:
    """Return the line of an encoder that goes by a name."""
    return ENCODERS.get(encoder, encoder).replace(" ", "")


def _captioner(source: str) -> Captioner:
    """Return the captioner of a run, or complain where it is something else."""
    return Captioner.load(source)
