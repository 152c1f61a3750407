"""What every whole model is: named parts, the options that rebuild it, and a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from minicap._types import Array
from minicap.data.preprocessing import Preprocessing
from minicap.data.stored import Stored
from minicap.data.vocabulary import Vocabulary
from minicap.layers.base import Composite
from minicap.models import storage
from minicap.models.pictures import tensor_blocks
from minicap.models.trunk import Trunk

DTYPES = ("float32", "float64")


class Model(Composite):
    """Captioner, classifier, tagger: each is built from words or labels and a flat dict of options.

    Attributes
    ----------
    vocabulary : Vocabulary or Labels
        What the model's outputs are called.
    preprocessing : Preprocessing
        How pictures become tensors.
    config : dict
        The options, as they are stored.
    dtype : numpy.dtype
    params, buffers : dict of str to Array
        Flat, live, named like ``encoder.conv1.weight``.
    """

    vocabulary_type: ClassVar[type[Stored]] = Vocabulary

    vocabulary: Any
    preprocessing: Preprocessing
    config: dict[str, Any]
    dtype: np.dtype

    @property
    def trunk(self) -> Trunk:
        """The convolutions, which models can hand on to each other."""
        raise NotImplementedError

    def weigh(self, batch: Any) -> float:
        """Return how many terms a batch's loss is the mean of, so that the losses of parts can be joined.

        Parameters
        ----------
        batch : ClassBatch, TagBatch or CaptionBatch

        Returns
        -------
        float
        """
        return float(len(batch.images))

    def save(self, path: str | Path) -> None:
        """Write everything needed to use the model again: parameters, words, preprocessing, options.

        Parameters
        ----------
        path : str or Path
            A ``.npz`` file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        storage.save_model(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back.

        Parameters
        ----------
        path : str or Path
            A file that ``save`` or a training wrote, or a run folder: its best checkpoint.

        Returns
        -------
        the model

        Raises
        ------
        InputError
            If there is no such file, it is damaged, of another version, or holds another kind of model.
        """
        return storage.load_model(path, cls)

    @staticmethod
    def telling_shapes(config: Mapping[str, Any], words: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of some parameters, from which all sizes follow: a file must have them.

        Parameters
        ----------
        config : dict
            As in ``config``.
        words : int
            How many words or labels there are.

        Returns
        -------
        dict of str to tuple
        """
        raise NotImplementedError

    def _settle(self, config: dict[str, Any], preprocessing: Preprocessing | None) -> None:
        """Keep the options after the checks that all models share."""
        kind, size = type(self).__name__, config["image_size"]
        for name in ("embed_size", "hidden_size", "layers", "image_size", "seed"):
            value, least = config.get(name, 1), int(name != "seed")
            if type(value) is not int or value < least:  # a NumPy integer could not be stored as JSON
                raise ValueError(
                    f"{kind}: {name} is {value!r} but a whole number of at least {least} is needed"
                )
        dropout = config["dropout"]
        if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
            raise ValueError(f"{kind}: dropout is {dropout!r} but a probability from 0 to below 1 is needed")
        if config["dtype"] not in DTYPES:
            raise ValueError(
                f"{kind}: there is no dtype {config['dtype']!r}; choose one of {', '.join(DTYPES)}"
            )
        self.config, self.dtype = config, np.dtype(config["dtype"])
        self.preprocessing = preprocessing or Preprocessing(size)
        if self.preprocessing.size != size:
            raise ValueError(
                f"{kind}: image_size is {size} but preprocessing.size is {self.preprocessing.size}"
            )

    def _blocks(self, images: Any, batch_size: int) -> Iterator[Array]:
        """Yield pictures, in whatever form, as tensors (at most batch_size, 3, S, S)."""
        return tensor_blocks(images, self.preprocessing, self.dtype, batch_size, shapes=self._input_shapes())

    def _input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes that a picture may have for the model: of stored features too, where it reads them."""
        size = self.config["image_size"]
        return getattr(getattr(self, "encoder", None), "input_shapes", ((3, size, size),))

    def _check_images(self, images: Array) -> None:
        """Raise unless a batch's pictures fit."""
        shape, size = np.shape(images), self.config["image_size"]
        wanted = self._input_shapes()
        if len(shape) < 2 or shape[0] == 0 or shape[1:] not in wanted:
            needed = " or ".join(f"(M, {', '.join(map(str, each))})" for each in wanted)
            needed = f"(M, 3, S, S) = {needed}" if wanted[0] == (3, size, size) else needed
            raise ValueError(f"{type(self).__name__}: images are {shape} but {needed} is needed")
