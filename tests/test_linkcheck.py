"""Every link in the texts: those within the course lead somewhere, those outside are addresses."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import linkcheck  # noqa: E402


def test_every_link_within_the_course_leads_somewhere(capsys):
    assert linkcheck.main([]) == 0, capsys.readouterr().out
    assert int(capsys.readouterr().out.split()[1]) > 500


def test_every_address_outside_is_one():
    hosts = linkcheck.outside()
    said = [
        f"{links[0]}: {fault}"
        for targets in hosts.values()
        for target, links in targets.items()
        if (fault := linkcheck.ill_formed(target))
    ]
    assert said == [] and len(hosts) > 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x](other.md)", None),
        ("[x](other.md#a-second-part)", None),
        ("[x](other.md#made)", None),
        ("[x](#here)\n\n## Here", None),
        ("`[x](code.md)`\n\n```\n[x](code.md)\n```", None),
        ("[x](missing.md)", "there is no such file"),
        ("[x](other.md#nowhere)", "the file has no such place"),
        ('<a href="missing.md">x</a>', "there is no such file"),
        ("[x][y]\n\n[y]: missing.md", "there is no such file"),
        ("[x](../outside.md)", "it leads out of the course's folder"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(text, said, tmp_path):
    course = tmp_path / "course"
    course.mkdir()
    (tmp_path / "outside.md").touch()
    (course / "other.md").write_text("# One\n\n## A second: part\n\n<span id='made'></span>", "utf-8")
    page = course / "page.md"
    page.write_text(text, "utf-8")
    found = [fault for link in linkcheck.links(page) if (fault := linkcheck.broken(link, course))]
    assert len(found) == (said is not None) and all(said in fault for fault in found)


@pytest.mark.parametrize(
    "target",
    ["http://example.org/a", "https://", "https://example", "https://example.org/a.", "https://exa mple.org",
     "ftp://example.org", "mailto:nobody"],
)  # fmt: skip
def test_what_is_no_address_is_named(target):
    assert linkcheck.ill_formed(target)
    assert linkcheck.ill_formed("https://doi.org/10.1000/xyz(1)") is None
