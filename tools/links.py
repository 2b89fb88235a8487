"""Stamp the course's address into every link to it: `make links`, after `Repository` or `version` changed.

    python tools/links.py            write what differs: README, notebooks, whatever else names the address
    python tools/links.py --check    write nothing; say what differs

pyproject.toml has the address; where README.md's first Binder link leads is the one before it. Launch links
and the archive that Colab installs metalib from lead to the version's tag (tools/address.py says why).
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import address
from sources import ChapterError

import chapters

ROOT = Path(__file__).resolve().parents[1]
TEXT = {".cff", ".html", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}
# What is built from the sources; the history; and the one place.
NOT_HERE = {".ipynb", "CHANGELOG.md", "pyproject.toml"}


def files(root: Path) -> list[Path]:
    """The text files in which the address may stand: those of git, or of an unpacked archive."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8")
    found = [root / name for name in answer.stdout.split("\0") if name]
    if answer.returncode != 0:
        found = [file for file in root.rglob("*") if not file.relative_to(root).parts[0].startswith(".")]
    return sorted(
        file
        for file in found
        if file.is_file() and file.suffix in TEXT and not {file.suffix, file.name} & NOT_HERE
    )


def place_before(root: Path) -> str:
    """The address, `owner/name`, that the links have now.

    Raises:
        ValueError: README.md has no link to Binder.
    """
    readme = (root / "README.md").read_text("utf-8")
    if not (found := re.search(r"mybinder\.org/v2/gh/([\w.-]+/[\w.-]+)/", readme)):
        raise ValueError("README.md has no link to Binder, so the address that the links have is not known")
    return found[1]


def stamped(text: str, before: str, now: address.Address) -> str:
    """A text whose links lead to the address, and its launch links to the version's tag."""
    for sign in ("/", "%2F"):  # as it is, and within another address
        old, new = before.replace("/", sign), now.place.replace("/", sign)
        text = re.sub(rf"(?:(?<=%2F)|(?<![\w.-])){re.escape(old)}(?![\w-])", new, text)
    place = re.escape(now.place)
    text = re.sub(rf"(mybinder\.org/v2/gh/{place}/)[\w.%-]+", rf"\g<1>{now.ref}", text)
    text = re.sub(rf"(research\.google\.com/github/{place}/blob/)[\w.-]+", rf"\g<1>{now.ref}", text)
    return re.sub(
        rf"https://github\.com/{place}/archive/refs/(heads|tags)/[\w.-]+\.tar\.gz", now.archive, text
    )


def differences(root: Path) -> dict[Path, str]:
    """The files whose links are out of step, and what they should be."""
    before, now = place_before(root), address.read(root)
    texts = {file: file.read_text("utf-8") for file in files(root)}
    wanted = {file: stamped(text, before, now) for file, text in texts.items()}
    return {file: text for file, text in wanted.items() if text != texts[file]}


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs")
    options = parser.parse_args(arguments)
    try:
        found = differences(root)
        if options.check:
            said = [f"{file.relative_to(root).as_posix()} leads elsewhere" for file in found]
            said += chapters.check(root)
            print("\n".join(f"{line}: run `make links`" for line in said) or "All links are in step.")
            return 1 if said else 0
        # README.md last: until then it says which address to look for, should this be interrupted.
        readme = found.pop(root / "README.md", None)
        for file, text in found.items():
            chapters.write(file, text)
        chapters.make(root, [], run=False)
        if readme is not None:
            chapters.write(root / "README.md", readme)
        return 0
    except (ChapterError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
