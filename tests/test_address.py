"""One address: `make links` stamps it everywhere, and a fork changes one line."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import address  # noqa: E402
import links  # noqa: E402

NOW = address.Address("owner/repo", "1.2.0")
# A picture, a style or a script from another host, in Markdown or HTML.
OUTSIDE = re.compile(
    r"!\[[^\]]*\]\(\s*https?:|<(?:img|script|link|iframe)\b[^>]*?\b(?:src|href)=\\?[\"']https?:"
)


def test_all_links_of_the_course_are_in_step():
    assert [str(file) for file in links.differences(ROOT)] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("see https://github.com/old/place.", "see https://github.com/owner/repo."),
        ("git clone https://github.com/old/place.git", "git clone https://github.com/owner/repo.git"),
        (
            "[x](https://mybinder.org/v2/gh/old/place/HEAD?a)",
            "[x](https://mybinder.org/v2/gh/owner/repo/v1.2.0?a)",
        ),
        (
            "https://colab.research.google.com/github/old/place/blob/main/chapters/a.ipynb",
            "https://colab.research.google.com/github/owner/repo/blob/v1.2.0/chapters/a.ipynb",
        ),
        (
            "pip install https://github.com/old/place/archive/refs/heads/main.tar.gz",
            "pip install https://github.com/owner/repo/archive/refs/tags/v1.2.0.tar.gz",
        ),
        (
            "git-pull?repo=https%3A%2F%2Fgithub.com%2Fold%2Fplace&",
            "git-pull?repo=https%3A%2F%2Fgithub.com%2Fowner%2Frepo&",
        ),
    ],
)
def test_every_kind_of_link_follows(before, after):
    assert links.stamped(before, "old/place", NOW) == after
    assert links.stamped(after, "owner/repo", NOW) == after, "once is enough"


@pytest.mark.parametrize(
    "other", ["https://github.com/old/places", "threshold/place", "https://mybinder.org/v2/gh/x/y/HEAD"]
)
def test_links_to_others_stay(other):
    assert links.stamped(other, "old/place", NOW) == other


@pytest.mark.slow
def test_a_fork_changes_one_line(tmp_path, capsys):
    """In a copy of the whole course: afterwards the old address is nowhere, and no output is lost."""
    fork = tmp_path / "fork"
    hidden = {entry.name for entry in ROOT.iterdir() if entry.name.startswith(".")} - {".github"}
    shutil.copytree(ROOT, fork, ignore=shutil.ignore_patterns("__pycache__", *hidden))
    old = address.read(ROOT).place
    project = fork / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace(old, "somebody/else"), "utf-8")
    assert fork / "README.md" in links.differences(fork)
    assert links.main([], fork) == 0
    assert "outputs kept" in (said := capsys.readouterr().out) and "no outputs" not in said
    assert links.main(["--check"], fork) == 0, capsys.readouterr().out
    for sign in ("/", "%2F"):
        left = old.replace("/", sign).encode()
        found = [file for file in fork.rglob("*") if file.is_file() and left in file.read_bytes()]
        assert [file.relative_to(fork).as_posix() for file in found if file.name != "CHANGELOG.md"] == []
    setup = json.loads((fork / "chapters" / "03_maml.ipynb").read_text("utf-8"))["cells"][1]
    assert "https://github.com/somebody/else/archive/" in "".join(setup["source"])


def test_opening_a_chapter_or_the_readme_fetches_no_picture():
    """A badge from another host would tell it who reads what."""
    texts = [ROOT / "README.md", *(ROOT / "chapters").rglob("*.md"), *(ROOT / "chapters").rglob("*.ipynb")]
    assert len(texts) > 30
    for file in texts:
        assert not OUTSIDE.search(file.read_text("utf-8")), file
