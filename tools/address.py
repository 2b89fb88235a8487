"""Where the course is kept: pyproject.toml's `Repository`, and what follows from it.

A release's links and its setup cell lead to its tag, `v1.0.0`: notebook and metalib fit each other for ever,
and Binder builds its image once. While a version is being made (`1.1.0.dev0`) there is no tag, and all of
them lead to the branch `main`. Either way a notebook and the metalib that it installs come from one place.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from metalib.place import ref


@dataclass(frozen=True)
class Address:
    """`place` is `owner/name` on github.com; `version` is metalib's."""

    place: str
    version: str

    @property
    def repository(self) -> str:
        return f"https://github.com/{self.place}"

    @property
    def ref(self) -> str:
        """The tag of a release; the branch on which the next one is being made."""
        return ref(self.version)

    @property
    def archive(self) -> str:
        """What pip installs metalib from."""
        kind = "tags" if self.ref == f"v{self.version}" else "heads"
        return f"{self.repository}/archive/refs/{kind}/{self.ref}.tar.gz"

    def binder(self, file: str) -> str:
        return f"https://mybinder.org/v2/gh/{self.place}/{self.ref}?labpath={quote(file, safe='')}"

    def colab(self, file: str) -> str:
        return f"https://colab.research.google.com/github/{self.place}/blob/{self.ref}/{file}"


def read(root: Path) -> Address:
    """The address in a folder's pyproject.toml.

    Raises:
        ValueError: it is not on github.com, where Binder, Colab and the archives are looked for.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    repository = project["urls"]["Repository"].removesuffix("/")
    if not (found := re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(\.git)?", repository)):
        raise ValueError(f"the launch links need a repository on github.com, not {repository!r}")
    return Address(found[1], project["version"])
