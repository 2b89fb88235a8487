"""Where this kernel runs, and all that is Google's alone.

On Binder and on Colab the machine goes some time after its visitor, and every file with it; a person's own
computer and the folder that a JupyterHub keeps for them last.
"""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

COMPUTER, HUB, BINDER, COLAB = "computer", "hub", "binder", "colab"
NAMES = {HUB: "JupyterHub", BINDER: "Binder", COLAB: "Colab"}

# What each sets for its servers, and these hand on to their kernels. Binder is a JupyterHub, too.
_BINDER = ("BINDER_LAUNCH_HOST", "BINDER_REQUEST", "BINDER_SERVICE_HOST")
_HUB = ("JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_USER")


def here() -> str:
    """COLAB, BINDER, HUB, or else COMPUTER."""
    if "google.colab" in sys.modules:  # every kernel there has imported it
        return COLAB
    for place, variables in ((BINDER, _BINDER), (HUB, _HUB)):
        if any(os.environ.get(variable) for variable in variables):
            return place
    return COMPUTER


def lasts() -> bool:
    """Whether files are still here the next time."""
    return here() in (COMPUTER, HUB)


def ref(release: str) -> str:
    """Under which name the course's repository keeps a version of metalib: the tag of a release, and the
    branch on which the next one is being made ("1.1.0.dev0")."""
    return "main" if "dev" in release else f"v{release}"


def chapters_on_colab() -> str:
    """The address of the chapters' folder on Colab, of this version; "" where metalib is not installed."""
    try:
        entries = metadata("metalib").get_all("Project-URL") or []
        tag = ref(version("metalib"))
    except PackageNotFoundError:
        return ""
    urls = dict(entry.split(", ", 1) for entry in entries)
    _host, _slash, repository = urls.get("Repository", "").partition("github.com/")
    return f"https://colab.research.google.com/github/{repository}/blob/{tag}/chapters/" if repository else ""


def save_from_colab(path: Path) -> None:
    """Let the browser of somebody on Colab save a file."""
    from google.colab import files

    files.download(str(path))


def ask_on_colab() -> Mapping[str, bytes]:
    """Files that somebody on Colab chooses from their own computer: contents by name, none where none is."""
    from google.colab import files

    return files.upload()
