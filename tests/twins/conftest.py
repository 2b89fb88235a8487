"""The two twins, and metalib as it reaches them."""

from pathlib import Path

import pytest
from twin import ROOT, Twin, pack


@pytest.fixture(scope="session")
def colab() -> Twin:
    """Colab's versions of what matters, without metalib."""
    return Twin(ROOT / ".twin-colab")


@pytest.fixture(scope="session")
def binder() -> Twin:
    """What environment.yml asks for; metalib comes with postBuild."""
    return Twin(ROOT / ".twin-binder")


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Path:
    """The working tree, packed."""
    return pack(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def wheel(colab, archive) -> Path:
    """What Colab's pip makes of the archive before it installs it."""
    colab.run("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", archive.parent, archive)
    (made,) = archive.parent.glob("*.whl")
    return made
