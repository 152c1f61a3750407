"""Pictures changed a little at each sight, so that a model cannot learn them by heart."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from minicap._types import Array, Rng
from minicap.data.files import shown
from minicap.data.preprocessing import MAX_SIZE
from minicap.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in grey pictures


@dataclass(frozen=True)
class Augmentation:
    """Say how training pictures are varied; the default varies nothing, and is false.

    Parameters
    ----------
    crop : int
        Shift by up to so many pixels each way; what comes in from outside repeats the edge.
    flip : bool
        Mirror left and right, one picture in two. A caption that tells the sides apart (`says_side`) would
        become false: see `apply`.
    jitter : float
        Multiply brightness, contrast and saturation, each by its own factor from ``1 - jitter`` to
        ``1 + jitter``.

    Raises
    ------
    InputError
        If a setting makes no sense.
    """

    crop: int = 0
    flip: bool = False
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if type(self.crop) is not int or not 0 <= self.crop < MAX_SIZE:
            raise InputError(
                f"augmentation: crop must be a whole number of pixels from 0 to {MAX_SIZE - 1}, "
                f"not {shown(repr(self.crop))}"
            )
        if type(self.flip) is not bool:
            raise InputError(f"augmentation: flip must be true or false, not {shown(repr(self.flip))}")
        sound = type(self.jitter) in (int, float) and math.isfinite(self.jitter) and 0 <= self.jitter <= 1
        if not sound:
            raise InputError(
                f"augmentation: jitter must be a number from 0 to 1, not {shown(repr(self.jitter))}"
            )
        object.__setattr__(self, "jitter", float(self.jitter))

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return self.crop > 0 or self.flip or self.jitter > 0

    def apply(self, pixels: Array, rng: Rng, may_flip: Array | None = None) -> Array:
        """Return the pictures, each shifted, mirrored and recoloured by its own draws.

        Six numbers a picture are drawn, whatever is switched on and whatever may be flipped; so neither
        changes what the other pictures, or the other settings, get.

        Parameters
        ----------
        pixels : Array
            uint8, shape (N, H, W, 3), square or not; left as it is.
        rng : Generator
            Moves on by 6 N numbers.
        may_flip : Array, optional
            bool, shape (N,): False where a mirror picture would make the caption false.

        Returns
        -------
        Array
            uint8, shape (N, H, W, 3), newly allocated.

        Raises
        ------
        ValueError
            If the arrays are no 8-bit pictures with a flag for each.
        InputError
            If the pictures are no larger than the shift.
        """
        allowed = _checked(pixels, may_flip)
        if self.crop >= min(pixels.shape[1:3]):
            side = min(pixels.shape[1:3])
            raise InputError(
                f"augmentation: crop shifts by up to {self.crop} pixels, but the pictures have only {side}; "
                f"use {max(1, side // 8)} or so"
            )
        draws = rng.random((len(pixels), 6))  # (N, 6), each in [0, 1)
        shifts = np.floor(draws[:, :2] * (2 * self.crop + 1)).astype(np.intp) - self.crop
        flips = (draws[:, 2] < 0.5) & allowed & self.flip
        moved = _move(pixels, shifts, flips)
        return _recolour(moved, 1 + self.jitter * (2 * draws[:, 3:] - 1)) if self.jitter else moved


def _checked(pixels: Array, may_flip: Array | None) -> Array:
    """Return for each picture whether it may be flipped, or raise where something else was given."""
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or 0 in pixels.shape[1:]:
        raise ValueError(
            f"augment: pixels must be uint8 (N, H, W, 3), but they are {pixels.dtype} {pixels.shape}"
        )
    if may_flip is None:
        return np.ones(len(pixels), bool)
    allowed = np.asarray(may_flip)
    if allowed.dtype != bool or allowed.shape != pixels.shape[:1]:
        came = f"{allowed.dtype} {allowed.shape}"
        raise ValueError(f"augment: may_flip must be bool ({len(pixels)},), one a picture, but it is {came}")
    return allowed


def _move(pixels: Array, shifts: Array, flips: Array) -> Array:
    """Shift and mirror: each pixel comes from one place, and all are fetched together."""
    n, height, width, _ = pixels.shape
    rows = np.clip(np.arange(height) + shifts[:, :1], 0, height - 1)  # (N, H)
    columns = np.clip(np.arange(width) + shifts[:, 1:], 0, width - 1)  # (N, W)
    columns = np.where(flips[:, None], columns[:, ::-1], columns)
    places = np.arange(n)[:, None] * height + rows  # (N, H)
    places = places[:, :, None] * width + columns[:, None, :]  # (N, H, W)
    return pixels.reshape(-1, 3)[places]


def _recolour(pixels: Array, factors: Array) -> Array:
    """Multiply brightness b, contrast c and saturation s, the three columns of ``factors`` (N, 3).

        y = b (c (s x + (1 - s) grey(x)) + (1 - c) mean(grey(x)))

    Saturation draws each pixel towards its grey, contrast all of them towards the picture's mean grey. It is
    rounded and cut to 0..255 once, at the end.
    """
    bright, contrast, saturation = np.moveaxis(factors.astype(np.float32), 1, 0)[:, :, None, None, None]
    x = pixels.astype(np.float32)
    grey = (x @ LUMA)[..., None]  # (N, H, W, 1)
    mean = grey.mean(axis=(1, 2), keepdims=True)  # (N, 1, 1, 1)
    x *= bright * contrast * saturation
    grey *= bright * contrast * (1 - saturation)
    x += grey + bright * (1 - contrast) * mean
    return np.clip(np.rint(x, out=x), 0, 255, out=x).astype(np.uint8)


# Words that a mirror picture would make false. One too many costs a picture its mirror image, one too few
# teaches a falsehood: so words with a second meaning ("right" as correct, "droit" as straight) are in.
_SIDES = {
    "English": r"(?:left|right)(?:most|wards?|hand(?:ed|er|ers)?|sided?)?|(?:anti|counter)?clockwise",
    "German, Dutch": r"(?:links|rechts|linker|rechter)[^\W\d_]*|(?:link|recht)(?:e[mnrs]?|se)"
    r"|(?:gegen)?uhrzeigersinn|(?:met de|tegen de) klok",
    "French": r"gauches?|droite?s?|(?:anti)?horaire",
    "Spanish": r"izquierd[ao]s?|derech[ao]s?|(?:anti)?horario",
    "Portuguese": r"esquerd[ao]s?|direit[ao]s?|(?:anti)?horário",
    "Italian": r"sinistr[aeio]|destr[aeio]|(?:anti)?orario",
    "Catalan": r"esquerr(?:a|e|es|ans)|dret(?:a|es|s)?",
    "Swedish": r"vänst(?:er|ra)|hög(?:er|ra)|(?:med|mot)urs",
    "Danish, Norwegian": r"venstre|højre|høyre|høgre",
    "Polish": r"(?:na)?(?:lew|praw)(?:o|a|y|e|ej|ego|emu|ą|ym|ymi|ych)",
    "Czech, Slovak": r"(?:v|na)?(?:lev|ľav|prav)o|do(?:leva|ľava|prava)|(?:lev|ľav|prav)(?:á|é|ý|ou|ej|ého|ém|ému|ým)",
    "Croatian, Serbian, Slovene": r"(?:na)?(?:lev|lijev|desn)(?:o|a|i|e|u|oj|og|om|im)",
    "Russian": r"(?:с|на|в)?(?:лев|прав)(?:а|о)|(?:лев|прав)(?:ый|ая|ое|ой|ую|ого|ому|ом|ым|ые|ых|ыми)",
    "Turkish": r"(?:sol|sağ)(?:da|daki|a|dan|ında|ındaki)?",
}
_SIGNS = "[左右←→⇐⇒⬅➡👈👉]|왼쪽|오른쪽|왼손|오른손|बाएं|बाएँ|बायीं|दाएं|दाएँ|दायीं"  # they stand without spaces
_SIDE = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(_SIDES.values())})(?![^\W\d_])|{_SIGNS}")


def says_side(text: str) -> bool:
    """Return whether a caption or tag tells left from right, which a mirror picture would make false.

    Whole words in any case: "left", "rightmost", "left-hand", "turn_right", "counterclockwise", and the like
    in some twenty languages, arrows too. Words that only look so ("bright", "leftover") do not count.

    Parameters
    ----------
    text : str

    Returns
    -------
    bool
    """
    return _SIDE.search(unicodedata.normalize("NFC", text.lower())) is not None
