"""What a network has found in pictures, in place of their pixels: read from a file, or computed once for a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from minicap._types import Array
from minicap.data.dataset import CaptionData
from minicap.data.files import shown
from minicap.data.preprocessing import Preprocessing
from minicap.data.report import NO_FEATURES, NO_IMAGE, ReadingReport
from minicap.errors import InputError
from minicap.interop.extract import FeatureEncoder, compute_features
from minicap.interop.features_file import Features
from minicap.interop.pretrained import load_efficientnet
from minicap.models import Captioner, load_any
from minicap.models.features import FeatureEncoder as ReadsFeatures
from minicap.models.features import stored_shape
from minicap.models.joining import GRIDS
from minicap.models.network import NETWORKS, network_shape
from minicap.training.config import TrainConfig
from minicap.training.feature_files import noted_source, open_features
from minicap.training.preparing import Splits, tell
from minicap.training.run import RunFolder
from minicap.training.transfer import preprocessing_from

HALF_FROM, MOST_BYTES = 1 << 30, 1 << 33  # of features in memory: from when on 16 bits, and what is refused


def features_for(model: Captioner, features: Features, names: Sequence[str]) -> Array:
    """Return the features of some pictures as a captioner reads them.

    Parameters
    ----------
    model : Captioner
    features : Features
    names : sequence of N str

    Returns
    -------
    Array, (N, F) or (N, F, s, s)

    Raises
    ------
    InputError
        If the captioner reads no features, others, or a picture has none.
    """
    _check_kind(model, features)
    return _fitting(features, features.of(names), model.encoder.input_shapes[-1])


def check_features(models: Sequence[Any], features: Features) -> None:
    """Raise unless all models read these features, and read them alike.

    Parameters
    ----------
    models : sequence of Captioner
    features : Features

    Raises
    ------
    InputError
    """
    for model in models:
        _check_kind(model, features)
    if len({model.encoder.input_shapes[-1] for model in models}) > 1:
        raise InputError(
            "--features: one run reads maps and the other their means; evaluate them one at a time"
        )


def attach_features(
    model: Captioner, features: Features, data: CaptionData, *, report: ReadingReport
) -> CaptionData:
    """Return the pictures that have features, with these in place of their pixels.

    Parameters
    ----------
    model : Captioner
        Which reads them.
    features : Features
    data : CaptionData
    report : ReadingReport
        Where to count what is left out.

    Returns
    -------
    CaptionData

    Raises
    ------
    InputError
        If the captioner reads no features, others, or no picture has any.
    """
    _check_kind(model, features)
    return _attached(features, data, shape=model.encoder.input_shapes[-1], report=report)


def stored_splits(
    config: TrainConfig, splits: Splits, run: RunFolder, *, resume: bool = False, progress: bool = False
) -> Splits:
    """Return training and validation data with what a network finds in them, where a training reads nothing else.

    Parameters
    ----------
    config : TrainConfig
        With ``features``, or with a network that stays frozen; other data are returned as they are.
    splits : Splits
    run : RunFolder
        Whose checkpoint holds the network where a training goes on.
    resume, progress : bool

    Returns
    -------
    Splits

    Raises
    ------
    InputError
        If features are missing, of another kind, or too many for the memory.
    """
    network = config.encoder in NETWORKS and config.freeze
    if splits.train.features is not None or not (config.features or network):
        return splits
    parts = [part for part in splits if part is not None]
    if config.features:
        shape, features = stored_shape(config.encoder), open_features(config.features)
        assert shape is not None
        read = partial(_attached, features, shape=shape)
    else:
        shape = network_shape(config.encoder, config.image_size, grid=config.conditioning in GRIDS)
        dtype = _dtype_for(sum(map(len, parts)), shape)
        read = partial(_computed, _network(config, run, resume), shape=shape, dtype=dtype, progress=progress)
    found = []
    for part in parts:
        report = ReadingReport()
        found.append(read(part, report=report))
        if progress:
            tell(report)
    return Splits(*found, *(None for _ in range(2 - len(found))))


def _check_kind(model: Captioner, features: Features) -> None:
    """Raise unless a captioner reads features, and such ones."""
    if not isinstance(getattr(model, "encoder", None), ReadsFeatures):
        raise InputError("--features: the run looks at pictures itself; leave it out")
    learnt, here = model.config["features_of"], noted_source(features)
    if learnt and here and learnt != here:
        raise InputError(
            f"{shown(features.path)}: these features are of {shown(here, 90)}, but the run has learnt from those of "
            f"{shown(learnt, 90)}; compute them as for training"
        )


def _attached(
    features: Features, data: CaptionData, *, shape: tuple[int, ...], report: ReadingReport
) -> CaptionData:
    """Put features in place of pixels; leave out pictures without."""
    places = np.array(features.places(data.names))
    kept = np.flatnonzero(places >= 0)
    if not len(kept):
        features.of(data.names)  # says what is missing
    if len(kept) < len(data):
        report.set_total(NO_FEATURES, len(data))
        for place in np.flatnonzero(places < 0):
            report.add(NO_FEATURES, data.names[place])
    values = _fitting(features, features.values[places[kept]], shape)
    return replace(data.subset(kept), features=values)


def _fitting(features: Features, values: Array, shape: tuple[int, ...]) -> Array:
    """Return features as a model reads them: maps, or their means over all places."""
    if values.ndim == 4 and len(shape) == 1:
        values = values.mean(axis=(2, 3), dtype=np.float32)
    if values.shape[1:] != shape:
        raise InputError(
            f"{shown(features.path)}: features are {features.values.shape[1:]} a picture, but the run reads {shape}; "
            "use features of the kind that it learnt from"
        )
    return values


def _dtype_for(count: int, shape: tuple[int, ...]) -> np.dtype:
    """Return float32, or float16 where so many features are large; refuse what no memory holds."""
    numbers = count * math.prod(shape)
    if 2 * numbers > MOST_BYTES:
        raise InputError(
            f"--freeze: what the network finds in {count:,} pictures, {shape} each, takes {2 * numbers / 1e9:.0f} GB; "
            "use a smaller --image-size, a --conditioning that reads their means (par, init, pre, merge), or fewer "
            "pictures"
        )
    return np.dtype(np.float16 if 4 * numbers > HALF_FROM else np.float32)


def _network(config: TrainConfig, run: RunFolder, resume: bool) -> FeatureEncoder:
    """Return the frozen network of a training, and what its pictures look like."""
    if resume and run.checkpoint.is_file():
        model = load_any(run.checkpoint)
        network, look = model.trunk, model.preprocessing
    else:
        network = load_any(config.encoder_from).trunk if config.encoder_from else load_efficientnet()
        used = preprocessing_from(config)
        look = Preprocessing(config.image_size) if used is None else used
    network.frozen = True
    return FeatureEncoder(config.encoder, network, look)


def _computed(
    network: FeatureEncoder,
    data: CaptionData,
    *,
    shape: tuple[int, ...],
    dtype: np.dtype,
    report: ReadingReport,
    progress: bool,
) -> CaptionData:
    """Let a network look at every picture once."""
    values, seen, broken = np.empty((len(data), *shape), dtype), list[int](), dict[int, str]()
    look: Any = compute_features(
        network,
        data.images,
        grid=len(shape) == 3,
        broken=lambda place, reason: broken.update({place: reason}),
    )
    hidden = None if progress else True
    with tqdm(
        total=len(data), desc=f"features of {data.split}", unit="image", disable=hidden, leave=False
    ) as bar:
        for places, found in look:
            values[places] = found
            seen += places
            bar.update(len(places))
    if not seen:
        first = f"{shown(data.images[0])} {broken[0]}"
        raise InputError(f"none of the {len(data)} images of {data.split} can be decoded: {first}")
    if broken:
        report.set_total(NO_IMAGE, len(data))
        for place, reason in broken.items():
            report.add(NO_IMAGE, f"{data.names[place]} {reason}")
    return replace(data.subset(seen), features=values[seen] if broken else values)
