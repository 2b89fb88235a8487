"""What episodes are drawn from: glyphs and words (always here), Omniglot (on request), a learner's folder."""

from metalib.data.available import characters
from metalib.data.changes import thickened, turned
from metalib.data.folder import from_folder
from metalib.data.glyphs import glyphs
from metalib.data.images import ImageSet
from metalib.data.omniglot import omniglot
from metalib.data.shifts import SHIFTS, Shift
from metalib.data.words import WordSet, words

__all__ = [
    "SHIFTS",
    "ImageSet",
    "Shift",
    "WordSet",
    "characters",
    "from_folder",
    "glyphs",
    "omniglot",
    "thickened",
    "turned",
    "words",
]
