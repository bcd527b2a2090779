"""The folder of a multirun: one subfolder a run, with a mark when it starts and one when it ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qsweep.durable import write_text

STARTED, ENDED, STOP, PARENT = "started.json", "ended.json", "stop", "parent"


@dataclass(frozen=True)
class Ended:
    """How a run of a sweep ended. outcome: what the runner returned, or empty; error: one line."""

    number: int
    outcome: dict[str, Any]
    error: str


class Jobs:
    """Marks and reads the runs of one multirun; safe between processes, each mark being one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, number: int) -> None:
        """Mark a run as started by this process."""
        folder = self._folder / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / STARTED, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))

    def end(self, number: int, outcome: Any, error: str) -> None:
        """Mark a run as ended."""
        plain = dataclasses.asdict(outcome) if outcome else {}
        text = json.dumps({"number": number, "outcome": plain, "error": error})
        write_text(self._folder / str(number) / ENDED, text)

    def count_ended(self) -> int:
        """How many runs have ended."""
        return sum(1 for _ in self._folder.glob(f"*/{ENDED}"))

    def ended(self) -> list[Ended]:
        """The runs that have ended, in order."""
        marks = (json.loads(path.read_text()) for path in self._folder.glob(f"*/{ENDED}"))
        return sorted((Ended(**mark) for mark in marks), key=lambda mark: mark.number)

    def running(self) -> list[dict[str, Any]]:
        """The start marks of the runs that have not ended."""
        started = self._folder.glob(f"*/{STARTED}")
        return [json.loads(p.read_text()) for p in started if not (p.parent / ENDED).exists()]

    def name_parent(self, run_id: str) -> None:
        """Note the run under which the multirun's runs are nested."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._folder / PARENT, run_id)

    @property
    def parent(self) -> str:
        """The run under which the multirun's runs are nested."""
        return (self._folder / PARENT).read_text()

    @property
    def stopped(self) -> bool:
        """Whether the sweep was asked to stop."""
        return (self._folder / STOP).exists()

    def stop(self) -> None:
        """Ask the runs in hand on this machine to end, and those not begun not to begin."""
        (self._folder / STOP).touch()
        for mark in self.running():
            if mark["host"] == socket.gethostname() and mark["pid"] != os.getpid():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(mark["pid"], signal.SIGTERM)
