"""What a command may write over: what it wrote itself, or what the user says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from qsweep.errors import Problem, UsageError


def exists(path: Path) -> bool:
    """Return whether there is anything of this name, even a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def file_problems(option: str, file: Path, force: bool) -> Iterator[Problem]:
    """What keeps a file from being written; force: it may take the place of another one."""
    if file.is_dir():
        yield Problem(option, "is a folder", str(file))
    elif exists(file) and not force:
        yield Problem(option, "exists", str(file), f"give another {option}, or --force")


def only_over(
    folder: Path, what: str, files: Sequence[str], inner: Sequence[str], force: bool | None = None
) -> None:
    """Raise UsageError about --out unless a folder is not there, or is one that may be replaced.

    That is an empty one, and one that holds `what` and nothing else. files: the names of all that then lies
    in it; inner: patterns of what may lie in its folders. force: whether the user gave --force; None where
    there is no such option: then what is replaced has to be whole.
    """
    if not exists(folder):
        return
    if force is False:
        raise UsageError([Problem("--out", "exists", str(folder), "give another --out, or --force")])
    rule = f"exists, and is replaced only if it is a folder with {what} and nothing else"
    is_folder = folder.is_dir() and not folder.is_symlink()
    inside = [path for depth in ("*", "*/*") for path in folder.glob(depth)] if is_folder else []
    names = {path.relative_to(folder).as_posix() for path in inside}
    others = sorted(name for name in names - {*files} if not any(fnmatch(name, known) for known in inner))
    if others or not is_folder or (names and not force and not names >= {*files}):
        held = f"it also contains {', '.join(others[:5])}; " if others else ""
        raise UsageError([Problem("--out", rule, str(folder), f"{held}give another --out")])


@contextmanager
def writing_to(option: str, path: object) -> Iterator[None]:
    """Make whatever keeps a file or folder from being written a UsageError about the option that named it."""
    try:
        yield
    except OSError as error:
        raise UsageError([Problem(option, "cannot be written", str(path), str(error))]) from error
