"""The command line; each command imports only what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from qsweep.errors import Failure, UsageError, printable
from qsweep.system.garbage import collect_seldom

P = ParamSpec("P")
R = TypeVar("R")
CONTEXT = {"help_option_names": ["-h", "--help"]}


def refusing(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what the user cannot have into one message and exit code 2, a signal into 128 + its number.

    A disk, database or server that fails is one message and exit code 1.
    """

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UsageError as error:
            for problem in error.problems:
                click.echo(f"qsweep: {problem}", err=True)
            sys.exit(2)
        except Failure as failure:
            click.echo(f"qsweep: {printable(failure)}", err=True)
            sys.exit(1)
        except KeyboardInterrupt as interrupt:
            click.echo("qsweep: interrupted", err=True)
            sys.exit(128 + getattr(interrupt, "signum", 2))
        except Exception as error:
            from qsweep.errors import failure_of_the_store

            failed = failure_of_the_store(error)
            if not failed:
                raise
            click.echo(f"qsweep: the store or its disk failed: {printable(failed)}", err=True)
            click.echo(
                "qsweep: what was reported as done is kept; once that is mended, run it again", err=True
            )
            sys.exit(1)

    return guarded


def _trust(_: click.Context, __: click.Parameter, given: bool) -> None:
    if given:
        from qsweep.environments.description import trust_records

        trust_records()


trusting = click.option(
    "--trust",
    is_flag=True,
    expose_value=False,
    callback=_trust,
    help="Import the modules that a record names.",
)


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="qsweep")
def main() -> None:
    """Track, sweep and compare tabular reinforcement learning."""
    collect_seldom()


@main.command(context_settings={**CONTEXT, "ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OVERRIDES] [-m]")
@refusing
def train(arguments: Sequence[str]) -> None:
    """Train once, or with -m once for every combination of values.

    \b
    qsweep train buckets=40 seed=3
    qsweep train env=cart_pole episodes=5000
    qsweep train env.id=FrozenLake-v1 env.kwargs.is_slippery=false
    qsweep train +experiment=tutorial_25000
    qsweep train -m buckets=10,20,40 'seed=range(5)'
    qsweep train -m +sweep=buckets
    qsweep train --cfg job        print the composed config and stop

    OVERRIDES are KEY=VALUE as in Hydra; conf/train.yaml lists the keys. Presets of your own in a
    folder conf/ where the command is run are found beside the packaged ones.
    """
    from qsweep.commands.train import launch

    sys.exit(launch(list(arguments)))


@main.command()
@click.argument("name", required=False, metavar="[EXPERIMENT]")
@click.option(
    "--limit", type=click.IntRange(0), default=20, show_default=True, help="Runs listed below the variants."
)
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@refusing
def runs(name: str | None, limit: int, uri: str) -> None:
    """The leaderboard: variants over their seeds, then the latest runs.

    EXPERIMENT is an experiment's name (an environment's id unless you chose another) or a sweep's.
    """
    from qsweep.report.terminal import show_runs

    show_runs(name, limit, uri)


@main.command()
@click.argument("name", metavar="EXPERIMENT-or-SWEEP")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write (by default NAME-report).")
@click.option("--since", help="Only runs since then: 2025-01-31, '2025-01-31 14:00' (UTC), or an age: 7d.")
@click.option("--where", multiple=True, help="Only runs of which this holds: 'buckets >= 20'.")
@click.option("--metric", default="test/return_mean", show_default=True, help="What variants compare by.")
@click.option("--baseline", help="A variant's label or hash that all others are compared with, too.")
@click.option("--ui", help="Address of the MLflow UI that links lead to.")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@trusting
@refusing
def report(
    name: str,
    out: Path | None,
    since: str | None,
    where: Sequence[str],
    metric: str,
    baseline: str | None,
    ui: str | None,
    uri: str,
) -> None:
    """Compare runs: a verdict in words, a page with figures, tables as CSV.

    \b
    qsweep report buckets --out report
    qsweep report MountainCar-v0 --since 7d --where 'buckets >= 20'

    A folder that holds an earlier report is replaced.
    """
    from qsweep.report.folder import report
    from qsweep.report.loading.selection import Selection

    click.echo(report(Selection(name, uri, since, where, metric, baseline), out, ui))


@main.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write (by default called NAME).")
@click.option("--force", is_flag=True, help="Replace the folder if it holds a pulled policy.")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@trusting
@refusing
def pull(name: str, out: Path | None, force: bool, uri: str) -> None:
    """Write a checkpoint's Q-table and model into a folder.

    \b
    qsweep pull MountainCar-v0@best     the best yet, by what is registered
    qsweep pull MountainCar-v0/3        a registered version
    qsweep pull RUN                     the best checkpoint of a run, by its name or id
    qsweep pull RUN/ep017500            one of its checkpoints
    """
    from qsweep.commands.pull import pull

    click.echo(pull(name, out, force, uri))


@main.command()
@click.argument("name")
@click.option("--episodes", default=10, show_default=True, help="How many to roll out.")
@click.option("--seed", default=0, show_default=True, help="Which of the play starts comes first.")
@click.option("--video", type=click.Path(path_type=Path), help="MP4 to write the first episode to.")
@click.option("--gif", type=click.Path(path_type=Path), help="GIF to write the first episode to.")
@click.option("--human", is_flag=True, help="Show the episodes in a window.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@trusting
@refusing
def play(
    name: str,
    episodes: int,
    seed: int,
    video: Path | None,
    gif: Path | None,
    human: bool,
    force: bool,
    uri: str,
) -> None:
    """Roll the greedy policy of a checkpoint out, on starts that nothing else uses.

    \b
    qsweep play MountainCar-v0@best --episodes 1000
    qsweep play RUN/ep017500 --video agent.mp4 --gif agent.gif
    qsweep play ./FOLDER --human        a folder that `qsweep pull` wrote

    NAME is what `qsweep pull` takes, or such a folder.
    """
    from qsweep.commands.play import Pictures, play

    click.echo(play(name, episodes, seed, Pictures(video, gif, human, force), uri))


@main.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="MP4 or GIF to write (by default NAME.mp4).")
@click.option("--every", type=int, help="Show every n-th checkpoint (by default about 250 are shown).")
@click.option("--agent", is_flag=True, help="Show the agent at play, too.")
@click.option("--fps", type=float, help="Frames a second (by default 25, in a GIF 20).")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@trusting
@refusing
def video(
    name: str, out: Path | None, every: int | None, agent: bool, fps: float | None, force: bool, uri: str
) -> None:
    """Film how a run's Q-table was learned, checkpoint by checkpoint.

    \b
    qsweep video RUN --out learning.mp4
    qsweep video MountainCar-v0@best --agent

    NAME is what `qsweep pull` takes; the film ends at the checkpoint that it names.
    """
    from qsweep.commands.video import video

    click.echo(video(name, out, every, agent, fps, force, uri))


@main.command()
@click.argument("run", metavar="RUN")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@trusting
@refusing
def reproduce(run: str, uri: str) -> None:
    """Train a run again from its record; exit code 0 only if the last Q-table is the same to the bit.

    RUN is a run's name or id. Nothing is recorded. Where the table is another one, what differs from
    the record is named, and the exit code is 1.
    """
    from qsweep.commands.reproduce import reproduce

    done = reproduce(run, uri)
    click.echo(done)
    sys.exit(0 if done.equal else 1)


@main.command()
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option("--quick", is_flag=True, help="Fewer runs, and not the longest: under a minute.")
@refusing
def verify(cases: Sequence[str], quick: bool) -> None:
    """Reproduce published and exact numbers; exit code 1 if any does not come out.

    CASE is a case such as cliff/sarsa, or a group such as cliff.
    """
    from qsweep.commands.verify import verify

    sys.exit(0 if verify(cases, quick) else 1)


@main.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended; nothing that holds a result is deleted.")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@refusing
def doctor(fix: bool, uri: str) -> None:
    """What is wrong with the store, and the mend; exit code 1 if anything is wrong and not mended.

    It looks for runs whose process is gone, a schema that is old or half-migrated, files that belong to
    nothing, archives that cannot be read, missing parents, versions without run or files, and what
    killed processes left; and says who takes how much of the disk.
    """
    from qsweep.commands.doctor import examine
    from qsweep.report.terminal import wide_console

    examination = examine(uri, fix)
    examination.show(wide_console())
    sys.exit(0 if examination.well else 1)


@main.command()
@click.argument("name", required=False, metavar="[EXPERIMENT-or-SWEEP]")
@click.option("--dry-run", is_flag=True, help="Say what would go, and how many bytes; nothing is changed.")
@click.option("--older-than", help="Runs started before then: an age such as 30d, or a date.")
@click.option("--keep-best", type=int, help="Runs of all variants but the best so many.")
@click.option("--thin-checkpoints", type=int, help="Keep every n-th checkpoint of a history.")
@click.option("--keep-checkpoints", type=int, help="Keep about so many checkpoints of a history.")
@click.option("--purge", is_flag=True, help="Delete for good, with what was deleted before: rows and files.")
@click.option("--uri", default="local", show_default=True, help="The store: local, or an MLflow URI.")
@refusing
def gc(
    name: str | None,
    dry_run: bool,
    older_than: str | None,
    keep_best: int | None,
    thin_checkpoints: int | None,
    keep_checkpoints: int | None,
    purge: bool,
    uri: str,
) -> None:
    """Make room: delete runs by age or rank, keep fewer checkpoints of those that stay.

    \b
    qsweep gc --dry-run --older-than 30d --keep-best 10
    qsweep gc buckets --keep-checkpoints 100
    qsweep gc --older-than 30d --purge

    Deleted runs lie in the trash until --purge. Runs that a registered version comes from stay, and of a
    history the best checkpoint, the last and registered ones. With --older-than and --keep-best go those that
    are both old and not of the best.
    """
    from qsweep.commands.gc import Condition, collect

    condition = Condition(older_than, keep_best, thin_checkpoints, keep_checkpoints, purge)
    click.echo(collect(name, condition, dry_run, uri))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
@refusing
def ui(host: str, port: int) -> None:
    """The MLflow UI on the store of this folder; Ctrl-C ends it."""
    from qsweep.tracking.store import open_store

    store = open_store("local", create=False)
    click.echo(f"http://{host}:{port}", err=True)
    arguments = ["--backend-store-uri", store.uri, "--default-artifact-root", str(store.artifacts)]
    mlflow = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *arguments]
    # Without MLflow's job runners, which evaluate language models and start a process each.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(sys.executable, [*mlflow, "--host", host, "--port", str(port)])


@main.command()
@refusing
def send() -> None:
    """Send the runs that a tracking server did not take, and that were kept in mlruns/unsent."""
    from qsweep.tracking.client.unsent import send

    sent = send()
    click.echo(f"{len(sent)} runs sent" + "".join(f"\n{run}" for run in sent))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port.")
@click.option("--backend", metavar="URI", help="postgresql://HOST/DATABASE, without a password.")
@click.option("--artifacts", metavar="DEST", help="A folder, or s3://BUCKET/PATH (by default below mlruns/).")
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="Processes.")
@refusing
def server(host: str, port: int, backend: str | None, artifacts: str | None, workers: int) -> None:
    """A tracking server for many users, on PostgreSQL, with passwords; Ctrl-C ends it.

    \b
    MLFLOW_AUTH_ADMIN_PASSWORD=... qsweep server
    PGHOST=db PGUSER=mlflow PGPASSWORD=... PGDATABASE=mlflow qsweep server --artifacts s3://bucket/qsweep

    Where no PostgreSQL is named, by --backend or libpq's variables, one is run in mlruns/postgresql.
    """
    from qsweep.commands.server import Server, serve

    sys.exit(serve(Server(host, port, backend, artifacts, workers)))
