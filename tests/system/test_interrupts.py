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
    """Send this process a signal; its handler has run when the function returns."""
    os.kill(os.getpid(), signum)


def handlers() -> list[Any]:
    """Return the current handlers of the signals."""
    return [signal.getsignal(signum) for signum in SIGNALS]


def fail_while_entered(before: list[Any]) -> None:
    """Check that the handlers changed, then raise."""
    with StopRequests():
        assert handlers() != before
        raise ZeroDivisionError


def send_later(signum: int) -> None:
    """Send this process a signal after the time in which signals count as one request."""
    time.sleep(SAME_REQUEST_SECONDS + 0.1)
    send(signum)


def test_without_a_signal_nothing_happens() -> None:
    """Without a request to stop, a check passes."""
    with StopRequests() as stop:
        stop.check()


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_first_signal_waits_for_the_check(signum: int) -> None:
    """A first signal does not interrupt the work; the next check raises and names the signal."""
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
    """Code that handles Ctrl-C handles a SIGTERM too, and `except Exception` catches neither."""
    assert issubclass(Interrupted, KeyboardInterrupt)
    assert not issubclass(Interrupted, Exception)


def test_two_quick_signals_are_one_request() -> None:
    """Signals from a terminal and from a parent process, sent together, count as one."""
    with StopRequests() as stop:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        send(signal.SIGINT)
        with pytest.raises(Interrupted) as caught:
            stop.check()
    assert caught.value.signum == signal.SIGINT


def test_a_second_signal_later_raises_at_once() -> None:
    """A second request does not wait for the next check."""
    with StopRequests():
        send(signal.SIGINT)
        with pytest.raises(Interrupted) as caught:
            send_later(signal.SIGTERM)
    assert caught.value.signum == signal.SIGTERM


def test_once_raised_signals_are_ignored() -> None:
    """The interrupted work can be saved, however many signals follow."""
    with StopRequests() as stop:
        send(signal.SIGTERM)
        with pytest.raises(Interrupted):
            stop.check()
        send_later(signal.SIGINT)
        send_later(signal.SIGTERM)


def test_every_check_after_a_request_raises() -> None:
    """A request stays recorded after a check has raised."""
    with StopRequests() as stop:
        send(signal.SIGINT)
        for _ in range(2):
            with pytest.raises(Interrupted):
                stop.check()


def test_the_old_handlers_are_restored() -> None:
    """The signals' handlers are restored afterwards, also if the work failed."""
    before = handlers()
    with pytest.raises(ZeroDivisionError):
        fail_while_entered(before)
    assert handlers() == before


def test_the_innermost_context_receives_the_signal() -> None:
    """Of two nested contexts the inner one receives the signal, and the outer one the next."""
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
    """In another thread, which receives no signals, the handlers stay and checks pass."""
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
