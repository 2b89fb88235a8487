"""A page of the site: which notebook it is made of, and where it lies."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from address import Address

NOTEBOOKS = ("chapters/*.ipynb", "chapters/*/*.ipynb")


@dataclass(frozen=True)
class Page:
    """`path` is the notebook's below chapters/, and the page's below the site's top, without suffix."""

    path: str  # "03_maml", "zh/03_maml"

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def language(self) -> str:
        return self.path.rpartition("/")[0] or "en"

    @property
    def root(self) -> str:
        """The way from the page to the site's top: "" or "../"."""
        return "../" * self.path.count("/")

    @property
    def file(self) -> str:
        """The notebook, seen from the repository's root."""
        return f"chapters/{self.path}.ipynb"


def pages(root: Path) -> list[Page]:
    """Every page that is made of a notebook of the course, in order; English first. A reader's own
    copies, and what JupyterLab keeps of a notebook, have no source."""
    found = (file for pattern in NOTEBOOKS for file in root.glob(pattern))
    paths = (file.relative_to(root / "chapters").with_suffix("").as_posix() for file in found)
    paths = (path for path in paths if (root / "chapters" / "source" / f"{path}.md").exists())
    return [Page(path) for path in sorted(paths, key=lambda path: (path.count("/"), path))]


def target(link: str, page: Page, home: Address) -> str:
    """Where a link of a notebook leads from its page: to another page, to another host as it is, and for any
    other file of the course to its repository."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return link
    if parts.path.endswith(".ipynb"):
        return re.sub(r"\.ipynb$", ".html", parts.path) + (f"#{parts.fragment}" if parts.fragment else "")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(page.file), parts.path))
    return f"{home.repository}/blob/{home.ref}/{file}" + (f"#{parts.fragment}" if parts.fragment else "")
