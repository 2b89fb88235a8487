"""Image sets to draw episodes from: glyphs (always here), Omniglot (on request), a learner's own folder."""

from metalib.data.folder import from_folder
from metalib.data.glyphs import glyphs
from metalib.data.images import ImageSet
from metalib.data.omniglot import omniglot

__all__ = ["ImageSet", "from_folder", "glyphs", "omniglot"]
