"""Ctrl-C: the first one is heard between steps, the second one at once."""

from __future__ import annotations

import signal
import threading

import pytest

from minicap.training import InterruptedTraining
from minicap.training.interrupt import InterruptGuard


def test_the_first_ctrl_c_is_noted_only():
    with InterruptGuard() as guard:
        assert not guard.requested
        signal.raise_signal(signal.SIGINT)
        assert guard.requested


def test_the_second_ctrl_c_interrupts_at_once():
    with InterruptGuard():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_former_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    with InterruptGuard():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_the_former_handler_comes_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), InterruptGuard():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) == before


def test_another_thread_may_train():
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with InterruptGuard() as guard:
            found.append((guard.requested, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, before)]


def test_an_interrupted_training_is_a_keyboard_interrupt():
    assert issubclass(InterruptedTraining, KeyboardInterrupt)
