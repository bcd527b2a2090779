"""Options and arguments that several commands declare."""

from __future__ import annotations

import math
import os
from typing import Any

import click

from qsweep.system.tracking_uri import VARIABLE


def completing(kind: str) -> Any:
    """Return a function that completes an argument: overrides, names, comparisons or environments."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
        from qsweep.commands import completion

        found: list[str] = getattr(completion, kind)(incomplete)
        return found

    return complete


def _trust(_: click.Context, __: click.Parameter, given: bool) -> None:
    if given:
        from qsweep.environments.description import trust_records
        from qsweep.tracking.places import trust_places

        trust_records()
        trust_places()


class Output(click.Path):
    """A file or folder to write; ~ stands for the home folder, also where the shell left it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return super().convert(os.path.expanduser(value), param, ctx)


class Seconds(click.FloatRange):
    """A time in seconds, which ends."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found


of_store = click.option(
    "--uri",
    default="local",
    envvar=VARIABLE,
    show_default=f"{VARIABLE}, or local",
    help="Store to use: local, or an MLflow URI.",
)
trusting = click.option(
    "--trust",
    is_flag=True,
    expose_value=False,
    callback=_trust,
    help="Allow records to import Python modules and to name files outside the store.",
)
