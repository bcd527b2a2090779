"""What the world does to a store: damage, half-migrations, no permission, no room. Nothing done is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qsweep.tracking.checkpoints import FILE_NAME, Archive, sha256
from tests.support.commands import run_installed

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Run = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ("evaluation.checkpoints=2", "evaluation.episodes=2", "evaluation.test_episodes=5")
SWEEP = ("-m", "buckets=4,5", "episodes=50", "registry.promote=never", "sweep.report=never", *SMALL)
DATABASE = Path("mlruns/mlflow.db")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A file system of its own for mlruns/, of 64 MB; calling it remounts it with other options."""
    folder = tmp_path / "mlruns"
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs Linux and root")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    try:
        yield (
            lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True) and None
        )
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def clear(ran: subprocess.CompletedProcess[str], *codes: int) -> str:
    """The messages of a command that failed with one of these codes: few lines, no traceback."""
    assert ran.returncode in codes, ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout, ran.stderr
    said = [line for line in ran.stderr.splitlines() if line.startswith("qsweep: ")]
    assert said, ran.stderr
    return "\n".join(said)


def finished(folder: Path) -> dict[str, dict[str, str]]:
    """Of every finished run its tags, by its id, from the database itself."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT r.run_uuid, t.key, t.value FROM runs r JOIN tags t USING (run_uuid) "
            "WHERE r.status = 'FINISHED' AND r.lifecycle_stage = 'active'"
        )
        found: dict[str, dict[str, str]] = {}
        for run, key, value in rows:
            found.setdefault(run, {})[key] = value
    return {run: tags for run, tags in found.items() if "qsweep.config" in tags}


def histories(folder: Path) -> dict[str, Path]:
    """The archive of every finished run, whose last table is the one that was recorded."""
    runs = finished(folder)
    paths = {
        run: next(folder.glob(f"mlruns/artifacts/*/{run}/artifacts/checkpoints/{FILE_NAME}")) for run in runs
    }
    for run, path in paths.items():
        archive = Archive(path)
        assert sha256(archive.q_table(archive.names()[-1])) == runs[run]["qsweep.qtable_sha256"]
    return paths


def configs(folder: Path) -> set[str]:
    return {tags["qsweep.config"] for tags in finished(folder).values()}


def test_a_damaged_archive(qsweep: Run, tmp_path: Path) -> None:
    """It is refused in a line and found; the run is trained again, to the same table, by a relaunch."""
    assert qsweep("train", *SWEEP).returncode == 0
    before = configs(tmp_path)
    hashes = {tags["qsweep.qtable_sha256"] for tags in finished(tmp_path).values()}
    [(damaged, path), (sound, _)] = histories(tmp_path).items()
    data = bytearray(path.read_bytes())
    data[len(data) // 10] ^= 1  # among the values; two thirds are the description
    path.write_bytes(data)
    assert "is missing or damaged" in clear(qsweep("pull", damaged), 2)
    assert qsweep("pull", sound).returncode == 0
    assert qsweep("doctor").returncode == 1
    assert qsweep("doctor", "--fix").returncode == 0
    assert set(finished(tmp_path)) == {sound}
    assert path.read_bytes() == data
    assert qsweep("train", *SWEEP).returncode == 0
    assert configs(tmp_path) == before
    assert {tags["qsweep.qtable_sha256"] for tags in finished(tmp_path).values()} == hashes
    assert len(histories(tmp_path)) >= 2
    assert qsweep("doctor").returncode == 0


@pytest.mark.parametrize("renamed", [False, True])
def test_a_half_migrated_database(qsweep: Run, tmp_path: Path, renamed: bool) -> None:
    """Every command says the remedy, which mends it; what was recorded is there, and training goes on."""
    assert qsweep("train", "episodes=50", "buckets=4", *SMALL).returncode == 0
    before = finished(tmp_path)
    change = "ALTER TABLE tags RENAME TO _alembic_tmp_tags"
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute(change if renamed else "CREATE TABLE _alembic_tmp_tags AS SELECT * FROM tags LIMIT 1")
        db.commit()
    for command in (
        ("runs",),
        ("train", "episodes=50", "buckets=5", *SMALL),
        ("pull", "MountainCar-v0@best"),
    ):
        assert "qsweep doctor --fix" in clear(qsweep(*command), 2)
    assert qsweep("doctor", "--fix").returncode == 0
    assert finished(tmp_path) == before
    assert qsweep("train", "episodes=50", "buckets=5", *SMALL).returncode == 0
    assert len(histories(tmp_path)) == 2


def test_a_read_only_store(tmp_path: Path, disk: Callable[[str], None]) -> None:
    """It is refused before anything is trained; once it can be written, the same command completes.

    The installed command, because whether it closes its database decides what a read-only disk allows.
    """

    def qsweep(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_installed(arguments, tmp_path)

    assert qsweep("train", "episodes=50", "buckets=4", *SMALL).returncode == 0
    disk("ro")
    for command in (("train", "episodes=50", "buckets=5", *SMALL), ("train", *SWEEP), ("doctor", "--fix")):
        assert "writ" in clear(qsweep(*command), 2)
    disk("rw")
    assert qsweep("train", *SWEEP).returncode == 0
    assert len(configs(tmp_path)) == 2
    assert len(histories(tmp_path)) >= 2


def test_a_full_disk(qsweep: Run, tmp_path: Path, disk: Callable[[str], None]) -> None:
    """What was done is whole, what does not fit is not reported as done; with room a relaunch completes."""
    assert qsweep("train", "episodes=50", "buckets=4", *SMALL).returncode == 0
    before = histories(tmp_path)
    large = ("episodes=4000", "buckets=40", "tracking.max_points=0", "registry.promote=never", *SMALL)
    sweep = ("train", "-m", *large, "seed=0,1", "sweep.report=never")
    filler = tmp_path / "mlruns" / "filler"
    for room, command in ((0, ("train", *large)), (300_000, ("train", *large)), (1_000_000, sweep)):
        fill(filler, room)
        said = clear(qsweep(*command), 1, 2)
        assert "full" in said or "space" in said or "disk" in said
        assert set(histories(tmp_path)) == set(before)
    filler.unlink()
    assert qsweep(*sweep).returncode == 0
    assert len(histories(tmp_path)) == len(before) + 2
    assert disk is not None


def fill(filler: Path, room: int) -> None:
    """Fill a disk up to some bytes."""
    filler.unlink(missing_ok=True)
    disk = os.statvfs(filler.parent)
    with filler.open("wb") as file:
        file.write(bytes(max(disk.f_bavail * disk.f_frsize - room, 0)))
