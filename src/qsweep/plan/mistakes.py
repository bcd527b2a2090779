"""Beginners' words, read as what they mean if that is one thing, and else refused with the right command."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os.path import isdir
from pathlib import Path

from qsweep.config import RULES
from qsweep.errors import Problem, UsageError, collecting, without_password
from qsweep.plan.conf import conf_folder
from qsweep.plan.overrides import GROUPS
from qsweep.plan.presets import OWN_CONFIGS, environment_ids

ALIASES = {
    **dict.fromkeys(("lr", "alpha", "step_size", "learningrate", "rate"), "learning_rate"),
    **dict.fromkeys(("gamma", "discount_factor", "discount_rate"), "discount"),
    **dict.fromkeys(("bucket", "bins", "n_buckets", "num_buckets", "discrete_os_size"), "buckets"),
    **dict.fromkeys(("episode", "n_episodes", "num_episodes", "epochs"), "episodes"),
    **dict.fromkeys(("random_seed", "random_state"), "seed"),
    **dict.fromkeys(("algo", "agent", "method"), "algorithm"),
    **dict.fromkeys(("environment", "env_name", "env_id", "gym"), "env"),
    **dict.fromkeys(("eps", "epsilon_start", "eps_start", "start_epsilon"), "epsilon.start"),
    **dict.fromkeys(("epsilon_end", "eps_end", "min_epsilon", "epsilon_min"), "epsilon.end"),
    **dict.fromkeys(("epsilon_decay_start", "start_epsilon_decaying"), "epsilon.decay_start"),
    **dict.fromkeys(("epsilon_decay_end", "end_epsilon_decaying"), "epsilon.decay_end"),
    **dict.fromkeys(("lambda", "lambda_"), "trace_decay"),
    **dict.fromkeys(("show_every", "stats_every"), "window"),
    **dict.fromkeys(("save_every", "checkpoint"), "checkpoint_every"),
    **dict.fromkeys(("max_steps", "max_episode_steps", "time_limit"), "env.max_steps"),
    **dict.fromkeys(("is_slippery", "slippery"), "env.kwargs.is_slippery"),
    **{name: f"env.kwargs.{name}" for name in ("map_name", "goal_velocity", "sab", "natural")},
    "tau": "temperature",
    "experiment_name": "tracking.experiment",
    "run_name": "tracking.name",
    "dry_run": "sweep.dry_run",
    "init_from": "initial_q.from",
}
"""Other names of keys, in lower case: of books, other libraries, and the tutorial's constants."""
KNOWN = {*RULES, *GROUPS}
WITH_VALUE = (
    *("-c", "--cfg", "-cd", "--config-dir", "-cn", "--config-name", "-cp", "--config-path"),
    *("-p", "--package"),
)
"""Hydra's flags whose next word is a value."""
PRESETS = ("experiment", "env", "algorithm")
"""Groups whose presets are understood without their key."""


@dataclass(frozen=True)
class Understood:
    """The words of a command line as they are meant, and a line on each that was read as another."""

    words: tuple[str, ...]
    notes: tuple[str, ...]


def understood(words: Sequence[str]) -> Understood:
    """Return the words of `qsweep train` in the form that it takes.

    Raises UsageError with a line on each word that can be meant in several ways.
    """
    multirun = any(word in ("-m", "--multirun") for word in words)
    own = _own_presets(words)
    read: list[str] = []
    notes: list[str] = []
    problems: list[Problem] = []
    for given, joined in _joined(words):
        with collecting(problems):
            meant = joined if read and read[-1] in WITH_VALUE else _meant(joined, multirun, own)
            read.append(meant)
            if meant != given:
                notes.append(without_password(f"{given} is read as {meant}"))
    if problems:
        raise UsageError(problems)
    return Understood(tuple(read), tuple(notes))


def _joined(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what was typed and KEY=VALUE for: KEY = VALUE, KEY VALUE, KEY:VALUE, --KEY VALUE, --KEY=VALUE."""
    rest = deque(words)
    while rest:
        given = rest.popleft()
        parts = re.fullmatch(r"(-{0,2}[+~]*)([A-Za-z][\w.-]*)(?:([=:])(.*))?", given, re.DOTALL)
        if not parts or not _is_key(parts[2]) or (parts[3] == "=" and parts[4] and "-" not in parts[1]):
            yield given, given
            continue
        typed, value = [given], parts[4] or ""
        while rest and _belongs(value, rest[0], bool(parts[3])):
            typed.append(rest.popleft())
            value += typed[-1].removeprefix("=") if not value else typed[-1]
        alone = not parts[3] and not value
        yield " ".join(typed), given if alone else f"{parts[1].strip('-')}{parts[2]}={value}"


def _belongs(value: str, word: str, assigned: bool) -> bool:
    """Return whether a word is part of a value, of which `value` was typed before it."""
    if value:
        return value[0] in "[{" and value.count(value[0]) > value.count({"[": "]", "{": "}"}[value[0]])
    if word.startswith("="):
        return not assigned
    number = re.match(r"-?[\d.]", word)
    return "=" not in word and not _is_key(word) and (number is not None or not word.startswith("-"))


def _is_key(word: str) -> bool:
    return _canonical(word) in KNOWN or _canonical(word).startswith("env.kwargs.")


def _canonical(key: str) -> str:
    """Return a key as qsweep writes it, or, if it is not known, as it is."""
    if key in KNOWN:
        return key
    plain = key.lower().replace("-", "_")
    return plain if plain in KNOWN else ALIASES.get(plain, key)


def _own_presets(words: Sequence[str]) -> frozenset[str]:
    """Return the user's own presets of environments and algorithms, as GROUP=NAME."""
    given = [after for word, after in pairwise(words) if word in ("-cd", "--config-dir")]
    given += [word.partition("=")[2] for word in words if word.startswith("--config-dir=")]
    folders = filter(isdir, (str(OWN_CONFIGS), *given))
    files = (file for folder in folders for file in Path(folder).glob("*/*.yaml"))
    return frozenset(f"{file.parent.name}={file.stem}" for file in files)


def _meant(word: str, multirun: bool, own: frozenset[str]) -> str:
    """Return a word as it is meant. own: the user's own presets."""
    if word.startswith("-"):
        return word
    key, equals, value = word.partition("=")
    mark = key[: len(key) - len(key.lstrip("+~"))]
    if not equals:
        return _preset(word)
    name = key.removeprefix(mark)
    if name == "seeds":
        several = f"qsweep train -m 'seed=range({value})'"
        raise UsageError(
            [Problem("seeds", "is not a key", word, f"one seed: seed={value}; several: {several}")]
        )
    name = _canonical(name)
    if any(f"{name}={each}" in own for each in value.split(",")):
        return f"{mark}{name}={value}"
    return f"{mark}{_with_value(name, value, multirun)}"


def _preset(word: str) -> str:
    """Return KEY=WORD if a word is the name of a preset, or an environment's id."""
    for group in PRESETS:
        if (conf_folder() / group / f"{word}.yaml").is_file():
            return f"{group}={word}"
    return environment_override(word) if re.search(r"-v\d+$", word) and "=" not in word else word


def environment_override(name: str) -> str:
    """Return the override that chooses an environment, by a preset, its id, or either one's name."""
    ids = environment_ids()
    plain = {key.replace("_", ""): key for key in ids}
    short = re.sub(r"-v\d+$", "", name).lower().replace("_", "").replace("-", "")
    by_id = {env_id: key for key, env_id in reversed(ids.items())}  # the first one of an id
    if name in by_id:
        return f"env={by_id[name]}"
    if re.search(r"-v\d+$", name):
        return f"env.id={name}"
    return f"env={plain.get(short, name)}"


def _with_value(key: str, value: str, multirun: bool) -> str:
    """Return KEY=VALUE with the value as it is meant."""
    if key == "env" and not re.search(r"[,({\[]", value):
        return environment_override(value)
    if key == "env.id" and value in environment_ids():
        return f"env={value}"
    if key == "algorithm":
        return f"{key}={_each(value, lambda each: re.sub('[- ]', '_', each).lower())}"
    if key == "epsilon" and re.fullmatch(r"\d*\.?\d+", value):
        remedy = (
            f"epsilon.start={value} decays from there; a constant: epsilon=constant epsilon.start={value}"
        )
        raise UsageError([Problem("epsilon", "takes a schedule, not a number", f"epsilon={value}", remedy)])
    rule = RULES.get(key, "")
    if rule.startswith("a whole number"):
        return f"{key}={_whole(key, value, multirun)}"
    if rule.startswith("a number") and not multirun:
        value = re.sub(r"^(\d),(\d+)$", r"\1.\2", value)  # a decimal comma
    return f"{key}={value}"


def _each(value: str, change: Callable[[str], str]) -> str:
    return value if re.search(r"[(\[{'\"]", value) else ",".join(map(change, value.split(",")))


def _whole(key: str, value: str, multirun: bool) -> str:
    """Return whole numbers as Hydra takes them: 10k, 1e4 and 10,000 are 10000; 1..5 is a range."""
    between = re.fullmatch(r"(\d+)\.\.\.?(\d+)" if key != "seed" else r"(\d+)(?:\.\.\.?|-)(\d+)", value)
    if between:
        several = f"range({between[1]},{int(between[2]) + 1})"
        if multirun:
            return several
        remedy = f"several: qsweep train -m '{key}={several}'"
        raise UsageError([Problem(key, "takes one value in a single run", f"{key}={value}", remedy)])
    if not multirun and re.fullmatch(r"[1-9]\d{0,2}(,000)+", value):
        return value.replace(",", "")
    return _each(value, _expanded)


def _expanded(number: str) -> str:
    """Return 1e4 and 10k as 10000; other texts unchanged."""
    parts = re.fullmatch(r"(\d{1,18}(?:\.\d{1,18})?)(?:e\+?(\d{1,2})|([kM]))", number)
    if not parts:
        return number
    zeros = int(parts[2]) if parts[2] else {"k": 3, "M": 6}[parts[3]]
    whole, _, fraction = parts[1].partition(".")
    if len(fraction) > zeros:
        return number
    return str(int(whole + fraction.ljust(zeros, "0")))
