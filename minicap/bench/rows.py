"""What is measured: one row an operation and direction, plain data that goes to a worker as it is."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from minicap.bench.shapes import SHAPES, ConvShape, draw_shapes
from minicap.errors import InputError

FORWARD, BACKWARD, BOTH = "forward", "backward", "forward + backward"
INPUT, WEIGHT, ALL = "input gradient", "weight gradient", "all three"
CONV_PARTS = {FORWARD: 1, INPUT: 1, WEIGHT: 1, ALL: 3}  # part -> so many times the forward's arithmetic
CONV, LAYERS, MODELS, PROCESS = "convolution", "other layers", "models", "process"
GROUPS = (CONV, LAYERS, MODELS, PROCESS)
POOLED = ((64, 32, 28, 28), (64, 24, 64, 64))
RECURRENT = ((64, 17, 128, 128), (64, 17, 256, 256), (32, 25, 512, 512))  # N, T, D, H
TOKENS = 1088  # 64 captions of 17 words
# Arithmetic of one training step of the classifier and the captioner, see ``our_models``.
TRAINING = 3  # a product's two gradients cost what it costs itself


@dataclass(frozen=True)
class Row:
    """One thing to measure.

    Attributes
    ----------
    name : str
        What people read, and what patterns choose.
    group : str
        One of ``GROUPS``.
    kind : str
        Which job of a library does it.
    part : str
        Which direction of it.
    options : dict
        Sizes; JSON-ready.
    flops : float
        Multiplications and additions of a call; 0 where they are not what it is about.
    unit : str
        ``ms``, or ``MB`` where memory is measured.
    """

    name: str
    group: str
    kind: str
    part: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    flops: float = 0.0
    unit: str = "ms"

    def to_dict(self) -> dict[str, Any]:
        """Return the row as a worker is told it."""
        return asdict(self)


def catalogue(*, random: int = 3, seed: int = 0) -> list[Row]:
    """Return every row, in the order of the table.

    Parameters
    ----------
    random : int
        Convolutions drawn at random.
    seed : int
        Of the draw.

    Returns
    -------
    list of Row
    """
    drawn = draw_shapes(random, seed)
    rows = [row for shape in SHAPES for row in conv_rows(shape)]
    rows += [row for shape in drawn for row in conv_rows(shape, "random ")]
    return [
        *rows,
        *_pool_rows(),
        *_norm_rows(),
        *_word_rows(),
        *_recurrent_rows(),
        *_model_rows(),
        *_process_rows(),
    ]


def conv_rows(shape: ConvShape, prefix: str = "") -> list[Row]:
    """Return the rows of one convolution: forward, both gradients, and all three.

    Parameters
    ----------
    shape : ConvShape
    prefix : str
        Of the names.

    Returns
    -------
    list of Row
    """
    return [
        Row(
            f"conv {prefix}{shape.name} {part}",
            CONV,
            "conv",
            part,
            {"shape": list(shape)},
            times * shape.flops,
        )
        for part, times in CONV_PARTS.items()
    ]


def choose(rows: Sequence[Row], patterns: Iterable[str]) -> list[Row]:
    """Return the rows that any of the patterns fits: with ``*`` and ``?`` the whole name, else a part of it.

    Parameters
    ----------
    rows : sequence of Row
    patterns : iterable of str
        None of them means all rows.

    Returns
    -------
    list of Row

    Raises
    ------
    InputError
        If a pattern fits no row.
    """
    patterns = [pattern.strip() for pattern in patterns if pattern.strip()]
    for pattern in patterns:
        if not any(_fits(row.name, pattern) for row in rows):
            raise InputError(f"--rows: no row fits {pattern!r}{_suggestion(rows, pattern)}")
    return [row for row in rows if not patterns or any(_fits(row.name, pattern) for pattern in patterns)]


def _fits(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits a name, in capitals or not."""
    name, pattern = name.lower(), pattern.lower()
    return fnmatchcase(name, pattern) if set("*?") & set(pattern) else pattern in name


def _suggestion(rows: Sequence[Row], pattern: str) -> str:
    """Return the words or the name that may have been meant, or where names are to be seen."""
    names = {row.name.lower(): row.name for row in rows}
    words = {word: word for name in names for word in name.split() if word.isalpha()}
    close = difflib.get_close_matches(pattern.lower().strip("*"), [*words, *names], n=1, cutoff=0.6)
    return (
        f"; did you mean {(words | names)[close[0]]!r}?" if close else "; minicap bench --list shows them all"
    )


def _pool_rows() -> list[Row]:
    """Return pooling by 2x2."""
    return [
        Row(f"{kind} pool 2x2 {'x'.join(map(str, x))} {part}", LAYERS, f"{kind}_pool", part, {"x": list(x)})
        for kind, shapes in (("max", POOLED), ("average", POOLED[:1]))
        for x in shapes
        for part in (FORWARD, BACKWARD)
    ]


def _norm_rows() -> list[Row]:
    """Return batch norm while training, and layer norm."""
    sizes = {"batch": [64, 64, 28, 28], "layer": [TOKENS, 256]}
    return [
        Row(f"{kind} norm {'x'.join(map(str, x))} {part}", LAYERS, f"{kind}_norm", part, {"x": x})
        for kind, x in sizes.items()
        for part in (FORWARD, BACKWARD)
    ]


def _word_rows() -> list[Row]:
    """Return what a vocabulary costs: the loss over it, and the gradient of word vectors."""
    rows = [
        Row(f"softmax cross-entropy {TOKENS}x{words} {BOTH}", LAYERS, "loss", BOTH, {"x": [TOKENS, words]})
        for words in (1000, 10_000)
    ]
    options = {"ids": TOKENS, "w": [10_000, 256]}
    return [*rows, Row(f"embedding {TOKENS} of 10000x256 {BACKWARD}", LAYERS, "embedding", BACKWARD, options)]


def _recurrent_rows() -> list[Row]:
    """Return LSTM and GRU over whole sequences, and Adam."""
    rows = []
    for kind, gates in (("LSTM", 4), ("GRU", 3)):
        for n, t, d, h in RECURRENT:
            flops = TRAINING * 2.0 * n * t * (d + h) * gates * h
            options = {"sizes": [n, t, d, h]}
            name = f"{kind} N={n} T={t} D={d} H={h} {BOTH}"
            rows.append(Row(name, LAYERS, kind.lower(), BOTH, options, flops))
    shapes = [[2000, 512], [512, 1024], [256, 1024], [256, 768], [96, 48, 3, 3], [2000]]
    return [*rows, Row("Adam step, 2 M parameters", LAYERS, "adam", "step", {"shapes": shapes})]


def _model_rows() -> list[Row]:
    """Return whole training steps, and greedy decoding."""
    captioner = {"batch": 64, "length": 17, "words": 2000, "image_size": 64, "width": 256}
    classifier = {"batch": 64, "image_size": 28, "hidden": [512, 128], "classes": 10}
    return [
        Row("classifier step", MODELS, "classifier", "step", classifier, _classifier_flops(classifier)),
        Row("captioner step", MODELS, "captioner", "step", captioner, _captioner_flops(captioner)),
        Row("greedy decoding of 64 images", MODELS, "greedy", FORWARD, {**captioner, "length": 20}),
    ]


def _process_rows() -> list[Row]:
    """Return what is not arithmetic: starting, and the memory of training."""
    steps = {row.kind: row.options for row in _model_rows()}
    rows = [
        Row("import", PROCESS, "import", "package"),
        Row("import and load the layers", PROCESS, "import", "layers"),
    ]
    told = importlib.util.find_spec("resource") is not None  # Windows does not tell how much memory was used
    for kind in ("classifier", "captioner") if told else ():
        options = {"model": kind, "steps": 3, **steps[kind]}
        rows.append(Row(f"peak memory of {kind} steps", PROCESS, "memory", "step", options, unit="MB"))
    return rows


def _classifier_flops(sizes: dict[str, Any]) -> float:
    """Count a step's arithmetic; no gradient of the pictures is needed."""
    n, side = sizes["batch"], sizes["image_size"]
    convs = [ConvShape(n, 3, side, side, 32).flops, ConvShape(n, 32, side // 2, side // 2, 64).flops]
    widths = [64 * (side // 4) ** 2, *sizes["hidden"], sizes["classes"]]
    dense = sum(2.0 * n * a * b for a, b in pairwise(widths))
    return TRAINING * (sum(convs) + dense) - convs[0]


def _captioner_flops(sizes: dict[str, Any]) -> float:
    """Count a step's arithmetic: convolutions, reading, LSTM and vocabulary."""
    n, side, width, words = (sizes[name] for name in ("batch", "image_size", "width", "words"))
    channels = (3, 24, 48, 96)
    convs = [
        ConvShape(n, channels[i], side >> i, side >> i, channels[i + 1]).flops
        for i in range(len(channels) - 1)
    ]
    reading = 2.0 * n * (96 * 8 * 8 + 96) * width
    spoken = 2.0 * n * sizes["length"] * width * (3 * 4 * width + words)
    return TRAINING * (sum(convs) + reading + spoken) - convs[0]
