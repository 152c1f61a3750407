"""minicap's side of the rows: training steps of whole models, and captions of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minicap import kernels
from minicap._types import Array, Arrays
from minicap.bench.inputs import END, PAD, START, inputs_of
from minicap.bench.jobs import Call, Job, Way, plainly
from minicap.bench.rows import Row
from minicap.data import CaptionBatch, ClassBatch, Vocabulary
from minicap.decoding import greedy_search
from minicap.models import Captioner, Classifier
from minicap.optim import Adam
from minicap.training.objective import likelihood
from minicap.training.parallel import shared_among

LEARNING_RATE = 1e-3
NEVER = -1e4  # the logit of what is never said


def build_classifier(options: dict[str, Any]) -> Classifier:
    """Return the classifier that a row describes.

    Parameters
    ----------
    options : dict
        Of the row.

    Returns
    -------
    Classifier
    """
    return Classifier(options["classes"], hidden=options["hidden"], image_size=options["image_size"])


def build_captioner(options: dict[str, Any]) -> Captioner:
    """Return the captioner that a row describes.

    Parameters
    ----------
    options : dict
        Of the row.

    Returns
    -------
    Captioner
    """
    words = [f"w{k}" for k in range(options["words"] - 4)]  # after the four markers
    width = options["width"]
    return Captioner(Vocabulary(words), image_size=options["image_size"], embed_size=width, hidden_size=width)


def build_model(kind: str, options: dict[str, Any]) -> Any:
    """Return the model of a row.

    Parameters
    ----------
    kind : str
        ``classifier``; anything else means the captioner.
    options : dict

    Returns
    -------
    Classifier or Captioner
    """
    return build_classifier(options) if kind == "classifier" else build_captioner(options)


def batch_of(kind: str, given: Arrays) -> Any:
    """Return a row's arrays as the model takes them.

    Parameters
    ----------
    kind : str
        ``classifier``; anything else means the captioner.
    given : dict of str to Array
        From ``inputs_of``.

    Returns
    -------
    ClassBatch or CaptionBatch
    """
    return ClassBatch(**given) if kind == "classifier" else CaptionBatch(**given)


def step_job(row: Row, threads: int) -> Job:
    """Return a training step: loss, gradients, Adam.

    Parameters
    ----------
    row : Row
    threads : int

    Returns
    -------
    Job
        At more than one thread in two ways: every kernel uses them all, or the batch is shared among them.
    """
    model, batch = build_model(row.kind, row.options), batch_of(row.kind, inputs_of(row))
    optimizer, rng = Adam(LEARNING_RATE), np.random.default_rng(0)

    def step(objective: Callable[..., tuple[float, Arrays]]) -> tuple[float, Arrays]:
        loss, grads = objective(model, batch, rng)
        optimizer.step(model.params, grads)
        return loss, grads

    @contextmanager
    def shared() -> Iterator[Call]:
        with kernels.kernel_threads(1), shared_among(likelihood, threads) as objective:
            yield lambda: step(objective)

    ways: dict[str, Way] = {"threads in kernels": plainly(lambda: step(likelihood))}
    if threads > 1:
        ways["batch shared among threads"] = shared
    return Job(ways, lambda found: {"loss": np.asarray(found[0]), **found[1]})


def greedy_job(row: Row) -> Job:
    """Return greedy captions of pictures, all as long as they may be.

    Parameters
    ----------
    row : Row

    Returns
    -------
    Job
        Tokens (N, T) and their log-probabilities.
    """
    model, images = build_captioner(row.options), inputs_of(row)["images"]
    model.decoder.to_vocab.params["bias"][END] = NEVER  # nobody stops early
    limits: dict[str, Any] = {
        "start": START,
        "end": END,
        "banned": (PAD,),
        "max_length": row.options["length"],
    }

    def decode() -> Any:
        features, _ = model.encoder.forward(images)
        return greedy_search(model.decoder, features, **limits)

    def arrays(found: Any) -> dict[str, Array]:
        return {
            "tokens": np.array([h.tokens for h in found]),
            "log_probs": np.array([h.log_probs for h in found]),
        }

    return Job({"greedy_search": plainly(decode)}, arrays)
