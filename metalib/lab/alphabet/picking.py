"""Boards that are filled from a data set: one drawing after the other, or a whole episode."""

from __future__ import annotations

import torch

from metalib.data import ImageSet
from metalib.data.alphabet import MAX_CLASSES, MAX_EXAMPLES, Alphabet, Drawing
from metalib.i18n import _
from metalib.tasks import Episodes


def picked(images: ImageSet, character: int, number: int) -> Drawing:
    """One drawing of a data set. Its `source` tells it from all others of the set."""
    source = _("{name}, drawing {n}").format(name=images.names[character], n=number + 1)
    return Drawing(images.images[character, number, 0].contiguous().numpy().tobytes(), source=source)


def next_drawing(images: ImageSet, character: int, alphabet: Alphabet) -> Drawing:
    """The first drawing of a character that is not on the board: a query that is also an example would be no
    question. Raises IndexError: no such character; ValueError: all its drawings are on the board."""
    images.subset([character])  # says what is wrong where there is none
    on_board = [drawing for _label, drawing in alphabet.examples] + [alphabet.query]
    used = {drawing.source for drawing in on_board if drawing}
    for number in range(images.drawings):
        taken = picked(images, character, number)
        if taken.source not in used:
            return taken
    raise ValueError(
        _("All {count} drawings of {name} are on the board.").format(
            count=images.drawings, name=images.names[character]
        )
    )


def episode(images: ImageSet, ways: int, shots: int, draw: int) -> Alphabet:
    """An alphabet from a data set, and a query of one of its classes.

    Raises ValueError: more than fit on the board, or than there are; see `metalib.Episodes`.
    """
    if ways > MAX_CLASSES or shots > MAX_EXAMPLES:
        raise ValueError(
            _("There is room for {classes} ways and {examples} shots, not for {ways} and {shots}.").format(
                classes=MAX_CLASSES, examples=MAX_EXAMPLES, ways=ways, shots=shots
            )
        )
    generator = torch.Generator().manual_seed(draw)
    classes, numbers = (drawn[0].tolist() for drawn in Episodes(images, ways, shots, 1).draw(1, generator))
    asked = int(torch.randint(ways, (), generator=generator))
    examples = (
        (way + 1, picked(images, classes[way], numbers[way][shot]))
        for way in range(ways)
        for shot in range(shots)
    )
    return Alphabet(tuple(examples), picked(images, classes[asked], numbers[asked][shots]))
