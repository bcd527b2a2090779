"""Reading a process from a file of arrays or from a Python attribute."""

from __future__ import annotations

import inspect
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from qsweep.environments.failures import is_interrupt
from qsweep.environments.mdp.arrays import TERMINAL, from_arrays
from qsweep.environments.mdp.dictionary import from_dictionary
from qsweep.environments.mdp.process import Process, wrong
from qsweep.errors import one_line
from qsweep.system.leaving import note_foreign_code
from qsweep.system.untrusted_files import opened

FORM = "must be FILE.npz with arrays P and R, or MODULE:NAME, a Python attribute"
ARRAYS = ("P", "R", "start", "terminal")
MOST_BYTES = 2**31
"""The most memory that the arrays of a file may take."""
ARGUMENTS = "env.kwargs.arguments"


def read_source(source: Any, arguments: Mapping[str, Any], terminal: Any) -> Process:
    """Return the process that a source names.

    source: FILE.npz or MODULE:NAME. arguments: those of a function NAME. terminal: states, as of
    `from_arrays`; those in a file if it is None. Raises UsageError.
    """
    if not isinstance(source, str) or not source:
        raise wrong(FORM, source)
    is_file = source.endswith(".npz")
    if is_file and arguments:
        raise wrong("applies to a function NAME of MODULE:NAME only", dict(arguments), "", ARGUMENTS)
    given = _arrays_in(Path(source)) if is_file else _attribute(source, arguments)
    return _process(given, terminal)


def _arrays_in(path: Path) -> dict[str, Any]:
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            total = sum(each.file_size for each in archive.infolist())
            if total > MOST_BYTES:
                raise wrong(f"must have arrays of at most {MOST_BYTES:,} bytes; it has {total:,}", str(path))
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise wrong("must be a file that exists", str(path), f"looked in {Path.cwd()}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        remedy = "lists and sparse matrices: name a Python attribute" if "pickle" in str(error) else ""
        raise wrong(f"must be a file that numpy.savez wrote: {one_line(error)}", str(path), remedy) from None


def _attribute(source: str, arguments: Mapping[str, Any]) -> Any:
    module, _, name = source.rpartition(":")
    if not module or not name:
        raise wrong(FORM, source)
    note_foreign_code()
    try:
        found = attrgetter(name)(import_module(module))
        if inspect.isroutine(found) or inspect.isclass(found):
            return found(**arguments)
    except BaseException as error:  # whatever a third party's module raises
        if is_interrupt(error):
            raise
        raise wrong(f"{FORM}: {one_line(error, kind=True)}", source) from error
    if arguments:
        raise wrong(f"applies to a function only; {source} is none", dict(arguments), "", ARGUMENTS)
    return found


def _process(given: Any, terminal: Any) -> Process:
    """Return the process of arrays by name, of a pair (P, R), of a dictionary, or of an environment's `P`."""
    if isinstance(given, Mapping) and "P" in given:
        return _by_name(given, terminal)
    if isinstance(given, tuple) and len(given) == 2:
        return from_arrays(*given, terminal)
    p, start = given, None
    if not isinstance(given, Mapping | list | tuple | np.ndarray):
        inner = getattr(given, "unwrapped", given)
        p, start = getattr(inner, "P", None), getattr(inner, "initial_state_distrib", None)
        if not isinstance(p, Mapping | list):
            rule = "must be arrays (P, R), a dictionary P[state][action], or an environment with such a P"
            raise wrong(f"{rule}; it is of type {type(given).__name__}")
    if terminal is not None:
        remedy = "the outcomes of P[state][action] say when an episode ends"
        raise wrong("applies to arrays only", terminal, remedy, TERMINAL)
    return replace(from_dictionary(p), start=start)


def _by_name(given: Mapping[Any, Any], terminal: Any) -> Process:
    unknown = [str(name) for name in given if name not in ARRAYS]
    if unknown or "R" not in given:
        rule = f"must have P and R, and may have start and terminal; it has {', '.join(map(str, given))}"
        raise wrong(rule)
    ends = given.get("terminal") if terminal is None else terminal
    ends = ends.tolist() if isinstance(ends, np.ndarray) else ends
    return replace(from_arrays(given["P"], given["R"], ends), start=given.get("start"))
