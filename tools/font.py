"""Make the font for what pictures say in Chinese: metalib/fonts/NotoSansSC-subset.otf, at most 300 KB.

    apt-get install fonts-noto-cjk          (Debian, Ubuntu), or download NotoSansCJK-Regular.ttc 2.004 from
                                            https://github.com/notofonts/noto-cjk/releases
    python tools/font.py                    [NotoSansCJK-Regular.ttc]
    python tools/font.py --check            write nothing; say which characters are missing

It is a subset of Noto Sans CJK SC, Regular, without hints. What a picture can say comes first: the Chinese
catalogue of metalib's sentences, and the strings and comments in the cells of Chinese chapters. The prose of
chapters and exercises follows, its commonest characters first, as far as there is room: a learner may label a
picture of their own. What DejaVu Sans has is left to DejaVu Sans.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter
from pathlib import Path

from babel.messages.pofile import read_po
from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont
from matplotlib import get_data_path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))
from sources import ChapterError, read_all  # noqa: E402

SOURCE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
FACE = "Noto Sans CJK SC"
FAMILY = "Noto Sans SC metalib"  # a name of its own: a machine may have all of Noto Sans SC
FONT = Path("metalib", "fonts", "NotoSansSC-subset.otf")
LIMIT = 300_000  # bytes
ROOM = 1320  # characters that fit into it, at about 220 bytes each


def required(root: Path) -> set[str]:
    """The characters that metalib and the cells of the chapters can put into a picture."""
    texts = []
    for path in (root / "metalib" / "locale").glob("zh/LC_MESSAGES/*.po"):
        for message in read_po(io.BytesIO(path.read_bytes()), locale="zh"):
            if message.id:
                texts += [message.string] if isinstance(message.string, str) else message.string
    for chapter in read_all(root):
        if chapter.language == "zh":
            texts += [cell.source for cell in chapter.cells if cell.cell_type == "code"]
            texts += [chapter.header["title"]]
    return needs_a_font("".join(texts))


def welcome(root: Path) -> list[str]:
    """The other characters of the Chinese chapters and exercises, the commonest first."""
    folders = (root / "chapters" / "source" / "zh", root / "metalib" / "exercises" / "content" / "zh")
    text = "".join(path.read_text("utf-8") for folder in folders for path in sorted(folder.glob("*.md")))
    wanted = needs_a_font(text) - required(root)
    counts = Counter(character for character in text if character in wanted)
    return sorted(counts, key=lambda character: (-counts[character], character))


def needs_a_font(text: str) -> set[str]:
    """The characters of `text` that DejaVu Sans cannot draw."""
    dejavu = characters(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    return {character for character in text if not character.isspace()} - dejavu


def characters(font: Path) -> set[str]:
    """What a font can draw."""
    with TTFont(font, lazy=True) as file:
        return {chr(code) for code in file.getBestCmap() or ()}


def make(source: Path, wanted: set[str]) -> tuple[bytes, set[str]]:
    """A font with the wanted characters, and those that the source has not."""
    faces = [face for face in TTCollection(source).fonts if face["name"].getDebugName(1) == FACE]
    if not faces:
        raise ChapterError(f"{source} has no face {FACE!r}.")
    font, options = faces[0], subset.Options()
    options.hinting, options.layout_features, options.notdef_outline = False, [], True
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, wanted))
    missing = wanted - {chr(code) for code in font.getBestCmap()}
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 4):
            record.string = FAMILY
    font["CFF "].cff.topDictIndex[0].FamilyName = FAMILY
    font.recalcTimestamp = False  # the same characters give the same file
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue(), missing


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", nargs="?", type=Path, default=SOURCE, help=f"default: {SOURCE}")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; say which characters are missing"
    )
    options = parser.parse_args(arguments)
    needed = required(root)
    if options.check:
        missing = needed - characters(root / FONT)
        print(f"missing: {''.join(sorted(missing))}" if missing else "Every character is there.")
        return 1 if missing else 0
    if not options.source.exists():
        parser.error(f"there is no {options.source}; the top of tools/font.py says where to get it")
    others = welcome(root)
    font, missing = make(options.source, needed | set(others[: max(0, ROOM - len(needed))]))
    if missing & needed:
        print(f"{FACE} does not have {''.join(sorted(missing & needed))} either.", file=sys.stderr)
        return 1
    if len(font) > LIMIT:
        print(f"The font would have {len(font)} bytes; the limit is {LIMIT}.", file=sys.stderr)
        return 1
    (root / FONT).parent.mkdir(parents=True, exist_ok=True)
    (root / FONT).write_bytes(font)
    print(f"{FONT.as_posix()}: {len(characters(root / FONT))} characters, {len(font)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
