"""The classifier: a picture in, one of several classes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays, Rng
from minicap.data.collate import ClassBatch
from minicap.data.labels import Labels
from minicap.data.preprocessing import Preprocessing
from minicap.layers import named
from minicap.models.base import Model
from minicap.models.dense import dense_layers, read_widths, telling_dense_shapes
from minicap.models.trunk import Trunk, map_shape, telling_trunk_shapes
from minicap.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward, softmax_forward


class Guess(NamedTuple):
    """A class, and how probable the model finds it."""

    label: str
    probability: float


class ClassifierCache(NamedTuple):
    """The caches of the parts, in forward order."""

    encoder: dict[str, Any]
    head: dict[str, Any]
    loss: Any


class Classifier(Model):
    """Convolutions, fully connected layers, softmax: P(class | image).

    With its defaults it is the small network that people know from digits and clothes of 28 pixels:
    convolution 3 -> 32, pooling, convolution 32 -> 64, pooling, then 64*7*7 -> 512 -> 128 -> K.

    Parameters
    ----------
    labels : Labels, sequence of str, or int
        The classes' names; a number K stands for ``"0"`` to ``"K-1"``.
    encoder : str
        The convolutions, by name or written down, see ``minicap.models.trunk``.
    hidden : str or sequence of int
        Widths of the fully connected layers, such as ``"512,128"``.
    image_size : int
        Side S of the square pictures, in pixels.
    batch_norm : bool
        Whether convolutions are followed by batch norm.
    dropout : float
        Probability dropped behind each hidden layer while training.
    dtype : str
        ``float32`` or ``float64``.
    seed : int
        Of the initial weights.
    preprocessing : Preprocessing, optional
        How pictures become tensors; by default scaled to [-1, 1].

    Raises
    ------
    ValueError
        If an option makes no sense or sizes do not fit.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
    """

    vocabulary_type = Labels

    def __init__(
        self,
        labels: Labels | Sequence[str] | int,
        *,
        encoder: str = "classic",
        hidden: str | Sequence[int] = "512,128",
        image_size: int = 28,
        batch_norm: bool = False,
        dropout: float = 0.0,
        dtype: str = "float32",
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        if not isinstance(labels, Labels):
            labels = Labels([str(k) for k in range(labels)] if isinstance(labels, int) else labels)
        widths = read_widths(hidden)
        self.vocabulary = labels
        self._settle(
            {
                "encoder": encoder, "hidden": ",".join(map(str, widths)), "image_size": image_size,
                "batch_norm": bool(batch_norm), "dropout": dropout, "dtype": str(dtype), "seed": seed,
            },
            preprocessing,
        )  # fmt: skip
        filters, side = map_shape(encoder, image_size)
        rng = np.random.default_rng(seed)
        self.encoder = Trunk(encoder, batch_norm=batch_norm, rng=rng, dtype=dtype)
        self.head = dense_layers(
            filters * side * side, widths, len(labels), dropout=dropout, rng=rng, dtype=dtype
        )

    @property
    def parts(self) -> Mapping[str, Any]:
        """Convolutions and fully connected layers."""
        return {"encoder": self.encoder, "head": self.head}

    @property
    def trunk(self) -> Trunk:
        """The convolutions."""
        return self.encoder

    def loss(
        self, batch: ClassBatch, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, ClassifierCache]:
        """Return the mean negative log-probability of the right classes.

        Parameters
        ----------
        batch : ClassBatch
            images (N, 3, S, S); labels (N,), 0 to K - 1.
        training : bool
            Whether dropout drops and norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        loss : 0-d
            In nats a picture.
        cache : ClassifierCache

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        self._check_images(batch.images)
        maps, c_encoder = self.encoder.forward(batch.images, training=training)  # (N, F, s, s)
        logits, c_head = self.head.forward(maps, training=training, rng=rng)  # (N, K)
        loss, c_loss = softmax_cross_entropy_forward(logits, batch.labels)
        return loss, ClassifierCache(c_encoder, c_head, c_loss)

    def backward(
        self, cache: ClassifierCache, dloss: float = 1.0, *, image_gradient: bool = True
    ) -> tuple[Array | None, Arrays]:
        """Propagate from the loss to the pixels.

        Parameters
        ----------
        cache : ClassifierCache
        dloss : float
            Upstream gradient.
        image_gradient : bool
            Whether to go on to the pixels, which training does not need.

        Returns
        -------
        dimages : Array, (N, 3, S, S), or None where not asked for or the convolutions are frozen
        grads : dict of str to Array
            Named and shaped like ``params``.
        """
        dlogits = softmax_cross_entropy_backward(dloss, cache.loss).dlogits
        dmaps, g_head = self.head.backward(dlogits, cache.head)
        dimages, g_encoder = self.encoder.backward(dmaps, cache.encoder, input_gradient=image_gradient)
        return dimages, named(encoder=g_encoder, head=g_head)

    def probabilities(self, images: Any, *, batch_size: int = 64) -> Array:
        """Return the probability of each class for each picture.

        Parameters
        ----------
        images
            A path, a Pillow image, a uint8 array (H, W, 3) or (N, H, W, 3) of any size, a list of these, or
            a float array (N, 3, S, S) that is preprocessed already.
        batch_size : int
            Pictures computed at once.

        Returns
        -------
        Array, (N, K)

        Raises
        ------
        InputError
            If a picture cannot be read.
        """
        found = [np.empty((0, len(self.vocabulary)), self.dtype)]
        for block in self._blocks(images, batch_size):
            logits, _ = self.head.forward(self.encoder.forward(block)[0])
            found.append(softmax_forward(logits)[0])
        return np.concatenate(found)

    def classify(self, images: Any, *, top: int = 1, batch_size: int = 64) -> list[list[Guess]]:
        """Name the most probable classes of pictures.

        Parameters
        ----------
        images
            As ``probabilities`` takes them.
        top : int
            How many classes a picture.
        batch_size : int

        Returns
        -------
        list of list of Guess
            The best first.

        Raises
        ------
        ValueError
            If ``top`` is below 1.
        """
        if top < 1:
            raise ValueError(f"classify: top is {top} but at least 1 is needed")
        rows = self.probabilities(images, batch_size=batch_size)
        best = np.argsort(-rows, axis=1, kind="stable")[:, :top]
        return [
            [Guess(self.vocabulary.names[k], float(row[k])) for k in several]
            for row, several in zip(rows, best, strict=True)
        ]

    @staticmethod
    def telling_shapes(config: Mapping[str, Any], words: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights, from which all sizes follow: a file must have them.

        Parameters
        ----------
        config : dict
            As in ``config``.
        words : int
            Number K of classes.

        Returns
        -------
        dict of str to tuple
        """
        filters, side = map_shape(config["encoder"], config["image_size"])
        dense = telling_dense_shapes(filters * side * side, read_widths(config["hidden"]), words)
        return telling_trunk_shapes(config["encoder"]) | {f"head.{name}": s for name, s in dense.items()}
