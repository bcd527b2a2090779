"""What cannot be used is refused in one go: exit code 2, plain lines on stderr, nothing left behind."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from click.testing import CliRunner
from gymnasium import spaces

from qsweep.cli import main
from qsweep.config import OPTIONAL, RULES
from qsweep.environments.discretizer import TABLE_LIMIT
from qsweep.plan.overrides import GROUPS

Wrong = tuple[str, str, str]
"""What one line on stderr must hold: the key it begins with, words of the rule, the value given."""

ACTIONS = "must be a whole number from 2 to 10,000 (per dimension of a Box of actions), or null"
BUCKETS = "must be a whole number from 1 to 100,000, or a list of them, one per dimension"
BOUNDS = "must be a list of finite numbers, one per dimension, or null"
DECAY = "must be an episode (whole number of at least 0) or a fraction (0.0 to 1.0)"
MAKE = "must be an environment that Gymnasium can make"
NAME = "must be a name without slashes or a leading dot, or null"
PLANNING = "must be a whole number from 0 to 10,000"
PRESET = "must be a preset of"
RATE = "must be a number above 0 and at most 1"
SINGLE = "takes one value in a single run"
ALONE = "has no effect in a single run"
SYNTAX = "must be written KEY=VALUE"
URI = (
    "must be local, none, http(s)://HOST, sqlite:///FILE or postgresql://HOST/DATABASE,"
    " without user or password"
)
WRAPPER = "must be MODULE:WRAPPER, a callable that takes and returns an environment"
HUGE = "99999999999999999999"
SMOKE = "episodes=20 tracking=none"

VALUES: dict[str, list[Wrong]] = {
    "learning_rate=0": [("learning_rate", RATE, "0")],
    "learning_rate=1.01": [("learning_rate", RATE, "1.01")],
    "learning_rate=-0.1": [("learning_rate", RATE, "-0.1")],
    "learning_rate=nan": [("learning_rate", RATE, "nan")],
    "learning_rate=null": [("learning_rate", RATE, "null")],
    "learning_rate=": [("learning_rate", RATE, "''")],
    "learning_rate=fast": [("learning_rate", RATE, "'fast'")],
    "learning_rate=[0.1]": [("learning_rate", RATE, "[0.1]")],
    "learning_rate={a:1}": [("learning_rate", RATE, "{'a': 1}")],
    "discount=1.5": [("discount", "must be a number from 0 to 1", "1.5")],
    "discount=-inf": [("discount", "must be a number from 0 to 1", "-inf")],
    "buckets=0": [("buckets", BUCKETS, "0")],
    "buckets=20.0": [("buckets", BUCKETS, "20.0")],
    "buckets=100001": [("buckets", BUCKETS, "100001")],
    "buckets=0x10": [("buckets", BUCKETS, "'0x10'")],
    "buckets=[]": [("buckets", BUCKETS, "[]")],
    "buckets=[20,0]": [("buckets", BUCKETS, "[20, 0]")],
    "buckets=[20]": [("buckets", "a list of 2, one per dimension of MountainCar-v0", "[20]")],
    "buckets=[20,20,20]": [("buckets", "a list of 2, one per dimension", "[20, 20, 20]")],
    "buckets=20000": [("buckets", f"at most {TABLE_LIMIT:,} values", "[20000, 20000]")],
    "episodes=0": [("episodes", "must be a whole number from 1 to 1,000,000,000", "0")],
    "episodes=1.5": [("episodes", "must be a whole number", "1.5")],
    "initial_q.from=3": [("initial_q.from", "must be a name that `qsweep pull` takes, a folder, or", "3")],
    "initial_q.sha256=abc": [("initial_q.sha256", "must be 64 hex digits, or null", "'abc'")],
    "episodes=1000000001": [("episodes", "must be a whole number", "1000000001")],
    "env.reset_options=5": [("env.reset_options", "must be a mapping passed to every reset", "5")],
    "seed=-1": [("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "-1")],
    "seed=1.5": [("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "1.5")],
    f"seed={'9' * 5001}": [("seed=99", SYNTAX, "")],
    f"env.kwargs.x={'9' * 5001}": [("env.kwargs.x=99", SYNTAX, "")],
    """seed='"3"'""": [("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "'3'")],
    "window=0": [("window", "must be a whole number of at least 1 (episodes)", "0")],
    f"window={HUGE} {SMOKE}": [("window", "must be a whole number", HUGE)],
    "checkpoint_every=0": [("checkpoint_every", "must be a whole number of at least 1", "0")],
    "steps=0": [("steps", "must be a whole number of at least 1 (steps), or null", "0")],
    "terminal_rule=none": [("terminal_rule", "must be one of standard, tutorial", "'none'")],
    "engine=gpu": [("engine", "must be one of auto, compiled, gymnasium", "'gpu'")],
    "initial_q.low=inf": [("initial_q.low", "must be a number from -1e100 to 1e100", "inf")],
    "initial_q.high=nan": [("initial_q.high", "must be a number from -1e100 to 1e100", "nan")],
    "initial_q.low=1": [("initial_q.low", "must not exceed initial_q.high (0)", "1")],
    "initial_q=5": [("initial_q", "must be a mapping", "5")],
    "evaluation.checkpoints=0": [("evaluation.checkpoints", "must be a whole number from 1", "0")],
    "evaluation.episodes=-5": [("evaluation.episodes", "must be a whole number from 1", "-5")],
    "evaluation.test_episodes=x": [("evaluation.test_episodes", "must be a whole number", "'x'")],
    "registry.promote=yes": [("registry.promote", "must be one of auto, never", "")],
    "registry.confirm_seeds=-1": [("registry.confirm_seeds", "must be a whole number from 0", "-1")],
    "tracking.max_points=-1": [("tracking.max_points", "must be a whole number of at least 0", "-1")],
    "tracking.experiment=a/b": [("tracking.experiment", NAME, "'a/b'")],
    "tracking.experiment=..": [("tracking.experiment", NAME, "'..'")],
    "tracking.experiment=.hidden": [("tracking.experiment", NAME, "'.hidden'")],
    "tracking.experiment=''": [("tracking.experiment", NAME, "''")],
    "tracking.name=a/b": [("tracking.name", NAME, "'a/b'")],
    "tracking.parent=a/b": [("tracking.parent", "must be a run's id, or null", "'a/b'")],
    "tracking.durable_seconds=-1": [("tracking.durable_seconds", "must be a number of at least 0", "-1")],
    "tracking.user=a/b": [("tracking.user", NAME, "'a/b'")],
    "tracking.note=''": [("tracking.note", "must be a text of 1 to 5,000 letters, or null", "''")],
    "tracking.tags=[1]": [("tracking.tags", "must be a mapping of names", "[1]")],
    "tracking.system_metrics=2": [("tracking.system_metrics", "must be true or false", "2")],
    "tracking.resume=always": [("tracking.resume", "must be one of auto, never", "'always'")],
    "sweep.rerun=new": [("sweep.rerun", "must be one of code, all, failed, never", "'new'")],
    "sweep.dry_run=maybe": [("sweep.dry_run", "must be true or false", "'maybe'")],
    "sweep.batch=0": [("sweep.batch", "must be a whole number from 1 to 10,000 (runs)", "0")],
    "sweep.report=sometimes": [("sweep.report", "must be one of auto, never", "'sometimes'")],
    "sweep.name=../up": [("sweep.name", NAME, "'../up'")],
    "tracking.uri=ftp://host": [("tracking.uri", URI, "'ftp://host'")],
    "tracking.uri=http://": [("tracking.uri", URI, "'http://'")],
    "tracking.uri=sqlite:///": [("tracking.uri", URI, "'sqlite:///'")],
    "tracking.uri=mysql://host/db": [("tracking.uri", URI, "'mysql://host/db'")],
    "tracking.uri=postgresql://": [("tracking.uri", URI, "'postgresql://'")],
    f"tracking.uri=postgresql://127.0.0.1:1/db {SMOKE.split()[0]}": [
        ("tracking.uri", "must be a PostgreSQL database to which", "'postgresql://127.0.0.1:1/db'")
    ],
    "tracking.uri=sqlite:////proc/x/y.db": [("tracking.uri", "readable and writable", "'/proc/x/y.db'")],
    f"tracking.uri=http://127.0.0.1:1 {SMOKE.split()[0]}": [
        ("tracking.uri", "must be a running MLflow tracking server", "'http://127.0.0.1:1'")
    ],
}

EPSILON: dict[str, list[Wrong]] = {
    "epsilon.schedule=cosine": [
        ("epsilon.schedule", "must be one of linear, exponential, constant", "'cosine'")
    ],
    "epsilon.start=-0.1": [("epsilon.start", "must be a number of at least 0", "-0.1")],
    "epsilon.start=1e400": [("epsilon.start", "must be a number of at least 0", "inf")],
    "epsilon.end=1.1": [("epsilon.end", "must be a number from 0 to 1", "1.1")],
    "epsilon.end=null": [("epsilon.end", "must be a number from 0 to 1", "null")],
    "epsilon.start=0.2 epsilon.end=0.3": [("epsilon.end", "must not exceed epsilon.start (0.2)", "0.3")],
    "epsilon.decay_start=-1": [("epsilon.decay_start", DECAY, "-1")],
    "epsilon.decay_start=null": [("epsilon.decay_start", DECAY, "null")],
    "epsilon.decay_end=1.5": [("epsilon.decay_end", DECAY, "1.5")],
    "epsilon.decay_start=100 epsilon.decay_end=50": [
        ("epsilon.decay_start", "must not come after epsilon.decay_end (episode 50)", "100")
    ],
    "epsilon.decay_start=0.9": [
        ("epsilon.decay_start", "must not come after epsilon.decay_end (episode 12500)", "0.9")
    ],
    "epsilon=exponential epsilon.end=0": [("epsilon.end", "must be above 0 in an exponential schedule", "0")],
    "epsilon=constant epsilon.end=0.1": [("epsilon.end", "does not apply to a constant schedule", "0.1")],
    "epsilon.schedule=constant": [
        ("epsilon.end", "does not apply to a constant schedule", "0"),
        ("epsilon.decay_start", "does not apply to a constant schedule", "1"),
        ("epsilon.decay_end", "does not apply to a constant schedule", "0.5"),
    ],
}

ENVIRONMENTS: dict[str, list[Wrong]] = {
    "env.id=": [("env.id", "must be a Gymnasium id such as MountainCar-v0", "''")],
    "env.id=null": [("env.id", "must be a Gymnasium id such as MountainCar-v0", "null")],
    "env.id=Nowhere-v0": [("env.id", MAKE, "'Nowhere-v0'")],
    "env.id=mountain_cra": [("env.id", "Did you mean: `MountainCar`?", "'mountain_cra'")],
    "env.id=MountainCar-v9": [("env.id", MAKE, "'MountainCar-v9'")],
    "env.id=Taxi-v3": [("env.id", "Please use `Taxi-v4` instead", "'Taxi-v3'")],
    "env.id=no_such_module:Env-v0": [("env.id", "No module named 'no_such_module'", "")],
    "env.id=Pendulum-v1": [("env.actions", "is required: Pendulum-v1 has Box(-2.0, 2.0, (1,), float32)", "")],
    "env.id=unusable/Observations-v0": [
        ("env.id", "must have Box, Discrete, MultiDiscrete or MultiBinary observations", "'unusable/")
    ],
    "env.id=unusable/Actions-v0": [("env.id", "must have Discrete or Box actions", "'unusable/Actions-v0'")],
    "env.id=unusable/Broken-v0": [("env.id", "the cable is loose", "'unusable/Broken-v0'")],
    "env.id=CartPole-v1": [
        ("env.low", "must be finite: dimension 1 of CartPole-v1 is unbounded", "-inf"),
        ("env.low", "must be finite: dimension 3 of CartPole-v1 is unbounded", "-inf"),
    ],
    "env.low=5": [("env.low", BOUNDS, "5")],
    "env.low=[]": [("env.low", BOUNDS, "[]")],
    "env.low=[-1.2,nan]": [("env.low", BOUNDS, "")],
    "env.high=[left,right]": [("env.high", BOUNDS, "['left', 'right']")],
    "env.low=[-1.2]": [("env.low", "one number for each of the 2 dimensions of MountainCar-v0", "[-1.2]")],
    "env.high=[1,1,1]": [("env.high", "one number for each of the 2 dimensions", "[1.0, 1.0, 1.0]")],
    "env.low=[0.6,-0.07]": [
        ("env.low", "must be below env.high in dimension 0 of MountainCar-v0 (0.6)", "0.6")
    ],
    "env.low=[1,1] env.high=[-1,-1]": [
        ("env.low", "must be below env.high in dimension 0 of MountainCar-v0 (-1)", "1.0"),
        ("env.low", "must be below env.high in dimension 1 of MountainCar-v0 (-1)", "1.0"),
    ],
    "env.max_steps=0": [("env.max_steps", "must be a whole number of at least 1 (steps), or null", "0")],
    f"env.max_steps={HUGE} {SMOKE}": [("env.max_steps", "must be a whole number", HUGE)],
    "env=frozen_lake env.low=[0]": [("env.low", "does not apply: FrozenLake-v1 has discrete", "[0.0]")],
    "env=frozen_lake buckets=[20]": [("buckets", "must be 16 in dimension 0 of FrozenLake-v1", "20")],
    "env=blackjack buckets=[32,11]": [("buckets", "a list of 3, one per dimension", "[32, 11]")],
    "env.kwargs=3": [("env.kwargs", "must be a mapping passed to gymnasium.make", "3")],
    "env.kwargs=null": [("env.kwargs", "must be a mapping passed to gymnasium.make", "null")],
    "env.kwargs.wind=1": [("env.kwargs", "must suit MountainCar-v0", "{'wind': 1}")],
    "env.kwargs={wind:1}": [("env.kwargs", "must suit MountainCar-v0", "{'wind': 1}")],
    "env=frozen_lake env.kwargs.map_name=9x9": [("env.kwargs", "FrozenLake-v1", "{'map_name': '9x9'}")],
    f"env.kwargs.max_episode_steps=5 {SMOKE}": [("env.kwargs", "use env.max_steps", "")],
    f"env.kwargs.render_mode=human {SMOKE}": [("env.kwargs", "", "")],
    "env=blackjack +env.kwargs.natural=1 engine=compiled": [("engine", "has neither", "'compiled'")],
    "engine=compiled env.kwargs.goal_velocity=0.01": [
        ("engine", "compiled needs a compiled twin or transition tables", "'compiled'")
    ],
    "env=taxi env.kwargs.fickle_passenger=true engine=compiled": [("engine", "", "'compiled'")],
    "env=pendulum engine=compiled": [("engine", "Pendulum-v1 has neither", "'compiled'")],
    "env.actions=5": [("env.actions", "needs an environment with a Box action space", "5")],
    "env.actions=1": [("env.actions", ACTIONS, "1")],
    "env=pendulum env.actions=1": [("env.actions", ACTIONS, "1")],
    "env=pendulum env.actions=10001": [("env.actions", ACTIONS, "10001")],
    "env=pendulum env.actions=five": [("env.actions", ACTIONS, "'five'")],
    "env=pendulum env.actions=2.0": [("env.actions", ACTIONS, "2.0")],
    "env=pendulum env.actions=[3]": [("env.actions", ACTIONS, "[3]")],
    "env=pendulum env.actions=null": [("env.actions", "is required: Pendulum-v1 has Box", "")],
    "env.id=unusable/Wide-v0 env.actions=6": [("env.actions", "must give at most 100,000 actions", "6")],
    "env.id=unusable/Endless-v0 env.actions=6": [("env.actions", "needs bounded actions", "6")],
    "env=mdp env.kwargs.source=3": [("env.kwargs.source", "must be FILE.npz with arrays P and R", "3")],
    "env=mdp env.kwargs.source=no.npz": [("env.kwargs.source", "must be a file that exists", "'no.npz'")],
    "env=mdp env.kwargs.start=3": [("env.kwargs.start", "must start in a state, from 0 to 2", "3")],
    "env=mdp env.kwargs.source=math:pi env.kwargs.start=x": [("env.kwargs.source", "type float", "")],
    "env.wrapper=3": [("env.wrapper", "must be MODULE:WRAPPER, or null", "3")],
    "env.wrapper=''": [("env.wrapper", "must be MODULE:WRAPPER, or null", "''")],
    "env.wrapper=mine": [("env.wrapper", WRAPPER, "'mine'")],
    "env.wrapper=no_such_module:Mine": [("env.wrapper", "No module named 'no_such_module'", "")],
    "env.wrapper=gymnasium.wrappers:Mine": [("env.wrapper", "has no attribute 'Mine'", "")],
    "env.wrapper=math:pi": [("env.wrapper", "'float' object is not callable", "'math:pi'")],
    "env.wrapper=math:sin": [("env.wrapper", WRAPPER, "'math:sin'")],
    "env.wrapper=builtins:type": [("env.wrapper", "it returned <class", "'builtins:type'")],
    "env.wrapper=.mine:Mine": [("env.wrapper", WRAPPER, "'.mine:Mine'")],
    "env.wrapper=qsweep.environments.wrappers:PositionAndDirection": [
        ("env.wrapper", WRAPPER, "'qsweep.environments.wrappers:")
    ],
}

APPLIES = {
    "trace_decay": "algorithm=q_lambda",
    "traces": "algorithm=sarsa_lambda",
    "n": "algorithm=n_step_sarsa",
    "planning_steps": "algorithm=dyna_q",
    "learning_rate_end": "learning_rate_schedule=linear",
    "temperature": "exploration=softmax",
    "confidence": "exploration=ucb",
    "tilings": "discretizer=tiles",
}
"""Optional key -> where it applies."""

CHOICES: dict[str, list[Wrong]] = {
    "algorithm=q_lerning": [("algorithm", "did you mean q_learning?", "'q_lerning'")],
    "algorithm=none": [("algorithm", PRESET, "'none'")],
    "algorithm={a:1}": [("algorithm", "must be the name of an algorithm", "{'a': 1}")],
    "trace_decay=0.5": [("trace_decay", "does not apply to algorithm=q_learning", "0.5")],
    "algorithm=sarsa trace_decay=0.5": [("trace_decay", "does not apply to algorithm=sarsa", "0.5")],
    "algorithm=q_lambda trace_decay=1.1": [("trace_decay", "must be a number from 0 to 1", "1.1")],
    "algorithm=q_lambda trace_decay=-0.1": [("trace_decay", "must be a number from 0 to 1", "-0.1")],
    "algorithm=q_lambda trace_decay=slow": [("trace_decay", "must be a number from 0 to 1", "'slow'")],
    "algorithm=q_lambda trace_decay=null": [("trace_decay", "must be a number from 0 to 1", "null")],
    "traces=replacing": [("traces", "does not apply to algorithm=q_learning", "'replacing'")],
    "algorithm=sarsa_lambda traces=dutch": [("traces", "must be one of replacing, accumulating", "'dutch'")],
    "algorithm=sarsa_lambda traces=1": [("traces", "must be one of replacing, accumulating", "1")],
    "n=3": [("n", "does not apply to algorithm=q_learning", "3")],
    "algorithm=dyna_q n=3": [("n", "does not apply to algorithm=dyna_q", "3")],
    "algorithm=n_step_sarsa n=0": [("n", "must be a whole number from 1 to 100,000 (steps)", "0")],
    "algorithm=n_step_sarsa n=100001": [("n", "must be a whole number from 1 to 100,000", "100001")],
    "algorithm=n_step_sarsa n=2.5": [("n", "must be a whole number from 1 to 100,000", "2.5")],
    "algorithm=n_step_sarsa n=two": [("n", "must be a whole number from 1 to 100,000", "'two'")],
    "planning_steps=5": [("planning_steps", "does not apply to algorithm=q_learning", "5")],
    "algorithm=dyna_q planning_steps=-1": [("planning_steps", PLANNING, "-1")],
    "algorithm=dyna_q planning_steps=10001": [("planning_steps", PLANNING, "10001")],
    "algorithm=dyna_q planning_steps=1.0": [("planning_steps", PLANNING, "1.0")],
    "algorithm=dyna_q planning_steps=many": [("planning_steps", PLANNING, "'many'")],
    "algorithm=sarsa trace_decay=2 n=0": [
        ("trace_decay", "must be a number from 0 to 1", "2"),
        ("n", "must be a whole number from 1", "0"),
    ],
    "algorithm=monte_carlo env.max_steps=1000001": [
        (
            "env.max_steps",
            "must be at most 1,000,000 for monte_carlo, which stores complete episodes",
            "1000001",
        )
    ],
    "algorithm=sarsa terminal_rule=tutorial": [("terminal_rule", "tutorial needs algorithm=q_learning", "")],
    "experiment=tutorial_2000 algorithm=monte_carlo": [("terminal_rule", "use terminal_rule=standard", "")],
    "discretizer=tiles terminal_rule=tutorial": [("terminal_rule", "and a single grid", "")],
    "learning_rate_schedule=cosine": [("learning_rate_schedule", PRESET, "'cosine'")],
    "learning_rate_schedule=linaer": [("learning_rate_schedule", "did you mean linear?", "'linaer'")],
    "learning_rate_end=0.01": [
        ("learning_rate_end", "does not apply to learning_rate_schedule=constant", "0.01")
    ],
    "learning_rate_schedule=visits learning_rate_end=0": [
        ("learning_rate_end", "does not apply to learning_rate_schedule=visits", "0")
    ],
    "learning_rate_schedule=linear learning_rate_end=-1": [
        ("learning_rate_end", "must be a number from 0 to 1", "-1")
    ],
    "learning_rate_schedule=linear learning_rate_end=low": [
        ("learning_rate_end", "must be a number from 0 to 1", "'low'")
    ],
    "learning_rate_schedule=linear learning_rate_end=null": [
        ("learning_rate_end", "must be a number from 0 to 1", "null")
    ],
    "learning_rate_schedule=linear learning_rate=0.1 learning_rate_end=0.2": [
        ("learning_rate_end", "must not exceed learning_rate (0.1)", "0.2")
    ],
    "learning_rate_schedule=visits learning_rate=2": [("learning_rate", RATE, "2")],
    "exploration=greedy": [("exploration", PRESET, "'greedy'")],
    "exploration=sofmax": [("exploration", "did you mean softmax?", "'sofmax'")],
    "temperature=1": [("temperature", "does not apply to exploration=epsilon_greedy", "1")],
    "exploration=ucb temperature=1": [("temperature", "does not apply to exploration=ucb", "1")],
    "exploration=softmax temperature=0": [("temperature", "must be a number above 0", "0")],
    "exploration=softmax temperature=-1": [("temperature", "must be a number above 0", "-1")],
    "exploration=softmax temperature=hot": [("temperature", "must be a number above 0", "'hot'")],
    "exploration=softmax temperature=1e101": [("temperature", "must be a number above 0", "1e+101")],
    "confidence=1": [("confidence", "does not apply to exploration=epsilon_greedy", "1")],
    "exploration=softmax confidence=1": [("confidence", "does not apply to exploration=softmax", "1")],
    "exploration=ucb confidence=-1": [("confidence", "must be a number of at least 0", "-1")],
    "exploration=ucb confidence=high": [("confidence", "must be a number of at least 0", "'high'")],
    "ties=last": [("ties", "must be one of first, random", "'last'")],
    "ties=1": [("ties", "must be one of first, random", "1")],
    "discretizer=tile": [("discretizer", "did you mean tiles?", "'tile'")],
    "env=frozen_lake discretizer=tiles": [("discretizer", "tiles needs continuous observations", "")],
    "env=blackjack discretizer=quantile": [("discretizer", "Blackjack-v1 has discrete ones", "")],
    "discretizer=tiles algorithm=dyna_q": [("discretizer", "tiles cannot be used with dyna_q", "")],
    "discretizer=tiles algorithm=monte_carlo": [("discretizer", "one cell per state", "")],
    "discretizer=tiles exploration=ucb": [("discretizer", "where visits are counted", "")],
    "discretizer=tiles learning_rate_schedule=visits": [("discretizer", "where visits are counted", "")],
    "tilings=4": [("tilings", "does not apply to discretizer=uniform", "4")],
    "discretizer=quantile tilings=4": [("tilings", "does not apply to discretizer=quantile", "4")],
    "discretizer=tiles tilings=1": [("tilings", "must be a whole number from 2 to 256", "1")],
    "discretizer=tiles tilings=257": [("tilings", "must be a whole number from 2 to 256", "257")],
    "discretizer=tiles tilings=8.0": [("tilings", "must be a whole number from 2 to 256", "8.0")],
    "discretizer=tiles tilings=some": [("tilings", "must be a whole number from 2 to 256", "'some'")],
    "discretizer=tiles buckets=2000": [("buckets", f"at most {TABLE_LIMIT:,} values", "[2000, 2000]")],
    "tiling=4": [("tiling", "did you mean tilings?", "'tiling=4'")],
    "-m algorithm=sarsa,n_step_sarsa n=3": [("n", "does not apply to algorithm=sarsa", "3")],
    "algorithm=sarsa,q_learning": [("algorithm", SINGLE, "'algorithm=sarsa,q_learning'")],
    "~algorithm": [("algorithm", "cannot be removed", "'~algorithm'")],
}

KEYS_AND_PRESETS: dict[str, list[Wrong]] = {
    "learning_rte=0.1": [("learning_rte", "did you mean learning_rate?", "'learning_rte=0.1'")],
    "sead=1": [("sead", "did you mean seed?", "")],
    "learning.rate=0.1": [("learning.rate", "did you mean learning_rate?", "")],
    "epsilon.strat=0.1": [("epsilon.strat", "did you mean epsilon.start?", "")],
    "epsilon_strat=1": [("epsilon_strat", "did you mean epsilon.start?", "")],
    "tracking.url=local": [("tracking.url", "did you mean tracking.uri?", "")],
    "+brand_new=1": [("brand_new", "is not a key", "")],
    "zeta=0.9": [("zeta", "one of algorithm, buckets,", "")],
    "env=mountain_cr": [("env", "did you mean mountain_car?", "'mountain_cr'")],
    "epsilon=cosine": [("epsilon", PRESET, "'cosine'")],
    "tracking=nowhere": [("tracking", PRESET, "'nowhere'")],
    "env=": [("env", PRESET, "''")],
    "env=[cart_pole,acrobot]": [("env", PRESET, "")],
    "experiment=tutorial_final2": [("experiment", "did you mean tutorial_final?", "'tutorial_final2'")],
    "+experiment=other": [("experiment", "one of tutorial_10000, tutorial_2000,", "'other'")],
    "-m +sweep=bucket": [("sweep", "did you mean buckets?", "'bucket'")],
    "experiment=tutorial_2000 experiment=tutorial_final": [("experiment", "takes one preset", "'+exp")],
    "hydra/launcher=cluster": [("hydra/launcher", "must be a preset of hydra/launcher", "'cluster'")],
    "hydra/launcher=basic": [("hydra/launcher", ALONE, "'hydra/launcher=basic'")],
    "hydra.job.chdir=true": [("hydra.job.chdir", ALONE, "'hydra.job.chdir=true'")],
    "hydra.run.dir=x": [("hydra.run.dir", "has no effect", "'hydra.run.dir=x'")],
    "-m seed=1,2 hydra.run.dir=x": [
        ("hydra.run.dir", "hydra.sweep.dir sets the folder", "'hydra.run.dir=x'")
    ],
    "hydra.mode=MULTIRUN": [("hydra.mode", "-m asks for a multirun", "'hydra.mode=MULTIRUN'")],
    "hydra.launcher.n_jobs=many": [("", "hydra.launcher.n_jobs=many", "")],
    "hydra.lancher.n_jobs=1": [("hydra.lancher.n_jobs", "did you mean hydra.launcher?", "'hydra.lancher")],
    "-m hydra/sweeper=optuna hydra.sweeper.n_trials=3 learning_rate=interval(0.1,0.5)": [
        ("hydra/sweeper", "did you mean qsweep_optuna?", "'optuna'")
    ],
    "-m hydra/sweeper=qsweep_optuna hydra.sweeper.n_trials=3 learning_rate=interval(0.1,0.5)": [
        ("hydra.sweeper.n_trials", "did you mean hydra.sweeper.trials?", "'hydra.sweeper.n_trials=3'")
    ],
    "-m hydra/sweeper=qsweep_optuna hydra.sweeper.direction=minimize learning_rate=interval(0.1,0.5)": [
        ("hydra.sweeper.direction", "remove it: the score is always maximised", "'hydra.sweeper.direction=")
    ],
    "-m hydra/sweeper=qsweep_optuna +hydra.sweeper.n_jobs=2 learning_rate=interval(0.1,0.5)": [
        ("hydra.sweeper.n_jobs", "did you mean hydra.sweeper.parallel?", "'+hydra.sweeper.n_jobs=2'")
    ],
    "-m hydra/sweeper=qsweep_optuna ++hydra.sweeper.trails=2 learning_rate=interval(0.1,0.5)": [
        ("hydra.sweeper.trails", "did you mean hydra.sweeper.trials?", "'++hydra.sweeper.trails=2'")
    ],
    "-m +sweep=buckets,algorithms": [("sweep", "takes one preset", "'+sweep=buckets,algorithms'")],
    "-m +sweep=buckets +sweep=algorithms": [("sweep", "takes one preset", "'+sweep=buckets +sweep=")],
    "experiment=sub/deep": [("experiment", PRESET, "'sub/deep'")],
    "-m seed=1,2 hydra/sweeper=basic": [("hydra/sweeper", "must be qsweep or qsweep_optuna", "'basic'")],
    "-m seed=1,2 'hydra.launcher.n_jobs=choice(2)'": [("hydra.launcher.n_jobs", "takes one value", "")],
    "-m seed=1,2 hydra.searchpath=3": [("", "hydra.searchpath must be a list", "")],
    "-m hydra/sweeper=qsweep_optuna learning_rate=0.1,0.2 hydra/launcher=basic,joblib": [
        ("hydra/launcher", "takes one value", "")
    ],
}

SYNTAX_ERRORS: dict[str, list[Wrong]] = {
    "buckets": [("buckets", SYNTAX, "")],
    "buckets=[10,20": [("buckets=[10,20", SYNTAX, "")],
    "buckets=(10,20)": [("buckets=(10,20)", SYNTAX, "")],
    "seed==3": [("seed==3", SYNTAX, "")],
    "'seed=${'": [("seed=${", SYNTAX, "")],
    "three plain words": [("three", SYNTAX, ""), ("plain", SYNTAX, ""), ("words", SYNTAX, "")],
    "=3": [("", "=3", "")],
    """seed="'${'" """: [("", "seed='${'", "")],
    "~seed": [("seed", "cannot be removed", "'~seed'")],
    "~env": [("env", "cannot be removed", "'~env'")],
    "'learning_rate=${missing}'": [("", "'missing' not found", "")],
    "'env.max_steps=${oc.env:NO_SUCH_VARIABLE}'": [("", "'NO_SUCH_VARIABLE' not found", "")],
    "'learning_rate=${missing}' discount=9 buckets=0": [
        ("", "'missing' not found", ""),
        ("discount", "must be a number from 0 to 1", "9"),
        ("buckets", BUCKETS, "0"),
    ],
    "--colour": [("", "--colour", "")],
    "--cfg everything": [("", "everything", "")],
    "--cfg job sead=1": [("sead", "did you mean seed?", "'sead=1'")],
    "--cfg job seed=1,2": [("seed", "takes one value", "'seed=1,2'")],
    "--cfg job env=nosuch": [("env", PRESET, "'nosuch'")],
    "--cfg job 'buckets=${nosuch}' --resolve": [("", "'nosuch' not found", "")],
    "--cfg job -p nosuch": [("--package", "must be a node of the config", "'nosuch'")],
    "-m --cfg job": [("", "takes only one of --run, --multirun and --cfg", "")],
    "--run -m seed=1,2": [("", "takes only one of --run, --multirun and --cfg", "")],
    "--resolve": [("--resolve", "needs --cfg", "")],
    "--package env": [("--package", "needs --cfg", "'env'")],
    "--hydra-help": [("--hydra-help", "see qsweep train --help", "")],
    "-sc install=bash": [("--shell-completion", "qsweep completion bash", "")],
    "-sc query=bash": [("--shell-completion", "is not supported", "")],
    "--experimental-rerun x": [("--experimental-rerun", "qsweep reproduce repeats a run", "'x'")],
    f"--config-dir nowhere {SMOKE}": [("", "nowhere", "")],
    f"--config-dir {'x' * 300} {SMOKE}": [("--config-dir", "must be a folder", "'xxx")],
    f"--config-name other {SMOKE}": [("", "config-name", "")],
    f"--info=defaults {SMOKE}": [("", "info", "")],
}

SWEEPS: dict[str, list[Wrong]] = {
    "buckets=10,20": [("buckets", SINGLE, "'buckets=10,20'")],
    "seed=range(3)": [("seed", "several: qsweep train -m 'seed=range(3)'", "'seed=range(3)'")],
    "env=cart_pole,acrobot": [("env", SINGLE, "'env=cart_pole,acrobot'")],
    "experiment=tutorial_2000,tutorial_final": [("experiment", SINGLE, "")],
    f"+sweep=buckets {SMOKE}": [("sweep", "-m", "")],
    "-m seed=interval(0,1)": [("seed", "must be a list of values", "'seed=interval(0,1)'")],
    "-m seed=choice()": [("seed=choice()", "empty choice", "")],
    "-m seed=range(0)": [("seed", "", "'seed=range(0)'")],
    "-m seed=range(100000000)": [("seed", "at most 100,000 values; it has 100,000,000", "'seed=range")],
    "-m learning_rate=range(0,1,1e-12)": [("learning_rate", "at most 100,000 values", "'learning_rate=")],
    "-m env=range(100000000)": [("env", "at most 100,000 values", "'env=range(100000000)'")],
    "-m seed=range(1000) buckets=range(1,1000)": [("multirun", "at most 100,000 runs", "'999,000'")],
    "-m 'env=glob(z*)'": [("env", "", "'env=glob(z*)'")],
    "-m buckets=10,0,20": [("buckets", BUCKETS, "0")],
    "-m 'seed=range(-1,9)'": [("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "-1")],
    "-m buckets=10,20,30 episodes=5,0 seed=1,2": [("episodes", "must be a whole number from 1", "0")],
    "-m env=mountain_car,cart_pol,acrobot": [("env", "did you mean cart_pole?", "'cart_pol'")],
    "-m env=mountain_car,cart_pole buckets=[20,20]": [
        ("buckets", "a list of 4, one per dimension of CartPole-v1", "[20, 20]")
    ],
    "-m epsilon=linear,constant epsilon.end=0.1": [
        ("epsilon.end", "does not apply to a constant schedule", "0.1")
    ],
    "-m buckets=10,0 seed=1,-1 discont=1": [
        ("buckets", BUCKETS, "0"),
        ("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "-1"),
        ("discont", "did you mean discount?", ""),
    ],
    "-m +sweep=buckets seed=-1": [("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "-1")],
    "-m tracking.uri=http://127.0.0.1:1 seed=1,2": [
        ("tracking.uri", "must be a running", "'http://127.0.0.1:1'")
    ],
}

MANY: dict[str, list[Wrong]] = {
    "learning_rate=5 discount=nan buckets=0 episodes=ten seed=-1 windw=5 env=mountain_cr"
    " tracking.experiment=a/b env.low=[1,2,3] epsilon.start=0.1 epsilon.end=0.2 oops": [
        ("learning_rate", RATE, "5"),
        ("discount", "must be a number from 0 to 1", "nan"),
        ("buckets", BUCKETS, "0"),
        ("episodes", "must be a whole number", "'ten'"),
        ("seed", "must be a whole number from 0 to 1,000,000,000,000,000", "-1"),
        ("windw", "did you mean window?", "'windw=5'"),
        ("env", "did you mean mountain_car?", "'mountain_cr'"),
        ("tracking.experiment", NAME, "'a/b'"),
        ("env.low", "one number for each of the 2 dimensions", "[1.0, 2.0, 3.0]"),
        ("oops", SYNTAX, ""),
    ],
}

BAD = VALUES | EPSILON | ENVIRONMENTS | CHOICES | KEYS_AND_PRESETS | SYNTAX_ERRORS | SWEEPS | MANY


class Unusable(gymnasium.Env[Any, Any]):
    """An environment that tabular learning cannot have."""

    def __init__(self, **given: Any) -> None:
        self.observation_space = given["observations"]
        self.action_space = given["actions"]


def broken(**_: Any) -> gymnasium.Env[Any, Any]:
    """An environment that cannot be made."""
    raise RuntimeError("no answer:\n  the cable is loose")


@pytest.fixture(scope="module", autouse=True)
def unusable() -> Iterator[None]:
    """Environments registered for the rows above."""
    spaces_of = {
        "unusable/Observations-v0": (spaces.Text(2), spaces.Discrete(2)),
        "unusable/Actions-v0": (spaces.Discrete(2), spaces.MultiDiscrete(np.array([2, 2]))),
        "unusable/Wide-v0": (spaces.Discrete(2), spaces.Box(-1, 1, (9,), np.float32)),
        "unusable/Endless-v0": (spaces.Discrete(2), spaces.Box(-np.inf, 1, (1,), np.float32)),
    }
    for name, (observations, actions) in spaces_of.items():
        given = {"observations": observations, "actions": actions}
        gymnasium.register(name, entry_point=Unusable, kwargs=given)
    gymnasium.register("unusable/Broken-v0", entry_point=broken)
    yield
    for name in [*spaces_of, "unusable/Broken-v0"]:
        del gymnasium.registry[name]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and servers that are not waited for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qsweep.tracking.patience.FIRST_BUDGET_SECONDS", 0.3)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return tmp_path


def files() -> list[Path]:
    """Everything in the current folder."""
    return sorted(Path().rglob("*"))


def lines_of(code: int, stdout: str, stderr: str) -> list[str]:
    """What a refusal says, a problem a line; fails unless it is one."""
    assert code == 2
    assert stdout == ""
    assert "Traceback" not in stderr
    lines = stderr.splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("qsweep: ")] == []
    return [line.removeprefix("qsweep: ") for line in lines]


def refusal(command: str) -> list[str]:
    """What `qsweep COMMAND` says when it refuses, having left everything as it was."""
    before = files()
    result = CliRunner().invoke(main, shlex.split(command))
    lines = lines_of(result.exit_code, result.stdout, result.stderr)
    assert files() == before
    return lines


def write(path: str, text: str) -> None:
    """A file in the current folder."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def says(line: str, wrong: Wrong) -> bool:
    """Whether a line begins with the key, holds the rule and shows the value given."""
    key, rule, given = wrong
    shown = line.partition("; given ")[2].removeprefix("'" if given == "null" else "")
    return line.startswith(key) and rule in line and shown.startswith(given)


@pytest.mark.parametrize(("line", "expected"), BAD.items(), ids=BAD.keys())
def test_every_mistake_is_named_once(line: str, expected: list[Wrong]) -> None:
    """A bad command line is refused with one line a mistake: its key, the rule and the value given."""
    lines = refusal(f"train {line}")
    assert [wrong for wrong in expected if not any(says(line, wrong) for line in lines)] == []
    assert len(lines) == len(expected)


def test_every_key_has_a_bad_row() -> None:
    """The tables above leave no key of the schema out."""
    assert set(RULES) - {key for expected in BAD.values() for key, _, _ in expected} == set()


@pytest.mark.parametrize("value", ["nan", "inf", "true", "", "[]", "[[1]]"])
@pytest.mark.parametrize("key", RULES)
def test_no_key_takes_what_none_may_have(key: str, value: str) -> None:
    """NaN, infinity, a truth value, nothing, an empty or nested list: refused but where one is meant."""
    if (RULES[key], value) == ("true or false", "true"):
        return
    [line] = refusal(f"train {shlex.quote(f'{key}={value}')}")
    assert line.startswith(f"{key}: {PRESET if key in GROUPS else 'must be '}")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "9" * 30,
            f"-{'9' * 30}",
            "1e308",
            "1e-320",
            "1e400",
            "0x10",
            "{}",
            "{a:1}",
            "[null]",
            "[nan]",
            "+1",
        ),
        *(f"'{'x' * 5001}'", f"'{'山' * 300}'", "'\x1b[31m'", "'..'", "'a:b'", f"{'[' * 200}{']' * 200}"),
    ],
    ids=lambda value: value[:8],
)
def test_no_value_for_all_keys_at_once_is_more_than_a_refusal(value: str) -> None:
    """Too small, too large, too long, or of another type: each line names one of the keys."""
    lines = refusal(f"train {' '.join(shlex.quote(f'{key}={value}') for key in RULES)}")
    named = {line.partition(":")[0].partition("=")[0] for line in lines}
    assert {name for name in named if not name.startswith(tuple(RULES))} <= {"configuration", "epsilon"}


@pytest.mark.parametrize("key", [key for key, rule in RULES.items() if "null" not in rule])
def test_null_is_refused_where_the_rule_does_not_allow_it(key: str) -> None:
    """A null that the rule does not mention is refused where the key applies, and shown as given."""
    [line] = refusal(f"train {APPLIES.get(key, '')} {key}=null")
    assert line.startswith(f"{key}: {PRESET if key in GROUPS else 'must be '}")
    assert "null" in line


def test_every_optional_key_applies_somewhere() -> None:
    """No optional key is left out of what is tried where it applies."""
    assert set(APPLIES) == set(OPTIONAL)


@pytest.mark.parametrize("key", ["tracking.experiment", "sweep.name"])
def test_a_name_too_long_for_a_folder_is_refused(key: str) -> None:
    """A name of 600 letters, of which a folder cannot be made, is refused before anything is written."""
    [line] = refusal(f"train -m {key}={'n' * 600} {SMOKE}")
    assert line.startswith(f"{key}: ")


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:secret@host",
        "https://secret@host",
        "sqlite:///me:secret@file",
        "postgresql://me:secret@host/db",
        "\"'postgresql://host/db?password=secret'\"",
    ],
)
def test_a_password_is_refused_and_not_repeated(uri: str) -> None:
    """A URI with a user or password is refused without showing the password."""
    [line] = refusal(f"train tracking.uri={uri}")
    assert line.startswith(f"tracking.uri: {URI}")
    assert "secret" not in line


WITH_PASSWORD = "http://me:sec/ret@host"


@pytest.mark.parametrize(
    "command",
    [
        *(
            f"{name} x --uri {WITH_PASSWORD}"
            for name in ("runs", "report", "pull", "play", "video", "reproduce")
        ),
        f"report x --ui {WITH_PASSWORD}",
        f"server --backend {WITH_PASSWORD}",
        f"train --cfg job tracking.uri={WITH_PASSWORD}",
        f"train tracking={WITH_PASSWORD}",
        f"train tracking.url={WITH_PASSWORD}",
        f"train --uri={WITH_PASSWORD}",
        "train tracking=server",
        "train -m tracking=server seed=1,2",
    ],
)
def test_no_command_repeats_a_password(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URI with a password is refused wherever it stands, also in the environment, and not shown."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", WITH_PASSWORD)
    assert "ret@" not in "".join(refusal(command))


def test_a_file_where_the_store_belongs_is_refused() -> None:
    """A file called mlruns is named as what stands in the way."""
    write("mlruns", "")
    [line] = refusal("train episodes=20")
    assert line.startswith("tracking.uri: must be a readable and writable file")


@pytest.mark.timeout(15)
def test_a_file_that_is_no_database_is_refused() -> None:
    """A store that is no SQLite database is refused at once."""
    write("other.db", "this is no database, only text that is long enough to have a header of its own\n" * 20)
    [line] = refusal("train episodes=20 tracking.uri=sqlite:///other.db")
    assert line.startswith("tracking.uri: ")
    assert "other.db" in line


def test_a_file_where_the_sweep_folder_belongs_is_refused() -> None:
    """A folder for a multirun that cannot be made is refused."""
    write("taken", "")
    [line] = refusal(f"train -m seed=1,2 hydra.sweep.dir=taken {SMOKE}")
    assert "taken" in line


OWN_PRESETS: dict[str, tuple[str, str, list[Wrong]]] = {
    "an unknown key": (
        "conf/experiment/mine.yaml",
        "# @package _global_\nlerning_rate: 1\nseed: -1\n",
        [
            ("lerning_rate", "did you mean learning_rate?", "1"),
            ("seed", "from 0 to 1,000,000,000,000,000", "-1"),
        ],
    ),
    "a section that is no mapping": (
        "conf/experiment/mine.yaml",
        "# @package _global_\nepsilon: 3\n",
        [("epsilon", "must be a mapping", "3")],
    ),
    "an interpolation to nothing": (
        "conf/experiment/mine.yaml",
        "# @package _global_\nwindow: ${nothing}\n",
        [("", "'nothing' not found", "")],
    ),
    "another folder for a run": (
        "conf/experiment/mine.yaml",
        "# @package _global_\nhydra: {run: {dir: elsewhere}}\n",
        [("hydra.run.dir", "has no effect", "'elsewhere'")],
    ),
    "a launcher in the defaults list": (
        "conf/sweep/mine.yaml",
        "# @package _global_\ndefaults:\n  - override /hydra/launcher: basic\n",
        [("sweep", "cannot choose hydra/launcher in its defaults list", "'/")],
    ),
    "broken YAML": ("conf/experiment/mine.yaml", "# @package _global_\nseed: [1\n", [("", "mine", "")]),
    "a preset that is a list": (
        "conf/experiment/mine.yaml",
        "- seed\n",
        [("configuration", "experiment/mine", "")],
    ),
    "a sweep with bad values": (
        "conf/sweep/mine.yaml",
        "# @package _global_\nhydra: {sweeper: {params: {bukets: '1,2', seed: '1,-2'}}}\n",
        [("bukets", "did you mean buckets?", ""), ("seed", "from 0 to 1,000,000,000,000,000", "-2")],
    ),
    "a sweep that is no mapping": (
        "conf/sweep/mine.yaml",
        "# @package _global_\nhydra: {sweeper: {params: 3}}\n",
        [("hydra.sweeper.params", "", "")],
    ),
}


@pytest.mark.parametrize("case", OWN_PRESETS)
def test_a_mistake_in_a_preset_of_ones_own_is_refused(case: str) -> None:
    """A preset in the user's conf/ is checked as the command line is."""
    path, text, expected = OWN_PRESETS[case]
    write(path, text)
    lines = refusal(f"train -m +{Path(path).parent.name}=mine tracking=none")
    assert [wrong for wrong in expected if not any(says(line, wrong) for line in lines)] == []
    assert len(lines) == len(expected)


PROCESSES: dict[str, list[Wrong]] = {
    "train env.id=Taxi-v3": [("env.id", "Please use `Taxi-v4` instead", "'Taxi-v3'")],
    "train learning_rte=1 discount=2": [
        ("learning_rte", "did you mean learning_rate?", ""),
        ("discount", "must be a number from 0 to 1", "2"),
    ],
    "train -m buckets=10,0,20 'seed=range(3)'": [("buckets", BUCKETS, "0")],
    "train tracking=server": [("tracking.uri", URI, "'ftp://host'")],
    "ui": [("tracking.uri", "store does not exist", "")],
}


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("command", PROCESSES)
def test_the_installed_command_refuses_alike(command: str) -> None:
    """The installed command refuses as it does in process, with not a word more on stderr."""
    qsweep = Path(sys.executable).parent / "qsweep"
    ran = subprocess.run(
        [qsweep, *shlex.split(command)],
        env=os.environ | ({"MLFLOW_TRACKING_URI": "ftp://host"} if "tracking=server" in command else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = lines_of(ran.returncode, ran.stdout, ran.stderr)
    expected = PROCESSES[command]
    assert [wrong for wrong in expected if not any(says(line, wrong) for line in lines)] == []
    assert len(lines) == len(expected)
    assert files() == []


@pytest.mark.parametrize("command", ["runs", "runs MountainCar-v0", "ui"])
def test_a_folder_without_a_store_is_refused(folder: Path, command: str) -> None:
    """Reading a store that is not there says where it was looked for, and makes none."""
    [line] = refusal(command)
    assert line.startswith("tracking.uri: store does not exist")
    assert str(folder / "mlruns" / "mlflow.db") in line
    assert "run qsweep train first" in line


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """A folder in which something has been trained."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated_store, folder / "mlruns")
    small = ["tracking.experiment=first_try", "episodes=20", "registry.promote=never"]
    with chdir(folder):
        result = CliRunner().invoke(main, ["train", *small])
    assert result.exit_code == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first_tri", "'it'\"'\"'s'", "'\"quoted\"'", "'a`b'", "'%'", "''"])
def test_an_experiment_that_is_not_there_is_refused(
    store: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A name that no experiment or sweep has is refused, whatever signs it is made of."""
    monkeypatch.chdir(store)
    [line] = refusal(f"runs {name}")
    assert line.startswith("name: must be an experiment or a sweep")
    assert "first_try" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ui --port 99999", "'--port': 99999 is not in the range"),
        ("ui --port -1", "'--port': -1 is not in the range"),
        ("ui --port 0.5", "'--port': '0.5' is not a valid integer"),
        ("runs '\udcff'", "?: must be text in UTF-8"),
        ("watch --every nan", "'--every': nan is not a finite number"),
        ("watch --every inf", "'--every': inf is not a finite number"),
        ("watch --every 0", "'--every': 0.0 is not in the range"),
        ("runs --uri 'http://[::1'", "tracking.uri: must be a running MLflow tracking server"),
        (f"report first_try --out {'a' * 300}", "File name too long"),
        (f"runs {'9' * 5001}", "name: must be an experiment or a sweep"),
    ],
)
def test_options_out_of_range_are_refused(
    store: Path, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    """A port, an address or a path that cannot be used is refused in one line, and nothing is written."""
    monkeypatch.chdir(store)
    before = files()
    ran = CliRunner().invoke(main, shlex.split(command))
    assert (ran.exit_code, files()) == (2, before)
    assert said in ran.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("command", ["train episodes=20", "runs", "keys"])
def test_a_folder_that_was_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """A shell may still be in it."""
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    result = CliRunner().invoke(main, shlex.split(command))
    monkeypatch.chdir(folder)
    [line] = lines_of(result.exit_code, result.stdout, result.stderr)
    assert line == "qsweep: the current folder was deleted (change to a folder that exists)"


@pytest.mark.parametrize("command", ["train episodes=20", "runs", "diff a b"])
def test_a_store_that_the_environment_names(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of MLFLOW_TRACKING_URI that cannot be used is said to come from there, with the way out."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
    result = CliRunner().invoke(main, shlex.split(command))
    [line] = lines_of(result.exit_code, result.stdout, result.stderr)
    assert line.startswith("tracking.uri: must be local")
    assert line.endswith(
        "(it is the value of MLFLOW_TRACKING_URI: unset it, or give tracking=local or --uri local)"
    )
