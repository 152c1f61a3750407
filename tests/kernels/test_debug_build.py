"""A build with MINICAP_CYTHON_DEBUG=1 notices what a kernel must never do: leave an array's bounds."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from minicap.kernels import embedding


def test_leaving_the_bounds_is_reported(build, monkeypatch):
    if os.environ.get("MINICAP_CYTHON_DEBUG") != "1":
        pytest.skip("only a build with MINICAP_CYTHON_DEBUG=1 checks bounds")
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_type))
    embedding.embedding_backward(np.ones((1, 2)), np.array([5]), 3)
    embedding.embedding_backward(np.ones((1, 2)), np.array([-1]), 3)
    assert reported == [IndexError, IndexError]
