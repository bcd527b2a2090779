"""Build the site: `make site`. It needs no network, and the pages that it makes need none.

Pages, pictures and the files that they link to are gathered in a folder, and generated pages are added: every
config key, every command, the Python API, and the playgrounds that the lessons' own commands write.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from keys import page as keys_page

import qsweep
from qsweep.cli import main as qsweep_group

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
QSWEEP = str(Path(sys.executable).with_name("qsweep"))
LINK = re.compile(r"(?<!`)(!?)\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")
BLOCK = re.compile(r"```bash\n(.*?)```\n", re.DOTALL)
PAGE = re.compile(r"^qsweep play .*--page (\S+)", re.MULTILINE)
MODULES = (
    "qsweep.commands.api.run",
    "qsweep.commands.api.sweep",
    "qsweep.commands.api.pulled",
    "qsweep.commands.api.comparing",
    "qsweep.commands.api.evaluation",
    "qsweep.learning.blocks",
    "qsweep.learning.schedules",
    "qsweep.environments.grid",
    "qsweep.environments.twins.twin",
    "qsweep.report.statistics.summaries",
    "qsweep.report.statistics.comparison",
    "qsweep.report.statistics.significance",
)
"""What the page on the Python API has besides the names of `qsweep` itself."""
CONTENTS = {
    "Start": ("docs/from-the-tutorial", "docs/configuration", "docs/report", "docs/judging"),
    "Course": ("docs/course/README", "docs/course/*", "docs/course/teaching"),
    "What can be swept": (
        *("docs/algorithms/README", "docs/algorithms/*", "docs/exploration"),
        *("docs/discretizers/README", "docs/discretizers/*", "docs/environments", "docs/environments-tried"),
    ),
    "Sweeps and servers": ("docs/sweeps", "docs/search", "docs/server", "docs/scaling", "docs/maintenance"),
    "Reference": (
        "docs/keys",
        "docs/commands",
        "docs/api",
        "docs/notebooks/README",
        "docs/records",
        "docs/guarantees",
        "docs/security",
    ),
    "Studies": ("docs/which-bucket-size", "docs/decision-rule", "docs/verification", "docs/performance"),
    "Contributing": ("CONTRIBUTING", "docs/architecture", "src/qsweep/learning/compiler/README", "CHANGELOG"),
}
"""Captions of the site's contents -> pages, in order; *: all others of a folder. Other pages come last."""


def main() -> None:
    """Gather the pages, make the generated ones, and let Sphinx build the site."""
    parser = argparse.ArgumentParser(description="Build the documentation as a static site.")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder to write")
    parser.add_argument(
        "--without-runs", action="store_true", help="leave out the playgrounds of the lessons"
    )
    given = parser.parse_args()
    if given.out.exists() and not (given.out / ".buildinfo").exists():
        parser.error(f"--out must be a new folder, or a site that is replaced; given {given.out}")
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        gather(source)
        write_generated(source)
        for name in ("conf.py", "site.css"):
            shutil.copy(HERE / name, source / name)
        (source / "extra" / "play").mkdir(parents=True)
        for lesson in sorted((source / "docs" / "course").glob("[0-9]*.md")):
            if not given.without_runs:
                play(lesson, source / "extra" / "play", Path(temporary) / lesson.stem)
        shutil.rmtree(given.out, ignore_errors=True)
        options = ("-q", "-W", "--keep-going", "-d", f"{temporary}/doctrees")
        sphinx = [sys.executable, "-m", "sphinx", "-b", "html", *options, str(source), str(given.out)]
        subprocess.run(sphinx, check=True)
    print(f"wrote {given.out}/index.html: open it in a browser")


def pages() -> Iterator[Path]:
    """Yield the pages of the project that become pages of the site."""
    yield from (ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "src").rglob("*.md"))


def gather(source: Path) -> None:
    """Copy pages, and the files that they link to, to their places; the README becomes the index."""
    for page in pages():
        text = LINK.sub(lambda link, page=page: _linked(link, page, source), page.read_text())
        place = source / page.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    index = source / "README.md"
    index.rename(source / "index.md").write_text(f"{(source / 'index.md').read_text()}\n{_contents(source)}")


def _linked(link: re.Match[str], page: Path, source: Path) -> str:
    """Return a link as the site has it, after copying the file; of a folder, its text alone."""
    target = (page.parent / link[3]).resolve()
    inside = target.relative_to(ROOT)
    if target.is_dir():
        return link[2]
    if target == ROOT / "README.md":
        return link[0].replace("README.md", "index.md")
    if target.suffix != ".md":
        (source / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(target, source / inside)
    return link[0]


def _contents(source: Path) -> str:
    """Return the directives that make the site's contents."""
    named = {name for names in CONTENTS.values() for name in names}
    parts, listed = [], {"index"}
    for caption, names in CONTENTS.items():
        entries: list[str] = []
        for name in names:
            found = sorted(source.glob(f"{name}.md")) if "*" in name else []
            stems = [str(page.relative_to(source).with_suffix("")) for page in found]
            entries += [stem for stem in stems if stem not in named] if "*" in name else [name]
        listed.update(entries)
        parts.append(_toctree(caption, entries))
    others = {str(page.relative_to(source).with_suffix("")) for page in source.rglob("*.md")} - listed
    return "\n\n".join([*parts, _toctree("More", sorted(others))]) + "\n"


def _toctree(caption: str, entries: Sequence[str]) -> str:
    lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"]
    return "\n".join(lines) if entries else ""


def write_generated(source: Path) -> None:
    """Write the pages on keys, commands and the Python API."""
    (source / "docs" / "keys.md").write_text(keys_page())
    (source / "docs" / "commands.md").write_text(_commands())
    (source / "docs" / "api.md").write_text(_api())


def _commands() -> str:
    parts = ["# Every command\n\nWhat `qsweep COMMAND --help` prints, for every command.\n"]
    for name, command in _every(qsweep_group, "qsweep"):
        context = click.Context(command, info_name=name, terminal_width=100)
        parts.append(f"## `{name}`\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _every(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group, with the words that call it."""
    for name, command in sorted(group.commands.items()):
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _every(command, f"{path} {name}")


def _api() -> str:
    parts = ["# Python API\n\n`import qsweep` is quick: a name's module is imported when the name is used.\n"]
    parts += [
        "## qsweep\n",
        _directive("autofunction", *(f"qsweep.{name}" for name in sorted(qsweep.__all__))),
    ]
    for module in MODULES:
        parts += [f"## {module}\n", _directive("automodule", module, "   :members:")]
    return "\n".join(parts)


def _directive(name: str, *arguments: str) -> str:
    options = [text for text in arguments if text.startswith(" ")]
    lines = [
        line for text in arguments if text not in options for line in (f".. {name}:: {text}", *options, "")
    ]
    return "\n".join(["```{eval-rst}", *lines, "```\n"])


def play(lesson: Path, place: Path, folder: Path) -> None:
    """Run a lesson's commands up to its last playground, and show the playgrounds in its page."""
    text = lesson.read_text()
    last = [found.end() for found in PAGE.finditer(text)]
    folder.mkdir()
    for block in BLOCK.findall(text[: last[-1]] + "\n```\n") if last else ():
        for line in filter(str.strip, block.splitlines()):
            words = shlex.split(line, comments=True)[1:]
            short = ["sweep.report=never"] if "-m" in words else []
            subprocess.run([QSWEEP, *words, *short], cwd=folder, check=True)
    for name in PAGE.findall(text):
        shutil.copy(folder / name, place / name)
    lesson.write_text(BLOCK.sub(lambda block: block[0] + "".join(map(_frame, PAGE.findall(block[1]))), text))


def _frame(name: str) -> str:
    address, title = f"../../play/{name}", "The agent at play"
    frame = f'<iframe class="playground" src="{address}" title="{title}" loading="lazy"></iframe>'
    return f'\n```{{raw}} html\n{frame}\n<p><a href="{address}">{title}, in a tab of its own</a></p>\n```\n'


if __name__ == "__main__":
    main()
