"""Translations of what metalib says to a learner, by the standard library's gettext.

Write `_("{count} classes").format(count=n)`: the text is looked up first and filled in afterwards, so a
translator sees one whole sentence with named gaps. Catalogues live in
`metalib/locale/<language>/LC_MESSAGES/metalib.mo`; gettext chooses among them by the environment (LANGUAGE,
LC_ALL, LC_MESSAGES, LANG). Without a catalogue the text stays as it is written.
"""

import gettext
from functools import cache
from pathlib import Path

DOMAIN = "metalib"
LOCALE_DIR = Path(__file__).parent / "locale"


@cache
def _catalogue() -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALE_DIR, fallback=True)


def _(message: str) -> str:
    """The learner's language for `message`, or `message` itself."""
    return _catalogue().gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """`singular` or `plural` as `n` asks, in the learner's language."""
    return _catalogue().ngettext(singular, plural, n)


def N_(message: str) -> str:
    """Mark `message` for translators and return it as it is: for texts that stand in a module or a class.

    Nothing is translated at import, when the learner's language may not be chosen yet; whoever shows the text
    calls `_` on it.
    """
    return message
