"""Failures of environments: foreign code that may exit, raise anything, or change the current folder.

Whatever it does becomes an `EnvironmentFailure`: one line that names the environment and Gymnasium's rule.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qsweep.errors import Failure, UsageError, one_line, text_of
from qsweep.system.interrupts import Interrupted

ASKED = {
    "make": "a constructor returns the environment",
    "reset": "reset(seed=..., options=...) returns (observation, info)",
    "step": "step(action) returns (observation, reward, terminated, truncated, info)",
    "render": "render() returns what the render mode says",
    "close": "close() releases what the environment uses",
}
"""Method -> Gymnasium's rule."""
NOT_FOREIGN = (f"{Path(os.__file__).parent}{os.sep}_", f"{Path(__file__).parents[1]}{os.sep}")
"""Where the code begins in which no environment is at fault: `exit` itself, and qsweep."""
_warned: set[str] = set()


RULE = "; Gymnasium's rule: "


class EnvironmentFailure(Failure):
    """An environment broke Gymnasium's rules; the message names it, the method and the rule."""

    def at(self, place: str) -> EnvironmentFailure:
        """Return the failure with the place where it happened, such as the episode and step."""
        what, semicolon, rule = str(self).partition(RULE)
        return EnvironmentFailure(f"{what}, {place}{semicolon}{rule}")


def failure(env_id: str, method: str, what: str, rule: str = "") -> EnvironmentFailure:
    """Return the failure of a method. what: it did, in words. rule: Gymnasium's, by default the method's."""
    return EnvironmentFailure(f"{env_id}: {method} {what}{RULE}{rule or ASKED[method]}")


def is_interrupt(error: BaseException) -> bool:
    """Return whether a signal raised an exception, and not an environment.

    Where signals raise `Interrupted`, as in every command, any other KeyboardInterrupt is an environment's.
    """
    unmarked = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return isinstance(error, Interrupted) or (isinstance(error, KeyboardInterrupt) and unmarked)


def raised(error: BaseException) -> str:
    """Return the exception that was raised, and the line of foreign code that raised it, in words."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [at for at in frames if not at.filename.startswith(("<", *NOT_FOREIGN))]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"raised {one_line(error, kind=True) if text_of(error, str) else type(error).__name__}{place}"


@contextmanager
def calling(env_id: str, method: str) -> Iterator[None]:
    """Turn whatever an environment raises inside into an EnvironmentFailure, and keep the current folder."""
    home = current_folder()
    try:
        yield
    except BaseException as error:
        if isinstance(error, Failure | UsageError) or is_interrupt(error):
            raise
        raise failure(env_id, method, raised(error)) from error
    finally:
        return_to(home)


@contextmanager
def closing(env_id: str, env: object) -> Iterator[None]:
    """Close an environment at the end; if that fails, warn once: what was done with it stands."""
    try:
        yield
    finally:
        close(env_id, env)


def close(env_id: str, env: object) -> None:
    """Close an environment; if that fails, warn once: what was done with it stands."""
    try:
        with calling(env_id, "close"):
            env.close()  # type: ignore[attr-defined]
    except EnvironmentFailure as failed:
        warn(f"{failed}; its results are kept")


def warn(text: str) -> None:
    """Print a warning on stderr, once per process."""
    if text not in _warned:
        _warned.add(text)
        print(f"qsweep: warning: {text}", file=sys.stderr, flush=True)


def current_folder() -> str:
    """Return the current folder, or "" if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def return_to(folder: str) -> None:
    """Make a folder the current one again, if foreign code has changed it."""
    if folder and current_folder() != folder:
        with suppress(OSError):
            os.chdir(folder)
