"""Which encoder a captioner's options describe: convolutions of its own, a network's, or stored features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap._types import Rng
from minicap.models.encoder import Encoder, telling_reading_shapes
from minicap.models.features import FeatureEncoder, stored_shape, telling_feature_shapes
from minicap.models.joining import GRIDS
from minicap.models.network import NETWORKS, NetworkEncoder, network_shape
from minicap.models.trunk import map_shape, telling_trunk_shapes


def check_encoder(encoder: str, image_size: int, conditioning: str | None = None) -> None:
    """Raise where there is no such encoder, the picture is too small for it, or it does not suit the decoder.

    Parameters
    ----------
    encoder : str
        As for ``Captioner``.
    image_size : int
        S, in pixels.
    conditioning : str, optional
        How the picture reaches a captioner's decoder.

    Raises
    ------
    ValueError
    """
    shape = stored_shape(encoder)
    if shape is None:
        if encoder not in NETWORKS:
            map_shape(encoder, image_size)
    elif conditioning in GRIDS and len(shape) == 1:
        raise ValueError(
            f"{conditioning} looks at places, but these features ({shape[0]} a picture) are a vector without any; use "
            "maps (minicap features --grid), or par, init, pre or merge"
        )
    elif conditioning is not None and conditioning not in GRIDS and len(shape) == 3:
        raise ValueError(
            f"{conditioning} reads one vector a picture, but these features are a map {shape}; take its means over all "
            "places, or attention or dot"
        )


def build_encoder(config: Mapping[str, Any], rng: Rng) -> Encoder | FeatureEncoder:
    """Return the encoder that the options describe.

    Parameters
    ----------
    config : mapping
        Of a ``Captioner``.
    rng : numpy.random.Generator

    Returns
    -------
    Encoder, FeatureEncoder or NetworkEncoder

    Raises
    ------
    ValueError
        As for ``check_encoder``.
    """
    encoder, size, conditioning = (config[name] for name in ("encoder", "image_size", "conditioning"))
    check_encoder(encoder, size, conditioning)
    options: dict[str, Any] = {"batch_norm": config["batch_norm"], "rng": rng, "dtype": config["dtype"]}
    shape, grid = stored_shape(encoder), conditioning in GRIDS
    if shape is not None:
        return FeatureEncoder(shape, config["embed_size"], dropout=config["dropout"], **options)
    if encoder in NETWORKS:
        return NetworkEncoder(
            encoder, size, config["embed_size"], grid=grid, dropout=config["dropout"], **options
        )
    return Encoder(encoder, size, config["embed_size"], grid=grid, **options)


def telling_shapes_of_encoder(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the encoder's weights that are as large as any, which a file has to bear out.

    Parameters
    ----------
    config : mapping
        Of a ``Captioner``.

    Returns
    -------
    dict of str to tuple
    """
    encoder, size, width = (config[name] for name in ("encoder", "image_size", "embed_size"))
    grid, shape = config["conditioning"] in GRIDS, stored_shape(encoder)
    if encoder in NETWORKS:
        shape = network_shape(encoder, size, grid=grid)
    if shape is not None:
        return {f"encoder.{name}": found for name, found in telling_feature_shapes(shape, width).items()}
    reading = telling_reading_shapes(*map_shape(encoder, size), width, grid=grid)
    return {
        **telling_trunk_shapes(encoder),
        **{f"encoder.{name}": found for name, found in reading.items()},
    }
