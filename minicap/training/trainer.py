"""The training loop: epochs, steps, validation, checkpoints. It knows no model and no loss."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import chain, islice
from typing import Any

import numpy as np
from tqdm import tqdm

from minicap.kernels import Workspace
from minicap.optim import Optimizer, clip_by_global_norm
from minicap.training.accumulate import Accumulation
from minicap.training.checkpoint import TrainingState, save_checkpoint
from minicap.training.finite import blame_gradient, first_not_finite
from minicap.training.interrupt import InterruptedTraining, InterruptGuard
from minicap.training.objective import NotFiniteError, Objective, likelihood
from minicap.training.parallel import shared_among
from minicap.training.run import RunFolder
from minicap.training.schedules import Schedule
from minicap.training.seeds import seed_for

Validate = Callable[[Any], Mapping[str, float]]
Examine = Callable[[Any], Iterable[str]]
# The first of these that validation gives decides which epoch is best.
SCORES = ("truth", "cider", "bleu_4", "map", "accuracy")


class Trainer:
    """Fit a model to batches.

    Parameters
    ----------
    model
        With ``params``, ``save`` and, see ``accumulate``, ``weigh``.
    batches : CaptionBatches
        With ``epoch(seed, start=k)`` and a length.
    optimizer : Optimizer
    schedule : Schedule
        Learning rate of each step.
    rng : numpy.random.Generator
        For dropout.
    epochs : int
    seed : int
        Decides the batches of each epoch.
    objective : callable
        ``objective(model, batch, rng) -> (loss, grads)``.
    clip_norm : float
        Largest norm of a gradient.
    accumulate : int
        Batches a step: it goes along the mean of their gradients, as if they were one batch. The last step of an
        epoch has what is left. Ctrl-C waits for the step. More than 1 asks the model for ``weigh``.
    validate : callable, optional
        ``validate(model) -> {"val_loss": ..., "bleu_4": ...}`` after each epoch.
    examine : callable, optional
        ``examine(model) -> list of str`` after each epoch: what ails the model, in plain words. Each sentence is
        shown once, where progress is.
    run : RunFolder, optional
        Where checkpoints and history go.
    patience : int
        Stop after so many epochs without a better validation score; 0 never stops early.
    threads : int
        Parts of each batch that are computed at the same time.
    progress : bool
        Show a progress bar where standard error is a terminal, and a line an epoch.
    state : TrainingState, optional
        Where to go on.
    """

    def __init__(
        self,
        model: Any,
        batches: Any,
        *,
        optimizer: Optimizer,
        schedule: Schedule,
        rng: Any,
        epochs: int,
        seed: int = 0,
        objective: Objective = likelihood,
        clip_norm: float = float("inf"),
        accumulate: int = 1,
        validate: Validate | None = None,
        examine: Examine | None = None,
        run: RunFolder | None = None,
        patience: int = 0,
        threads: int = 1,
        progress: bool = False,
        state: TrainingState | None = None,
    ) -> None:
        if accumulate < 1:
            raise ValueError(f"Trainer: accumulate is {accumulate} but at least 1 batch a step is needed")
        self.accumulate = accumulate
        self.model, self.batches, self.optimizer = model, batches, optimizer
        self.schedule, self.rng, self.threads = schedule, rng, threads
        self.epochs, self.seed, self.objective, self.clip_norm = epochs, seed, objective, clip_norm
        self.validate, self.run, self.patience, self.progress = validate, run, patience, progress
        self.examine, self._said = examine, set[str]()
        self.state = state or TrainingState()

    def fit(self) -> TrainingState:
        """Train until the last epoch, or until validation has stopped improving.

        Returns
        -------
        TrainingState

        Raises
        ------
        NotFiniteError
            If a loss or gradient is no number any more; the message names the layer.
        InterruptedTraining
            If Ctrl-C came; everything was saved first.
        """
        shared = shared_among(self.objective, self.threads)
        with InterruptGuard() as guard, Workspace(), shared as self._objective:
            while self.state.epoch < self.epochs and not self._stopped_early():
                self._train_epoch(guard)
                self._finish_epoch()
                self._stop_if_requested(guard)
        return self.state

    def _train_epoch(self, guard: InterruptGuard) -> None:
        """Take the steps of one epoch that are still to be taken."""
        state = self.state
        began, spent = time.perf_counter(), state.seconds
        batches = iter(self.batches.epoch(seed_for(self.seed, "batches", state.epoch), start=state.position))
        with tqdm(
            total=len(self.batches), initial=state.position, disable=None if self.progress else True, leave=False,
            desc=f"epoch {state.epoch + 1}/{self.epochs}", unit="batch", dynamic_ncols=True,
        ) as bar:  # fmt: skip
            for first in batches:
                done = state.position
                self._step(chain([first], islice(batches, self.accumulate - 1)))
                state.seconds = spent + time.perf_counter() - began
                bar.set_postfix(loss=f"{state.loss_sum / state.position:.3f}", refresh=False)
                bar.update(state.position - done)
                self._stop_if_requested(guard)

    def _step(self, batches: Iterable[Any]) -> None:
        """Move the parameters once, along the mean gradient of some batches."""
        taken = Accumulation()
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is looked for, and named
            for batch in batches:
                weight = self.model.weigh(batch) if self.accumulate > 1 else 1.0
                taken.add(*self._objective(self.model, batch, self.rng), weight)
            clipped, norm = clip_by_global_norm(taken.grads, self.clip_norm)
            if not norm < float("inf"):
                raise NotFiniteError(blame_gradient(taken.grads))
            self.optimizer.lr = self.schedule(self.optimizer.steps)
            self.optimizer.step(self.model.params, clipped)
        # Only now: a state is saved between steps, so that a resumed run groups its batches in the same way.
        self.state.position += taken.batches
        self.state.loss_sum += taken.loss_sum
        self.state.norm_sum += norm * taken.batches  # a mean over batches, as that of the loss

    def _finish_epoch(self) -> None:
        """Validate, note the epoch in the history, keep the best, save the last."""
        if name := first_not_finite(self.model.params):
            raise NotFiniteError(f"the parameter {name} is not finite; a smaller --lr or --clip-norm helps")
        state = self.state
        began = time.perf_counter()
        steps = max(state.position, 1)
        row = {
            "epoch": state.epoch + 1,
            "lr": self.schedule(max(self.optimizer.steps - 1, 0)),
            "train_loss": state.loss_sum / steps,
            "grad_norm": state.norm_sum / steps,
        }
        if self.validate is not None:
            row |= self.validate(self.model)
        state.seconds += time.perf_counter() - began
        state.history.append(row | {"seconds": round(state.seconds, 2)})
        state.epoch, state.position, state.loss_sum, state.norm_sum = state.epoch + 1, 0, 0.0, 0.0
        if self._is_best(row) and self.run is not None:
            self.model.save(self.run.best)
        if self.progress:
            tqdm.write(
                "  ".join(f"{name} {value:.4g}" for name, value in state.history[-1].items()), file=sys.stderr
            )
            self._warn()
        self._save()

    def _warn(self) -> None:
        """Say what ails the model, of each layer once."""
        for sentence in self.examine(self.model) if self.examine is not None else ():
            layer = sentence.partition(":")[0]
            if layer not in self._said:
                tqdm.write(f"  note: {sentence}", file=sys.stderr)
            self._said.add(layer)

    def _is_best(self, row: Mapping[str, float]) -> bool:
        """Tell whether this epoch's validation is the best so far, and remember it."""
        state = self.state
        score = next((row[name] for name in SCORES if name in row), -row.get("val_loss", row["train_loss"]))
        loss = row.get("val_loss", row["train_loss"])
        if state.best is None or score > state.best or (score == state.best and loss < state.best_loss):
            state.best, state.best_loss, state.waited = score, loss, 0
            return True
        state.waited += 1
        return False

    def _stopped_early(self) -> bool:
        """Tell whether validation has not improved for as long as patience lasts."""
        return 0 < self.patience <= self.state.waited

    def _stop_if_requested(self, guard: InterruptGuard) -> None:
        """Save and stop where Ctrl-C was pressed."""
        if guard.requested:
            self._save()
            raise InterruptedTraining

    def _save(self) -> None:
        """Write checkpoint and history where the run has a folder."""
        if self.run is not None:
            save_checkpoint(self.run.checkpoint, self.model, self.optimizer, self.rng, self.state)
            if self.state.history:
                self.run.write_history(self.state.history)
