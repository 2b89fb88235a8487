"""Letters as polygons in font units, read from the DejaVu fonts that come with matplotlib.

The numbers are the font file's own: at a size where one pixel is one font unit, and without hinting, FreeType
returns the whole and half units that are stored there, whatever its version. Curves and lines become four
chords each (lines too, so that they can be bent later); the points on them are dyadic fractions, hence
exact. So the polygons are the same on every machine.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import ft2font

FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
)

MOVETO, LINETO, CURVE3, CLOSEPOLY = 1, 2, 3, 79
CHORDS = 4


@dataclass(frozen=True)
class Outlines:
    """Polygons of G glyphs, one after the other: P points in font units, y upwards.

    points (P, 2) float64; following (P,) int64, the next point on the same closed contour; first (G + 1,),
    where each glyph's points begin; characters, faces: for each glyph its character and the index of its
    face.
    """

    points: np.ndarray
    following: np.ndarray
    first: np.ndarray
    characters: tuple[str, ...]
    faces: np.ndarray

    def __len__(self) -> int:
        return len(self.characters)

    def take(self, glyphs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, following and first of the chosen glyphs (repeats allowed), numbered afresh."""
        counts = np.diff(self.first)[glyphs]
        first = np.concatenate([[0], np.cumsum(counts)])
        shift = np.repeat(first[:-1] - self.first[glyphs], counts)
        old = np.arange(first[-1]) - shift
        return self.points[old], self.following[old] + shift, first


def font_folder() -> Path:
    """The folder of the fonts that matplotlib ships."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def read_outlines(letter: Callable[[str], object], faces: tuple[str, ...] = FACES) -> Outlines:
    """The outlines of all characters c with `letter(c)` true, in every face that contains them.

    Sorted by character, then face. A glyph without ink is left out.
    """
    found = []
    for face_index, face in enumerate(faces):
        font = _open(font_folder() / f"{face}.ttf")
        for code, glyph in font.get_charmap().items():
            if letter(chr(code)):
                font.load_glyph(glyph, _NO_HINTING)
                vertices, codes = font.get_path()
                if len(codes):
                    found.append((chr(code), face_index, vertices, codes))
    found.sort(key=lambda item: item[:2])
    characters, face_indices, vertices, codes = zip(*found, strict=True)
    sizes = np.array([len(c) for c in codes])
    points, following, first = flatten(np.concatenate(vertices), np.concatenate(codes), sizes)
    return Outlines(points, following, first, characters, np.array(face_indices))


def flatten(vertices: np.ndarray, codes: np.ndarray, sizes: np.ndarray):
    """Quadratic paths (matplotlib's codes; `sizes` vertices each) to closed polygons.

    Returns points (P, 2), following (P,) and first (glyphs + 1,), as in `Outlines`.
    """
    codes = codes.astype(np.int64)
    position = np.arange(len(codes))
    # The two vertices of a curve carry the same code: the first of each pair is the control point.
    curve = codes == CURVE3
    run_start = np.maximum.accumulate(np.where(curve, -1, position))
    control = curve & ((position - run_start) % 2 == 1)
    end = curve & ~control
    line = codes == LINETO
    made = np.select([control | (codes == CLOSEPOLY), end | line], [0, CHORDS], 1)

    source = np.repeat(position, made)
    points = vertices[source].astype(np.float64)
    # Point k of a curve or line lies at t = (k + 1) / CHORDS.
    t = (np.arange(len(source)) - np.repeat(np.cumsum(made) - made, made) + 1) / CHORDS
    on_curve, on_line = end[source], line[source]
    p2, p1, p0 = (vertices[source[on_curve] - back].astype(np.float64) for back in (0, 1, 2))
    s = t[on_curve, None]
    points[on_curve] = (1 - s) * (1 - s) * p0 + 2 * s * (1 - s) * p1 + s * s * p2
    p1, p0 = (vertices[source[on_line] - back].astype(np.float64) for back in (0, 1))
    s = t[on_line, None]
    points[on_line] = (1 - s) * p0 + s * p1

    starts = np.flatnonzero(codes[source] == MOVETO)
    ends = np.append(starts[1:], len(source)) - 1
    following = np.arange(1, len(source) + 1)
    following[ends] = starts
    per_glyph = np.add.reduceat(made, np.cumsum(sizes) - sizes)
    return points, following, np.concatenate([[0], np.cumsum(per_glyph)])


def script_of(character: str) -> str | None:
    """The script of a letter, e.g. "Latin", from its Unicode name; None for letters outside `SCRIPTS`."""
    if not unicodedata.category(character).startswith("L"):
        return None
    name = unicodedata.name(character, "")
    if "MATHEMATICAL" in name:  # styles of letters, not letters of a script
        return None
    return next((script for prefix, script in SCRIPTS.items() if name.startswith(prefix + " ")), None)


SCRIPTS = {
    "LATIN": "Latin",
    "GREEK": "Greek",
    "COPTIC": "Coptic",
    "CYRILLIC": "Cyrillic",
    "ARMENIAN": "Armenian",
    "GEORGIAN": "Georgian",
    "HEBREW": "Hebrew",
    "ARABIC": "Arabic",
    "NKO": "N'Ko",
    "LAO": "Lao",
    "CANADIAN SYLLABICS": "Canadian syllabics",
    "TIFINAGH": "Tifinagh",
    "LISU": "Lisu",
    "OGHAM": "Ogham",
    "OLD ITALIC": "Old Italic",
}

# matplotlib 3.10 turned the integer constants into an enumeration and deprecated the integers.
if hasattr(ft2font, "LoadFlags"):
    _NO_HINTING = ft2font.LoadFlags.NO_HINTING
else:
    _NO_HINTING = ft2font.LOAD_NO_HINTING  # type: ignore[attr-defined]  # the types are the newest matplotlib's


def _open(path: Path):
    # Before 3.11 FreeType works at eight times the horizontal resolution unless told otherwise.
    options: dict[str, Any] = {} if matplotlib.__version_info__ >= (3, 11) else {"hinting_factor": 1}
    font = ft2font.FT2Font(str(path), **options)
    # At 72 dots an inch, a size of units_per_EM points makes one pixel one font unit.
    font.set_size(font.units_per_EM, 72)
    return font
