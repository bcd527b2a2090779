"""Words that are no command of `qsweep`, with the command that is meant."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from qsweep.errors import Problem, UsageError

TRAIN, MANY = "qsweep train {rest}", "qsweep train -m {rest}"
MEANT = {
    **dict.fromkeys(("run", "fit", "learn", "start", "experiment"), (TRAIN, "buckets=40")),
    **dict.fromkeys(("sweep", "multirun", "grid"), (MANY, "buckets=10,20,40 'seed=range(5)'")),
    **dict.fromkeys(("search", "optimize", "tune"), (MANY, "+sweep=mountain_car_search")),
    **dict.fromkeys(("list", "ls", "show", "results", "leaderboard", "best"), ("qsweep runs {rest}", "")),
    **dict.fromkeys(("evaluate", "eval", "render", "test", "demo"), ("qsweep play {rest}", "MODEL@best")),
    **dict.fromkeys(("download", "get", "fetch", "load", "checkpoint"), ("qsweep pull {rest}", "RUN")),
    **dict.fromkeys(("film", "movie", "animate"), ("qsweep video {rest}", "RUN")),
    **dict.fromkeys(("chart", "graph", "curve"), ("qsweep plot {rest}", "RUN")),
    **dict.fromkeys(("envs", "environments", "describe"), ("qsweep env {rest}", "mountain_car")),
    **dict.fromkeys(("config", "params", "parameters", "options"), ("qsweep keys", "")),
    **dict.fromkeys(("mlflow", "dashboard", "web", "gui"), ("qsweep ui", "")),
    **dict.fromkeys(("delete", "remove", "rm", "clean"), ("qsweep gc --dry-run", "")),
    **dict.fromkeys(("repeat", "rerun", "replay"), ("qsweep reproduce {rest}", "RUN")),
    **dict.fromkeys(("resume", "continue"), ("qsweep train ..., the command that was interrupted", "")),
    "help": ("qsweep {rest} --help", ""),
    "version": ("qsweep --version", ""),
}
"""Word -> the command that it stands for, and words for it if none were given."""


def unknown_command(word: str, rest: Sequence[str], commands: Iterable[str]) -> UsageError:
    """Return the error about a word that is no command, with the right one."""
    if word in MEANT:
        command, example = MEANT[word]
        remedy = command.format(rest=shlex.join(rest) or example)
    elif "=" in word:
        remedy = f"qsweep train {shlex.join([word, *rest])}"
    else:
        near = get_close_matches(word, sorted(commands), n=1)
        remedy = f"qsweep {shlex.join([near[0], *rest])}" if near else "see qsweep --help"
    return UsageError([Problem(word, "is no command", None, " ".join(remedy.split()))])
