"""A sweep whose tracking server is away for 30 s, once in each phase: `python benchmarks/outages.py`.

Requests go through a proxy, which cuts all connections and takes no further ones when it sees the first
request of the phase, before or after the server had it. Afterwards what was saved is sent, and the sweep is
launched again: then every run must be there once, FINISHED, with the Q-table of an undisturbed sweep.
"""

from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' server of commands
from tests.support import commands
from tests.support.commands import run_command, start_command

SWEEP = ["-m", "env=frozen_lake", "learning_rate=0.1,0.2", "seed=0,1", "episodes=200", "hydra/launcher=basic"]
SWEEP += [
    "engine=gymnasium",
    "evaluation.checkpoints=2",
    "evaluation.episodes=5",
    "evaluation.test_episodes=5",
]
SWEEP += ["registry.confirm_seeds=1"]
API = "/api/2.0/mlflow"
PHASES = {
    "start": (r"GET ", 1),
    "looking for finished runs": (rf"POST {API}/runs/search", 1),
    "experiment": (rf"POST {API}/experiments/create", 1),
    "parent run": (rf"POST {API}/runs/create", 1),
    "first run": (rf"POST {API}/runs/create", 2),
    "params": (rf"POST {API}/runs/log-batch", 2),
    "curves": (rf"POST {API}/runs/log-batch", 4),
    "checkpoints": (r"PUT .*q_table_history", 1),
    "end of a run": (rf"POST {API}/runs/update", 1),
    "between runs": (rf"POST {API}/runs/create", 3),
    "confirming runs": (rf"POST {API}/runs/create", 6),
    "version": (rf"POST {API}/model-versions/create", 1),
    "alias": (rf"POST {API}/registered-models/alias", 1),
    "report": (r"PUT .*/report/", 1),
    "end of the sweep": (rf"POST {API}/runs/update", 6),
}
"""Phase -> the request at whose n-th occurrence the server goes away."""


@dataclass
class Proxy:
    """A way to a server that can be cut. after: whether the server still has the request that cuts it."""

    port: int
    seconds: float
    request: str = ""
    after: bool = False
    left: int = 0
    cuts: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = self._listening(0)
        self.own = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def _listening(port: int) -> socket.socket:
        return socket.create_server(("127.0.0.1", port), backlog=64)

    def cut_at(self, request: str, occurrence: int, after: bool) -> None:
        """Cut at the n-th request of this form."""
        self.request, self.left, self.after, self.cuts = request, occurrence, after, 0

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # cut
                time.sleep(self.seconds)
                self._listener = self._listening(self.own)
                continue
            server = socket.create_connection(("127.0.0.1", self.port))
            self._open |= {client, server}
            for one, other, asks in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(one, other, asks), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while data := one.recv(2**16):
                line = data.split(b"\r\n", 1)[0].decode(errors="replace") if asks else ""
                cut = bool(self.left) and re.match(self.request, line) is not None and self._counted()
                if not cut or self.after:
                    other.sendall(data)
                if cut:
                    time.sleep(
                        0.3 if self.after else 0
                    )  # the answer to a request that the server had is lost
                    self._cut()
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)

    def _counted(self) -> bool:
        with self._lock:
            self.left -= 1
            return self.left == 0

    def _cut(self) -> None:
        self.cuts += 1
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Run MLflow's server with a store in a folder; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = [
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", *where, "--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def runs(port: int, experiment: str) -> list[tuple[str, str, str]]:
    """Name, status and hash of every child run of an experiment."""
    from mlflow import MlflowClient

    client = MlflowClient(f"http://127.0.0.1:{port}")
    found = client.get_experiment_by_name(experiment)
    some = client.search_runs([found.experiment_id], max_results=1000) if found else []
    return sorted(
        (str(run.info.run_name), run.info.status, run.data.tags.get("qsweep.qtable_sha256", ""))
        for run in some
        if "qsweep.config" in run.data.tags
    )


def main() -> None:
    """Print one line for each phase; exit 1 if after a relaunch anything is missing, twice or different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--phase", action="append", choices=PHASES)
    given = parser.parse_args()
    commands.TIMEOUT_SECONDS = 3600
    wrong = 0
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as port:
        folder, proxy = Path(name), Proxy(port, given.seconds)
        uri = f"tracking.uri=http://127.0.0.1:{proxy.own}"
        whole = run_command(["train", *SWEEP, uri, "tracking.experiment=whole"], folder)
        assert whole.returncode == 0, whole.stderr
        expected = runs(port, "whole")
        for after in (False, True):
            for number, (phase, (request, occurrence)) in enumerate(PHASES.items()):
                if given.phase and phase not in given.phase:
                    continue
                place, experiment = folder / f"{number} {after}", f"{phase} {after}".replace(" ", "-")
                place.mkdir()
                line = ["train", *SWEEP, uri, f"tracking.experiment={experiment}"]
                proxy.cut_at(request, occurrence, after)
                started = time.perf_counter()
                ran = start_command(line, place).wait()
                seconds = time.perf_counter() - started
                cut, proxy.left = proxy.cuts, 0
                time.sleep(max(0.0, given.seconds - seconds))
                first = Counter(status for _, status, _ in runs(port, experiment))
                sent = run_command(["send"], place)
                again = run_command(line, place)
                same = runs(port, experiment) == expected
                words = " ".join(each.stderr + each.stdout for each in (ran, sent, again))
                good = same and again.returncode == 0 and "Traceback" not in words and bool(cut)
                wrong += not good
                said = [line for line in ran.stderr.splitlines() if line.startswith("qsweep: ")]
                print(
                    f"{phase:26} {'after' if after else 'before':6} cut {cut}: exit {ran.returncode}"
                    f" after {seconds:4.0f} s, {dict(first)}; send {sent.returncode},"
                    f" again {again.returncode};"
                    f" {'all there, once, equal' if good else 'WRONG'}  {said[-1][:150] if said else ''}",
                    flush=True,
                )
                if not good:
                    print(ran.stderr[-1500:], again.stderr[-1500:], runs(port, experiment), flush=True)
    if wrong:
        raise SystemExit(f"{wrong} outages were not survived")


if __name__ == "__main__":
    main()
