"""The folder of a multirun: one file per worker, one line for each run that starts or ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP = "stop"
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Ended:
    """The end of a run of a sweep. outcome: what the runner returned, or empty; error: one line, or empty."""

    number: int
    outcome: Mapping[str, Any]
    error: str


@dataclass(frozen=True)
class Worker:
    """The process that executes a run."""

    host: str
    pid: int

    @property
    def own(self) -> bool:
        """True if it is this process."""
        return (self.host, self.pid) == (socket.gethostname(), os.getpid())

    @property
    def other(self) -> bool:
        """True if it is another process on this machine."""
        return self.host == socket.gethostname() and self.pid != os.getpid()


class Journal:
    """Start and end marks of one multirun's runs; safe between processes: each writes its own file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()  # an environment may change the current folder
        self._read_to: dict[Path, int] = {}
        self._ended: dict[int, Ended] = {}
        self._started: dict[int, Worker] = {}

    def start(self, numbers: Sequence[int]) -> None:
        """Mark runs as started by this process."""
        self._mark({"start": list(numbers), "host": socket.gethostname(), "pid": os.getpid()})

    def end(self, ended: Ended) -> None:
        """Mark a run as ended."""
        self._mark({"end": dataclasses.asdict(ended)})

    def _mark(self, mark: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Starts with a line break: an earlier write may have left half a line when the disk was full.
        with (self.folder / f"{socket.gethostname()}-{os.getpid()}.jsonl").open("a") as file:
            file.write(f"\n{json.dumps(mark)}\n")

    def _read(self) -> None:
        for path in filter(Path.is_file, self.folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path, 0))
                lines, _, _ = file.read().rpartition(b"\n")
            self._read_to[path] = self._read_to.get(path, 0) + len(lines) + bool(lines)
            for line in filter(None, lines.splitlines()):
                with suppress(ValueError):  # half a line
                    self._take(json.loads(line))

    def _take(self, mark: Mapping[str, Any]) -> None:
        if "end" in mark:
            ended = Ended(**mark["end"])
            self._ended[ended.number] = ended
            self._started.pop(ended.number, None)
        else:
            begun = (number for number in mark["start"] if number not in self._ended)  # read in any order
            self._started |= dict.fromkeys(begun, Worker(mark["host"], mark["pid"]))

    def ended(self) -> list[Ended]:
        """Return the runs that have ended, by number."""
        self._read()
        return [self._ended[number] for number in sorted(self._ended)]

    def running(self) -> dict[int, Worker]:
        """Return the numbers of runs that have started and not ended, each with its worker."""
        self._read()
        return dict(self._started)

    def abandon(self) -> set[int]:
        """Forget and return the numbers of running runs, whose workers are gone."""
        numbers = set(self.running())
        self._started.clear()
        return numbers

    @property
    def stopped(self) -> bool:
        """True once the sweep was asked to stop."""
        return (self.folder / STOP).exists()

    def stop(self) -> None:
        """Ask running runs on this machine to end, and workers not to start further ones."""
        (self.folder / STOP).touch()
        for pid in {worker.pid for worker in self.running().values() if worker.other}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)


@contextmanager
def watching(folder: Path, look: Callable[[Sequence[Ended]], object]) -> Iterator[None]:
    """Call `look` with the ended runs of a folder, four times a second, in a thread."""
    over, journal = threading.Event(), Journal(folder)  # a reader of the thread's own

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            look(journal.ended())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
