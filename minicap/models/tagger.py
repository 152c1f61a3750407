"""The tagger: a picture in, the names of what it shows out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays, Rng
from minicap.data.collate import TagBatch
from minicap.data.labels import Labels
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import SPECIALS
from minicap.layers import CELLS, named
from minicap.models.base import Model
from minicap.models.decoders import telling_decoder_shapes
from minicap.models.dense import read_widths, telling_dense_shapes
from minicap.models.encoder import flat_size
from minicap.models.tag_heads import HEADS, DenseHead, Findings, SequenceHead, SpatialHead
from minicap.models.trunk import Trunk, cell_size, map_shape, telling_trunk_shapes


class Tag(NamedTuple):
    """A tag of a picture.

    Attributes
    ----------
    name : str
    probability : float
    box : (x, y, width, height) or None
        The place of the map where the tag's logit is largest, in pixels of the square picture of side S that
        the model sees; None where the head does not look place by place.
    """

    name: str
    probability: float
    box: tuple[float, float, float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the tag as JSON-ready values; without ``box`` where there is none."""
        record = {"tag": self.name, "probability": self.probability}
        return record if self.box is None else record | {"box": list(self.box)}


class TaggerCache(NamedTuple):
    """The caches of the parts, in forward order."""

    encoder: dict[str, Any]
    head: Any


class Tagger(Model):
    """Convolutions and a head that says which of K tags a picture has.

    Parameters
    ----------
    labels : Labels or sequence of str
        The tags; for the head ``sequence`` in the order in which they are to be said.
    encoder : str
        The convolutions, by name or written down, see ``minicap.models.trunk``.
    head : str
        ``spatial``: a logit a tag at every place of the map, and the largest counts; ``dense``: fully
        connected layers; ``sequence``: a recurrent decoder that says the tags one after another.
    hidden : str or sequence of int
        With ``dense``: widths of the fully connected layers.
    decoder : str
        With ``sequence``: ``rnn``, ``lstm`` or ``gru``.
    embed_size, hidden_size : int
        With ``sequence``: widths of tag and picture vectors, and of the recurrent state.
    image_size : int
        Side S of the square pictures, in pixels.
    batch_norm : bool
        Whether batch norm stands behind the convolutions, and in front of the features of ``sequence``.
    dropout : float
        Probability dropped in the dense and in the sequence head while training.
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
    """

    vocabulary_type = Labels

    def __init__(
        self,
        labels: Labels | Sequence[str],
        *,
        encoder: str = "fine",
        head: str = "spatial",
        hidden: str | Sequence[int] = "512",
        decoder: str = "lstm",
        embed_size: int = 128,
        hidden_size: int = 128,
        image_size: int = 64,
        batch_norm: bool = True,
        dropout: float = 0.0,
        dtype: str = "float32",
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self.vocabulary = labels if isinstance(labels, Labels) else Labels(labels)
        hidden = ",".join(map(str, read_widths(hidden)))
        if head not in HEADS:
            raise ValueError(f"Tagger: there is no head {head!r}; choose one of {', '.join(HEADS)}")
        if decoder not in CELLS:
            raise ValueError(f"Tagger: there is no decoder {decoder!r}; choose one of {', '.join(CELLS)}")
        self._settle(
            {
                "encoder": encoder, "head": head, "hidden": hidden, "decoder": decoder,
                "embed_size": embed_size, "hidden_size": hidden_size, "image_size": image_size,
                "batch_norm": bool(batch_norm), "dropout": dropout, "dtype": str(dtype), "seed": seed,
            },
            preprocessing,
        )  # fmt: skip
        size = (*map_shape(encoder, image_size), len(self.vocabulary))
        rng = np.random.default_rng(seed)
        self.encoder = Trunk(encoder, batch_norm=batch_norm, rng=rng, dtype=dtype)
        self.head: SpatialHead | DenseHead | SequenceHead
        if head == "spatial":
            self.head = SpatialHead(*size, rng=rng, dtype=dtype)
        elif head == "dense":
            self.head = DenseHead(*size, hidden=hidden, dropout=dropout, rng=rng, dtype=dtype)
        else:
            self.head = SequenceHead(
                *size, decoder=decoder, embed_size=embed_size, hidden_size=hidden_size, batch_norm=batch_norm,
                dropout=dropout, rng=rng, dtype=dtype,
            )  # fmt: skip

    @property
    def parts(self) -> Mapping[str, Any]:
        """Convolutions and head."""
        return {"encoder": self.encoder, "head": self.head}

    @property
    def trunk(self) -> Trunk:
        """The convolutions."""
        return self.encoder

    def loss(
        self, batch: TagBatch, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, TaggerCache]:
        """Return how badly the model knows the tags.

        Parameters
        ----------
        batch : TagBatch
            images (N, 3, S, S); tags (N, K), 1 where a picture has the tag, else 0.
        training : bool
            Whether dropout drops and norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        loss : 0-d
            In nats: a tag of a picture, with the head ``sequence`` a tag said.
        cache : TaggerCache

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        self._check_images(batch.images)
        expected = (len(batch.images), len(self.vocabulary))
        if np.shape(batch.tags) != expected:
            raise ValueError(f"Tagger: tags are {np.shape(batch.tags)} but (N, K) = {expected} is needed")
        maps, c_encoder = self.encoder.forward(batch.images, training=training)  # (N, F, s, s)
        loss, c_head = self.head.loss(maps, batch.tags, training=training, rng=rng)
        return loss, TaggerCache(c_encoder, c_head)

    def backward(
        self, cache: TaggerCache, dloss: float = 1.0, *, image_gradient: bool = True
    ) -> tuple[Array | None, Arrays]:
        """Propagate from the loss to the pixels.

        Parameters
        ----------
        cache : TaggerCache
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
        dmaps, g_head = self.head.backward(dloss, cache.head)
        dimages, g_encoder = self.encoder.backward(dmaps, cache.encoder, input_gradient=image_gradient)
        return dimages, named(encoder=g_encoder, head=g_head)

    def weigh(self, batch: TagBatch) -> float:
        """Return the number of pictures, or with the head ``sequence`` of tags said, the end counted as one.

        Parameters
        ----------
        batch : TagBatch

        Returns
        -------
        float
        """
        pictures = super().weigh(batch)
        return pictures + float(batch.tags.sum()) if self.config["head"] == "sequence" else pictures

    def find(self, images: Any, *, batch_size: int = 64) -> Findings:
        """Return the tags' probabilities for each picture, and where they were seen.

        Parameters
        ----------
        images
            A path, a Pillow image, a uint8 array (H, W, 3) or (N, H, W, 3) of any size, a list of these, or
            a float array (N, 3, S, S) that is preprocessed already.
        batch_size : int
            Pictures computed at once.

        Returns
        -------
        Findings
            probabilities (N, K); said (N, K) for the head ``sequence``; places (N, K, 2) for ``spatial``.

        Raises
        ------
        InputError
            If a picture cannot be read.
        """
        found = list(self._found(images, batch_size))
        if not found:
            return Findings(np.empty((0, len(self.vocabulary)), self.dtype))
        joined: list[Any] = [
            None if each[0] is None else np.concatenate(each) for each in zip(*found, strict=True)
        ]
        return Findings(*joined)

    def _found(self, images: Any, batch_size: int) -> Iterator[Findings]:
        """Yield what the head finds, block by block."""
        for block in self._blocks(images, batch_size):
            yield self.head.find(self.encoder.forward(block)[0])

    def tag(
        self, images: Any, *, threshold: float = 0.5, least: int = 0, batch_size: int = 64
    ) -> list[list[Tag]]:
        """Name what pictures show.

        Parameters
        ----------
        images
            As ``find`` takes them.
        threshold : float
            A tag is named from this probability on; the head ``sequence`` decides by itself.
        least : int
            So many tags are named in any case, the most probable ones.
        batch_size : int

        Returns
        -------
        list of list of Tag
            The most probable first.
        """
        found = self.find(images, batch_size=batch_size)
        said = found.probabilities >= threshold if found.said is None else found.said
        order = np.argsort(-found.probabilities, axis=1, kind="stable")
        return [
            [self.tag_of(found, n, k) for rank, k in enumerate(order[n]) if said[n, k] or rank < least]
            for n in range(len(order))
        ]

    def tag_of(self, found: Findings, n: int, k: int) -> Tag:
        """Return one tag of one picture.

        Parameters
        ----------
        found : Findings
            From ``find``.
        n, k : int
            The picture and the tag.

        Returns
        -------
        Tag
            Whether it is said or not; with its box where the head looks place by place.
        """
        box = None
        if found.places is not None:
            row, column = found.places[n, k].tolist()
            cell = float(cell_size(self.config["encoder"]))
            box = (column * cell, row * cell, cell, cell)
        return Tag(self.vocabulary.names[k], float(found.probabilities[n, k]), box)

    @staticmethod
    def telling_shapes(config: Mapping[str, Any], words: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of some weights, from which all sizes follow: a file must have them.

        Parameters
        ----------
        config : dict
            As in ``config``.
        words : int
            Number K of tags.

        Returns
        -------
        dict of str to tuple
        """
        filters, side = map_shape(config["encoder"], config["image_size"])
        shapes = telling_trunk_shapes(config["encoder"])
        if config["head"] == "spatial":
            return shapes | {"head.to_tags.weight": (words, filters, 1, 1)}
        if config["head"] == "dense":
            dense = telling_dense_shapes(filters * side * side, read_widths(config["hidden"]), words)
            return shapes | {f"head.{name}": shape for name, shape in dense.items()}
        embed, hidden = config["embed_size"], config["hidden_size"]
        decoder = telling_decoder_shapes(
            len(SPECIALS) + words, embed, cell=config["decoder"], embed_size=embed, hidden_size=hidden
        )
        return {
            **shapes,
            "head.reading.where.linear.weight": (flat_size(filters, side), embed),
            **{f"head.decoder.{name}": shape for name, shape in decoder.items()},
        }
