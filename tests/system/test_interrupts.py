from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from qsweep.system.interrupts import SAME_REQUEST_SECONDS, Interrupted, StopRequests

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def send(signum: int) -> None:
    """Send this process a signal; its handler has run when this returns."""
    os.kill(os.getpid(), signum)


def handlers() -> list[Any]:
    """What the signals mean now."""
    return [signal.getsignal(signum) for signum in SIGNALS]


def fail_while_entered(before: list[Any]) -> None:
    """Work that changes what the signals mean, and fails."""
    with StopRequests():
        assert handlers() != before
        raise ZeroDivisionError


def send_later(signum: int) -> None:
    """Send this process a signal once a new one no longer counts as the same request."""
    time.sleep(SAME_REQUEST_SECONDS + 0.1)
    send(signum)


def test_without_a_signal_nothing_happens() -> None:
    """Where nobody asks to stop, a check passes."""
    with StopRequests() as stop:
        stop.check()


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_first_signal_waits_for_the_check(signum: int) -> None:
    """A signal does not interrupt work in hand: the next check raises, and says which it was."""
    reached = False
    with StopRequests() as stop:
        send(signum)
        reached = True
        with pytest.raises(Interrupted) as caught:
            stop.check()
    assert reached
    assert caught.value.signum == signum
    assert str(caught.value) == signal.Signals(signum).name


def test_an_interruption_is_a_keyboard_interrupt() -> None:
    """Code that expects Ctrl-C understands a SIGTERM too, and `except Exception` lets both pass."""
    assert issubclass(Interrupted, KeyboardInterrupt)
    assert not issubclass(Interrupted, Exception)


def test_two_quick_signals_are_one_request() -> None:
    """A terminal and a parent process that both send do not interrupt at once."""
    with StopRequests() as stop:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        send(signal.SIGINT)
        with pytest.raises(Interrupted) as caught:
            stop.check()
    assert caught.value.signum == signal.SIGINT


def test_a_second_signal_later_raises_at_once() -> None:
    """Somebody who insists is not kept waiting for the next check."""
    with StopRequests():
        send(signal.SIGINT)
        with pytest.raises(Interrupted) as caught:
            send_later(signal.SIGTERM)
    assert caught.value.signum == signal.SIGTERM


def test_once_raised_signals_are_ignored() -> None:
    """What was interrupted can be put away, however often somebody asks again."""
    with StopRequests() as stop:
        send(signal.SIGTERM)
        with pytest.raises(Interrupted):
            stop.check()
        send_later(signal.SIGINT)
        send_later(signal.SIGTERM)


def test_every_check_raises_once_somebody_has_asked() -> None:
    """A request is not forgotten by being seen."""
    with StopRequests() as stop:
        send(signal.SIGINT)
        for _ in range(2):
            with pytest.raises(Interrupted):
                stop.check()


def test_the_handlers_before_come_back() -> None:
    """Afterwards signals mean what they meant before, also where the work failed."""
    before = handlers()
    with pytest.raises(ZeroDivisionError):
        fail_while_entered(before)
    assert handlers() == before


def test_one_within_another_gives_way_to_it() -> None:
    """Of two that are entered the inner one hears the signal, and the outer one the next."""
    with StopRequests() as outer:
        with StopRequests() as inner:
            send(signal.SIGINT)
            outer.check()
            with pytest.raises(Interrupted):
                inner.check()
        send(signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            outer.check()
    assert caught.value.signum == signal.SIGTERM


def test_outside_the_main_thread_nothing_happens() -> None:
    """In another thread, which gets no signals, the handlers stay and checks pass."""
    before = handlers()
    seen = []

    def work() -> None:
        with StopRequests() as stop:
            seen.append(handlers())
            stop.check()
        seen.append(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, before]
