"""The command line; each command imports only what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from qsweep.commands.command_group import Commands, WithKeys
from qsweep.commands.options import Output, Seconds, completing, of_store, trusting
from qsweep.errors import printable
from qsweep.system.extras import need
from qsweep.system.garbage import collect_less_often
from qsweep.system.interrupts import mark_interrupts
from qsweep.system.leaving import leaving_at_once
from qsweep.system.tracking_uri import unset_if_empty

if TYPE_CHECKING:
    from qsweep.tracking.store import Store

CONTEXT = {"help_option_names": ["-h", "--help"]}


@contextmanager
def _working(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that a command is working; yield a function that says at what."""
    from qsweep.runs.progress import bar

    with bar() as shown:
        task = shown.add_task(what, total=None)
        yield lambda text: shown.update(task, description=text)


def _opened(uri: str) -> Store:
    from qsweep.tracking.store import open_store

    return open_store(uri, create=False)


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(package_name="qsweep")
def main() -> None:
    """Track, sweep and compare tabular reinforcement learning."""
    mark_interrupts()
    collect_less_often()
    unset_if_empty()


def command() -> None:
    """Run the command line as a process of its own."""
    leaving_at_once(partial(main, prog_name="qsweep"))


@main.command(cls=WithKeys, context_settings={**CONTEXT, "ignore_unknown_options": True})
@click.argument(
    "arguments",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[OVERRIDES] [-m]",
    shell_complete=completing("overrides"),
)
@click.option("--again", is_flag=True, help="Train again even if an equal run is finished.")
@click.option("--quiet", is_flag=True, help="Show no progress and no next steps.")
@trusting
def train(arguments: Sequence[str], again: bool, quiet: bool) -> None:
    """Train one run, or with -m one run per combination of values.

    \b
    qsweep train buckets=40 seed=3
    qsweep train env=cart_pole episodes=5000
    qsweep train env.id=FrozenLake-v1 env.kwargs.is_slippery=false
    qsweep train +experiment=tutorial_25000
    qsweep train -m buckets=10,20,40 'seed=range(5)'
    qsweep train -m +sweep=buckets
    qsweep train --cfg job        print the composed config and stop

    OVERRIDES are KEY=VALUE, of the keys below, in Hydra's grammar. Your own presets in a folder conf/ in
    the current directory are found as well as the packaged ones. An equal run that is finished is kept.
    """
    from qsweep.commands.train import launch

    if quiet:
        os.environ["QSWEEP_QUIET"] = "true"
    sys.exit(launch([*arguments, *(["sweep.rerun=all"] if again else [])], quiet))


@main.command()
@click.argument("word", default="")
def keys(word: str) -> None:
    """List the keys of a run, with defaults and units.

    \b
    qsweep keys             all keys, by group
    qsweep keys epsilon     keys with this word, and their rules
    """
    from shutil import get_terminal_size

    from qsweep.plan.key_list import key_lines

    for line in key_lines(word, get_terminal_size().columns):
        click.echo(line)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    eval "$(qsweep completion bash)"      in ~/.bashrc
    eval "$(qsweep completion zsh)"       in ~/.zshrc
    qsweep completion fish | source       in ~/.config/fish/config.fish
    """
    from qsweep.commands.completion import script

    click.echo(script(shell, main), nl=False)


@main.command()
@click.argument("name", metavar="ENV", shell_complete=completing("environments"))
@click.argument("overrides", nargs=-1, shell_complete=completing("overrides"))
def env(name: str, overrides: Sequence[str]) -> None:
    """Describe an environment: bounds, actions, optimum, presets.

    \b
    qsweep env mountain_car
    qsweep env FrozenLake-v1 env.kwargs.is_slippery=false
    qsweep env cart_pole buckets=[4,4,8,8]

    ENV is a preset of the group env or a Gymnasium id; OVERRIDES are those of `qsweep train`.
    """
    with _working(f"making {printable(name)}"):
        from qsweep.commands.environment import describe_environment

        described = describe_environment(name, overrides)
    click.echo(described)


@main.command()
@click.argument("name", required=False, metavar="[EXPERIMENT]", shell_complete=completing("comparisons"))
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Number of runs to list below the variants.",
)
@click.option("--by", metavar="USER", help="Only the runs of this user.")
@of_store
def runs(name: str | None, limit: int, by: str | None, uri: str) -> None:
    """Rank the variants by mean score, and list the latest runs.

    EXPERIMENT is the name of an experiment (by default the environment's id) or of a sweep.
    """
    from qsweep.report.terminal import show_runs

    show_runs(_opened(uri), name, limit, by)


@main.command()
@click.argument("name", metavar="NAME", shell_complete=completing("comparisons"))
@click.option("--out", type=Output(path_type=Path), help="Folder to write (default: NAME-report).")
@click.option(
    "--since", help="Only runs started since a date (2025-01-31, '2025-01-31 14:00' UTC) or age (7d)."
)
@click.option("--where", multiple=True, help="Only runs that meet this condition: 'buckets >= 20'.")
@click.option("--metric", default="score", show_default=True, help="Metric to compare by.")
@click.option("--baseline", help="Variant (label or hash) to compare all others with.")
@click.option("--pdf", is_flag=True, help="Also write the charts as PDF, 3.25 inches wide, for papers.")
@click.option("--ui", help="Address of the MLflow UI to link runs to.")
@of_store
@trusting
def report(
    name: str,
    out: Path | None,
    since: str | None,
    where: Sequence[str],
    metric: str,
    baseline: str | None,
    pdf: bool,
    ui: str | None,
    uri: str,
) -> None:
    """Compare runs; write a verdict, figures and tables.

    \b
    qsweep report buckets --out report
    qsweep report MountainCar-v0 --since 7d --where 'buckets >= 20'
    qsweep report RUN                   a single run

    NAME is an experiment, a sweep or a run. An earlier report in the folder is replaced. Its variants.tex is
    a table for LaTeX.
    """
    with _working("starting") as say:
        from qsweep.report.folder import report
        from qsweep.report.loading.selection import Selection

        written = report(_opened(uri), Selection(name, since, where, metric, baseline), out, ui, pdf, say)
    click.echo(written)


@main.command()
@click.argument("name", shell_complete=completing("names"))
@click.option("--out", type=Output(path_type=Path), help="Folder to write (default: NAME).")
@click.option("--force", is_flag=True, help="Replace a folder that holds a pulled policy.")
@of_store
@trusting
def pull(name: str, out: Path | None, force: bool, uri: str) -> None:
    """Write a checkpoint's Q-table and model into a folder.

    \b
    qsweep pull MountainCar-v0@best     the best registered version
    qsweep pull MountainCar-v0/3        a registered version
    qsweep pull RUN                     the best checkpoint of a run (its name or id)
    qsweep pull RUN/ep017500            a given checkpoint of a run
    qsweep pull atlas:Taxi-v4           the atlas's best policy of an environment, which comes with qsweep
    """
    with _working(f"pulling {printable(name)}"):
        from qsweep.commands.pull import pull

        store = None if name.startswith("atlas:") else _opened(uri)
        pulled = pull(store, name, out, force)
    click.echo(pulled)


@main.command()
@click.argument("name", shell_complete=completing("names"))
@click.option("--episodes", default=10, show_default=True, help="Number of episodes to play.")
@click.option("--seed", default=0, show_default=True, help="Index of the first start state.")
@click.option("--video", type=Output(path_type=Path), help="Write the first episode to this MP4 file.")
@click.option("--gif", type=Output(path_type=Path), help="Write the first episode to this GIF file.")
@click.option("--page", type=Output(path_type=Path), help="Write a page that plays, as an HTML file.")
@click.option(
    "--policy", default="", metavar="random|ACTION", help="Take random actions, or always this one, in NAME."
)
@click.option("--human", is_flag=True, help="Show the episodes in a window.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@of_store
@trusting
def play(
    name: str,
    episodes: int,
    seed: int,
    video: Path | None,
    gif: Path | None,
    page: Path | None,
    policy: str,
    human: bool,
    force: bool,
    uri: str,
) -> None:
    """Run a checkpoint's greedy policy on held-out start states.

    \b
    qsweep play MountainCar-v0@best --episodes 1000
    qsweep play RUN/ep017500 --video agent.mp4 --gif agent.gif
    qsweep play RUN --page agent.html   a slider over its checkpoints, and the agent at play
    qsweep play ./FOLDER --human        a folder written by `qsweep pull`
    qsweep play mountain_car --policy 2 --video weak.mp4

    NAME is a name that `qsweep pull` accepts, or a folder that it wrote; with --policy an environment.
    """
    if video or gif or human:
        need("video", "qsweep play")
    with _working(f"playing {printable(name)}"):
        from qsweep.commands.play import Pictures, play

        played = play(name, episodes, seed, Pictures(video, gif, human, force, page), uri, policy)
    click.echo(played)


@main.command()
@click.argument("name", shell_complete=completing("names"))
@click.option("--out", type=Output(path_type=Path), help="MP4 or GIF file to write (default: NAME.mp4).")
@click.option("--every", type=int, help="Show every n-th checkpoint (default: about 250 in all).")
@click.option("--agent", is_flag=True, help="Also show the agent playing.")
@click.option("--fps", type=float, help="Frames per second (default: 25, or 20 for a GIF).")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@of_store
@trusting
def video(
    name: str, out: Path | None, every: int | None, agent: bool, fps: float | None, force: bool, uri: str
) -> None:
    """Make a video of a run's Q-table, checkpoint by checkpoint.

    \b
    qsweep video RUN --out learning.mp4
    qsweep video MountainCar-v0@best --agent

    NAME is a name that `qsweep pull` accepts. The video ends at the checkpoint that it names; of a run's name
    alone it shows the whole training.
    """
    need("video", "qsweep video")
    from qsweep.commands.video import video

    click.echo(video(name, out, every, agent, fps, force, uri))


@main.command()
@click.argument("name", shell_complete=completing("names"))
@click.argument("chart", default="curve", metavar="[curve|actions|policy|values|visits]")
@click.option("--out", type=Output(path_type=Path), help="PNG, SVG or PDF file (default: NAME-CHART.png).")
@click.option(
    "--every", type=int, metavar="EPISODES", help="Write a folder with a PNG of a checkpoint every so often."
)
@click.option(
    "--legend",
    default="best",
    show_default=True,
    metavar="PLACE",
    help="Place of the legend: 4 or 'lower right'.",
)
@click.option("--force", is_flag=True, help="Replace existing files.")
@of_store
@trusting
def plot(
    name: str, chart: str, out: Path | None, every: int | None, legend: str, force: bool, uri: str
) -> None:
    """Draw a run's learning curve or Q-table into a file.

    \b
    qsweep plot RUN                             learning curve
    qsweep plot RUN actions                     the best checkpoint, a panel per action
    qsweep plot RUN/ep017500 policy --out policy.pdf
    qsweep plot RUN actions --every 1000        a picture every 1,000 episodes

    NAME is a name that `qsweep pull` accepts. CHART is curve (average, minimum and maximum return), actions
    (where each action is the greedy one), policy (the greedy action of each cell), values (of the greedy
    action) or visits (checkpoints at which a cell had changed).
    """
    from qsweep.commands.plot import Request, plot

    click.echo(plot(_opened(uri), name, Request(chart, out, every, legend, force)))


@main.command()
@click.argument("first", metavar="RUN", shell_complete=completing("names"))
@click.argument("second", metavar="RUN", shell_complete=completing("names"))
@click.option("--page", type=Output(path_type=Path), help="Also write an HTML file, with the curves.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@of_store
@trusting
def compare(first: str, second: str, page: Path | None, force: bool, uri: str) -> None:
    """Compare two runs: configs, scores, curves, Q-tables.

    \b
    qsweep compare buckets=20,seed=0 buckets=40,seed=0
    qsweep compare RUN/ep001000 RUN --page compare.html

    RUN is a name that `qsweep pull` accepts. Keys that differ come first. `qsweep diff` compares Q-tables in
    detail; `qsweep report` compares variants over several seeds.
    """
    from qsweep.commands.compare import compare

    compare(_opened(uri), (first, second), page, force)


@main.command()
@click.argument("name", required=False, metavar="[SWEEP]", shell_complete=completing("comparisons"))
@click.option("--once", is_flag=True, help="Print the state once, and stop.")
@click.option("--every", type=Seconds(0.1), default=2.0, show_default=True, help="Seconds between.")
@click.option("--page", type=Output(path_type=Path), help="Also write an HTML file that reloads itself.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@of_store
def watch(name: str | None, once: bool, every: float, page: Path | None, force: bool, uri: str) -> None:
    """Show the progress of a sweep that another shell runs.

    \b
    qsweep watch
    qsweep watch buckets --page progress.html
    qsweep watch --uri http://server:5000 --once

    SWEEP is the name of a sweep or search; by default the one that runs, or the latest. Ctrl-C ends the
    watching, not the sweep.
    """
    from qsweep.commands.watch.watching import watch

    watch(_opened(uri), name, every, once, page, force)


@main.command()
@click.argument("name", shell_complete=completing("names"))
@click.option("--to", type=click.Choice(["folder", "hub"]), required=True, help="Folder, or upload.")
@click.option("--out", type=Output(path_type=Path), help="Folder to write (default: NAME-export).")
@click.option("--repo", metavar="USER/NAME", help="Repository on the hub (default: yours, q-ENVIRONMENT).")
@click.option("--force", is_flag=True, help="Replace a folder that holds an exported policy.")
@of_store
@trusting
def export(name: str, to: str, out: Path | None, repo: str | None, force: bool, uri: str) -> None:
    """Write a policy with model card and films for a model hub.

    \b
    qsweep export MountainCar-v0@best --to folder
    qsweep export RUN --to hub --repo me/q-FrozenLake-v1

    The folder has the layout of the Q-learning units of Hugging Face's course: a model card with the score,
    q-learning.pkl, results.json, replay.mp4; and what `qsweep play ./FOLDER` needs. NAME is a name that
    `qsweep pull` accepts. --to hub needs huggingface_hub, and a login (hf auth login); a repository that does
    not exist is created, and is public.
    """
    from qsweep.commands.export.export import Request, export

    click.echo(export(_opened(uri), name, Request(to, out, repo, force)))


@main.command()
@click.argument("one", metavar="RUN", shell_complete=completing("names"))
@click.argument("other", metavar="RUN", shell_complete=completing("names"))
@of_store
@trusting
def diff(one: str, other: str, uri: str) -> None:
    """Compare the greedy actions of two Q-tables.

    \b
    qsweep diff buckets=20,seed=0 buckets=20,seed=1
    qsweep diff FrozenLake-v1@best RUN

    RUN is a name that `qsweep pull` accepts. Prints in which cells the actions differ, how many training
    steps began in them, and what the other action would gain there. Both must have the same environment and
    buckets.
    """
    from qsweep.commands.diff import diff

    click.echo(diff(_opened(uri), one, other))


@main.command()
@click.argument("run", metavar="RUN", shell_complete=completing("names"))
@of_store
@trusting
def reproduce(run: str, uri: str) -> None:
    """Train a run again and check that its Q-table is the same.

    RUN is a run's name or id. Nothing is recorded. Exits with 0 if the last Q-table is identical to the
    bit. Otherwise lists how code, packages and platform differ from the record, and exits with 1.
    """
    from qsweep.commands.reproduce import reproduce

    done = reproduce(_opened(uri), run)
    click.echo(done)
    sys.exit(0 if done.equal else 1)


@main.command()
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option("--quick", is_flag=True, help="Use fewer runs and skip the longest: under a minute.")
def verify(cases: Sequence[str], quick: bool) -> None:
    """Check qsweep against published and exact results.

    CASE is a case such as cliff/sarsa, or a group such as cliff. Exits with 1 if any result is missed.
    """
    from qsweep.commands.verify.verification import verify

    sys.exit(0 if verify(cases, quick) else 1)


@main.command()
@click.argument("lesson", type=int, required=False)
@click.argument("answer", type=int, required=False)
@click.option("--of", "name", metavar="NAME", help="Only the runs of this experiment or sweep.")
@of_store
def check(lesson: int | None, answer: int | None, name: str | None, uri: str) -> None:
    """Check your answers to the exercises of the course.

    \b
    qsweep check        all lessons
    qsweep check 2      the exercise of lesson 2, on the runs in this folder
    qsweep check 5 3    the exercise of lesson 5, whose answer is a number

    The lessons are in docs/course. Answers are checked on your own runs. Exits with 1 if one does not hold.
    """
    from qsweep.commands.check.checking import check

    checked = check(_opened(uri), lesson, answer, name)
    click.echo(checked)
    sys.exit(0 if checked.holds else 1)


@main.command()
@click.option("--fix", is_flag=True, help="Repair what can be repaired; no result is deleted.")
@of_store
def doctor(fix: bool, uri: str) -> None:
    """Check the store for problems; --fix repairs them.

    Exits with 1 if problems remain. It looks for runs whose process died, an old or half-migrated database
    schema, orphaned and missing files, unreadable archives, missing parent runs, model versions without
    run or files, and leftovers of killed processes. It also shows how much disk space each experiment uses.
    """
    from qsweep.commands.doctor.examination import examine
    from qsweep.report.terminal import wide_console

    examination = examine(uri, fix)
    examination.show(wide_console())
    sys.exit(0 if examination.healthy else 1)


@main.command()
@click.argument(
    "name", required=False, metavar="[EXPERIMENT-or-SWEEP]", shell_complete=completing("comparisons")
)
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, with its size; change nothing.")
@click.option("--older-than", help="Delete runs older than an age (30d) or started before a date.")
@click.option("--keep-best", type=int, metavar="N", help="Delete runs outside the N best variants.")
@click.option("--thin-checkpoints", type=int, metavar="N", help="Keep every n-th checkpoint of each run.")
@click.option("--keep-checkpoints", type=int, metavar="N", help="Keep about N checkpoints of each run.")
@click.option("--purge", is_flag=True, help="Delete permanently, including runs already in the trash.")
@of_store
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
    """Free disk space: delete runs, keep fewer checkpoints.

    \b
    qsweep gc --dry-run --older-than 30d --keep-best 10
    qsweep gc buckets --keep-checkpoints 100
    qsweep gc --older-than 30d --purge

    Deleted runs stay in the trash until --purge. Runs behind a registered version are kept, and so are the
    best, the last and the registered checkpoints of every run. With both --older-than and --keep-best, only
    runs that are old and outside the best N are deleted.
    """
    from qsweep.commands.gc.collection import collect
    from qsweep.commands.gc.condition import Condition

    condition = Condition(older_than, keep_best, thin_checkpoints, keep_checkpoints, purge)
    with _working("reading the store"):
        collected = collect(_opened(uri), name, condition, dry_run)
    click.echo(collected)


@main.command()
@click.argument("name", required=False, metavar="[EXPERIMENT-or-RUN]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on."
)
@click.option("--open/--no-open", "browser", default=None, help="Open a browser (default: on a terminal).")
@of_store
@trusting
def ui(name: str | None, host: str, port: int, browser: bool | None, uri: str) -> None:
    """Start the MLflow UI for the store in this folder.

    \b
    qsweep ui                   the runs of the latest experiment, by variant
    qsweep ui MountainCar-v0    those of an experiment
    qsweep ui RUN               a run, by its name or id; a sweep's name is its parent run's

    Prints the address, and opens it in a browser. Ctrl-C stops it.
    """
    from qsweep.commands.ui import Listening, serve

    serve(name, uri, Listening(host, port, sys.stderr.isatty() if browser is None else browser))


@main.command()
@click.option("--budget", default="small", show_default=True, help="small, medium or large.")
@click.option(
    "--env", "environments", multiple=True, metavar="NAME", help="Only this environment; repeatable."
)
@click.option(
    "--algorithm", "algorithms", multiple=True, metavar="NAME", help="Only this algorithm; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Show the number of runs and the time; run nothing.")
@click.option(
    "--out", default="atlas", type=Output(path_type=Path), show_default=True, help="Folder to write."
)
def atlas(
    budget: str, environments: Sequence[str], algorithms: Sequence[str], dry_run: bool, out: Path
) -> None:
    """Tune and compare every algorithm on every environment.

    \b
    qsweep atlas --dry-run
    qsweep atlas --env taxi --algorithm sarsa --algorithm q_learning

    Each algorithm gets the same number of trials in each environment; the best setting is trained on fresh
    seeds. The same command resumes where it was interrupted.
    """
    from qsweep.commands.atlas.atlas import run_atlas

    sys.exit(run_atlas(budget, environments, algorithms, dry_run, out))


@main.command()
def send() -> None:
    """Upload runs saved while the server was unreachable.

    They are read from mlruns/unsent.
    """
    from qsweep.commands.send import send

    click.echo(send())


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on."
)
@click.option("--backend", metavar="URI", help="Database: postgresql://HOST/DATABASE, without password.")
@click.option(
    "--artifacts", metavar="DEST", help="Folder or s3://BUCKET/PATH for artifacts (default: in mlruns/)."
)
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="Number of processes.")
def server(host: str, port: int, backend: str | None, artifacts: str | None, workers: int) -> None:
    """Start a tracking server with users, on PostgreSQL.

    \b
    MLFLOW_AUTH_ADMIN_PASSWORD=... qsweep server
    PGHOST=db PGUSER=mlflow PGPASSWORD=... PGDATABASE=mlflow qsweep server --artifacts s3://bucket/qsweep

    Without --backend or PG* variables, a PostgreSQL of its own is started in mlruns/postgresql. Ctrl-C
    stops the server.
    """
    from qsweep.commands.server.server import Server, serve

    sys.exit(serve(Server(host, port, backend, artifacts, workers)))


@main.group()
def users() -> None:
    """Add users to a tracking server."""


@users.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--uri", envvar="MLFLOW_TRACKING_URI", metavar="URL", help="The server's address.")
def add(file: TextIO, uri: str | None) -> None:
    """Add the users named in a file, each with a new password.

    \b
    MLFLOW_TRACKING_USERNAME=admin qsweep users add class.txt >> passwords.csv

    FILE has one name per line (- reads them from standard input). Prints each name with its password, which
    is stored nowhere else. Users who exist already keep theirs.
    """
    from qsweep.commands.server.users import add_users

    click.echo(add_users(file.read(), uri), err=True)
