"""The group of all commands: how an error, an interrupt and an unknown word end a command."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import click

from qsweep.errors import Failure, Problem, UsageError, printable, shortened, store_failure
from qsweep.system.start_folder import started_in
from qsweep.system.streams import secure_streams

WRITING = ("report", "pull", "play", "plot", "video", "export", "compare")
WHOLE = ("nothing was written: files appear when they are complete; the same command starts over",)
"""What an interrupt says of commands that write files."""
COMPLETE = "_QSWEEP_COMPLETE"
"""The variable by which a shell asks for completions."""


class Commands(click.Group):
    """The commands, whose errors it reports in one line each.

    The exit code is 2 for bad input, 1 for a failure, 128 + n for signal n. A failing disk, database or
    server counts as a failure. Any other exception is a bug, and is raised.
    """

    def main(self, *arguments: Any, **named: Any) -> Any:
        """Run the command line, with standard streams whose end does not end the command."""
        outputs = secure_streams()
        if COMPLETE in os.environ:
            from qsweep.commands.completion import register

            register()
        try:
            return super().main(*arguments, **named)
        finally:
            for stream in (sys.stdout, sys.stderr) if outputs else ():
                stream.flush()
            for output in outputs:
                if output.failed:
                    click.echo(f"qsweep: the output cannot be written: {output.failed.strerror}", err=True)
                    sys.exit(1)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that a word names; refuse an unknown one with the one that is meant."""
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            from qsweep.commands.unknown_commands import unknown_command

            raise unknown_command(args[0], args[1:], self.commands)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with started_in(_current_folder()):
                return super().invoke(ctx)
        except UsageError as error:
            for problem in error.problems:
                click.echo(f"qsweep: {problem}", err=True)
            sys.exit(2)
        except Failure as failure:
            click.echo(f"qsweep: {printable(failure)}", err=True)
            sys.exit(1)
        except KeyboardInterrupt as interrupt:
            kept = WHOLE if ctx.invoked_subcommand in WRITING else ()
            for line in ("interrupted", *kept, *getattr(interrupt, "__notes__", ())):
                click.echo(f"qsweep: {line}", err=True)
            sys.exit(128 + getattr(interrupt, "signum", 2))
        except Exception as error:
            sys.exit(_reported(error))


def _reported(error: Exception) -> int:
    """Print what an error of a text, a name or the store means; return the exit code. Raises any other."""
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        click.echo(f"qsweep: {printable(shortened(error.object))}: must be text in UTF-8", err=True)
        return 2
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        click.echo(f"qsweep: {printable(shortened(str(error)))}; give a shorter name", err=True)
        return 2
    failed = store_failure(error)
    if not failed:
        raise error
    click.echo(f"qsweep: the store or its disk failed: {printable(failed)}", err=True)
    click.echo("qsweep: finished work is kept; fix the problem, then run the command again", err=True)
    return 1


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        rule = "the current folder was deleted"
        raise UsageError([Problem("qsweep", rule, None, "change to a folder that exists")]) from None


class WithKeys(click.Command):
    """A command whose help ends with the list of keys."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the keys."""
        from qsweep.plan.key_list import write_keys

        write_keys(formatter)
