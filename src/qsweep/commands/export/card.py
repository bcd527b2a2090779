"""The model card, README.md: metadata that the hub reads, the score, the config, how to play the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from qsweep.errors import printable
from qsweep.policies.policy import Policy
from qsweep.policies.readme import page

CARD = """\
---
{metadata}---

# **{algorithm}** agent playing **{env}**

{about}

| | |
| --- | --- |
{scores}

{films}
## Use it

With qsweep, in this folder: `qsweep play . --video agent.mp4`

`q-learning.pkl` has the layout of the Q-learning units of Hugging Face's reinforcement learning course. A
pickle can run any code when it is loaded; `q_table.npy` holds the same Q-table without that risk.

## Config

Trained by `{command}`

```yaml
{config}```

"""


@dataclass(frozen=True)
class Scores:
    """The evaluation of an exported policy. mean, sd: of the returns of `episodes` test episodes.

    interval: 95%, of the mean. exact: the expected return, None if unknown; optimum: the best policy's, None
    if unknown. success: a share, None if undefined.
    """

    episodes: int
    mean: float
    sd: float
    interval: tuple[float, float]
    exact: float | None
    optimum: float | None
    success: float | None

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield name and value of each score."""
        low, high = self.interval
        if self.exact is not None:
            yield "expected return (exact)", f"{self.exact:.6g}"
        yield "mean return", f"{self.mean:.2f} +/- {self.sd:.2f} (SD over {self.episodes:,} test episodes)"
        yield "95% interval of the mean", f"{low:.4g} to {high:.4g}"
        if self.optimum is not None:
            yield "optimum", f"{self.optimum:.6g}"
        if self.success is not None:
            yield "success rate", f"{self.success:.1%}"


@dataclass(frozen=True)
class About:
    """More for a card. environment: as the leaderboard names it. films: file -> caption."""

    name: str
    environment: str
    command: str
    films: Mapping[str, str]


def card(policy: Policy, scores: Scores, about: About) -> str:
    """Return the text of the card."""
    algorithm = str(policy.config["algorithm"]).replace("_", "-")
    config = yaml.safe_dump(dict(policy.config), sort_keys=False, allow_unicode=True)
    head = yaml.safe_dump(metadata(algorithm, scores, about), sort_keys=False, allow_unicode=True)
    text = CARD.format(
        metadata=head,
        algorithm=algorithm.title(),
        env=printable(policy.env_id),
        about=f"The greedy policy of {_word(policy.came_from)}.",
        scores="\n".join(f"| {name} | {value} |" for name, value in scores.rows()),
        films="".join(f"- [{file}]({file}): {caption}\n" for file, caption in about.films.items()),
        command=_word(about.command),
        config=config,
    )
    inside = page(policy.env, policy.grid, policy.actions, policy.discrete, policy.origin)
    _, _, files = inside.partition("\n")
    return f"{text}## Files\n{files}"


def metadata(algorithm: str, scores: Scores, about: About) -> dict[str, Any]:
    """Return the card's metadata, as the course's upload writes it; the exact return is a second metric."""
    spread = f"{scores.mean:.2f} +/- {scores.sd:.2f}"
    metrics = [{"type": "mean_reward", "value": spread, "name": "mean_reward", "verified": False}]
    if scores.exact is not None:
        exact = {"type": "expected_return", "value": scores.exact, "name": "expected return (exact)"}
        metrics.append({**exact, "verified": False})
    result = {
        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
        "dataset": {"name": about.environment, "type": about.environment},
        "metrics": metrics,
    }
    tags = [about.environment, algorithm, "reinforcement-learning", "custom-implementation", "qsweep"]
    return {"tags": tags, "model-index": [{"name": about.name, "results": [result]}]}


def _word(text: object) -> str:
    """Return an untrusted text as one line without characters that mean something in Markdown or HTML."""
    return printable(text).translate({ord(letter): "?" for letter in "`<>[]\\|"})
