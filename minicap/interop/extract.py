"""Features of pictures, computed by a network that has learnt already, and kept in a file."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.files import reason_of, shown, write_atomically
from minicap.data.images import load_image
from minicap.data.preprocessing import Preprocessing
from minicap.errors import InputError
from minicap.interop.features_file import FORMAT, META, Features, read_features
from minicap.interop.pretrained import load_efficientnet
from minicap.models import load_any
from minicap.models.efficientnet import NAME, lite0_preprocessing

BATCH = 16


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """Hold convolutions that have learnt, and what their pictures have to look like.

    Parameters
    ----------
    name : str
        ``efficientnet-lite0``, or what the file of a run is called.
    network : Trunk or EfficientNet
        Frozen.
    preprocessing : Preprocessing
    """

    name: str
    network: Any
    preprocessing: Preprocessing

    def features(self, pixels: Array, *, grid: bool = False) -> Array:
        """Return the last map of pictures, or its means over all places.

        Parameters
        ----------
        pixels : Array, (N, S, S, 3)
            uint8, as the preprocessing returns them.
        grid : bool
            Keep the places.

        Returns
        -------
        Array, (N, F), or (N, F, s, s)
        """
        dtype = next(iter(self.network.params.values())).dtype
        maps, _ = self.network.forward(self.preprocessing.tensor(pixels, dtype))  # (N, F, s, s)
        return maps if grid else maps.mean(axis=(2, 3))

    def about(self, *, grid: bool, half: bool) -> dict[str, Any]:
        """Return what decides features, JSON-ready: two files of the same go together.

        Parameters
        ----------
        grid, half : bool

        Returns
        -------
        dict
        """
        digest = hashlib.sha256()
        for name, array in sorted((self.network.params | self.network.buffers).items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return {
            "format": FORMAT, "encoder": self.name, "weights": digest.hexdigest()[:16],
            "preprocessing": self.preprocessing.to_dict(), "grid": grid, "half": half,
        }  # fmt: skip


def open_encoder(source: str) -> FeatureEncoder:
    """Return the network that computes features, frozen.

    Parameters
    ----------
    source : str
        ``efficientnet-lite0``, or a run folder or checkpoint, whose convolutions are taken.

    Returns
    -------
    FeatureEncoder

    Raises
    ------
    InputError
        If the package with the weights is not installed, or there is no such run.
    """
    if source == NAME:
        return FeatureEncoder(NAME, load_efficientnet(), lite0_preprocessing())
    if not Path(source).exists():
        raise InputError(
            f"--encoder: {shown(source, 60)} is neither {NAME} nor a run folder; name one of them"
        )
    model = load_any(source)
    model.trunk.frozen = True
    return FeatureEncoder(Path(source).name, model.trunk, model.preprocessing)


def compute_features(
    encoder: FeatureEncoder,
    images: Sequence[Any],
    *,
    grid: bool = False,
    batch_size: int = BATCH,
    broken: Callable[[int, str], None] | None = None,
) -> Iterator[tuple[list[int], Array]]:
    """Compute the features of pictures, some at a time.

    Parameters
    ----------
    encoder : FeatureEncoder
    images : sequence of Path or Array
        Files, or uint8 arrays (H, W, 3).
    grid : bool
        Keep the places of the map.
    batch_size : int
        Pictures at a time.
    broken : callable, optional
        Is told the place of a picture that cannot be decoded, and why; it is left out.

    Yields
    ------
    places : list of int
        Which pictures.
    features : Array, (len(places), F), or (len(places), F, s, s)

    Raises
    ------
    InputError
        If a picture cannot be decoded and ``broken`` is not given.
    """
    for start in range(0, len(images), batch_size):
        places, pixels = [], []
        for place in range(start, min(start + batch_size, len(images))):
            image = images[place]
            try:
                decoded = load_image(image) if isinstance(image, str | Path) else np.asarray(image)
                pixels.append(encoder.preprocessing.pixels(decoded))
                places.append(place)
            except InputError as error:
                if broken is None:
                    raise
                broken(place, reason_of(error, image))
        if places:
            yield places, encoder.features(np.stack(pixels), grid=grid)


def write_features(
    path: str | Path, names: Sequence[str], values: Array, about: Mapping[str, Any] | None = None
) -> None:
    """Write features as one ``.npz`` that NumPy and ``read_features`` read, or leave the old file as it was.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        One a picture.
    values : Array, (N, F), or (N, F, s, s)
    about : mapping, optional
        JSON-ready notes, as ``FeatureEncoder.about`` returns them.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = np.frombuffer(json.dumps({"format": FORMAT, **(about or {})}).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        names=np.array(list(names), dtype=np.str_),
        features=values,
        **{META: text},
    )
    write_atomically(path, buffer.getvalue())


class FeatureStore:
    """A file of features that grows: what it holds already is not computed again.

    Parameters
    ----------
    path : str or Path
        A ``.npz`` file, which may not exist yet.
    about : mapping
        What decides the features, see ``FeatureEncoder.about``.

    Raises
    ------
    InputError
        If the file's folder is missing, or it holds features of another kind.
    """

    def __init__(self, path: str | Path, about: Mapping[str, Any]) -> None:
        self.path, self._about = Path(path), dict(about)
        self._names: list[str] = []
        self._values: list[Array] = []
        if self.path.suffix.lower() != ".npz":
            raise InputError(f"{shown(path)}: features are written as .npz; call the file so")
        if not self.path.parent.is_dir():
            raise InputError(f"{shown(path)}: there is no folder {shown(self.path.parent)}; make it first")
        if self.path.exists():
            former = read_features(self.path)
            self._check(former)
            self._names, self._values = list(former.names), [former.values]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._names)

    def missing(self, names: Sequence[str]) -> list[int]:
        """Return which of some pictures have no features here yet.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        list of int
        """
        here = set(self._names)
        return [place for place, name in enumerate(names) if name not in here]

    def add(self, names: Sequence[str], values: Array) -> None:
        """Take features up; they are written by ``save``.

        Parameters
        ----------
        names : sequence of str
        values : Array, (len(names), ...)

        Raises
        ------
        InputError
            If a number is not finite, or too large for 16 bits.
        """
        with np.errstate(over="ignore"):
            kept = values.astype(np.float16 if self._about.get("half") else np.float32)
        if not np.isfinite(kept).all():
            few = " in 16 bits; leave --half out" if np.isfinite(values).all() else "; use another encoder"
            raise InputError(f"{shown(self.path)}: the features of {shown(names[0], 60)} are not finite{few}")
        self._names.extend(names)
        self._values.append(kept)

    def save(self) -> tuple[int, ...]:
        """Write everything, and return the shape of the features.

        Returns
        -------
        tuple of int
        """
        self._values = [np.concatenate(self._values)]
        write_features(self.path, self._names, self._values[0], self._about)
        return self._values[0].shape

    def _check(self, former: Features) -> None:
        """Refuse a file of features that were computed in another way."""
        for name, value in self._about.items():
            if former.about.get(name) != value:
                raise InputError(
                    f"{shown(self.path)}: holds features of another {'kind' if name == 'format' else name}; "
                    "choose another --out, or delete the file"
                )
