"""The files and folders that a command may overwrite: its own, or those that the user allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from qsweep.errors import Problem, UsageError


def exists(path: Path) -> bool:
    """Return whether a path exists, even as a broken link."""
    return path.exists() or path.is_symlink()


def file_problems(option: str, file: Path, force: bool) -> Iterator[Problem]:
    """Yield the problem that prevents writing a file; force: it may replace another file."""
    if file.is_dir():
        yield Problem(option, "is a folder", str(file))
    elif exists(file) and not force:
        yield Problem(option, "exists", str(file), f"give another {option}, or --force")


def only_over(
    folder: Path, what: str, files: Sequence[str], inner: Sequence[str], force: bool | None = None
) -> None:
    """Raise UsageError about --out unless a folder does not exist or may be replaced.

    It may be replaced if it is empty, or contains `what` and nothing else. files: the names in such a folder;
    inner: patterns of paths in its folders. force: the user gave --force; None: the command has no such
    option, and replaces only a complete folder.
    """
    if not exists(folder):
        return
    if force is False:
        raise UsageError([Problem("--out", "exists", str(folder), "give another --out, or --force")])
    rule = f"exists, and is replaced only if it is a folder with {what} and nothing else"
    is_folder = folder.is_dir() and not folder.is_symlink()
    depths = ("*", *(f"{name}/*" for name in files)) if is_folder else ()
    inside = [path for depth in depths for path in folder.glob(depth)]
    names = {path.relative_to(folder).as_posix() for path in inside}
    others = sorted(name for name in names - {*files} if not any(fnmatch(name, known) for known in inner))
    if others or not is_folder or (names and not force and not names >= {*files}):
        contents = f"it also contains {', '.join(others[:5])}; " if others else ""
        raise UsageError([Problem("--out", rule, str(folder), f"{contents}give another --out")])


@contextmanager
def writing_to(option: str, path: object) -> Iterator[None]:
    """Convert an OSError while writing a file or folder to a UsageError about the option that named it."""
    try:
        yield
    except OSError as error:
        raise UsageError([Problem(option, "cannot be written", str(path), str(error))]) from error
