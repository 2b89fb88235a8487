"""What must be true of the built site, wherever it lies: its links lead somewhere, nothing comes from another
host, each picture has a text alternative, and it is not too large."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

LARGEST = 40_000_000  # bytes
LOADS = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "video": "src"}


def faults(site: Path) -> list[str]:
    """A line for each thing that is wrong with a built site."""
    read.cache_clear()
    anchors.cache_clear()
    site = site.resolve()
    found = [line for file in sorted(site.rglob("*.html")) for line in faults_of(file, site)]
    if (size := size_of(site)) > LARGEST:
        found.append(f"The site has {size / 1e6:.1f} MB; at most {LARGEST / 1e6:.0f} MB are allowed.")
    return found


def faults_of(file: Path, site: Path) -> Iterator[str]:
    page, name = read(file), file.relative_to(site).as_posix()
    for link in page.find_all(["a", "area"], href=True):
        if why := broken(link["href"], file, site):
            yield f"{name}: {link['href']}: {why}"
    for tag, attribute in LOADS.items():
        for part in page.find_all(tag, attrs={attribute: True}):
            if urlsplit(part[attribute]).netloc:
                yield f"{name}: it loads {part[attribute]} from another host"
            elif why := broken(part[attribute], file, site):
                yield f"{name}: {part[attribute]}: {why}"
    for picture in page.find_all("img"):
        if not picture.get("alt", "").strip():
            yield f"{name}: the picture {picture.get('src')} has no text alternative"


def broken(target: str, file: Path, site: Path) -> str | None:
    """What is wrong with a link of a page; None for what leads somewhere, or to another host."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/"):
        return "it leads to the top of the host, and the site may lie in a folder of it"
    to = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not to.is_relative_to(site):
        return "it leads out of the site"
    if not to.is_file():
        return "there is no such file"
    if parts.fragment and to.suffix == ".html" and unquote(parts.fragment) not in anchors(to):
        return "the page has no such place"
    return None


@cache
def read(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text("utf-8"), "html.parser")


@cache
def anchors(file: Path) -> set[str]:
    """What a link may name in a page behind `#`; nothing is the top."""
    return {"", *(tag["id"] for tag in read(file).find_all(id=True))} | {
        tag["name"] for tag in read(file).find_all("a", attrs={"name": True})
    }


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def report(site: Path) -> str:
    """How large a site is, in words."""
    return f"{len(list(site.rglob('*.html')))} pages, {size_of(site) / 1e6:.1f} MB"
