"""Where the links in the texts lead: to files and anchors of the course that are there, or to other hosts.

    python tools/linkcheck.py              links within the course: no network, and the tests do it too
    python tools/linkcheck.py --outside    ask the other hosts whether their addresses answer

Texts are README, CONTRIBUTING, CHANGELOG, the pages in chapters/ and deploy/, the Markdown of all notebooks
and what exercises say. `tools/links.py` is another thing: it stamps the course's own address into its links.
"""

import argparse
import http.client
import re
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import address
import nbformat
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "chapters/*.md", "chapters/teaching/*.md", "deploy/**/*.md")
NOTEBOOKS = ("chapters/*.ipynb", "chapters/*/*.ipynb")
CONTENT = ("metalib/exercises/content/*/*.md",)  # links of these stand in notebooks
HREF = re.compile(r"""<a\b[^>]*?\bhref=["']([^"']+)["']""")
ANCHOR = re.compile(r"""<[a-z]+\b[^>]*?\b(?:id|name)=["']([^"']+)["']""")
SECONDS = 20.0
AGENT = "Mozilla/5.0 (a check of links, once a week)"
REFUSED = {401, 403, 405, 406, 418, 429, 503}  # of programs, by hosts that people can read


@dataclass(frozen=True)
class Link:
    """A link as it stands in a text: the file it is in, and where it leads."""

    file: Path
    target: str

    def __str__(self) -> str:
        file = self.file.relative_to(ROOT) if self.file.is_relative_to(ROOT) else self.file
        return f"{file.as_posix()}: {self.target}"


@cache
def markdown(file: Path) -> str:
    """The Markdown of a page, or of all of a notebook's text cells."""
    if file.suffix != ".ipynb":
        return file.read_text(encoding="utf-8")
    cells = nbformat.read(file, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def files(root: Path, patterns: Iterable[str] = (*PAGES, *NOTEBOOKS, *CONTENT)) -> list[Path]:
    return sorted({path for pattern in patterns for path in root.glob(pattern)})


@cache
def _tokens(file: Path) -> list:
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown(file))


def links(file: Path) -> list[Link]:
    """Every link in a text, those in HTML included; what stands in code is none."""
    found = []
    for token in _tokens(file):
        for part in (token, *(token.children or ())):
            if part.type == "link_open":
                found.append(str(part.attrGet("href")))
            elif part.type in ("html_block", "html_inline"):
                found += HREF.findall(part.content)
    return [Link(file, target) for target in found]


@cache
def anchors(file: Path) -> set[str]:
    """What a link may name in a file behind `#`: headings as GitHub and JupyterLab name them, and ids."""
    tokens, made = _tokens(file), set(ANCHOR.findall(markdown(file)))
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open":
            text = "".join(
                part.content for part in inline.children or () if part.type in ("text", "code_inline")
            )
            made.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))  # GitHub
            made.add(text.replace(" ", "-"))  # JupyterLab
    return made


def is_outside(target: str) -> bool:
    return bool(urlsplit(target).scheme)


def broken(link: Link, root: Path = ROOT) -> str | None:
    """What is wrong with a link within the course."""
    path, _sign, anchor = link.target.partition("#")
    to = (link.file.parent / unquote(path)).resolve() if path else link.file
    if not to.exists():
        return f"{link}: there is no such file"
    if not to.is_relative_to(root.resolve()):
        return f"{link}: it leads out of the course's folder"
    if anchor and to.suffix in (".md", ".ipynb") and unquote(anchor) not in anchors(to):
        return f"{link}: the file has no such place"
    return None


def ill_formed(target: str) -> str | None:
    """What is wrong with an address outside, as far as its letters tell."""
    parts = urlsplit(target)
    if parts.scheme == "mailto":
        return None if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", parts.path) else "no address of mail"
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
        return f"{parts.scheme}, not https"
    if not re.fullmatch(
        r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}|localhost|127\.0\.0\.1", parts.hostname or ""
    ):
        return f"no host: {parts.hostname!r}"
    if re.search(r"[\s<>\"{}|\\^`]|[.,;:]$", target):
        return "a sign that does not belong in an address"
    return None


def outside(root: Path = ROOT) -> dict[str, dict[str, list[Link]]]:
    """All addresses outside by host, with the links that lead there; without the course's own, which are
    stamped."""
    own = (address.read(root).place, address.read(root).place.replace("/", "%2F"))
    found: dict[str, dict[str, list[Link]]] = defaultdict(lambda: defaultdict(list))
    for file in files(root):
        for link in links(file):
            parts = urlsplit(link.target)
            local = parts.hostname in (None, "localhost", "127.0.0.1")
            if not local and not any(place in link.target for place in own):
                found[str(parts.hostname)][link.target.partition("#")[0]].append(link)
    return {host: dict(found[host]) for host in sorted(found)}


def ask(target: str) -> str:
    """What a host says of an address: "answers", "refuses programs (403)", or what is wrong."""
    request = urllib.request.Request(target, headers={"User-Agent": AGENT, "Accept": "*/*"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return "answers" if answer.status < 400 else f"says {answer.status}"
    except urllib.error.HTTPError as error:
        return f"refuses programs ({error.code})" if error.code in REFUSED else f"says {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"no answer ({getattr(error, 'reason', error)})"


def _report(root: Path) -> Iterator[tuple[str, bool]]:
    """A line for each host and for each address that does not answer, and whether it is a fault. Hosts are
    asked side by side, the addresses of one host one after another."""
    hosts = outside(root)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda targets: {target: ask(target) for target in targets}, hosts.values())
        for (host, targets), said in zip(hosts.items(), answers, strict=True):
            good = sum(answer == "answers" for answer in said.values())
            yield f"{host}: {good} of {len(said)} answer", False
            for target, answer in said.items():
                if answer != "answers":
                    where = ", ".join(sorted({link.file.name for link in targets[target]}))
                    yield f"    {target} {answer} (in {where})", not answer.startswith("refuses")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--outside", action="store_true", help="ask the other hosts, over the network")
    options = parser.parse_args(arguments)
    if options.outside:
        faults = 0
        for line, is_fault in _report(root):
            print(line, flush=True)
            faults += is_fault
        print(
            f"{faults} addresses do not answer."
            if faults
            else "Every address answers, or refuses programs only."
        )
        return 1 if faults else 0
    within = [
        link
        for file in files(root, (*PAGES, *NOTEBOOKS))
        for link in links(file)
        if not is_outside(link.target)
    ]
    said = [reason for link in within if (reason := broken(link, root))]
    print("\n".join(said) or f"All {len(within)} links within the course lead somewhere.")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
