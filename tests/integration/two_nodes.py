"""A tracking server, perhaps a Ray cluster of two nodes, and a sweep of which one worker is killed.

    python -m tests.integration.two_nodes FOLDER ray|slurm

It is the first process of a network and process namespace of its own, so nothing of it can be reached
from elsewhere (Ray listens on every interface there is) and nothing of it is left when it ends.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

BIN = Path(sys.executable).parent
SERVER = "http://127.0.0.1:5000"
HEAD, SECOND = "127.0.0.2", "127.0.0.3"
OTHER_MACHINE = 'echo second >/proc/sys/kernel/hostname && mount -t tmpfs none multirun && exec "$@"'
"""With a name of its own, and a folder of its own in place of the one in which a sweep keeps its marks."""
LAUNCHER = {"ray": f"hydra.launcher.init.address={HEAD}:6379", "slurm": "hydra.launcher.cluster=local"}
SWEEP = (
    *(f"tracking.uri={SERVER}", "registry.promote=never", "sweep.report=never"),
    *("episodes=50000", "checkpoint_every=1000", "tracking.max_points=50", "seed=range(12)"),
    *("evaluation.checkpoints=2", "evaluation.episodes=2", "evaluation.test_episodes=5"),
)


def loopback_up() -> None:
    """Switch on the only interface of a new namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = 0x1 | 0x40
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", up_and_running))  # SIOCSIFFLAGS


def start(folder: Path, name: str, *command: str) -> subprocess.Popen[bytes]:
    """A process whose words go into a file."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Poll until something holds; raises after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def listens(host: str, port: int) -> bool:
    """Whether a port is open."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def in_hand(folder: Path, host: str) -> list[int]:
    """The processes of a machine that have a run in hand, by the server's own database."""
    query = (
        "SELECT p.value FROM runs r JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'qsweep.process' "
        "JOIN tags h ON h.run_uuid = r.run_uuid AND h.key = 'qsweep.host' "
        "WHERE r.status = 'RUNNING' AND h.value = ?"
    )
    with closing(sqlite3.connect(f"file:{folder}/server.db?mode=ro", uri=True)) as connection:
        return [int(process.partition("-")[0]) for (process,) in connection.execute(query, (host,))]


def server(folder: Path) -> None:
    """Start the tracking server."""
    store = (
        f"--backend-store-uri=sqlite:///{folder}/server.db",
        f"--artifacts-destination={folder}/artifacts",
    )
    start(folder, "server", f"{BIN}/mlflow", "server", "--workers=1", *store)


def cluster(folder: Path) -> None:
    """Start both nodes."""
    node = ("--block", "--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats")
    # Seen by this namespace alone, and short: the paths of Ray's sockets have 107 characters at most.
    subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
    head = ("--head", "--temp-dir=/mnt/ray", f"--node-ip-address={HEAD}", "--port=6379")
    start(folder, "head", f"{BIN}/ray", "start", *head, "--include-dashboard=false", *node)
    wait_until(lambda: listens(HEAD, 6379))
    (folder / "multirun").mkdir()
    join = (f"{BIN}/ray", "start", f"--address={HEAD}:6379", f"--node-ip-address={SECOND}", *node)
    start(folder, "second", "unshare", "--uts", "--mount", "sh", "-c", OTHER_MACHINE, "sh", *join)
    wait_until(both_nodes_are_there)


def both_nodes_are_there() -> bool:
    """Whether the cluster has two cores, one a node."""
    import ray

    ray.init(address=f"{HEAD}:6379", logging_level="error", log_to_driver=False)
    try:
        return ray.cluster_resources().get("CPU") == 2.0
    finally:
        ray.shutdown()


def main(folder: Path, launcher: str) -> int:
    """Sweep, kill a worker with a run in hand (of the second node, if any); returns the sweep's exit code."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    loopback_up()
    server(folder)
    host, batch = socket.gethostname(), 3
    if launcher == "ray":
        cluster(folder)
        host, batch = "second", 1
    wait_until(lambda: answers(f"{SERVER}/health"))
    lines = (f"hydra/launcher={launcher}", LAUNCHER[launcher], f"sweep.batch={batch}")
    sweep = start(folder, "sweep", f"{BIN}/qsweep", "train", "-m", *lines, *SWEEP)
    parent = sweep.pid
    wait_until(lambda: bool(set(in_hand(folder, host)) - {parent}) or sweep.poll() is not None)
    [worker, *_] = set(in_hand(folder, host)) - {parent}
    os.kill(worker, signal.SIGKILL)
    return sweep.wait()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
