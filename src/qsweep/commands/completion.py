"""Completion of words in bash, zsh and fish: commands, options, keys, presets, and names in the store.

click finds the commands and options. Its own scripts split values at = and commas, which names of runs have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from click import Command
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

from qsweep.errors import UsageError

BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' word
    COMPREPLY=()
    for word in $(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null); do
        case "$word" in
            :file) compopt -o default ;;
            :dir) compopt -o dirnames ;;
            *=) compopt -o nospace; COMPREPLY+=("$word") ;;
            *) COMPREPLY+=("$word") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a plain open answers
    local word line="${(j: :)words[1,CURRENT]}"
    answers=("${(@f)$(COMP_WORDS="$line" %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for word in $answers; do
        case "$word" in
            '') ;;
            :file) _files ;;
            :dir) _files -/ ;;
            *=) open+=("$word") ;;
            *) plain+=("$word") ;;
        esac
    done
    (( $#plain )) && compadd -- $plain
    (( $#open )) && compadd -S '' -- $open
    return 0
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef %(complete_func)s %(prog_name)s
"""
FISH = """\
function %(complete_func)s
    set -lx COMP_WORDS (commandline -cp)
    for word in (%(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
        switch $word
            case :file
                __fish_complete_path (commandline -ct)
            case :dir
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $word
        end
    end
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""
SPECIAL = re.compile(r"([^\w@%+=:,./~-])")
"""Characters that bash does not take as they are."""


class _Complete(ShellComplete):
    """Completion that gets the line up to the cursor, and answers with one word a line."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and its beginning."""
        line = os.environ.get("COMP_WORDS", "")
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for an answer: a word, or that files or folders are meant."""
        return f":{item.type}" if item.type in ("file", "dir") else self.word(str(item.value))

    def word(self, value: str) -> str:
        """Return a word as the shell inserts it."""
        return value


class Bash(_Complete):
    """Bash replaces only what follows the last of its word breaks, among them = : @."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = BASH

    def word(self, value: str) -> str:
        """Return what follows the part that bash takes for earlier words."""
        _, incomplete = self.get_completion_args()
        breaks = os.environ.get("COMP_BREAKS", "=:@")
        ends = [incomplete.rfind(each) + (each != "@") for each in breaks if each in incomplete]
        kept = max(ends, default=0)  # an @ belongs to the word that it begins: readline's special prefix
        return SPECIAL.sub(r"\\\1", value[kept:])


class Zsh(_Complete):
    """Zsh quotes by itself."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = ZSH


class Fish(_Complete):
    """Fish quotes by itself."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = FISH


SHELLS = {each.name: each for each in (Bash, Zsh, Fish)}


def register() -> None:
    """Let click answer the shells' questions with the classes above."""
    for each in SHELLS.values():
        add_completion_class(each)


def script(shell: str, main: Command) -> str:
    """Return the script that makes a shell complete `qsweep`. main: the command."""
    return SHELLS[shell](main, {}, "qsweep", "_QSWEEP_COMPLETE").source()


def overrides(incomplete: str) -> list[str]:
    """Return keys, or the values of a key, that continue a word."""
    from qsweep.config import RULES
    from qsweep.plan.key_list import PRESETS

    key, assigned, value = incomplete.partition("=")
    if not assigned:
        keys = dict.fromkeys([*(group.lstrip("+") for group in PRESETS), *RULES])
        mark = key[: len(key) - len(key.lstrip("+"))]
        return _continuing(incomplete, [f"{mark}{each}=" for each in keys])
    before, comma, _ = value.rpartition(",")
    start = f"{key}={before}{comma}"
    return _continuing(incomplete, [f"{start}{each}" for each in _values(key.lstrip("+"))])


def _values(key: str) -> Iterable[str]:
    """Return the values of a key, as far as they are a list."""
    from qsweep.config import RULES
    from qsweep.plan.key_list import PRESETS, preset_names
    from qsweep.plan.presets import OWN_CONFIGS

    if key in (group.lstrip("+") for group in PRESETS):
        own = sorted(file.stem for file in (Path(OWN_CONFIGS) / key).glob("*.yaml"))
        return [*preset_names(key), *own]
    if key == "initial_q.from":
        return _names()
    rule = RULES.get(key, "")
    if rule.startswith("one of "):
        return rule.removeprefix("one of ").split(", ")
    return ["true", "false"] if rule == "true or false" else []


def names(incomplete: str) -> list[str]:
    """Return names of models, versions and runs that continue a word; files are completed otherwise."""
    return _continuing(incomplete, _names())


def _names() -> list[str]:
    from qsweep.policies.registry.known_names import known
    from qsweep.tracking.store import open_store

    with suppress(UsageError):
        return known(open_store("auto", create=False))
    return []


def comparisons(incomplete: str) -> list[str]:
    """Return names of experiments, sweeps and runs that continue a word."""
    from qsweep.tracking.run_search import every_run, experiments
    from qsweep.tracking.store import open_store
    from qsweep.tracking.stored_run import SWEEP, Keys

    with suppress(UsageError):
        store = open_store("auto", create=False)
        runs = [run for run in every_run(store, Keys(tags=(SWEEP,))).values() if not run.deleted]
        sweeps = (run.tags.get(SWEEP, "") for run in runs)
        found = [*experiments(store).values(), *sweeps, *(run.name for run in runs)]
        return _continuing(incomplete, filter(None, found))
    return []


def environments(incomplete: str) -> list[str]:
    """Return presets of environments and their ids that continue a word."""
    from qsweep.plan.presets import environment_ids

    return _continuing(incomplete, [*environment_ids(), *environment_ids().values()])


def _continuing(incomplete: str, words: Iterable[str]) -> list[str]:
    return list(_unique(word for word in words if word.startswith(incomplete) and word.isprintable()))


def _unique(words: Iterable[str]) -> Iterator[str]:
    return iter(dict.fromkeys(words))
