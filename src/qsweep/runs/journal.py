"""The folder of a multirun: a file a worker, a line for every run that it begins and ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qsweep.system.atomic_files import write_text

STOP, PARENT = "stop", "parent"


@dataclass(frozen=True)
class Ended:
    """How a run of a sweep ended. outcome: what the runner returned, or empty; error: one line."""

    number: int
    outcome: Mapping[str, Any]
    error: str


@dataclass(frozen=True)
class Hand:
    """Whose hands a run is in."""

    host: str
    pid: int

    @property
    def other(self) -> bool:
        """Whether it is another process on this machine."""
        return self.host == socket.gethostname() and self.pid != os.getpid()


class Jobs:
    """Marks and reads the runs of one multirun; safe between processes, for each writes its own file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read_to: dict[Path, int] = {}
        self._ended: dict[int, Ended] = {}
        self._started: dict[int, Hand] = {}

    def start(self, numbers: Sequence[int]) -> None:
        """Mark runs as started by this process."""
        self._mark({"start": list(numbers), "host": socket.gethostname(), "pid": os.getpid()})

    def end(self, ended: Ended) -> None:
        """Mark a run as ended."""
        self._mark({"end": dataclasses.asdict(ended)})

    def _mark(self, mark: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # On a line of its own: what is there may be half a line, of a write for which there was no room.
        with (self.folder / f"{socket.gethostname()}-{os.getpid()}.jsonl").open("a") as file:
            file.write(f"\n{json.dumps(mark)}\n")

    def _read(self) -> None:
        for path in self.folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path, 0))
                lines, _, _ = file.read().rpartition(b"\n")
            self._read_to[path] = self._read_to.get(path, 0) + len(lines) + bool(lines)
            for line in filter(None, lines.splitlines()):
                with suppress(ValueError):  # half a line marks nothing
                    self._take(json.loads(line))

    def _take(self, mark: Mapping[str, Any]) -> None:
        if "end" in mark:
            ended = Ended(**mark["end"])
            self._ended[ended.number] = ended
            self._started.pop(ended.number, None)
        else:
            begun = (number for number in mark["start"] if number not in self._ended)  # read out of order
            self._started |= dict.fromkeys(begun, Hand(mark["host"], mark["pid"]))

    def count_ended(self) -> int:
        """How many runs have ended."""
        self._read()
        return len(self._ended)

    def ended(self) -> list[Ended]:
        """The runs that have ended, in order."""
        self._read()
        return [self._ended[number] for number in sorted(self._ended)]

    def running(self) -> dict[int, Hand]:
        """The runs that have started and not ended, and whose hands they are in."""
        self._read()
        return dict(self._started)

    def abandoned(self) -> set[int]:
        """The runs in hand, of which nobody will hear any more; in no hand from now on."""
        numbers = set(self.running())
        self._started.clear()
        return numbers

    def name_parent(self, run_id: str) -> None:
        """Note the run under which the multirun's runs are nested."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / PARENT, run_id)

    @property
    def parent(self) -> str:
        """The run under which the multirun's runs are nested."""
        return (self.folder / PARENT).read_text()

    @property
    def stopped(self) -> bool:
        """Whether the sweep was asked to stop."""
        return (self.folder / STOP).exists()

    def stop(self) -> None:
        """Ask the runs in hand on this machine to end, and those not begun not to begin."""
        (self.folder / STOP).touch()
        for pid in {hand.pid for hand in self.running().values() if hand.other}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
