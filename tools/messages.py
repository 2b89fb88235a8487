"""Extract metalib's sentences for translators: metalib/locale/metalib.pot and each language's metalib.po.

    python tools/messages.py            write what has changed (`make messages`)
    python tools/messages.py --check    write nothing; say what would change
    python tools/messages.py --new fr   begin a catalogue in another language

A catalogue keeps its translations. What is new has an empty `msgstr`; what resembles an old sentence gets its
translation, marked `fuzzy` until a translator has looked and removed the mark; what the code no longer says
goes. The files hold no dates and no line numbers, so that they change only where a sentence does.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
HEADERS = ("MIME-Version:", "Content-Type:", "Content-Transfer-Encoding:", "Language:", "Plural-Forms:")


def template(root: Path) -> Catalog:
    """The sentences that metalib says, with the files they stand in."""
    found = Catalog(project="metalib", charset="utf-8", header_comment="# The sentences of metalib.")
    found.fuzzy = False  # the header's own mark; it says nothing about any sentence
    folder = root / "metalib"
    extracted = extract_from_dir(
        folder, method_map=[("**.py", "python")], keywords=KEYWORDS, comment_tags=("Translators:",)
    )
    for file, _line, message, comments, context in sorted(extracted, key=lambda item: item[:2]):
        found.add(message, None, [(f"metalib/{Path(file).as_posix()}", 1)], (), comments, context=context)
    return found


def updated(old: bytes, language: str, sentences: Catalog) -> Catalog:
    """A language's catalogue with the sentences as they are now."""
    catalogue = read_po(io.BytesIO(old), locale=language)
    catalogue.header_comment = f"# The sentences of metalib in the language {language!r}."
    catalogue.update(sentences, update_header_comment=False)
    catalogue.fuzzy = False
    return catalogue


def text_of(catalogue: Catalog) -> bytes:
    """A catalogue as it is written to a file."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=110, ignore_obsolete=True, include_lineno=False)
    head, _, rest = buffer.getvalue().decode("utf-8").partition("\n\n")
    kept = [line for line in head.splitlines() if line[0] != '"' or line[1:].startswith(HEADERS)]
    return ("\n".join(kept) + "\n\n" + rest.rstrip() + "\n").encode("utf-8")


def wanted(root: Path) -> dict[Path, bytes]:
    """Every catalogue as it should be, the template first."""
    sentences = template(root)
    folder = root / "metalib" / "locale"
    files = {folder / "metalib.pot": text_of(sentences)}
    for path in sorted(folder.glob("*/LC_MESSAGES/metalib.po")):
        files[path] = text_of(updated(path.read_bytes(), path.parts[-3], sentences))
    return files


def missing(root: Path, language: str) -> list[str]:
    """The sentences that a language's catalogue does not translate, or that are marked `fuzzy`."""
    path = root / "metalib" / "locale" / language / "LC_MESSAGES" / "metalib.po"
    catalogue = read_po(io.BytesIO(path.read_bytes()), locale=language)
    found = []
    for message in catalogue:
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and (message.fuzzy or not all(said)):
            found.append(message.id if isinstance(message.id, str) else message.id[0])
    return found


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; say what would change")
    parser.add_argument("--new", metavar="LANGUAGE", help="begin a catalogue, e.g. fr")
    options = parser.parse_args(arguments)
    if options.new:
        path = root / "metalib" / "locale" / options.new / "LC_MESSAGES" / "metalib.po"
        if path.exists():
            parser.error(f"{path.relative_to(root)} is there already")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text_of(Catalog(locale=options.new, project="metalib", charset="utf-8")))
    files = wanted(root)
    changed = [path for path, text in files.items() if not path.exists() or path.read_bytes() != text]
    for path in changed:
        print(f"{path.relative_to(root).as_posix()}: {'out of step' if options.check else 'written'}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[path])
    for path in list(files)[1:]:
        language = path.parts[-3]
        if path.exists() and (n := len(missing(root, language))):
            print(f"{language}: {n} sentences are untranslated or fuzzy")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
