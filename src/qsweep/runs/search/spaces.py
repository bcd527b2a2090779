"""Hydra's syntax for what to vary -> optuna's distributions, and a trial's values back as overrides."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
    Transformer,
)
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from qsweep.errors import Problem, UsageError
from qsweep.plan.overrides import HydraErrors, one_line

SIGNIFICANT = 4
"""Digits of a value drawn from an interval: a name and a hash are then readable, and typed again the same."""
RESOLUTION = 1000
"""Values into which an interval falls apart at least, even where its ends share their first digits."""
TAGS = ("int", "log")
WORD = re.compile(r"[A-Za-z_][\w./-]*")
NO_WORDS = ("null", "true", "false", "nan", "inf")
"""Texts that would be read as something else without quotes."""
WRITE = "write choice(A,B), range(A,B), interval(A,B), tag(log, interval(A,B)) or tag(int, interval(A,B))"
ONE_ENVIRONMENT = "a study has one environment, as returns of different ones cannot be compared"
UNSEARCHABLE = {
    "seed": "set hydra.sweeper.seeds=range(5): a trial is the mean over these seeds",
    "env": ONE_ENVIRONMENT,
    "env.id": ONE_ENVIRONMENT,
    "env.kwargs": ONE_ENVIRONMENT,
    "env.max_steps": ONE_ENVIRONMENT,
    "env.actions": ONE_ENVIRONMENT,
    "env.wrapper": ONE_ENVIRONMENT,
    "evaluation": "all trials are evaluated in the same way: give it one value",
    "engine": "both engines give the same result: give it one value",
    "experiment": "vary the keys that it sets",
    "tracking": "it is not a hyperparameter: give it one value",
    "registry": "it is not a hyperparameter: give it one value",
    "sweep": "it is not a hyperparameter: give it one value",
}
"""Keys, and those below them, that no search may vary, with what to do instead."""


@dataclass(frozen=True)
class Dimension:
    """One key that is searched. written: the key as typed, with its +; key: without."""

    written: str
    key: str
    distribution: BaseDistribution

    def line(self, value: Any) -> str:
        """The override that gives the key a value of the distribution."""
        if isinstance(self.distribution, FloatDistribution):
            value = rounded(value, self.distribution)
        return f"{self.written}={value}"

    def extremes(self) -> list[Any]:
        """Both ends of a scale; every category."""
        if isinstance(self.distribution, CategoricalDistribution):
            return list(self.distribution.choices)
        assert isinstance(self.distribution, IntDistribution | FloatDistribution)
        return [self.distribution.low, self.distribution.high]


@dataclass(frozen=True)
class Space:
    """What a search varies."""

    dimensions: tuple[Dimension, ...]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Key -> distribution, as optuna's `ask` takes them."""
        return {dimension.key: dimension.distribution for dimension in self.dimensions}

    def lines(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """A trial's values as overrides, which parse to the values that its runs get."""
        return tuple(dimension.line(params[dimension.key]) for dimension in self.dimensions)

    def corners(self) -> Iterator[dict[str, Any]]:
        """Points that show what is wrong with a space: the first, and every extreme of each key alone."""
        first = {dimension.key: dimension.extremes()[0] for dimension in self.dimensions}
        yield first
        for dimension in self.dimensions:
            yield from ({**first, dimension.key: value} for value in dimension.extremes()[1:])

    def described(self) -> dict[str, str]:
        """Key -> distribution as text; equal exactly for the same space."""
        return {key: distribution_to_json(found) for key, found in self.distributions.items()}


def space(lines: Sequence[str]) -> Space:
    """The space of overrides such as `learning_rate=interval(0.01,0.5)`.

    choice(A,B) and A,B are categories: numbers, texts, lists, presets of a group. range(A,B,STEP) are whole
    numbers, without B, as in Hydra. interval(A,B) are numbers, with B, drawn to four digits.
    tag(log, ...) draws evenly on a logarithmic scale, tag(int, interval(A,B)) whole numbers.
    Raises UsageError with every problem found.
    """
    parser = OverridesParser.create()
    dimensions: dict[str, Dimension] = {}
    problems: list[Problem] = []
    for line in lines:
        try:
            override = parser.parse_override(line)
            found = Dimension(line.partition("=")[0], override.key_or_group, _distribution(override))
        except HydraErrors as error:
            problems.append(Problem(line, "must be written KEY=VALUE", None, one_line(error)))
            continue
        except UsageError as error:
            problems += error.problems
            continue
        problems += _unsearchable(found.key, line)
        dimensions[found.key] = found
    if problems:
        raise UsageError(problems)
    return Space(tuple(dimensions.values()))


def rounded(value: float, within: FloatDistribution) -> float:
    """A value of an interval to four significant digits, or as many as tell a thousandth of it apart."""
    if not within.low < value < within.high:
        return value
    digits = SIGNIFICANT - 1 - math.floor(math.log10(abs(value))) if value else 0
    if not within.log:
        digits = max(digits, math.ceil(math.log10(RESOLUTION / (within.high - within.low))))
    return min(max(round(value, digits), within.low), within.high)


def _unsearchable(key: str, line: str) -> Iterator[Problem]:
    for known, remedy in UNSEARCHABLE.items():
        if key == known or key.startswith(f"{known}."):
            yield Problem(key, "cannot be searched", line, remedy)
            return


def _distribution(override: Override) -> BaseDistribution:
    key, line, sweep = override.key_or_group, override.input_line, override.value()
    if isinstance(sweep, ChoiceSweep):
        _check_tags(key, line, sweep.tags, ())
        return _categories(key, line, [_text(value) for value in sweep.list])
    if isinstance(sweep, RangeSweep):
        _check_tags(key, line, sweep.tags, TAGS)
        return _range(key, line, sweep)
    if isinstance(sweep, IntervalSweep):
        _check_tags(key, line, sweep.tags, TAGS)
        return _interval(key, line, sweep)
    raise UsageError([Problem(key, "must be a range, an interval or a choice", line, WRITE)])


def _check_tags(key: str, line: str | None, tags: set[str], known: tuple[str, ...]) -> None:
    wrong = sorted(tags - set(known))
    if wrong:
        rule = (
            f"may only be tagged {' or '.join(known)}"
            if known
            else "is a list of categories, which cannot be tagged"
        )
        raise UsageError([Problem(key, rule, line, WRITE)])


def _categories(key: str, line: str | None, texts: list[str]) -> CategoricalDistribution:
    twice = [text for text in dict.fromkeys(texts) if texts.count(text) > 1]
    if twice:
        raise UsageError([Problem(key, f"lists {', '.join(twice)} twice", line)])
    return CategoricalDistribution(texts)


def _text(value: Any) -> str:
    """A category as an override that parses to it. A function's arguments have lost their quotes."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, str) and (not WORD.fullmatch(value) or value.lower() in NO_WORDS):
        value = QuotedString(value, Quote.single)
    return str(Transformer.str(value))


def _range(key: str, line: str | None, sweep: RangeSweep) -> IntDistribution:
    start, stop, step = sweep.start, sweep.stop, sweep.step
    if not (isinstance(start, int) and isinstance(stop, int) and isinstance(step, int)):
        remedy = "write interval(A,B), or list the values"
        raise UsageError([Problem(key, "must be a range of whole numbers", line, remedy)])
    values = range(start, stop, step) if step > 0 else range(0)
    if not values:
        raise UsageError([Problem(key, "must be an ascending range with at least one number", line)])
    log = "log" in sweep.tags
    if log and (values[0] < 1 or step != 1):
        raise UsageError(
            [Problem(key, "must start above 0 and have no step to be drawn on a log scale", line)]
        )
    return IntDistribution(values[0], values[-1], log=log, step=step)


def _interval(key: str, line: str | None, sweep: IntervalSweep) -> BaseDistribution:
    low, high = sweep.start, sweep.end
    assert low is not None
    assert high is not None
    whole = "int" in sweep.tags or (isinstance(low, int) and isinstance(high, int))  # the cast int(...)
    log = "log" in sweep.tags
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError([Problem(key, "must be an interval of finite numbers, the lower bound first", line)])
    if log and low <= 0:
        raise UsageError([Problem(key, "must start above 0 to be drawn on a log scale", line)])
    if not whole:
        return FloatDistribution(low, high, log=log)
    if low != int(low) or high != int(high):
        raise UsageError([Problem(key, "must have whole bounds to be drawn as whole numbers", line)])
    return IntDistribution(int(low), int(high), log=log)
