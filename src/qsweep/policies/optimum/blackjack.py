"""Blackjack-v1 as transition tables, which Gymnasium does not provide (Sutton and Barto 2018, Example 5.1).

A hand, the player's or the dealer's, is (total, usable ace). Cards come from an infinite deck.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np

from qsweep.policies.optimum.tables import Tables, read

CARDS = dict.fromkeys(range(1, 10), 1 / 13) | {10: 4 / 13}
"""Value of a card -> its probability; the ace is 1."""
STICK, HIT = 0, 1

Hand = tuple[int, bool]
State = tuple[Hand, bool, int]
"""The player's hand, whether it is a natural (an ace and a ten), and the dealer's open card."""


def tables(sab: bool, natural: bool) -> Tables | None:
    """Return the game's tables; sab, natural: Gymnasium's rules of these names.

    Observations do not distinguish a natural from another soft 21. It is best to stick on either, so the
    optimum is the same.
    """
    hands = [(total, False) for total in range(4, 22)] + [(total, True) for total in range(12, 22)]
    states: list[State] = [(hand, False, card) for hand, card in product(hands, CARDS)]
    states += [((21, True), True, card) for card in CARDS]
    number = {state: place for place, state in enumerate(states)}
    p = {
        number[state]: {
            STICK: [(1.0, 0, _stick(state, sab, natural), True)],
            HIT: [
                (chance, number.get(after, 0), reward, over) for chance, after, reward, over in _hit(state)
            ],
        }
        for state in states
    }
    start = np.zeros(len(states))
    for (one, two), card in product(product(CARDS, CARDS), CARDS):
        state = add(add((0, False), one), two), {one, two} == {1, 10}, card
        start[number[state]] += CARDS[one] * CARDS[two] * CARDS[card]
    return read(p, start, (STICK, HIT), lambda place: _observation(states[place]))


def _observation(state: State) -> tuple[float, float, float]:
    (total, ace), _, card = state
    return float(total), float(card), float(ace)


def add(hand: Hand, card: int) -> Hand:
    """Return the hand with one more card; an ace counts 11 unless that is a bust."""
    total, ace = hand[0] - 10 * hand[1] + card, hand[1] or card == 1
    return (total + 10, True) if ace and total + 10 <= 21 else (total, False)


def _hit(state: State) -> Iterator[tuple[float, State, float, bool]]:
    hand, _, card = state
    for drawn, chance in CARDS.items():
        after = add(hand, drawn)
        bust = after[0] > 21
        yield chance, (after, False, card), -1.0 if bust else 0.0, bust


def _stick(state: State, sab: bool, natural: bool) -> float:
    (total, _), is_natural, card = state
    expected = 0.0
    for (dealer, dealer_natural), chance in _dealer(add((0, False), card), 1).items():
        reward = float(total > dealer) - float(total < dealer)
        if is_natural and sab and not dealer_natural:
            reward = 1.0
        elif is_natural and natural and not sab and reward == 1:
            reward = 1.5
        expected += chance * reward
    return expected


@cache
def _dealer(hand: Hand, cards: int) -> dict[tuple[int, bool], float]:
    """Return (the dealer's final score, 0 for a bust; whether it is a natural) -> probability."""
    total = hand[0]
    if total >= 17:
        return {(total if total <= 21 else 0, cards == 2 and total == 21): 1.0}
    ends: defaultdict[tuple[int, bool], float] = defaultdict(float)
    for drawn, likely in CARDS.items():
        for end, chance in _dealer(add(hand, drawn), cards + 1).items():
            ends[end] += likely * chance
    return dict(ends)
