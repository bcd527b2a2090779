from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from qsweep.errors import UsageError
from qsweep.system import liveness
from qsweep.system.liveness import Owner, announce, is_alive, owner_of, remove_dead

OTHER = """
import sys
from pathlib import Path
from qsweep.system.liveness import announce
owner = announce(Path(sys.argv[1]))
print(owner.host, owner.process, flush=True)
sys.stdin.read()
"""


@contextmanager
def another(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """Yield another process that has announced itself, and its owner."""
    command = [sys.executable, "-c", OTHER, str(folder)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin
        assert process.stdout
        host, name = process.stdout.readline().split()
        try:
            yield process, Owner(host, name)
        finally:
            process.kill()


def test_a_process_is_alive_until_it_is_killed(tmp_path: Path) -> None:
    """A killed process is dead at once, and the first check removes its file."""
    with another(tmp_path) as (process, owner):
        assert is_alive(owner, tmp_path) is True
        process.kill()
        process.wait()
        assert len(list(tmp_path.iterdir())) == 1
        assert is_alive(owner, tmp_path) is False
        assert list(tmp_path.iterdir()) == []
        assert is_alive(owner, tmp_path) is False


def test_a_free_lock_is_death_whatever_became_of_the_number(tmp_path: Path) -> None:
    """A process number that another process has now does not make the old one alive."""
    with another(tmp_path) as (process, owner):
        process.kill()
        process.wait()
        mine = replace(owner, process=owner.process.replace(str(process.pid), str(os.getpid()), 1))
        [file] = tmp_path.iterdir()
        file.rename(tmp_path / f"{mine.host}-{mine.process}")
        assert is_alive(mine, tmp_path) is False


def test_a_process_that_ends_well_leaves_no_file(tmp_path: Path) -> None:
    """At exit the file is removed."""
    with another(tmp_path) as (process, owner):
        process.communicate("")
        assert list(tmp_path.iterdir()) == []
        assert is_alive(owner, tmp_path) is False


def test_a_stopped_process_is_alive(tmp_path: Path) -> None:
    """A process that is only stopped, as by Ctrl-Z, counts as alive."""
    with another(tmp_path) as (process, owner):
        process.send_signal(signal.SIGSTOP)
        assert is_alive(owner, tmp_path) is True
        assert remove_dead(tmp_path) == []


def test_announcing_is_done_once(tmp_path: Path) -> None:
    """Two calls return one owner, which the same process sees as alive."""
    assert announce(tmp_path) == announce(tmp_path)
    assert is_alive(announce(tmp_path), tmp_path) is True
    assert len(list(tmp_path.iterdir())) == 1


def test_a_forked_child_is_another_process(tmp_path: Path) -> None:
    """A forked child does not keep its dead parent's lock, and announces itself as a new owner."""
    fork = """
import os, sys, time
from pathlib import Path
from qsweep.system.liveness import announce
owner = announce(Path(sys.argv[1]))
if os.fork():
    os.kill(os.getpid(), 9)
time.sleep(0.2)
print(owner.process, announce(Path(sys.argv[1])).process, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", fork, str(tmp_path)], stdout=-1, text=True) as process:
        assert process.stdout
        parent, child = (Owner(announce(tmp_path).host, p) for p in process.stdout.readline().split())
        assert is_alive(parent, tmp_path) is False
        assert is_alive(child, tmp_path) is True
        os.kill(int(child.process.split("-")[0]), signal.SIGKILL)


def test_other_hosts_and_strange_tags_are_unknown(tmp_path: Path) -> None:
    """Another host's process and an invalid owner are unknown, and a path in a tag touches no file."""
    owner = announce(tmp_path)
    assert is_alive(replace(owner, host="elsewhere.example"), tmp_path) is None
    victim = tmp_path / "victim"
    victim.touch()
    assert is_alive(replace(owner, process="1/../victim"), tmp_path) is None
    assert victim.exists()
    assert owner_of({}) is None
    assert owner_of({"qsweep.host": owner.host, "qsweep.process": "../victim"}) is None
    assert owner_of(owner.tags) == owner


def test_from_another_folder_only_the_number_is_seen(tmp_path: Path) -> None:
    """Without the file's folder, a process is dead if its number is unused, otherwise unknown."""
    with another(tmp_path / "there") as (process, owner):
        assert is_alive(owner, tmp_path / "here") is None
        process.kill()
        process.wait()
        assert is_alive(owner, tmp_path / "here") is False


def test_the_files_of_the_dead_are_removed_together(tmp_path: Path) -> None:
    """Only the files of this host's dead processes are removed."""
    announce(tmp_path)
    (tmp_path / "elsewhere-1-0000000000000000-000000000000").touch()
    with another(tmp_path) as (process, _):
        assert remove_dead(tmp_path) == []
        process.kill()
        process.wait()
        assert len(remove_dead(tmp_path)) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The message names the folder."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file.*must be a folder that can be written"):
        announce(tmp_path / "file" / ".alive")


@pytest.fixture(autouse=True)
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_locked", {})
