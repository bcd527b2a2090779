"""Composing the configs in conf/ with Hydra.

Hydra is used as a library, without its command line and its global instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

PRIMARY = "train"
"""The primary config: conf/train.yaml."""
ADDED = ("experiment", "sweep")
"""Groups outside the defaults list: Hydra requires a leading +, which is optional here."""


@dataclass(frozen=True)
class Composed:
    """A composed config. config: with the node `hydra`. values: plain values, without it."""

    config: DictConfig
    values: dict[str, Any]


def conf_folder() -> Path:
    """Return the folder of configs: next to the code in a wheel, at the top of a checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


@cache
def hydra_app() -> Hydra:
    """Return Hydra for the packaged configs; shared, because it has no other state."""
    return Hydra(PRIMARY, packaged_configs())


def packaged_configs() -> ConfigLoaderImpl:
    """Return a loader of the packaged configs, which has composed nothing yet."""
    return ConfigLoaderImpl(create_config_search_path(str(conf_folder())))


def quoted(text: str) -> str:
    """Quote a string as a value in Hydra's override grammar."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def at_top(lines: Iterable[str]) -> list[str]:
    """Return overrides that put an experiment's or a sweep's values at the top, whatever its file says."""
    return [re.sub(rf"^\+({'|'.join(ADDED)})=", r"+\1@_global_=", line) for line in lines]


@lru_cache(maxsize=256)
def composed(lines: tuple[str, ...]) -> Composed:
    """Compose overrides that have one value each. All callers share the result and must not change it.

    The run mode does not matter: Hydra's two modes differ in how they treat several values.
    """
    config = hydra_app().compose_config(PRIMARY, at_top(lines), RunMode.RUN, from_shell=False)
    values = OmegaConf.to_container(config)
    assert isinstance(values, dict)
    return Composed(config, {str(key): value for key, value in values.items() if key != "hydra"})
