"""Set the formulas of a page without a network: LaTeX becomes MathML, which browsers draw by themselves.

MathML wants a font with the measures of mathematics; STIX Two Math is one, free to be embedded.
"""

from __future__ import annotations

import base64
import io
import re
from importlib.resources import files

from bs4 import BeautifulSoup
from fontTools import subset
from fontTools.ttLib import TTFont
from math_core import LatexToMathML
from nbconvert.filters import markdown2html

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(?!\s)([^$]+?)(?<!\s)\$", re.DOTALL)
LITERAL = {"code", "pre", "script", "style", "math", "textarea"}
_SETTER = LatexToMathML()


def font_file() -> bytes:
    """STIX Two Math, whole."""
    return (files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf").read_bytes()


def font_for(html: str) -> str:
    """The part of the font that a page's formulas need, as a `data:` address."""
    return "data:font/woff;base64," + base64.b64encode(font_of(letters(html))).decode()


def letters(html: str) -> str:
    """The signs that the formulas of a page are made of."""
    return "".join(math.get_text() for math in BeautifulSoup(html, "html.parser").find_all("math"))


def font_of(signs: str, flavor: str = "woff") -> bytes:
    """The part of the font that formulas made of these signs need, as a file."""
    font = TTFont(io.BytesIO(font_file()))
    options = subset.Options(layout_features=["*"], notdef_outline=True)
    parts = subset.Subsetter(options)
    # A browser draws a letter of mathematics as its slanted self from the block of mathematical letters.
    slanted = [*range(0x1D400, 0x1D7CC)]
    parts.populate(text=signs, unicodes=slanted)
    parts.subset(font)
    font.flavor = flavor
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()


def from_markdown(text: str) -> str:
    """Markdown as HTML, with its formulas set."""
    return set_formulas(markdown2html(text))


def set_formulas(html: str) -> str:
    """HTML with every `$…$` and `$$…$$` of its text as MathML; code is left alone.

    Raises:
        math_core.LatexError: a formula that is not understood, with the place in it.
    """
    soup = BeautifulSoup(html, "html.parser")
    for text in soup.find_all(string=lambda text: "$" in text):
        if not LITERAL & {parent.name for parent in text.parents}:
            pieces = FORMULA.sub(_math, _escaped(str(text)))
            text.replace_with(BeautifulSoup(pieces, "html.parser"))
    return str(soup)


def mathml(latex: str, display: bool = False) -> str:
    """One formula; `display` sets it as on a line of its own.

    Raises:
        math_core.LatexError: it is not understood, with the place in it.
    """
    return _SETTER.convert_with_local_state(latex.strip(), displaystyle=display)


def _math(found: re.Match) -> str:
    latex = (found[1] or found[2]).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return mathml(latex, display=bool(found[1]))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
