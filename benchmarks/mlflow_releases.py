"""MLflow releases beside one another: what each makes of a store, and reads of runs that qsweep wrote.

.venv/bin/python benchmarks/mlflow_releases.py 3.10.0 3.14.0 3.17.2 [--environments FOLDER]

Makes an environment for each release (half a GB each) unless FOLDER has one with its name. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROUNDS, RUNS, POINTS, CURVES = 3, 10, 2500, ("a", "b", "c", "d")
REFERENCE = "3.17."
CHECKOUT = Path(__file__).parents[1]
SECONDS_TO_START = 600


def environment(folder: Path, release: str) -> str:
    """The Python of an environment with a release."""
    python = folder / release / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / release)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"mlflow=={release}", "--editable", "."]
        subprocess.run(install, check=True, cwd=CHECKOUT)
    return str(python)


def step(python: str, name: str, folder: Path) -> dict[str, Any]:
    """What a function of this module finds, in a process of that environment."""
    command = [python, "-W", "ignore", __file__, "--step", name]
    quiet = {**os.environ, "PYTHONPATH": str(CHECKOUT / "src")}
    done = subprocess.run(command, cwd=folder, env=quiet, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make() -> dict[str, Any]:
    """The store that the release makes: its schema version, and what keeps it from being written directly."""
    from qsweep.tracking.store import open_store, versions_in

    store = open_store("local")
    version = versions_in(store.tables.database)[0] if store.tables else ""
    return {"version": version, "differs": store.differs}


def write() -> dict[str, Any]:
    """Runs recorded as `qsweep train` records them: milliseconds of each, and whether MLflow was imported."""
    import numpy as np

    from qsweep.tracking import RunRecord, tracker
    from qsweep.tracking.curves import Points
    from qsweep.tracking.store import open_store

    recording, took = tracker(open_store("local")), []
    steps = np.arange(POINTS)
    for _ in range(RUNS):
        started = time.perf_counter()
        run = recording.open(RunRecord("run", "Releases", {f"key{n}": "1" for n in range(40)}))
        run.log(Points(steps, {name: np.sin(steps) for name in CURVES}))
        run.close("FINISHED", {"score": -110.5}, {"done": "yes"})
        took.append(1000 * (time.perf_counter() - started))
    return {"ms": took, "imported": "mlflow" in sys.modules}


def read() -> dict[str, Any]:
    """What MLflow's own search, its server's REST interface and the page of its UI give of the runs."""
    import mlflow

    uri = f"sqlite:///{Path.cwd()}/mlruns/mlflow.db"
    mlflow.set_tracking_uri(uri)
    found = mlflow.search_runs(experiment_names=["Releases"], filter_string="metrics.score < -100")
    history = mlflow.MlflowClient().get_metric_history(found["run_id"][0], "a")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = ["-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port), "--workers", "1"]
    process = subprocess.Popen([sys.executable, *serve], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asked = {"experiment_ids": [found["experiment_id"][0]], "max_results": 1000}
        page = ask(port, "/")
        runs = json.loads(ask(port, "/api/2.0/mlflow/runs/search", asked))["runs"]
        which = f"run_ids={found['run_id'][0]}&metric_key=a&max_results={POINTS}"
        points = json.loads(ask(port, f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{which}"))
    finally:
        process.terminate()
        process.wait(30)
    return {
        "search": len(found),
        "history": len(history),
        "rest": sum(run["info"]["status"] == "FINISHED" for run in runs),
        "curve": len(points["metrics"]),
        "page": "<title>MLflow" in page,
    }


def ask(port: int, path: str, body: object = None) -> str:
    """An answer of the server, once it is up."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def compare(releases: list[str], environments: Path) -> None:
    """Print the table; the releases are timed in turns."""
    pythons = {release: environment(environments, release) for release in releases}
    with tempfile.TemporaryDirectory() as scratch:
        folders = {release: Path(scratch, release) for release in releases}
        for folder in folders.values():
            folder.mkdir()
        made = {release: step(pythons[release], "make", folders[release]) for release in releases}
        rounds = [
            {release: step(pythons[release], "write", folders[release]) for release in releases}
            for _ in range(ROUNDS)
        ]
        seen = {release: step(pythons[release], "read", folders[release]) for release in releases}
    took = {release: min(statistics.median(each[release]["ms"]) for each in rounds) for release in releases}
    reference = next((took[release] for release in releases if release.startswith(REFERENCE)), None)
    heads = ("MLflow", "tables", "written directly", "search_runs", "REST", "points", "ms a run", "of 3.17's")
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    for release in releases:
        direct = not made[release]["differs"] and not any(each[release]["imported"] for each in rounds)
        found, ratio = seen[release], took[release] / reference if reference else float("nan")
        tables = made[release]["version"] or made[release]["differs"]
        written = f"{'yes' if direct else 'no'} ({ROUNDS * RUNS})"
        curve = f"{found['history']:,}; UI {found['curve']:,}{'' if found['page'] else ', no page'}"
        cells = (release, tables, written, found["search"], found["rest"], curve, f"{took[release]:.1f}")
        print(f"| {' | '.join(map(str, cells))} | {ratio:.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("releases", nargs="*")
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir(), "mlflow-releases"))
    parser.add_argument("--step", choices=("make", "write", "read"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps({"make": make, "write": write, "read": read}[given.step]()))
    else:
        compare(given.releases, given.environments)
