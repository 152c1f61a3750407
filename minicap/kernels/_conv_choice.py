"""Which way a convolution is computed, by its shape: one readable table.

    way        forward and input gradient                  weight gradient
    --------   -----------------------------------------   -------------------------------------------
    winograd   3x3 and 5x5 at stride 1, float32            likewise
    pixels     steps, with enough filters for a vector     many filters: a vector holds filters
    rows       whatever is left: a vector holds pixels     few filters, as depthwise: a vector holds pixels
    unfold     builds without wide vectors (generic)       likewise

Winograd's way multiplies less (a quarter for 3x3, 0.36 for 5x5) and rounds more. Seen against float64, on normal
random images of 64 channels, the largest error of a float32 result is some 3 to 12 millionths of the largest value
(25 to 45 in the weight gradient of 5x5), where the direct ways stay within 4; no error is beyond the rounding bound
in tests/kernels/test_winograd.py.
float64 is always direct, so gradient checks are as sharp as ever; ``MINICAP_WINOGRAD=off`` keeps float32 direct, too.
"""

from __future__ import annotations

import os
from functools import cache

from minicap.errors import InputError

VARIABLE = "MINICAP_WINOGRAD"
FEWEST_CHANNELS = 16  # on either side: with fewer, Winograd's transforms cost more than they save
MOST_SUMS = 1 << 18  # C * F: the weight gradient's sums at 36 points must stay in the caches
MOST_PHASES = 64  # planes of a strided image that the kernels have room for


@cache
def conv_choice(
    w_shape: tuple[int, int, int, int], stride: tuple[int, int], dilation: tuple[int, int], groups: int,
    itemsize: int, vector_bytes: int,
) -> dict[str, str]:  # fmt: skip
    """Return which way the compiled kernels go.

    Parameters
    ----------
    w_shape : (F, C/groups, KH, KW)
    stride, dilation : (vertical, horizontal)
    groups : int
    itemsize : int
        4 for float32, 8 for float64.
    vector_bytes : int
        Of the build in use: 16, 32 or 64.

    Returns
    -------
    dict of str to str
        ``forward``, ``input`` and ``weight``: each ``winograd``, ``pixels``, ``rows`` or ``unfold``.

    Raises
    ------
    InputError
        If MINICAP_WINOGRAD is neither on nor off.
    """
    (f, c, kh, kw), lanes = w_shape, vector_bytes // itemsize
    filters = f // groups
    depthwise = filters == 1 or c == 1
    if vector_bytes < 32 and not depthwise:
        return dict.fromkeys(("forward", "input", "weight"), "unfold")
    if stride[0] * stride[1] > MOST_PHASES:
        return dict.fromkeys(("forward", "input", "weight"), "pixels")
    torn = max(stride) > 1
    ways = {
        "forward": "pixels" if torn and filters >= lanes // 2 else "rows",
        "input": "pixels" if torn and c >= lanes // 2 else "rows",
        "weight": "pixels" if filters >= max(2, lanes // 4) else "rows",
    }
    plain = itemsize == 4 and kh == kw and kh in (3, 5) and groups == 1 and max(*stride, *dilation) == 1
    if plain and min(f, c) >= FEWEST_CHANNELS and _winograd_wanted():
        ways["forward"] = ways["input"] = "winograd"
        if f * c <= MOST_SUMS:
            ways["weight"] = "winograd"
    return ways


@cache
def _winograd_wanted() -> bool:
    """Tell whether the environment leaves Winograd's way open."""
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted.lower() not in ("", "on", "1", "yes", "off", "0", "no"):
        raise InputError(f"{VARIABLE}={wanted!r} is neither on nor off; set it to one of them")
    return wanted.lower() not in ("off", "0", "no")
