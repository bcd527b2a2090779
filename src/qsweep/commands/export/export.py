"""`qsweep export`: a policy with its model card, course's model file and films, in one folder."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from qsweep import seeds
from qsweep.commands.export.card import About, Scores, card
from qsweep.commands.export.course_model import course_model, environment_name, write_course_model
from qsweep.commands.export.hub import check_hub, upload
from qsweep.environments.resolved import Setting
from qsweep.errors import Problem, UsageError
from qsweep.policies.evaluation.exact import exact_evaluation
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.evaluation.starts import StartSet, test_starts
from qsweep.policies.optimum import optimum
from qsweep.policies.policy import CONFIG, PICKLE, README, RECORD, TABLE, Policy
from qsweep.policies.registry.fetching import fetch, folder_name
from qsweep.policies.registry.names import Target, is_path, resolve
from qsweep.policies.registry.versions import model_name
from qsweep.system import extras
from qsweep.system.atomic_files import replacing_folder, temporary_folder, write_text
from qsweep.system.overwriting import only_over, writing_to
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store

RESULTS, REPLAY, LEARNING = "results.json", "replay.mp4", "learning.mp4"
WRITTEN = (README, PICKLE, RESULTS, TABLE, RECORD, CONFIG)
"""The files of every exported folder; films are in it if the environment and the Q-table can be drawn."""
DESTINATIONS = ("folder", "hub")
PRIVATE = ("tracking", "registry", "sweep")
"""Sections of a config that say where and how a run was recorded."""
PRIVATE_WORDS = ("tracking=", "hydra.", *(f"{section}." for section in PRIVATE))
"""Beginnings of the words of a command that may name a user, a server, a folder or a note."""


@dataclass(frozen=True)
class Request:
    """Where to export to.

    to: one of DESTINATIONS. out: the folder, by default NAME-export. repo: the hub's repository, USER/NAME;
    by default q-ENVIRONMENT of the user who is logged in. force: replace an exported folder.
    """

    to: str
    out: Path | None = None
    repo: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Exported:
    """An exported policy. title: of its card. missing: a sentence per film that could not be made.

    address: of the repository on the hub, or "".
    """

    folder: Path
    title: str
    policy: Policy
    scores: Scores
    missing: tuple[str, ...]
    address: str = ""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.policy.env_id}  {self.policy.came_from}"
        yield from (f"{name}: {value}" for name, value in self.scores.rows())
        yield f"wrote {self.folder}: {', '.join(sorted(path.name for path in self.folder.iterdir()))}"
        yield from self.missing
        yield f"uploaded to {self.address}" if self.address else f"play it: qsweep play {_path(self.folder)}"


def export(store: Store, name: str, request: Request) -> Exported:
    """Write the policy that `name` stands for into a folder for the hub, and upload it if requested.

    The folder has what `qsweep pull` writes, so that `qsweep play ./FOLDER` plays it. Raises UsageError if
    the name is unknown, the folder may not be replaced, or the hub's client is missing; Failure if the upload
    fails, which leaves the folder complete.
    """
    if request.to not in DESTINATIONS:
        raise UsageError([Problem("--to", f"must be one of {', '.join(DESTINATIONS)}", request.to)])
    if request.to == "hub":
        check_hub(request.repo)
    folder = Path(os.path.abspath(request.out or f"{folder_name(name)}-export"))
    films = (REPLAY, LEARNING)
    check = partial(only_over, what="an exported policy", files=WRITTEN, inner=films, force=request.force)
    check(folder)
    target = resolve(store, name)
    with temporary_folder() as scratch:
        policy = _public(fetch(store, target, Path(scratch)))
    done = _written(store, target, policy, folder, check)
    if request.to == "folder":
        return done
    return replace(done, address=upload(folder, request.repo, done.title))


def _public(policy: Policy) -> Policy:
    """Return a policy without the parts of its config that name a user, a server, a folder or a note."""
    config = {key: value for key, value in policy.config.items() if key not in PRIVATE}
    start = config.get("initial_q")
    if isinstance(start, Mapping) and is_path(str(start.get("from") or "")):
        config["initial_q"] = {key: value for key, value in start.items() if key != "from"}
    return replace(policy, config=config)


def _written(store: Store, target: Target, policy: Policy, folder: Path, check: Any) -> Exported:
    setting = policy.setting()
    starts = test_starts(setting.env, int(policy.config["evaluation"]["test_episodes"]))
    scores, kwargs = _scores(setting, policy, starts), _arguments(setting)
    environment = environment_name(model_name(policy.env_id), kwargs)
    with writing_to("--out", folder), replacing_folder(folder, check) as new:
        policy.save(new)
        write_course_model(course_model(policy, kwargs, starts.seeds), new)
        write_text(new / RESULTS, json.dumps(_results(policy, scores), indent=2) + "\n")
        films, missing = _films(store, setting, policy, new)
        about = About(f"q-{environment}", environment, _command(store, target), films)
        write_text(new / README, card(policy, scores, about))
    return Exported(folder, about.name, policy, scores, tuple(missing))


def _scores(setting: Setting, policy: Policy, starts: StartSet) -> Scores:
    rollouts = roll_out(setting, policy.q_table, starts.seeds)
    exact, successes = exact_evaluation(setting), rollouts.successes(policy.env_id)
    return Scores(
        episodes=len(starts.seeds),
        mean=float(rollouts.returns.mean()),
        sd=float(rollouts.returns.std()),
        interval=starts.interval(rollouts.returns),
        exact=exact.of(policy.q_table) if exact else None,
        optimum=optimum(policy.env),
        success=None if successes is None else float(successes.mean()),
    )


def _arguments(setting: Setting) -> Mapping[str, Any]:
    """Return the arguments of the environment, those that its registration sets included."""
    env = setting.make()
    try:
        return dict(env.spec.kwargs) if env.spec else {}
    finally:
        env.close()


def _results(policy: Policy, scores: Scores) -> dict[str, Any]:
    """Return the contents of results.json: the course's four keys, then ours."""
    return {
        "env_id": policy.env_id,
        "mean_reward": scores.mean,
        "n_eval_episodes": scores.episodes,
        "eval_datetime": datetime.now().isoformat(),
        "std_reward": scores.sd,
        "expected_return": scores.exact,
        "optimum": scores.optimum,
    }


def _command(store: Store, target: Target) -> str:
    with suppress(OSError):
        return public_command(run_of(store, target.run_id).tags.get("qsweep.command", ""))
    return "a run that is not in this store"


def public_command(command: str) -> str:
    """Return a command without the words that may name a user, a server, a folder or a note."""
    try:
        words = shlex.split(command)
    except ValueError:  # a tag, which anybody can write
        return "a command that cannot be read"
    return shlex.join(word for word in words if not _is_private(word))


def _is_private(word: str) -> bool:
    plain = word.lstrip("+~")
    key, _, value = plain.partition("=")
    return plain.startswith(PRIVATE_WORDS) or (key == "initial_q.from" and is_path(value.strip("'\"")))


def _films(store: Store, setting: Setting, policy: Policy, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Film an episode, and the Q-table during training; return captions by file, and what is missing."""
    try:
        extras.need("video", "qsweep export")
    except UsageError as error:
        return {}, [f"without {film}: {error}" for film in (REPLAY, LEARNING)]
    from qsweep.commands.video import video  # imports pygame
    from qsweep.pictures.agent_video import record_video

    films: dict[str, str] = {}
    missing: list[str] = []
    first = seeds.test(1)[0]
    try:
        record_video(setting, policy, first, [folder / REPLAY], REPLAY)
        films[REPLAY] = "one greedy episode"
    except UsageError as error:
        missing.append(f"without {REPLAY}: {error}")
    try:
        origin = policy.origin
        video(f"{origin['run_id']}/{origin['checkpoint']}", folder / LEARNING, uri=store.uri)
        films[LEARNING] = "the Q-table during training, checkpoint by checkpoint"
    except UsageError as error:
        missing.append(f"without {LEARNING}: {error}")
    return films, missing


def _path(folder: Path) -> str:
    """Return a folder as `qsweep play` takes it: as a path, with a leading ./ if it is in this one."""
    here = Path.cwd()
    return f"./{folder.relative_to(here)}" if folder.is_relative_to(here) else str(folder)
