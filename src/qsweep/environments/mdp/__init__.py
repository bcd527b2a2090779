"""Markov decision processes of others, given as arrays or as a dictionary; importing this registers them.

`qsweep/MDP-v0` reads its tables from a file or a Python attribute: docs/environments.md.
"""

from __future__ import annotations

from typing import Any

import gymnasium

ID = "qsweep/MDP-v0"

if ID not in gymnasium.registry:
    gymnasium.register(ID, entry_point="qsweep.environments.mdp.environment:ImportedMDP")

OWN_SOURCES = ("qsweep.environments.mdp.examples:forest",)
"""Sources of tables that a record may name without --trust, because a preset names them."""


def attribute(source: Any) -> str:
    """Return a source of tables that is a Python attribute, MODULE:NAME; empty for anything else."""
    return source if isinstance(source, str) and ":" in source and not source.endswith(".npz") else ""
