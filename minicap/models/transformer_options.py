"""What a Transformer can be: its choices, which of them go together, and the sizes that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap.layers.positions import MOST, POSITIONS
from minicap.models.sublayers import ACTIVATIONS

TRANSFORMER_CONDITIONINGS = ("par", "pre", "attention", "none")
TRANSFORMER_OPTIONS = ("heads", "positions", "norm_first", "activation", "tied")
WIDER = 4  # the feed-forward is so many times as wide as the hidden size


def check_transformer(options: Mapping[str, Any]) -> None:
    """Raise where the options of a Transformer are unknown or do not go together.

    Parameters
    ----------
    options : mapping
        ``conditioning``, ``embed_size``, ``heads``, ``positions`` and ``activation``; more is not looked at.

    Raises
    ------
    ValueError
        The message names the option and the choices.
    """
    choices = {"conditioning": TRANSFORMER_CONDITIONINGS, "positions": POSITIONS, "activation": ACTIVATIONS}
    for name, known in choices.items():
        if options[name] not in known:
            raise ValueError(
                f"a Transformer has no {name} {options[name]!r}; choose one of {', '.join(known)}"
            )
    size, heads = options["embed_size"], options["heads"]
    if type(heads) is not int or heads < 1 or size % heads:
        raise ValueError(
            f"embed_size {size} does not divide into {heads!r} heads; choose a multiple of heads"
        )


def telling_transformer_shapes(
    words: int,
    feature_size: int,
    *,
    conditioning: str,
    embed_size: int,
    hidden_size: int,
    layers: int,
    positions: str,
    tied: bool,
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that are as large as any, which a file has to bear out.

    Parameters
    ----------
    words, feature_size : int
        V and E.
    conditioning : str
    embed_size, hidden_size, layers : int
    positions : str
    tied : bool
        As for ``TransformerDecoder``.

    Returns
    -------
    dict of str to tuple
    """
    shapes: dict[str, tuple[int, ...]] = {"embed.weight": (words, embed_size)}
    if positions == "learned":
        shapes["positions.weight"] = (MOST, embed_size)
    if conditioning in ("par", "pre"):
        shapes["conditioning.to_word.weight"] = (feature_size, embed_size)
    for i in range(1, layers + 1):
        shapes[f"block{i}.self.attention.w_q"] = (embed_size, embed_size)
        if conditioning == "attention":
            shapes[f"block{i}.cross.attention.w_k"] = (feature_size, embed_size)
        shapes[f"block{i}.feed.wide.weight"] = (embed_size, WIDER * hidden_size)
    if not tied:
        shapes["to_vocab.weight"] = (embed_size, words)
    return shapes
