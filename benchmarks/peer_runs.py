"""What one would use instead, each in an environment of its own, made on the spot with pinned versions.

.venv/bin/python benchmarks/peer_runs.py [NAME]...
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import Row

PEERS = Path(__file__).with_name("peers")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "qsweep-bench"
"""Where the environments lie, to be used again; they take some 2 GB."""
INSTALL_SECONDS, RUN_SECONDS = 600, 180
ALONE = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "WANDB_MODE": "offline", "DO_NOT_TRACK": "1"}


def measure(fraction: float = 1.0, only: Sequence[str] = (), cache: Path = CACHE) -> list[Row]:
    """The rows of all peers, or of those named; a peer that cannot be had is a row that says why."""
    peers = tomllib.loads((PEERS / "peers.toml").read_text())
    return [
        row
        for name, peer in peers.items()
        if not only or name in only
        for row in _rows(peer, fraction, cache)
    ]


def _rows(peer: Mapping[str, Any], fraction: float, cache: Path) -> list[Row]:
    if "absent" in peer:
        return [_absent(peer["title"], peer["absent"])]
    try:
        python = _environment(peer["packages"], cache)
    except (OSError, subprocess.SubprocessError) as error:
        return [_absent(peer["title"], f"does not install: {_reason(error)}")]
    rows: list[Row] = []
    for script in peer["scripts"]:
        try:
            rows += _run(python, script, fraction)
        except (OSError, subprocess.SubprocessError, ValueError, LookupError) as error:
            rows.append(_absent(f"{peer['title']}: {script}", f"does not run: {_reason(error)}"))
    return rows


def _absent(title: str, reason: str) -> Row:
    return Row("absent", title, "", (), peer=True, absent=reason)


def _reason(error: BaseException) -> str:
    """The last line that a process complained in, or what the error says."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"takes more than {error.timeout:.0f} s"
    said = str(getattr(error, "stderr", None) or error).strip().splitlines()
    return said[-1][:200] if said else type(error).__name__


def _environment(packages: Sequence[str], cache: Path) -> Path:
    """The interpreter of an environment with the packages; none: this one."""
    if not packages:
        return Path(sys.executable)
    named = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()[:12]
    folder = cache / named
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True
        )
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        (folder / "ready").touch()
    return python


def _run(python: Path, script: str, fraction: float) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="qsweep-peer-") as folder:
        command = [str(python), str(PEERS / f"{script}.py"), folder, str(fraction)]
        settings = {**os.environ, **ALONE, "TMPDIR": folder}
        ran = subprocess.run(
            command, cwd=folder, env=settings, check=True, capture_output=True, text=True, timeout=RUN_SECONDS
        )
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    return [
        Row(
            row["table"],
            row["name"],
            row["unit"],
            tuple(row["samples"]),
            "; ".join(part for part in (versions, row["about"]) if part),
            peer=True,
        )
        for row in told["rows"]
    ]


if __name__ == "__main__":
    for found in measure(0.05, sys.argv[1:]):
        print(found)
