"""Consoles and files that hold fewer signs than metalib has to say."""

import codecs
import sys

from metalib.i18n import language, use_language


def speak_plainly() -> None:
    """Say everything in what the console or the file can hold: an old code page knows neither arrows nor
    Chinese, and must not turn a message into another fault."""
    codecs.register_error("metalib.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if not hasattr(stream, "reconfigure"):
            continue
        stream.reconfigure(errors="metalib.plain")
        if language() == "zh":
            try:
                "学习".encode(encoding)
            except UnicodeEncodeError:
                use_language("en")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Signs that an encoding does not have, in those that every one has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_SIGNS.get(sign, "?") for sign in signs), error.end


_SIGNS = {
    **{"→": "->", "←": "<-", "±": "+/-", "×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "·": "*"},
    **{"≤": "<=", "≥": ">=", "°": " degrees", "α": "alpha", "β": "beta", "θ": "theta", "φ": "phi"},
    **{"“": '"', "”": '"', "‘": "'", "’": "'", "′": "'", "│": "|", "✓": "+", "◐": "o", "○": "."},
    **dict.fromkeys("█▉▊▋▌▍▎▏", "#"),  # a progress bar
}
