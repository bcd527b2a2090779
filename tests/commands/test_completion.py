"""Completion of words by the shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from qsweep.cli import main
from qsweep.commands.completion import SHELLS, script
from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.store import open_store
from tests.support.commands import QSWEEP

WORDS = {
    "qsweep tra": ["train"],
    "qsweep train buck": ["buckets="],
    "qsweep train +exper": ["+experiment="],
    "qsweep train buckets=4 env=mo": ["env=mountain_car"],
    "qsweep train env=my": ["env=my_own"],
    "qsweep train -m algorithm=sarsa,q_lea": ["algorithm=sarsa,q_learning"],
    "qsweep train terminal_rule=": ["terminal_rule=standard", "terminal_rule=tutorial"],
    "qsweep train sweep.dry_run=t": ["sweep.dry_run=true"],
    "qsweep train initial_q.from=tut": ["initial_q.from=tutorial_2000,seed=0"],
    "qsweep env moun": ["mountain_car"],
    "qsweep play --vid": ["--video"],
    "qsweep pull Mount": ["MountainCar-v0@best", "MountainCar-v0/1"],
    "qsweep video tutorial_2000,se": ["tutorial_2000,seed=0"],
    "qsweep report b": ["buckets"],
    "qsweep runs Mou": ["MountainCar-v0"],
    "qsweep keys --": ["--help"],
    "qsweep nothing x": [],
}
"""The line up to the cursor -> the words that it is completed to."""


@pytest.fixture
def filled(workdir: Path) -> Path:
    """A folder with a store of one run of a sweep, its registered version, and a preset."""
    store = open_store("local")
    tags = {"qsweep.config": "c", "qsweep.sweep": "buckets"}
    log = tracker(store).open(RunRecord("tutorial_2000,seed=0", "MountainCar-v0", {}, tags))
    log.close("FINISHED", {}, {})
    store.client.create_registered_model("MountainCar-v0")
    store.client.create_model_version("MountainCar-v0", "/nowhere")
    store.client.set_registered_model_alias("MountainCar-v0", "best", "1")
    (workdir / "conf" / "env").mkdir(parents=True)
    (workdir / "conf" / "env" / "my_own.yaml").write_text("env: {}")
    return workdir


def answers(shell: str, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the shell gets for a line."""
    monkeypatch.setenv("COMP_WORDS", line)
    return SHELLS[shell](main, {}, "qsweep", "_QSWEEP_COMPLETE").complete().splitlines()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("line", WORDS)
def test_words_are_completed(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options, keys, presets, runs, models and sweeps are; all shells but bash get whole words."""
    assert answers("zsh", line, monkeypatch) == WORDS[line]
    assert answers("fish", line, monkeypatch) == WORDS[line]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("qsweep train env=mo", "mountain_car"),
        ("qsweep video tutorial_2000,seed=", "0"),
        ("qsweep pull MountainCar-v0@b", "@best"),
        ("qsweep train buck", "buckets="),
    ],
)
def test_bash_gets_what_follows_its_word_breaks(
    line: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bash takes = and : for ends of words, and an @ for the beginning of one."""
    monkeypatch.setenv("COMP_BREAKS", " \t\n\"'@><=;|&(:")
    assert answers("bash", line, monkeypatch) == [word]


def test_without_a_store_there_are_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Completing a name creates nothing."""
    monkeypatch.chdir(tmp_path)
    assert answers("zsh", "qsweep pull x", monkeypatch) == []
    assert answers("zsh", "qsweep report x", monkeypatch) == []
    assert [*tmp_path.iterdir()] == []


TYPED = {
    "qsweep train buck": "buckets=",
    "qsweep train env=taxi algorithm=sarsa_": "algorithm=sarsa_lambda",
    "qsweep pull MountainCar-v0@b": "MountainCar-v0@best",
}


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_real_shell_completes(shell: str, filled: Path) -> None:
    """The documented line is enough: the shell completes what is typed when TAB is pressed."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    settings = {
        **os.environ,
        "PATH": f"{Path(QSWEEP).parent}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb",
    }
    if shell == "fish":
        for line, word in TYPED.items():
            code = f"qsweep completion fish | source; complete -C '{line}'"
            ran = subprocess.run([path, "-c", code], cwd=filled, env=settings, capture_output=True, text=True)
            assert ran.stdout.split() == [word]
        return
    try:
        child, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"no terminal can be opened here: {error}")
    plain = {"bash": ["--norc", "-i"], "zsh": ["-f", "-i"]}[shell]
    if child == 0:
        os.chdir(filled)
        os.execve(path, [path, *plain], settings)
    try:
        send(terminal, f'eval "$(qsweep completion {shell})"; echo rea""dy\n', "ready")
        for line, word in TYPED.items():
            send(terminal, f"{line}\t", word)
            os.write(terminal, b"\x15")  # clears the line
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def send(terminal: int, text: str, expected: str) -> None:
    """Type a text at a terminal and wait until another one appears."""
    os.write(terminal, text.encode())
    shown, deadline = "", time.monotonic() + 60
    while expected not in shown:
        assert time.monotonic() < deadline, f"{expected} is not in {shown!r}"
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_the_shells_own(shell: str) -> None:
    """`qsweep completion` prints a script that asks qsweep itself."""
    assert f"_QSWEEP_COMPLETE={shell}_complete" in script(shell, main)
