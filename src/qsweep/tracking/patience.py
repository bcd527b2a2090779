"""Retrying calls to a tracking server that does not answer for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import requests

from qsweep.errors import Failure
from qsweep.tracking.stored_run import milliseconds

if TYPE_CHECKING:
    from mlflow import MlflowClient

BUDGET_SECONDS = 120.0
"""Time to retry a call to a server that has answered before."""
FIRST_BUDGET_SECONDS = 4.0
"""Time to retry a call to a server that never has: its address may be wrong."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 4.0
UNREACHABLE = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.RetryError,  # status 5xx and 429
    requests.exceptions.ChunkedEncodingError,
)
UNREACHABLE_TEXTS = ("Max retries exceeded", "Connection aborted", "Read timed out")
"""Such errors as text: for downloads MLflow keeps no more of them."""

_log = logging.getLogger(__name__)


class ServerGone(Failure):
    """A tracking server did not answer in time. reason: the last error or status."""

    def __init__(self, uri: str, reason: str, remedy: str = "") -> None:
        more = f"; {remedy}" if remedy else ""
        super().__init__(f"the tracking server {uri} stopped answering ({reason}){more}")
        self.uri, self.reason = uri, reason


class RetryingClient:
    """MLflow's client for a server; retries each call until it is answered or the budget is spent.

    Once a budget is spent, calls are tried once each until one is answered. All calls are safe to repeat:
    recording twice has no effect, and a run is searched for before it is created again.
    budget: seconds per call. Raises ServerGone.
    """

    def __init__(self, client: MlflowClient, uri: str, budget: float = BUDGET_SECONDS) -> None:
        self._client = client
        self._uri = uri
        self._given_up = False
        self.budget = budget

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            return self.retried(lambda _: method(*arguments, **named))

        return call if callable(method) else method

    def create_run(self, experiment_id: str, tags: dict[str, str], run_name: str) -> Any:
        """Create a run, only once even if the answer to the first request was lost."""
        start = milliseconds()

        def ask(again: bool) -> Any:
            created = self._find(experiment_id, start, run_name, tags) if again else None
            return created or self._client.create_run(experiment_id, start, tags, run_name)

        return self.retried(ask)

    def _find(self, experiment_id: str, start: int, name: str, tags: dict[str, str]) -> Any:
        found = self._client.search_runs([experiment_id], f"attributes.start_time = {start}")
        same = (run for run in found if run.info.run_name == name and tags.items() <= run.data.tags.items())
        return next(same, None)

    def retried(self, ask: Callable[[bool], Any]) -> Any:
        """Return the answer. ask: makes the request; its argument is False the first time, then True.

        Raises ServerGone, and what `ask` raises if the server answered.
        """
        deadline = time.monotonic() + (0.0 if self._given_up else self.budget)
        pause = FIRST_PAUSE_SECONDS
        again = False
        while True:
            try:
                answer = ask(again)
            except Exception as error:
                reason = _reason(error)
                if reason is None:
                    raise
                if time.monotonic() >= deadline:
                    self._given_up = True
                    raise ServerGone(self._uri, reason) from None
            else:
                self._given_up = False
                return answer
            again = True
            self._pause(pause, deadline, reason)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _pause(self, seconds: float, deadline: float, reason: str) -> None:
        if seconds == LONGEST_PAUSE_SECONDS / 2:  # a short restart goes unreported
            left = max(0.0, deadline - time.monotonic())
            _log.warning("qsweep: waiting up to %.0f s for %s (%s)", left, self._uri, reason)
        try:
            time.sleep(max(0.0, min(seconds, deadline - time.monotonic())))
        except BaseException:
            self._given_up = True  # after an interrupt, later calls do not wait either
            raise


def _reason(error: BaseException) -> str | None:
    """Return why there was no answer, in a few words; None if the server answered, if only to refuse."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if response is not None and response.status_code >= 500:
            return f"status {response.status_code}"
        if isinstance(cause, UNREACHABLE) and not isinstance(cause, requests.exceptions.SSLError):
            return _words(cause)
        cause = cause.__cause__ or cause.__context__
    return _words(error) if any(words in str(error) for words in UNREACHABLE_TEXTS) else None


def _words(error: BaseException) -> str:
    for words in ("Connection refused", "Name or service not known", "timed out", "Connection reset"):
        if words in str(error):
            return words[0].lower() + words[1:]
    return " ".join(str(error).split())[-120:]
