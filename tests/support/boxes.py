"""The pseudocode boxes of Sutton and Barto (2018) as plain Python over dictionaries.

They use the agent's random draws in the same order, so that both can be compared step by step; the
environment is Gymnasium's own. Watkins's Q(lambda) is from the first edition (1998, Figure 7.14), with the
next action chosen after the update, as in Q-learning. A truncated step bootstraps as any other does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Pair = tuple[int, int]


@dataclass
class Book:
    """The state of every box: Q, the policy derived from it, and the environment.

    draws: uniform in [0, 1). alpha: (visits of the pair) -> step size. visits: N(S, A), only first visits
    for Monte Carlo. over, terminated: the state of the episode.
    """

    env: Any
    actions: int
    q: dict[Pair, float]
    draws: Iterator[float]
    alpha: Callable[[int], float]
    gamma: float
    epsilon: float = 0.0
    visits: dict[Pair, int] = field(default_factory=lambda: defaultdict(int))
    memory: dict[str, Any] = field(default_factory=dict)
    over: bool = True
    terminated: bool = False
    total: float = 0.0
    length: int = 0

    def start(self, seed: int | None) -> int:
        """S, the start of an episode."""
        state, _ = self.env.reset(seed=seed)
        self.over, self.terminated, self.total, self.length = False, False, 0.0, 0
        return int(state)

    def take(self, s: int, a: int, count: bool = True) -> tuple[float, int]:
        """Take action A; observe R, S'."""
        state, r, terminated, truncated, _ = self.env.step(a)
        self.terminated, self.over = terminated, terminated or truncated
        self.total, self.length = self.total + r, self.length + 1
        if count:
            self.visits[s, a] += 1
        return r, int(state)

    def row(self, s: int) -> list[float]:
        """Q(S, .)."""
        return [self.q[s, a] for a in range(self.actions)]

    def choose(self, s: int) -> int:
        """A, by the policy derived from Q: epsilon-greedy, the first of equally good ones."""
        u = next(self.draws)
        if u < self.epsilon:
            return min(int(u * (self.actions / self.epsilon)), self.actions - 1)
        return self.row(s).index(max(self.row(s)))

    def move(self, s: int, a: int, target: float) -> None:
        """Q(S, A) <- Q(S, A) + alpha [target - Q(S, A)]."""
        self.q[s, a] += self.alpha(self.visits[s, a]) * (target - self.q[s, a])


def q_learning(book: Book, seed: int | None) -> None:
    """Section 6.5."""
    s = book.start(seed)
    while not book.over:
        a = book.choose(s)
        r, s_next = book.take(s, a)
        book.move(s, a, r if book.terminated else r + book.gamma * max(book.row(s_next)))
        s = s_next


def sarsa(book: Book, seed: int | None) -> None:
    """Section 6.4."""
    s = book.start(seed)
    a = book.choose(s)
    while not book.over:
        r, s_next = book.take(s, a)
        if book.terminated:
            book.move(s, a, r)
            return
        a_next = book.choose(s_next)
        book.move(s, a, r + book.gamma * book.q[s_next, a_next])
        s, a = s_next, a_next


def expected_sarsa(book: Book, seed: int | None) -> None:
    """Section 6.6."""
    s = book.start(seed)
    while not book.over:
        a = book.choose(s)
        r, s_next = book.take(s, a)
        row = book.row(s_next)
        greedy = row.index(max(row))
        pi = [book.epsilon / book.actions + (1 - book.epsilon) * (b == greedy) for b in range(book.actions)]
        mean = sum(p * q for p, q in zip(pi, row, strict=True))
        book.move(s, a, r if book.terminated else r + book.gamma * mean)
        s = s_next


def double_q_learning(book: Book, seed: int | None) -> None:
    """Section 6.7; the agent acts on the mean of the two, which is half of the book's sum."""
    one, two = book.memory["q1"], book.memory["q2"]
    s = book.start(seed)
    while not book.over:
        a = book.choose(s)
        r, s_next = book.take(s, a)
        q, other = (one, two) if next(book.draws) < 0.5 else (two, one)
        row = [q[s_next, b] for b in range(book.actions)]
        target = r if book.terminated else r + book.gamma * other[s_next, row.index(max(row))]
        q[s, a] += book.alpha(book.visits[s, a]) * (target - q[s, a])
        book.q[s, a] = (one[s, a] + two[s, a]) / 2
        s = s_next


def n_step_sarsa(book: Book, seed: int | None) -> None:
    """Section 7.2."""
    n, gamma = book.memory["n"], book.gamma
    states, rewards, end, t = [book.start(seed)], [0.0], 10**9, 0
    actions = [book.choose(states[0])]
    while True:
        if t < end:
            r, s_next = book.take(states[t], actions[t])
            rewards.append(r)
            states.append(s_next)
            if book.over:
                end = t + 1
            if not book.terminated:
                actions.append(book.choose(s_next))
        tau = t - n + 1
        if tau >= 0:
            last = min(tau + n, end)
            g = sum(gamma ** (i - tau - 1) * rewards[i] for i in range(tau + 1, last + 1))
            if last < end or not book.terminated:
                g += gamma ** (last - tau) * book.q[states[last], actions[last]]
            book.move(states[tau], actions[tau], g)
        if tau == end - 1:
            return
        t += 1


def monte_carlo(book: Book, seed: int | None) -> None:
    """Section 5.4, with a step size in place of the average of the returns, as in equation 6.1."""
    s, episode = book.start(seed), []
    a = book.choose(s)
    while not book.over:
        r, s_next = book.take(s, a, count=False)
        episode.append((s, a, r))
        s = s_next
        if not book.terminated:
            a = book.choose(s)
    g = 0.0 if book.terminated else book.q[s, a]
    for t in range(len(episode) - 1, -1, -1):
        s, a, r = episode[t]
        g = book.gamma * g + r
        if (s, a) not in [(x, y) for x, y, _ in episode[:t]]:
            book.visits[s, a] += 1
            book.move(s, a, g)


def sarsa_lambda(book: Book, seed: int | None) -> None:
    """Section 12.7, with a table for the features."""
    s, e = book.start(seed), dict.fromkeys(book.q, 0.0)
    a = book.choose(s)
    while not book.over:
        r, s_next = book.take(s, a)
        a_next = 0 if book.terminated else book.choose(s_next)
        q_next = 0.0 if book.terminated else book.q[s_next, a_next]
        _credit(book, e, s, a, r + book.gamma * q_next - book.q[s, a])
        s, a = s_next, a_next


def q_lambda(book: Book, seed: int | None) -> None:
    """The first edition's Figure 7.14."""
    s, e = book.start(seed), dict.fromkeys(book.q, 0.0)
    while not book.over:
        a = book.choose(s)
        if book.q[s, a] < max(book.row(s)):
            e = dict.fromkeys(book.q, 0.0)
        r, s_next = book.take(s, a)
        q_next = 0.0 if book.terminated else max(book.row(s_next))
        _credit(book, e, s, a, r + book.gamma * q_next - book.q[s, a])
        s = s_next


def _credit(book: Book, e: dict[Pair, float], s: int, a: int, delta: float) -> None:
    e[s, a] = 1.0 if book.memory["traces"] == "replacing" else e[s, a] + 1.0
    for pair in book.q:
        if e[pair] > 0.0:
            book.q[pair] += book.alpha(book.visits[pair]) * delta * e[pair]
        e[pair] *= book.gamma * book.memory["trace_decay"]


def dyna_q(book: Book, seed: int | None) -> None:
    """Section 8.2."""
    model: dict[int, dict[int, tuple[float, int | None]]] = book.memory.setdefault("model", {})
    s = book.start(seed)
    while not book.over:
        a = book.choose(s)
        r, s_next = book.take(s, a)
        book.move(s, a, r if book.terminated else r + book.gamma * max(book.row(s_next)))
        model.setdefault(s, {})[a] = (r, None if book.terminated else s_next)
        for _ in range(book.memory["planning_steps"]):
            seen = list(model)[int(next(book.draws) * len(model))]
            taken = list(model[seen])[int(next(book.draws) * len(model[seen]))]
            reward, after = model[seen][taken]
            book.move(seen, taken, reward if after is None else reward + book.gamma * max(book.row(after)))
        s = s_next


BOXES: dict[str, Callable[[Book, int | None], None]] = {
    "q_learning": q_learning,
    "sarsa": sarsa,
    "expected_sarsa": expected_sarsa,
    "double_q_learning": double_q_learning,
    "n_step_sarsa": n_step_sarsa,
    "monte_carlo": monte_carlo,
    "sarsa_lambda": sarsa_lambda,
    "q_lambda": q_lambda,
    "dyna_q": dyna_q,
}
