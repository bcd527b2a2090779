from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from click.testing import CliRunner
from hydra import compose, initialize_config_dir
from hydra.types import RunMode
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from qsweep.cli import main
from qsweep.config import Config
from qsweep.errors import UsageError
from qsweep.plan import composition
from qsweep.plan.composition import Plan, load_config, plan
from qsweep.plan.conf import PRIMARY, conf_folder, hydra_app
from qsweep.plan.resolution import resolve
from tests.support.messages import without_notice
from tests.support.misbehaving import ID

SMOKE = ["episodes=20", "tracking=none"]


def single(*lines: str) -> Plan:
    """Return the plan of a single run."""
    return plan(lines, multirun=False)


def multirun(*lines: str) -> Plan:
    """Return the plan of a multirun."""
    return plan(lines, multirun=True)


def names(planned: Plan) -> list[str]:
    """Return the names of a plan's runs, in order."""
    return [job.name for job in planned.jobs]


@contextmanager
def hydra() -> Iterator[None]:
    """Initialise Hydra on conf/, as its command line does."""
    with initialize_config_dir(config_dir=str(conf_folder())):
        yield


def by_hydra(lines: list[str]) -> dict[str, Any]:
    """Return the values that Hydra's own compose gives."""
    values = OmegaConf.to_container(compose("train", overrides=lines), resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def test_composing_warns_of_nothing() -> None:
    """Nothing that qsweep asks of Hydra is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = hydra_app.__wrapped__()  # a new one: the warning came when it was made
        app.compose_config(PRIMARY, ["seed=3"], RunMode.RUN, from_shell=False)


def test_overrides_set_their_keys() -> None:
    """Each override sets its key, and nothing else changes."""
    config = load_config(["buckets=40", "epsilon.start=1.5", "tracking.experiment=mine", "seed=3"])
    assert (config.buckets, config.epsilon.start, config.seed) == (40, 1.5, 3)
    assert config.tracking.experiment == "mine"
    assert config.episodes == 25_000


def test_the_last_of_two_values_counts() -> None:
    """A key given twice has its last value, as in Hydra."""
    assert load_config(["seed=1", "seed=2"]).seed == 2


def test_a_plus_before_a_known_key_changes_nothing() -> None:
    """`+key` and `++key` set a key that exists as `key` does."""
    assert load_config(["+buckets=40"]) == load_config(["++buckets=40"]) == load_config(["buckets=40"])


def test_a_group_choice_brings_its_preset() -> None:
    """`env=cart_pole` brings the environment and the hyperparameters that suit it."""
    config = load_config(["env=cart_pole"])
    assert (config.env.id, config.buckets, config.discount) == ("CartPole-v1", (3, 3, 12, 8), 0.99)
    assert load_config(["epsilon=constant"]).epsilon.schedule == "constant"
    assert load_config(["tracking=none"]).tracking.uri == "none"


@pytest.mark.parametrize("lines", [["env=cart_pole", "discount=0.5"], ["discount=0.5", "env=cart_pole"]])
def test_given_values_override_a_preset(lines: list[str]) -> None:
    """Given values override those of a preset, in any order on the command line."""
    config = load_config(lines)
    assert (config.env.id, config.discount) == ("CartPole-v1", 0.5)


@pytest.mark.parametrize("plus", ["", "+"])
def test_an_experiment_needs_no_plus(plus: str) -> None:
    """`experiment=` works with and without the + that Hydra requires."""
    config = load_config([f"{plus}experiment=tutorial_40_buckets", "seed=4"])
    assert (config.buckets, config.episodes, config.epsilon.start, config.seed) == (40, 10_000, 1.5, 4)


@pytest.mark.parametrize("plus", ["", "+"])
def test_a_sweep_needs_no_plus(plus: str) -> None:
    """`sweep=` works with and without the + that Hydra requires."""
    planned = multirun(f"{plus}sweep=buckets")
    assert (planned.name, planned.varied, len(planned.jobs)) == ("buckets", ("buckets", "seed"), 40)


def test_arguments_of_the_environment_need_no_plus() -> None:
    """`env.kwargs.NAME=` passes an argument that the preset does not name."""
    config = load_config(["env.id=FrozenLake-v1", "env.kwargs.is_slippery=false", "env.kwargs.map_name=8x8"])
    assert config.env.kwargs == {"is_slippery": False, "map_name": "8x8"}
    assert config.buckets == (64,)


def test_arguments_of_the_environment_can_be_one_mapping() -> None:
    """`env.kwargs={...}` is the same as naming each argument."""
    one = load_config(["env=frozen_lake", "env.kwargs={is_slippery:false,map_name:8x8}"])
    assert one.env.kwargs == {"is_slippery": False, "map_name": "8x8"}


@pytest.mark.parametrize(
    ("typed", "shown"), [("a list,an end", "a list"), ("'a list','an end'", "'a list'"), ("x,y", "x")]
)
def test_a_value_with_a_space_is_named_as_it_is_typed(typed: str, shown: str) -> None:
    """A run's name has no backslash; its command has the one that Hydra requires."""
    planned = multirun(f"env.id={ID}", f"env.kwargs.how={typed}")
    assert names(planned)[0] == f"env.kwargs.how={shown},seed=0"
    again = load_config([line for line in planned.jobs[0].overrides if "seed" not in line])
    assert again.env.kwargs == {"how": shown.strip("'")}


def test_an_interpolation_sees_what_was_given() -> None:
    """A value that refers to another key gets the one given on the same line."""
    config = load_config(["seed=3", "episodes=500", "window=${episodes}", "tracking.name='run ${seed}'"])
    assert (config.window, config.tracking.name) == (500, "run 3")


def test_the_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tracking=server` takes the server that MLFLOW_TRACKING_URI names now, not an earlier one."""
    found = []
    for host in ("http://first", "http://second"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", host)
        found.append(load_config(["tracking=server"]).tracking.uri)
    assert found == ["http://first", "http://second"]


def test_mlflows_variable_names_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLFLOW_TRACKING_URI is the store of every run that is not given another one."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server")
    lines = ([], ["tracking=local"], ["tracking=none"], ["tracking.uri=local"])
    assert [load_config(line).tracking.uri for line in lines] == ["http://server", "local", "none", "local"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # as MLflow reads it: not set
    assert load_config([]).tracking.uri == "local"
    assert load_config(["tracking=server"]).tracking.uri == "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("", "seed=0"),
        ("seed=3", "seed=3"),
        ("buckets=40 seed=3", "buckets=40,seed=3"),
        ("buckets=40", "buckets=40,seed=0"),
        ("buckets=[20,40]", "buckets=[20,40],seed=0"),
        ("env=cart_pole", "env=cart_pole,seed=0"),
        ("experiment=tutorial_final seed=2", "tutorial_final,seed=2"),
        ("+experiment=tutorial_final", "tutorial_final,seed=0"),
        ("++env.kwargs.goal_velocity=0.01", "env.kwargs.goal_velocity=0.01,seed=0"),
        ("tracking=none tracking.experiment=x engine=gymnasium registry.promote=never", "seed=0"),
        ("tracking.name=mine buckets=3", "mine"),
        ("sweep.name=all buckets=3", "buckets=3,seed=0"),
    ],
)
def test_a_single_run_is_named_by_what_was_given(line: str, name: str) -> None:
    """A run's name has its overrides and seed, without tracking options."""
    assert names(single(*line.split())) == [name]


def test_a_name_has_no_slashes_and_an_end() -> None:
    """A name is valid for a folder: no slashes, at most 200 characters, the seed among them."""
    env_id = f"maker/{'Car' * 50}-v0"
    car = "gymnasium.envs.classic_control.mountain_car:MountainCarEnv"
    gymnasium.register(env_id, entry_point=car, max_episode_steps=200)
    try:
        [name] = names(single(f"env.id={env_id}", "env.low=[-1.2,-0.07]", "env.high=[0.6,0.07]"))
    finally:
        del gymnasium.registry[env_id]
    whole = f"env.id=maker_{'Car' * 50}-v0,env.low=[-1.2,-0.07],env.high=[0.6,0.07]"
    beginning, _, end = name.partition("~")
    assert whole.startswith(beginning)
    assert re.fullmatch("[0-9a-f]{6},seed=0", end)
    assert len(name) == 200


def test_names_that_are_cut_still_differ() -> None:
    """Runs whose overrides differ after the 200th letter, or in the seed, have names of their own."""
    maps = (f"[{'S' * 16},{','.join(['F' * 16] * 14)},{last}]" for last in ("F" * 15 + "G", "F" * 14 + "GH"))
    swept = ("env=frozen_lake", f"env.kwargs.desc={','.join(maps)}", "seed=range(3)")
    found = names(plan([*swept, "env.kwargs.is_slippery=false"], multirun=True))
    assert len(set(found)) == 6
    assert {name.rpartition(",")[2] for name in found} == {"seed=0", "seed=1", "seed=2"}


def test_a_single_plan_is_called_after_its_run() -> None:
    """The plan of one run has that run's name and varies nothing."""
    planned = single("buckets=40")
    assert (planned.name, planned.varied) == ("buckets=40,seed=0", ())


def test_a_multirun_is_every_combination_in_order() -> None:
    """The last key varies fastest, and each run is named after the varying keys."""
    planned = multirun("buckets=10,20", "seed=range(3)", "episodes=50")
    assert names(planned) == [
        "buckets=10,seed=0",
        "buckets=10,seed=1",
        "buckets=10,seed=2",
        "buckets=20,seed=0",
        "buckets=20,seed=1",
        "buckets=20,seed=2",
    ]
    assert [(job.config.buckets, job.config.seed) for job in planned.jobs] == [
        (buckets, seed) for buckets in (10, 20) for seed in (0, 1, 2)
    ]
    assert {job.config.episodes for job in planned.jobs} == {50}
    assert (planned.name, planned.varied) == ("buckets,seed", ("buckets", "seed"))
    assert planned.jobs[3].overrides == ("buckets=20", "seed=0", "episodes=50")


def test_lists_are_values_of_a_sweep() -> None:
    """A sweep may vary over lists, one item per dimension, and over numbers."""
    planned = multirun("buckets=10,[20,40]")
    assert [job.config.buckets for job in planned.jobs] == [10, (20, 40)]
    assert names(planned) == ["buckets=10,seed=0", "buckets=[20,40],seed=0"]


def test_presets_are_values_of_a_sweep() -> None:
    """A sweep may vary over environments and experiments, each with its preset."""
    over_env = multirun("env=mountain_car,cart_pole")
    assert [job.config.env.id for job in over_env.jobs] == ["MountainCar-v0", "CartPole-v1"]
    over_experiments = multirun("experiment=tutorial_2000,tutorial_40_buckets")
    assert names(over_experiments) == ["tutorial_2000,seed=0", "tutorial_40_buckets,seed=0"]
    assert [job.config.buckets for job in over_experiments.jobs] == [20, 40]


def test_a_multirun_of_one_is_named_as_a_single_run() -> None:
    """A multirun in which nothing varies is named after its overrides."""
    assert names(multirun("buckets=40")) == ["buckets=40,seed=0"]


def test_a_sweep_has_the_name_it_is_given() -> None:
    """`sweep.name` takes precedence over the varying keys and a preset's name."""
    assert multirun("seed=1,2", "sweep.name=mine").name == "mine"
    assert multirun("+sweep=buckets", "sweep.name=mine").name == "mine"


def test_a_preset_sweep_can_be_overridden_and_added_to() -> None:
    """Given overrides replace the preset's values of the same key and add further keys."""
    planned = multirun("+sweep=buckets", "buckets=5,6", "seed=0", "discount=0.8,0.9", "episodes=50")
    assert planned.varied == ("buckets", "discount")
    assert [(job.config.buckets, job.config.discount, job.config.seed) for job in planned.jobs] == [
        (buckets, discount, 0) for buckets in (5, 6) for discount in (0.8, 0.9)
    ]
    assert {job.config.episodes for job in planned.jobs} == {50}


def test_one_bad_run_refuses_the_whole_sweep() -> None:
    """A sweep with one invalid run is refused, naming only that run."""
    with pytest.raises(UsageError) as caught:
        multirun("buckets=10,0,20", "seed=range(5)")
    assert [problem.key for problem in caught.value.problems] == ["buckets"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines",
    [
        ("buckets=10,20", "seed=range(2)"),
        ("+buckets=10,20",),
        ("++buckets=10,[10,20]",),
        ("env=frozen_lake,cart_pole", "discount=0.5,0.6"),
        ("experiment=tutorial_2000,tutorial_final", "epsilon.start=0.1,1"),
        ("env=frozen_lake", "env.kwargs.map_name=4x4,8x8"),
        ("+sweep=buckets", "seed=0"),
        ("learning_rate=0.1,0.2", "tracking.name='run ${learning_rate}'"),
        ("tracking.experiment='it\\'s mine'", "seed=0,1"),
    ],
)
def test_hydra_composes_the_checked_config(lines: tuple[str, ...]) -> None:
    """Hydra composes exactly the checked config from a job's overrides."""
    planned = multirun(*lines)
    with hydra():
        assert [resolve(by_hydra([*job.overrides])).config for job in planned.jobs] == [
            job.config for job in planned.jobs
        ]


SENSIBLE = {
    "seed": ["0", "7", "'8'"],
    "buckets": ["5", "[5,6]", "[3,3,4,4]", "[16]", "1_0"],
    "episodes": ["100", "3"],
    "discount": ["1", "0.5", "5e-1"],
    "learning_rate": ["0.2", "1e-05"],
    "terminal_rule": ["tutorial", "'standard'"],
    "engine": ["gymnasium", "auto"],
    "epsilon.start": ["0.5", "1.5"],
    "epsilon.end": ["0.01", "0"],
    "epsilon.decay_start": ["2", "0.25", "0.0"],
    "epsilon.schedule": ["linear", "exponential"],
    "initial_q.low": ["-5", "-0.5"],
    "env.low": ["[-1,-0.05]", "null"],
    "env.high": ["[0.5,0.05]", "null"],
    "env.max_steps": ["30", "null"],
    "tracking.name": ["mine", "'a, b'", "two words", "'it\\'s'", "a\\,b", "'null'", "'true'", "'1'", "a:b"],
    "tracking.uri": ["none", "http://host:5000", "sqlite:///a.db"],
    "sweep.name": ["null", "'x=y'"],
}
ODD = ["", "null", "true", "nan", "-inf", "'3'", "-1", "3.5", "[]", "[a,null]", "word", "a b", "1e400"]


def plain_overrides() -> st.SearchStrategy[str]:
    """Draw KEY=VALUE for keys of the schema: mostly valid values, some invalid ones."""
    keys = st.sampled_from([*SENSIBLE])
    values = keys.flatmap(lambda key: st.tuples(st.just(key), st.sampled_from([*SENSIBLE[key] * 10, *ODD])))
    return st.builds("{}{}".format, st.sampled_from(["", "", "", "++"]), values.map("=".join))


def groups() -> st.SearchStrategy[list[str]]:
    """Draw at most one choice of each group."""
    choices = {
        "env": ["mountain_car", "cart_pole", "frozen_lake"],
        "epsilon": ["linear", "constant", "exponential"],
        "+experiment": ["tutorial_2000", "tutorial_40_buckets"],
    }
    picks = [
        st.sampled_from([[], *([f"{group}={name}"] for name in all_)]) for group, all_ in choices.items()
    ]
    return st.tuples(*picks).map(lambda chosen: [line for lines in chosen for line in lines])


def outcome(values: dict[str, Any]) -> Config | list[str]:
    """Return the resolved config, or its problems."""
    try:
        return resolve(values).config
    except UsageError as error:
        return sorted(str(error).splitlines())


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(plain_overrides(), max_size=5), groups(), st.randoms())
def test_the_fast_path_composes_as_hydra_does(lines: list[str], chosen: list[str], random: Any) -> None:
    """Plain overrides in any order, mixed with presets, give the result of Hydra's compose."""
    mixed = [*lines, *chosen]
    random.shuffle(mixed)
    with hydra():
        expected = outcome(by_hydra(mixed))
        try:
            found: Config | list[str] = load_config(mixed)
        except UsageError as error:
            found = sorted(str(error).splitlines())
    assert found == expected


def own_presets(folder: Path) -> None:
    """Write a user's conf/ with one preset of each kind."""
    written = {
        "env/steep.yaml": "{id: MountainCar-v0, low: [-1.2, -0.05], high: null, max_steps: 50, kwargs: {}}\n",
        "experiment/quick.yaml": "# @package _global_\nepisodes: 20\nwindow: ${episodes}\nbuckets: 7\n",
        "sweep/rates.yaml": (
            "# @package _global_\nsweep: {name: rates}\n"
            "hydra: {sweeper: {params: {learning_rate: '0.1,0.2', seed: 'range(2)'}}}\n"
        ),
    }
    for name, text in written.items():
        path = folder / "conf" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)


def run(*arguments: str) -> str:
    """Return the output of `qsweep train ARGUMENTS`; fails on an error."""
    result = CliRunner().invoke(main, ["train", *arguments])
    assert without_notice(result.stderr) == ""
    assert result.exit_code == 0, result.exception
    return result.stdout


@pytest.mark.parametrize("name", ["plain", "two words", "it's", "a,b", "[x]", "ü"])
def test_own_presets_are_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Presets in the current folder's conf/ are found in addition to the packaged ones."""
    folder = tmp_path / name
    own_presets(folder)
    monkeypatch.chdir(folder)
    printed = run("env=steep", "epsilon=constant", *SMOKE)
    assert "20 episodes, 1,000 steps" in printed
    assert "env=steep" in printed


def test_an_own_experiment_is_found_and_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own experiment runs, and given values override its own."""
    own_presets(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "last 20 episodes" in run("experiment=quick", "tracking=none")
    assert "last 30 episodes" in run("+experiment=quick", "episodes=30", "tracking=none")


def test_own_presets_elsewhere_are_found_with_config_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--config-dir` names another folder of presets."""
    own_presets(tmp_path)
    (tmp_path / "conf").rename(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert "20 episodes, 1,000 steps" in run("--config-dir", "mine", "env=steep", *SMOKE)


@pytest.mark.integration
def test_an_own_sweep_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own sweep runs through Hydra, in this process."""
    own_presets(tmp_path)
    monkeypatch.chdir(tmp_path)
    printed = run("-m", "+sweep=rates", "experiment=quick", "tracking=none", "hydra/launcher=basic")
    assert "4 of 4 runs" in printed
    assert sorted(os.listdir(tmp_path / "multirun")) == [".alive", "rates"]


@pytest.mark.parametrize(
    ("lines", "repeated"),
    [
        (("env=frozen_lake", "buckets=10,20"), "buckets=20,seed=0: is the same run as buckets=10,seed=0"),
        (("env=frozen_lake", "seed=1,2"), ""),
        (("seed=1,2,1",), "seed=1: is requested twice"),
        (("engine=compiled,gymnasium",), "seed=0: is requested twice"),
        (("tracking.max_points=10,20",), "seed=0: is requested twice"),
        (("sweep.rerun=all,code", "seed=3,4"), "seed=3: is requested twice"),
        (("hydra/launcher=basic,joblib",), "is the same run as"),
    ],
)
def test_runs_that_would_be_the_same_are_refused(lines: tuple[str, ...], repeated: str) -> None:
    """Varying a key without effect would train one run twice and count it as two seeds."""
    if not repeated:
        assert len(plan(lines, True).jobs) >= 2
        return
    with pytest.raises(UsageError) as refused:
        plan(lines, True)
    assert repeated in str(refused.value)


@pytest.mark.parametrize(
    "more", ["buckets=20", "window=${seed}", "tracking.name=of ${learning_rate} ${seed}"]
)
def test_runs_that_differ_by_their_seed_alone_are_as_planned_by_themselves(
    more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are resolved once, unless another value refers to the seed."""
    resolved: list[Any] = []
    monkeypatch.setattr(composition, "resolve", lambda values: resolved.append(values) or resolve(values))
    jobs = plan(["seed=1,2,3", "learning_rate=0.1,0.2", more], multirun=True).jobs
    assert len(resolved) == (6 if "seed" in more else 2)
    assert len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        assert load_config(job.overrides) == job.config
