"""The commands, lines of Python and outputs in a page, run as a reader types them.

`python -m tests.support.examples` writes into the lessons what their commands print now. The numbers
in their sentences are not changed: read the lessons afterwards.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from tests.support.commands import ROOT, run_command

BLOCK = re.compile(r"^```(bash|python|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LESSONS = sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs" / "course").glob("[0-9]*.md"))
SHORT = "hydra/launcher=basic sweep.report=never"
"""What makes a multirun short: workers import everything again, and a report takes longer than some runs."""
SHELL = "|&;<>$`*?~"
"""What a shell does more than to split a line into words, quoted or not."""
SECONDS = re.compile(r"\s\d+\.\d\d\s*$|(?<= in )\d+\.\d\d(?= s;)", re.MULTILINE)
WIDE = 140
"""Longer lines of an output are sentences, of which a page shows the first clause."""


def run_line(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell does; one that is no more than a `qsweep` command needs none."""
    name, *arguments = shlex.split(line, comments=True) or [""]
    if name == "qsweep" and not set(SHELL) & set(line):
        return run_command(arguments, folder)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )


def run_example(command: str, folder: Path, short: bool = True) -> str:
    """Run a command of a page, which has to succeed; return what it prints."""
    made_short = short and " train -m " in command and "launcher" not in command
    ran = run_line(f"{command} {SHORT}" if made_short else command, folder)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def outputs(text: str, folder: Path) -> Iterator[tuple[re.Match[str], str]]:
    """Run the commands and Python lines of a page; yield each block of text with what was printed before."""
    printed, code = "", ""
    for block in BLOCK.finditer(text):
        language, lines = block.groups()
        if language == "bash":
            printed = "".join(run_example(line, folder) for line in lines.splitlines())
        elif language == "python":
            code += lines
            ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
            printed = ran.stdout
        else:
            yield block, printed


def words(text: str) -> str:
    """A text without the seconds of training, which depend on the machine, and with single spaces."""
    return " ".join(SECONDS.sub("", text).split())


def refreshed(shown: str, printed: str) -> str:
    """A block of text with its lines as they are printed now; paragraphs that are right stay as they are."""
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    paragraphs = []
    for paragraph in shown.strip("\n").split("\n\n"):
        if all(words(line) in words(printed) for line in paragraph.splitlines()):
            paragraphs.append(paragraph)
            continue
        found = {_like(line, lines) for line in paragraph.splitlines()}
        paragraphs.append("\n".join(_clause(lines[number]) for number in sorted(found)))
    return "\n\n".join(paragraphs) + "\n"


def _like(line: str, lines: list[str]) -> int:
    """The index of the line that is most like one; those that begin with the same word come first."""
    first = line.split()[0]
    same = [number for number, other in enumerate(lines) if other.split()[0] == first]
    return max(
        same or range(len(lines)),
        key=lambda number: SequenceMatcher(None, line, _clause(lines[number]), autojunk=False).ratio(),
    )


def _clause(line: str) -> str:
    return line if len(line) <= WIDE or line.startswith("lesson ") else re.split(r" \(|;", line)[0]


def main() -> None:
    """Refresh every lesson."""
    for page in sys.argv[1:] or LESSONS:
        text = (ROOT / page).read_text()
        with tempfile.TemporaryDirectory() as folder:
            found = [*outputs(text, Path(folder))]
        for block, printed in reversed(found):
            text = text[: block.start(2)] + refreshed(block[2], printed) + text[block.end(2) :]
        (ROOT / page).write_text(text)
        print(page, flush=True)


if __name__ == "__main__":
    main()
