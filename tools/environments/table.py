"""Which environments there are: one line each says all that sets it apart from the others.

CONTRIBUTING.md ("How an environment is added") shows how one is added.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from environments.commands import ROOT, lines_of
from environments.folder import Folder
from environments.learn2learn import install_learn2learn
from environments.notebooks import name_kernel
from environments.proxy import install_proxy
from environments.torch_build import torch_requirement

# The Pythons that the course's lock is made for: from the oldest, which the code needs, to the newest that
# all of its packages have a build for.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# What builds metalib (pyproject.toml's build-system), for an installation without build isolation.
BUILD = ("babel>=2.12", "setuptools>=77")
METALIB = ("torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "safetensors", "tqdm", "PIL", "metalib")


class Environment(NamedTuple):
    """One environment.

    `asks` is what goes into it, as pip writes it: "." stands for what metalib needs, ".[course]" for that and
    an extra of pyproject.toml. The lock has the exact versions of all that follows from it.
    """

    name: str
    folder: str
    lock: str
    target: str  # `make TARGET` sets it up and uses it
    asks: tuple
    imports: tuple = METALIB  # what must be importable at the end
    metalib: bool = True  # metalib from this folder, as an editable installation
    dependencies: bool = True  # False: each line of the lock alone, where one asks for what does not fit
    pythons: tuple = PYTHONS  # those that all packages of the lock have a build for
    later: tuple = ()  # beginnings of lines of the lock that a step installs
    agrees: bool = True  # what requirements.lock names too has the same version
    steps: tuple = ()  # called in turn with (environment, its Folder), after everything is installed

    @property
    def home(self) -> Folder:
        return Folder(ROOT / self.folder)

    @property
    def lock_file(self) -> Path:
        return ROOT / self.lock


COLAB = ROOT / ".github" / "colab.txt"
CONDA = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}
"""conda-forge's names where they differ from pip's."""


def conda_asks(file: Path = ROOT / "environment.yml") -> tuple:
    """What environment.yml asks for, as pip writes it; Python itself and pip are there already."""
    lines = re.findall(r"^ +- ([\w-]+)(.*)$", file.read_text("utf-8"), re.MULTILINE)
    return tuple(CONDA.get(name, name) + bound.strip() for name, bound in lines if bound and name != "python")


COURSE = "course"
_ALL = (
    Environment(
        name=COURSE,
        folder=".venv",
        lock="requirements.lock",
        target="lab",
        asks=(".[course,test]",),
    ),
    Environment(  # the other tools of chapter 11
        name="peers",
        folder=".peers",
        lock="requirements-peers.lock",
        target="peers",
        asks=(
            ".",
            "pytest",
            "ipykernel",
            # With what they need; exact where another version does not do.
            "cython>=3",
            "higher==0.2.1",
            "jax==0.10.2",  # the last for Python 3.11
            'learn2learn==0.2.0 ; python_version < "3.12"',
            'tensorflow==2.21.0 ; sys_platform == "darwin"',
            'tensorflow-cpu==2.21.0 ; sys_platform != "darwin"',
            "torchopt==0.7.3",
            "wheel>=0.43",
        ),
        pythons=PYTHONS[:-1],  # tensorflow and h5py come late
        dependencies=False,  # some ask for an old torch
        later=("learn2learn",),
        steps=(name_kernel, install_learn2learn),
    ),
    Environment(  # a student's server, and a hub to try it on
        name="hub",
        folder=".hub",
        lock="requirements-hub.lock",
        target="hub",
        asks=(
            ".[course]",
            "jupyterhub>=5.4,<6",  # the line that Zero to JupyterHub's chart has
            "nbgitpuller>=1.3",
        ),
        imports=(*METALIB, "jupyterhub", "nbgitpuller"),
        steps=(install_proxy,),
    ),
    Environment(  # Colab's twin: metalib comes later, as it does on Colab
        name="colab",
        folder=".twin-colab",
        lock="requirements-colab.lock",
        target="twins",
        asks=(
            ".",
            *(line for line in lines_of(COLAB) if not line.startswith("torch")),
            torch_requirement(ROOT / "requirements.lock"),  # linked, where Colab's would have to be fetched
            "gymnasium>=1.0",
            "ipykernel==6.17.1",
            "notebook==6.5.*",  # the classic one
            "traitlets==5.7.1",
        ),
        imports=METALIB[:-1],
        metalib=False,
        pythons=PYTHONS[:-1],  # Colab's is older than the newest
        agrees=False,
    ),
    Environment(  # Binder's twin: what conda-forge brings there comes from pip
        name="binder",
        folder=".twin-binder",
        lock="requirements-binder.lock",
        target="twins",
        asks=conda_asks(),
        imports=METALIB[:-1],
        metalib=False,  # postBuild installs it
    ),
    Environment(  # slides with live laboratories, and handouts
        name="lecture",
        folder=".lecture",
        lock="requirements-lecture.lock",
        target="lecture",
        asks=(
            ".[course]",
            "fonttools>=4.50",
            "jupytext>=1.16",
            "math-core>=0.9",
            "nbconvert>=7.16",
            "playwright>=1.44",
            "pybtex>=0.25",
            "pytest>=8",
            "pyyaml>=6",
            "voila>=0.5.8",
            "ziamath>=0.12",  # only for the mathematical font that it brings
        ),
        imports=(*METALIB, "math_core", "playwright", "voila"),
    ),
    Environment(  # nbgrader, which marks a class's exercises
        name="grading",
        folder=".grading",
        lock="requirements-grading.lock",
        target="grading",
        asks=(".", "nbgrader>=0.9.6", "pytest"),
        imports=(*METALIB, "nbgrader"),
    ),
    Environment(  # the web site of the course
        name="site",
        folder=".site",
        lock="requirements-site.lock",
        target="site",
        asks=(
            ".",
            "beautifulsoup4>=4.12",
            "fonttools[woff]>=4.50",
            "jupytext>=1.16",
            "math-core>=0.9",
            "myst-nb>=1.3",
            "nbconvert>=7.16",
            "pybtex>=0.25",
            "pyenchant>=3.3",  # spelling; on Linux with Enchant and its dictionary from the system
            "sphinx>=8",
            "sphinx-book-theme>=1.1",
            "sphinx-copybutton>=0.5",
            "ziamath>=0.12",  # only for the mathematical font that it brings
        ),
        imports=(*METALIB, "math_core", "myst_nb", "sphinx_book_theme"),
    ),
    Environment(  # what metalib needs, and nothing else: a release is installed here
        name="release",
        folder=".release",
        lock="requirements-release.lock",
        target="release",
        asks=(".",),
        imports=METALIB[:-1],
        metalib=False,
    ),
)
ENVIRONMENTS = {environment.name: environment for environment in _ALL}
