"""Blackjack-v1 (Sutton and Barto 2018, Example 5.1). Observation: own sum, dealer's open card, usable ace.

State: the total of the player's cards with aces as 1, 1 if there is an ace, the number of cards; the dealer's
open card and hidden card. An ace is the card 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsweep.environments.twins.pcg64 import integer
from qsweep.environments.twins.twin import Twin
from qsweep.system.arrays import Floats

NATURAL, SAB = 0, 1
"""Indices of `constants`: whether Gymnasium's rules of these names hold, 1 or 0."""
TOTAL, ACE, CARDS, OPEN, HIDDEN = range(5)
"""Indices of the state."""
RANKS, SUITS, PICTURES = 13, 4, 3
DEALER_STICKS, MOST = 17, 21
"""The sum from which on the dealer draws no more cards, and the largest sum that is no bust."""


def _card(random: Any) -> int:
    """Draw a card of the infinite deck: three pictures and the ten count 10."""
    return min(integer(random, RANKS) + 1, 10)


def _hand_value(total: float, ace: float) -> float:
    """Return the sum of a hand, with one ace as 11 if that is no bust."""
    return total + 10 if ace != 0 and total + 10 <= MOST else total


def _is_natural(total: float, ace: float, cards: float) -> bool:
    """Return whether a hand is an ace and a card that counts 10."""
    return cards == 2 and ace != 0 and total == 11


def _observe(state: Floats, observation: Floats) -> None:
    observation[0] = _hand_value(state[TOTAL], state[ACE])
    observation[1] = state[OPEN]
    observation[2] = 1.0 if observation[0] != state[TOTAL] else 0.0


def reset(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """Deal two cards to the dealer and two to the player."""
    state[OPEN], state[HIDDEN] = _card(random), _card(random)
    one, two = _card(random), _card(random)
    state[TOTAL], state[ACE], state[CARDS] = one + two, 1.0 if min(one, two) == 1 else 0.0, 2
    # The suit and the picture of the open card, which Gymnasium draws to show them.
    integer(random, SUITS)
    if state[OPEN] == 10:
        integer(random, PICTURES)
    _observe(state, observation)


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Hit (1): draw a card; a bust costs 1 and ends the hand. Stick (0): the dealer plays, which ends it."""
    if action == 0:
        return _stick(random, constants, state), True
    card = _card(random)
    state[TOTAL] += card
    state[CARDS] += 1
    if card == 1:
        state[ACE] = 1.0
    _observe(state, observation)
    bust = state[TOTAL] > MOST
    return -1.0 if bust else 0.0, bust


def _stick(random: Any, constants: Floats, state: Floats) -> float:
    """Play the dealer's hand and return the reward."""
    total, ace = state[OPEN] + state[HIDDEN], 1.0 if min(state[OPEN], state[HIDDEN]) == 1 else 0.0
    dealers_natural = _is_natural(total, ace, 2)
    while _hand_value(total, ace) < DEALER_STICKS:
        card = _card(random)
        total += card
        if card == 1:
            ace = 1.0
    own, dealers = _hand_value(state[TOTAL], state[ACE]), 0.0 if total > MOST else _hand_value(total, ace)
    reward = 1.0 if own > dealers else -1.0 if own < dealers else 0.0
    if _is_natural(state[TOTAL], state[ACE], state[CARDS]):
        if constants[SAB] != 0 and not dealers_natural:
            reward = 1.0
        elif constants[SAB] == 0 and constants[NATURAL] != 0 and reward == 1:
            reward = 1.5
    return reward


TWIN = Twin(step, reset=reset, sizes=(5, 3), constants=np.array([0.0, 1.0]), arguments=("natural", "sab"))
