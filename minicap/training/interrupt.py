"""Ctrl-C between two steps, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class InterruptedTraining(KeyboardInterrupt):
    """Ctrl-C came, and everything was saved first."""


class InterruptGuard:
    """While open, the first Ctrl-C only sets ``requested``; a second one interrupts at once.

    A parameter update that is cut in half could not be resumed; so the trainer asks between steps.
    """

    def __init__(self) -> None:
        self.requested = False
        self._former: signal.Handlers | None = None

    def __enter__(self) -> InterruptGuard:
        # Only the main thread may set a handler; elsewhere Ctrl-C keeps its usual effect.
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGINT, self._note)  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
