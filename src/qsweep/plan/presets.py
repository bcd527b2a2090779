"""Presets by name: the packaged ones, and the user's own, whose files are checked before Hydra reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from qsweep.errors import Problem, closest, one_line
from qsweep.plan.conf import PRIMARY, conf_folder, hydra_app, packaged_configs, quoted

OWN_CONFIGS = Path("conf")
"""Presets in this folder, relative to the current one, are found as well as the packaged ones."""
SEARCH_PATH = "hydra.searchpath="
CHOOSES_FOR_HYDRA = re.compile(r"^\s*-\s*(?:override\s+)?/?(hydra/[\w/]+)\s*:\s*([\w/.]+)", re.MULTILINE)
"""An entry of a preset's defaults list. Hydra ignores it, because conf/train.yaml has chosen already."""


def with_own_presets(lines: Sequence[str], config_dir: str | None = None) -> list[str]:
    """Return overrides that include Hydra's search path for the user's own presets, if there are any."""
    folder = Path(config_dir or OWN_CONFIGS).absolute()
    given = any(line.startswith(SEARCH_PATH) for line in lines)
    if given or not folder.is_dir() or folder == conf_folder():
        return [*lines]
    return [f"{SEARCH_PATH}[{quoted(f'file://{folder}')}]", *lines]


@cache
def environment_ids() -> dict[str, str]:
    """Return the packaged presets of environments: name -> Gymnasium id."""
    files = sorted((conf_folder() / "env").glob("*.yaml"))
    presets = {file.stem: yaml.safe_load(file.read_text()) for file in files}
    return {name: str(values.get("env", values)["id"]) for name, values in presets.items()}


def preset_problems(group: str, value: Any, search: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of a preset's name and of its file, if it is the user's own.

    search: the overrides with the search path.
    """
    folder, _, name = str(value).rpartition("/")
    inside = f"{group}/{folder}" if folder else group
    known = _options(inside, search)
    if name not in known:
        given = "null" if value is None else str(value)
        yield Problem(group, f"must be a preset of {group}", given, closest(given, known))
        return
    for file in (root / inside / f"{name}.yaml" for root in _folders(search)):
        if file.exists():
            packaged = name in _packaged(inside)
            yield from _file_problems(group, str(value), file, packaged)


def _options(group: str, search: Sequence[str]) -> Sequence[str]:
    if not search:
        return _packaged(group)
    return hydra_app().config_loader.get_group_options(group, config_name=PRIMARY, overrides=[*search])


@cache
def _packaged(group: str) -> Sequence[str]:
    """Return the names of a group's packaged presets. The primary config, which takes long, is not loaded."""
    return tuple(packaged_configs().get_group_options(group))


def _folders(search: Sequence[str]) -> Iterator[Path]:
    """Yield the folders of search paths, which `usable` has parsed before."""
    for line in search:
        value = OverridesParser.create().parse_override(line).value()
        for path in value if isinstance(value, list) else ():
            if "://" not in str(path) or str(path).startswith("file://"):
                yield Path(str(path).removeprefix("file://"))


def _file_problems(group: str, name: str, file: Path, packaged: bool) -> Iterator[Problem]:
    if packaged:
        yield Problem(group, "is the name of a packaged preset as well", name, f"rename {file}")
        return
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Problem(group, f"must be a file in UTF-8; {one_line(error)}", str(file), "save it as UTF-8")
        return
    except OSError as error:
        yield Problem(group, "must be a readable file", str(file), str(error.strerror))
        return
    for option, chosen in CHOOSES_FOR_HYDRA.findall(text):
        remedy = f"write {option}={chosen} on the command line"
        yield Problem(group, f"cannot choose {option} in its defaults list", str(file), remedy)
