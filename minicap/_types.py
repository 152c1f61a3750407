"""Names for the types that signatures repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = dict[str, Array]
ArrayMapping: TypeAlias = Mapping[str, Array]
Rng: TypeAlias = np.random.Generator
