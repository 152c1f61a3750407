"""What the op tests share: the golden files as an oracle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "ops.npz"


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Return what PyTorch computed; see ``tests/golden/make_golden.py``."""
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture
def agrees_with_torch(golden) -> Callable[..., None]:
    """Return a function that holds an op's outputs and gradients against one golden case."""

    def check(case: str, forward: Any, backward: Any, *inputs: str) -> None:
        kept = {key.rpartition("/")[2]: array for key, array in golden.items() if key.startswith(f"{case}/")}
        options = json.loads(str(kept["options"])) | ({"mask": kept["mask"]} if "mask" in kept else {})
        y, cache = forward(*(kept[name] for name in inputs), **options)
        outputs = y if isinstance(y, tuple) else (y,)
        grads = backward(*(kept[f"dy{i}"] for i in range(len(outputs))), cache)
        found = {f"y{i}": output for i, output in enumerate(outputs)} | grads._asdict()
        for name, array in found.items():
            np.testing.assert_allclose(array, kept[name], rtol=1e-9, atol=1e-12, err_msg=f"{case}: {name}")

    return check
