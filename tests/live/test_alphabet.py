"""Draw your own alphabet in a page: pixels, Conv4, prototypes, MAML's inner loop, moves are all Python's."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from metalib.data.alphabet import Alphabet, Drawing
from metalib.lab.alphabet import moves
from metalib.lab.alphabet.live import LIVE, handful
from metalib.lab.alphabet.moves import QUERY, AlphabetState
from metalib.lab.alphabet.picking import picked

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def alphabet(bench):
    return bench("alphabet")


def strokes(rng, most=4):
    """Strokes of somebody who scribbles: wanderings of up to 30 points, and dots."""
    return tuple(
        tuple(
            map(
                tuple,
                (0.5 + rng.normal(0, 0.05, (rng.integers(1, 31), 2)).cumsum(axis=0)).clip(0, 1).tolist(),
            )
        )
        for _stroke in range(rng.integers(1, most + 1))
    )


def drawing(rng):
    """Written, or one of the data set's."""
    if rng.random() < 0.7:
        return Drawing.of(strokes(rng))
    return picked(handful(), int(rng.integers(10)), int(rng.integers(6)))


def state(rng, most=10):
    """A board with up to so many classes, mostly with one example of each, and mostly a query."""
    board = Alphabet()
    for label in sorted(rng.choice(10, rng.integers(most + 1), replace=False) + 1):
        for _example in range(1 if rng.random() < 0.7 else rng.integers(1, 4)):
            board = board.add(int(label), drawing(rng))
    board = replace(board, query=drawing(rng) if rng.random() < 0.85 else None)
    target = int(rng.integers(11))
    written = board.query.strokes if target == QUERY and board.query else ()
    if target != QUERY and rng.random() < 0.5:
        written = strokes(rng)
    count = len(board.examples)
    character = int(rng.integers(10))
    return AlphabetState(
        target=target,
        steps=int(rng.integers(4)),
        script=handful().alphabets[character],
        character=character,
        alphabet=board,
        strokes=written,
        cursor=int(rng.integers(count)) if count and rng.random() < 0.4 else None,
    )


def some(number, seed, **more):
    rng = np.random.default_rng(seed)
    return [state(rng, **more) for _state in range(number)]


def few(number, seed):
    """States that take little time, for what is only a move."""
    return [replace(one, steps=0) for one in some(number, seed, most=4)]


def test_pixels_embeddings_prototypes_distances_and_probabilities_agree(alphabet):
    given, found = alphabet.agrees(some(200, 1))
    assert sum(one["maml"] is not None for one in found) > 40
    assert sum(one["protonet"] is not None for one in found) > 100
    assert {one["problem"] for one in found} == {"", "nothing", "one"}
    # What the notebook shows is computed in float32, the rest of MAML's reference in float64: see `learners`.
    for one, page in zip(given[:60], found, strict=False):
        if page["maml"] is not None:
            shown = alphabet.laboratory.compute(one).answers[1].probabilities
            assert np.abs(shown - page["maml"]).max() < 1e-3


def test_it_says_what_pythons_painter_says(alphabet):
    alphabet.speaks_alike([*some(24, 2), AlphabetState(target=1, script=handful().alphabets[0])])


BUTTONS = (
    moves.add,
    moves.undo,
    moves.clear,
    partial(moves.pick, images=handful()),
    moves.remove,
    moves.start_again,
)


def page_or_error(ask):
    """Where the page goes, or the sentence by which it refuses."""
    from playwright.sync_api import Error

    try:
        return ask()
    except Error as error:
        return error.message.partition("Error: ")[2].partition("\n    at")[0].removeprefix("Error: ")


def python_or_error(state, move):
    try:
        return move(state)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("number", range(6))
def test_a_button_leads_where_pythons_leads(alphabet, number):
    refused = 0
    for one in few(12, 3 + number):
        wanted = python_or_error(one, BUTTONS[number])
        refused += isinstance(wanted, str)
        assert page_or_error(lambda one=one: alphabet.press(one, number)) == wanted
    assert (refused > 0) == (number in (0, 4))


def test_a_key_leads_where_pythons_leads(alphabet):
    keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Escape", "Home", "Delete", "0", "3", "+"]
    for one in few(6, 10):
        for key in keys:
            wanted = python_or_error(one, partial(moves.press_board, key=key))
            found = page_or_error(lambda one=one, key=key: alphabet.keys(one, key))
            assert (one if found is None else found) == wanted
        for key in ("Enter", " ", "Delete", "Home", "0", "3", "+"):
            wanted = python_or_error(one, partial(moves.press_pad, key=key))
            found = page_or_error(lambda one=one, key=key: pressed(alphabet, one, key))
            assert (one if found is None else found) == wanted


def pressed(alphabet, state, key):
    """The state to which a key on the pad leads, or None."""
    question = {"state": LIVE.encode(state), "key": key, "shift": False}
    return alphabet.decoded(alphabet.ask("pressed", **question))


def test_what_is_on_the_pad_is_the_query_while_the_query_is_drawn(alphabet):
    rng = np.random.default_rng(4)
    for before in few(10, 11):
        for changes in (
            {"strokes": strokes(rng)},
            {"strokes": ()},
            {"target": QUERY},
            {"target": 4},
            {"script": handful().alphabets[2]},
        ):
            after = replace(before, **changes)
            assert alphabet.follow(before, after) == alphabet.laboratory._follow(before, after)


def test_the_characters_of_a_script_are_what_can_be_chosen(alphabet):
    for script in dict.fromkeys(handful().alphabets):
        state = replace(alphabet.laboratory.state, script=script)
        options = dict(alphabet.ask("limits", state=LIVE.encode(state))["character"])
        assert options == alphabet.laboratory._characters(script)
