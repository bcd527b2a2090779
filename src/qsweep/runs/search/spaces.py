"""The search space: Hydra's sweep syntax -> optuna's distributions -> the overrides of a trial."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

from qsweep.errors import Problem, UsageError, collecting
from qsweep.plan.overrides import parsed

SIGNIFICANT_DIGITS = 4
"""Of a value drawn from an interval, so that names are short and a config can be typed again."""
RESOLUTION = 1000
"""Different values in an interval, at least: ends such as 0.99 and 0.9999 need more digits."""
TAGS = ("int", "log")
PLAIN_WORD = re.compile(r"[A-Za-z_][\w./-]*")
RESERVED_WORDS = ("null", "true", "false", "nan", "inf")
"""Texts that Hydra reads as another type unless they are quoted."""
SYNTAX = "write choice(A,B), range(A,B), interval(A,B), tag(log, interval(A,B)) or tag(int, interval(A,B))"
UNSEARCHABLE = {
    "seed": "set hydra.sweeper.seeds=range(5): a trial is the mean over these seeds",
    **dict.fromkeys(
        ("env", "env.id", "env.kwargs", "env.reset_options", "env.max_steps", "env.actions", "env.wrapper"),
        "a study has one environment, as returns of different ones cannot be compared",
    ),
    "evaluation": "all trials are evaluated in the same way: give it one value",
    "engine": "both engines give the same result: give it one value",
    "window": "it changes the curves, not the result: give it one value",
    "experiment": "vary the keys that it sets",
    **dict.fromkeys(
        ("tracking", "registry", "sweep", "hydra"), "it is not a hyperparameter: give it one value"
    ),
}
"""Keys that cannot be searched, nor those below them, with the remedy."""


@dataclass(frozen=True)
class SearchedKey:
    """A key that is searched. written: the key as typed, which may begin with +; key: without that."""

    written: str
    key: str
    distribution: BaseDistribution

    def override(self, value: Any) -> str:
        """Return the override that sets the key to a value of the distribution."""
        if isinstance(self.distribution, FloatDistribution):
            value = rounded(value, self.distribution)
        return f"{self.written}={value}"

    def extremes(self) -> list[Any]:
        """Return both ends of an interval or range, or every category."""
        if isinstance(self.distribution, CategoricalDistribution):
            return list(self.distribution.choices)
        assert isinstance(self.distribution, IntDistribution | FloatDistribution)
        return [self.distribution.low, self.distribution.high]


@dataclass(frozen=True)
class Space:
    """The search space: all keys that are searched."""

    keys: tuple[SearchedKey, ...]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Key -> distribution, as optuna's `ask` takes them."""
        return {each.key: each.distribution for each in self.keys}

    def overrides(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the overrides of a trial's parameters; numbers from intervals are rounded."""
        return tuple(each.override(params[each.key]) for each in self.keys)

    def corners(self) -> Iterator[dict[str, Any]]:
        """Yield the points to check: the first point, then every other extreme of each key alone."""
        first = {each.key: each.extremes()[0] for each in self.keys}
        yield first
        for each in self.keys:
            yield from ({**first, each.key: value} for value in each.extremes()[1:])

    def description(self) -> dict[str, str]:
        """Return key -> distribution as text; equal only for equal spaces."""
        return {key: distribution_to_json(each) for key, each in self.distributions.items()}


def space(lines: Sequence[str]) -> Space:
    """Return the space of overrides such as `learning_rate=interval(0.01,0.5)`.

    choice(A,B) or A,B: categories, which may be numbers, texts, lists or presets of a group. range(A,B,STEP):
    whole numbers, without B, as in Hydra. interval(A,B): numbers, with B. tag(log, ...): drawn on a
    logarithmic scale. tag(int, interval(A,B)): whole numbers, with B.
    Raises UsageError with every problem found.
    """
    keys: dict[str, SearchedKey] = {}
    problems: list[Problem] = []
    for override in parsed(lines, problems):
        with collecting(problems):
            key, line = override.key_or_group, override.input_line or ""
            keys[key] = SearchedKey(line.partition("=")[0], key, _distribution(override))
            problems += _unsearchable(key, line)
    if problems:
        raise UsageError(problems)
    return Space(tuple(keys.values()))


def rounded(value: float, within: FloatDistribution) -> float:
    """Round a value to four significant digits, or to more where a thousandth of the interval needs them."""
    if not within.low < value < within.high:
        return value
    digits = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
    if not within.log:
        digits = max(digits, math.ceil(math.log10(RESOLUTION / (within.high - within.low))))
    return min(max(round(value, digits), within.low), within.high)


def _unsearchable(key: str, line: str) -> Iterator[Problem]:
    for known, remedy in UNSEARCHABLE.items():
        if key == known or key.startswith((f"{known}.", f"{known}/")):
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
    raise UsageError([Problem(key, "must be a range, an interval or a choice", line, SYNTAX)])


def _check_tags(key: str, line: str | None, tags: set[str], known: tuple[str, ...]) -> None:
    wrong = sorted(tags - set(known))
    if wrong:
        rule = (
            f"may only be tagged {' or '.join(known)}"
            if known
            else "is a list of categories, which cannot be tagged"
        )
        raise UsageError([Problem(key, rule, line, SYNTAX)])


def _categories(key: str, line: str | None, texts: list[str]) -> CategoricalDistribution:
    twice = [text for text in dict.fromkeys(texts) if texts.count(text) > 1]
    if twice:
        raise UsageError([Problem(key, f"lists {', '.join(twice)} twice", line)])
    return CategoricalDistribution(texts)


def _text(value: Any) -> str:
    """Write a category such that Hydra parses it to the same value: its parser has removed the quotes."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, str) and (not PLAIN_WORD.fullmatch(value) or value.lower() in RESERVED_WORDS):
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
    cast = isinstance(low, int) and isinstance(high, int)  # as int(interval(A,B)) does
    whole = cast or "int" in sweep.tags
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
