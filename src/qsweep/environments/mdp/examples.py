"""An example of a Markov decision process given as arrays."""

from __future__ import annotations

import numpy as np

from qsweep.system.arrays import Floats

WAIT, CUT = 0, 1


def forest(
    states: int = 3, wait_reward: float = 4.0, cut_reward: float = 2.0, fire: float = 0.1
) -> tuple[Floats, Floats]:
    """Return the forest management problem: transitions [actions, states, states], rewards [states, actions].

    State: the age of a forest. Waiting lets it grow, but it burns down with probability `fire`; waiting when
    it is oldest earns `wait_reward`. Cutting makes it new; it earns `cut_reward` when the forest is oldest,
    nothing when it is new, and 1 otherwise. It is the example of MDPtoolbox (Chades et al. 2014).
    """
    transitions = np.zeros((2, states, states))
    transitions[WAIT, :, 0] = fire
    for age in range(states):
        transitions[WAIT, age, min(age + 1, states - 1)] += 1 - fire
    transitions[CUT, :, 0] = 1.0
    rewards = np.zeros((states, 2))
    rewards[1:, CUT] = 1.0
    rewards[-1] = wait_reward, cut_reward
    return transitions, rewards
