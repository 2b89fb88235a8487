"""Image sets to draw episodes from: glyphs (always here), Omniglot (on request), a learner's own folder."""

from metalib.data.available import characters
from metalib.data.changes import thickened, turned
from metalib.data.folder import from_folder
from metalib.data.glyphs import glyphs
from metalib.data.images import ImageSet
from metalib.data.omniglot import omniglot
from metalib.data.shifts import SHIFTS, Shift

__all__ = [
    "SHIFTS",
    "ImageSet",
    "Shift",
    "characters",
    "from_folder",
    "glyphs",
    "omniglot",
    "thickened",
    "turned",
]
