from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITES = """
import sys
from qsweep.system.streams import secure_streams
outputs = secure_streams()
opened = open("record", "w")
print("one", {text})
sys.stdout.flush()
print("two" * 100_000)
print("a message", file=sys.stderr)
opened.write("kept")
opened.close()
sys.stdout.flush()
sys.exit(3 if any(output.failed for output in outputs) else 0)
"""


def run(
    folder: Path, shell: str, text: str = "'plain'", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a script that secures its streams as $SCRIPT of a line for bash."""
    script = folder / "script.py"
    script.write_text(WRITES.format(text=text))
    given = {**os.environ, "SCRIPT": f"{sys.executable} {script}", **environment}
    return subprocess.run(["bash", "-c", shell], cwd=folder, env=given, capture_output=True, text=True)


@pytest.mark.parametrize(
    "streams", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-", ">/dev/null", "| true", "| head -c 3", "2>&1 | true"]
)
def test_streams_that_nobody_reads_do_not_end_the_work(tmp_path: Path, streams: str) -> None:
    """With closed streams and readers that have gone the work is done, and no file takes a stream's place."""
    ran = run(tmp_path, f"$SCRIPT {streams}; exit ${{PIPESTATUS[0]}}")
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "record").read_text() == "kept"


def test_an_output_that_cannot_be_written_is_remembered(tmp_path: Path) -> None:
    """A full device is no reader that has gone: the work is done, and the command can say so."""
    ran = run(tmp_path, "$SCRIPT > /dev/full")
    assert (ran.returncode, ran.stderr) == (3, "a message\n")
    assert (tmp_path / "record").read_text() == "kept"


def test_letters_that_a_stream_cannot_show_are_escaped(tmp_path: Path) -> None:
    """Where the encoding lacks a letter, its escape is written."""
    ran = run(tmp_path, "$SCRIPT | head -1", "'\\u5c71'", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.stdout == "one \\u5c71\n"


def test_a_pipe_that_does_not_block_is_waited_for(tmp_path: Path) -> None:
    """A pipe that another program has set to non-blocking takes everything all the same."""
    script = tmp_path / "script.py"
    script.write_text(WRITES.format(text="'plain'"))
    read, write = os.pipe()
    os.set_blocking(write, False)
    with subprocess.Popen(
        [sys.executable, script], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE
    ) as ran:
        os.close(write)
        with open(read, "rb") as pipe:
            assert len(pipe.read()) == len("one plain\n") + len("two" * 100_000 + "\n")
    assert ran.returncode == 0
