"""What metalib says to a learner, in the learner's language: the standard library's gettext.

    metalib.use_language("zh")      from now on in Chinese: exercises, laboratories, errors, board, plots
    metalib.use_language(None)      as the environment says (LANGUAGE, LC_ALL, LC_MESSAGES, LANG), as at first

Write `_("{count} classes").format(count=n)`: the text is looked up first and filled in afterwards, so a
translator sees one whole sentence with named gaps. `_` is called where a text is shown, never at import, when
the language may not be chosen yet; a text that stands in a module or a class is marked by `N_`. Without a
translation a text stays as it is written, in English.

A language is a folder `metalib/locale/<code>/LC_MESSAGES`. A working tree has the translators' `metalib.po`
there, which Babel reads; an installed metalib has the `metalib.mo` that the build made of it (setup.py).
"""

from __future__ import annotations

import gettext
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

DOMAIN = "metalib"
LOCALE_DIR = Path(__file__).parent / "locale"
SOURCE = "en"  # the language in which the texts are written

_language: str | None = None  # the language in use; None: the environment has not been asked yet


def languages() -> list[str]:
    """The codes of the languages there are: English, then those with a catalogue."""
    return [SOURCE, *sorted({path.parts[-3] for path in LOCALE_DIR.glob(f"*/LC_MESSAGES/{DOMAIN}.[mp]o")})]


def language() -> str:
    """The code of the language in use, e.g. "en" or "zh"."""
    global _language
    if _language is None:
        _language = _of_the_environment()
    return _language


def use_language(code: str | None) -> None:
    """Speak the language `code` ("zh"; also "zh_CN") from now on; None: the one that the environment names.

    What is on the screen already stays as it is.

    Raises:
        ValueError: there is no such language, or its catalogue cannot be read.
    """
    global _language
    if code is None:
        _language = None
        return
    known = languages()
    short = _short(str(code))
    if short not in known:
        raise ValueError(
            _("There is no language {code!r} here. There are: {known}.").format(
                code=code, known=", ".join(known)
            )
        )
    try:
        _catalogue(short)
    except ImportError as error:
        raise ValueError(
            _("In a working tree the language {code!r} needs Babel: python -m pip install babel").format(
                code=code
            )
        ) from error
    _language = short


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """A context in which metalib speaks the language `code`. Raises as `use_language`."""
    global _language
    before = _language
    use_language(code)
    try:
        yield
    finally:
        _language = before


def _(message: str) -> str:
    """The learner's language for `message`, or `message` itself."""
    return _catalogue(language()).gettext(message) if message else ""  # gettext("") is the catalogue's header


def ngettext(singular: str, plural: str, n: int) -> str:
    """`singular` or `plural` as `n` asks, in the learner's language."""
    return _catalogue(language()).ngettext(singular, plural, n)


def N_(message: str) -> str:
    """Mark `message` for translators and return it as it is; whoever shows it calls `_` on it."""
    return message


def _short(code: str) -> str:
    """The language of a locale: zh_CN.UTF-8 -> zh; C and POSIX -> en."""
    short = code.replace("-", "_").split(".")[0].split("@")[0].split("_")[0].lower()
    return SOURCE if short in ("c", "posix") else short


def _of_the_environment() -> str:
    """The first language that the environment names and that there is; English where it names none."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if named := os.environ.get(variable):
            for code in named.split(":"):
                if _short(code) in languages():
                    try:
                        _catalogue(_short(code))
                    except ImportError:
                        continue
                    return _short(code)
            break
    return SOURCE


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == SOURCE:
        return gettext.NullTranslations()
    folder = LOCALE_DIR / code / "LC_MESSAGES"
    compiled = folder / f"{DOMAIN}.mo"
    if compiled.exists():
        return gettext.GNUTranslations(io.BytesIO(compiled.read_bytes()))
    from babel.messages import mofile, pofile

    made = io.BytesIO()
    mofile.write_mo(made, pofile.read_po((folder / f"{DOMAIN}.po").open("rb"), locale=code))
    return gettext.GNUTranslations(io.BytesIO(made.getvalue()))
