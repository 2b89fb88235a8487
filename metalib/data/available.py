"""Characters to learn on: Omniglot where it can be had, else the glyphs, which are always here."""

import warnings

from metalib.data.download import DownloadError
from metalib.data.glyphs import glyphs
from metalib.data.images import ImageSet
from metalib.data.omniglot import ArchiveError, omniglot

GLYPHS_BY = {"character": "character", "alphabet": "script"}


def characters(split: str = "all", by: str = "character", download: bool = False) -> ImageSet:
    """Omniglot (`metalib.data.omniglot`), or, where it cannot be had, glyphs with their scripts as alphabets.

    The result's `source` tells which. With download=True a warning says why it is not Omniglot.
    Raises ValueError for another split or `by`, CacheError where the cache cannot be written.
    """
    try:
        return omniglot(split, by, download)
    except (FileNotFoundError, DownloadError, ArchiveError) as problem:
        if download:
            warnings.warn(str(problem), stacklevel=2)
    return glyphs(split, GLYPHS_BY[by])
