"""Which decoder a captioner's options describe, and what of them goes together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap._types import Rng
from minicap.layers import CELLS
from minicap.models.attending import AttendingDecoder, telling_attending_shapes
from minicap.models.decoders import RecurrentDecoder, telling_decoder_shapes
from minicap.models.joining import CONDITIONINGS
from minicap.models.transformer import TransformerDecoder
from minicap.models.transformer_options import (
    TRANSFORMER_CONDITIONINGS,
    TRANSFORMER_OPTIONS,
    check_transformer,
    telling_transformer_shapes,
)

DECODERS = (*CELLS, "transformer")
_SIZES = ("embed_size", "hidden_size", "layers")


def conditionings_of(decoder: str) -> tuple[str, ...]:
    """Return the ways in which a picture can reach a kind of decoder.

    Parameters
    ----------
    decoder : str
        One of ``DECODERS``.

    Returns
    -------
    tuple of str
    """
    return TRANSFORMER_CONDITIONINGS if decoder == "transformer" else CONDITIONINGS


def check_decoder(config: Mapping[str, Any]) -> None:
    """Raise where the options of a captioner's decoder make no sense, or do not go together.

    Parameters
    ----------
    config : mapping
        Of a ``Captioner``.

    Raises
    ------
    ValueError
        The message names the option.
    """
    decoder, conditioning = config["decoder"], config["conditioning"]
    if decoder not in DECODERS:
        raise ValueError(f"there is no decoder {decoder!r}; choose one of {', '.join(DECODERS)}")
    penalty = config["attention_penalty"]
    if conditioning != "attention" and (config["attention_gate"] or penalty):
        raise ValueError(
            f"attention_gate and attention_penalty go with conditioning 'attention', not {conditioning!r}"
        )
    if not 0 <= penalty < np.inf:
        raise ValueError(f"attention_penalty is {penalty} but at least 0 is needed")
    if decoder == "transformer":
        check_transformer(config)
        if config["attention_gate"]:
            raise ValueError("attention_gate goes with recurrent decoders; a Transformer has none")


def build_decoder(config: Mapping[str, Any], words: int, rng: Rng) -> Any:
    """Return the decoder that the options describe.

    Parameters
    ----------
    config : mapping
        Of a ``Captioner``.
    words : int
        Size V of the vocabulary.
    rng : numpy.random.Generator

    Returns
    -------
    RecurrentDecoder, AttendingDecoder or TransformerDecoder
    """
    decoder, conditioning = config["decoder"], config["conditioning"]
    sizes = (words, config["embed_size"])
    options: dict[str, Any] = {name: config[name] for name in (*_SIZES, "dropout", "dtype")} | {"rng": rng}
    if decoder == "transformer":
        options |= {name: config[name] for name in TRANSFORMER_OPTIONS}
        return TransformerDecoder(*sizes, conditioning=conditioning, **options)
    options |= {"cell": decoder, "reset_after": config["reset_after"]}
    if conditioning == "attention":
        return AttendingDecoder(*sizes, gate=config["attention_gate"], **options)
    return RecurrentDecoder(*sizes, conditioning=conditioning, **options)


def telling_shapes_of_decoder(config: Mapping[str, Any], words: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the decoder's weights that are as large as any, which a file has to bear out.

    Parameters
    ----------
    config : mapping
        Of a ``Captioner``.
    words : int
        Size V of the vocabulary.

    Returns
    -------
    dict of str to tuple
    """
    decoder, conditioning = config["decoder"], config["conditioning"]
    sizes = {name: config[name] for name in _SIZES} | {"feature_size": config["embed_size"]}
    if decoder == "transformer":
        own = {name: config[name] for name in ("positions", "tied")}
        return telling_transformer_shapes(words, conditioning=conditioning, **own, **sizes)
    if conditioning == "attention":
        return telling_attending_shapes(words, cell=decoder, **sizes)
    return telling_decoder_shapes(words, cell=decoder, conditioning=conditioning, **sizes)
