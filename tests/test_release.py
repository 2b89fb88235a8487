"""A release: wheel and source archive, tried where only what metalib needs is installed (`make release`)."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import metalib
from metalib import i18n

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHON = ROOT / ".release" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
MOST_BYTES = 10_000_000
installed = pytest.mark.skipif(not PYTHON.exists(), reason="there is no .release: make release")


def build(kind, folder, where):
    """The archive that setuptools makes of a folder."""
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(where)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    (made,) = where.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The wheel of the tree, the source archive, and the wheel that is made of that."""
    tmp_path = tmp_path_factory.mktemp("release")
    tree, places = tmp_path / "tree", [tmp_path / name for name in ("one", "source", "two")]
    for place in places:
        place.mkdir()
    names = ("pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE", "LICENSE-text", "README.md")
    shutil.copytree(ROOT / "metalib", tree / "metalib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in names:
        shutil.copy(ROOT / name, tree)
    source = build("sdist", tree, places[1])
    shutil.unpack_archive(source, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    return build("wheel", tree, places[0]), source, build("wheel", unpacked, places[2])


@pytest.fixture(scope="module")
def run(archives, tmp_path_factory):
    """Run a command with the Python in which nothing but the wheel and its needs is installed."""
    outside = tmp_path_factory.mktemp("outside")
    variables = {**os.environ, "LANGUAGE": "en", "METALIB_PROGRESS": str(outside / "progress")}
    variables.pop("PYTHONPATH", None)

    def command(*arguments):
        words = [str(PYTHON), *map(str, arguments)]
        done = subprocess.run(words, cwd=outside, env=variables, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    pip = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall")
    command(*pip, archives[0])
    return command


@pytest.mark.slow
def test_the_wheel_holds_everything_and_is_small(archives):
    wheel, source, _again = archives
    print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB, source {source.stat().st_size / 1e6:.1f} MB")
    assert max(wheel.stat().st_size, source.stat().st_size) < MOST_BYTES
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "metalib").rglob("*") if path.is_file()}
    wanted = {name for name in here if not name.endswith((".po", ".pot", ".pyc"))}
    wanted |= {name.removesuffix("po") + "mo" for name in here if name.endswith(".po")}
    with zipfile.ZipFile(wheel) as archive:
        assert wanted <= set(archive.namelist()), sorted(wanted - set(archive.namelist()))


@pytest.mark.slow
def test_the_source_archive_makes_the_same_wheel(archives):
    contents = []
    for wheel in (archives[0], archives[2]):
        with zipfile.ZipFile(wheel) as archive:
            contents.append(
                {i.filename: i.CRC for i in archive.infolist() if not i.filename.endswith("RECORD")}
            )
    assert contents[0] == contents[1]


@installed
def test_it_comes_from_the_wheel_and_knows_its_version(run):
    said = run("-c", "import metalib; print(metalib.__version__, metalib.__file__)").split(" ", 1)
    assert said[0] == PROJECT["version"] and Path(said[1].strip()).is_relative_to(ROOT / ".release")


@installed
def test_the_doctor_is_content_where_there_is_no_jupyterlab(run):
    said = run("-m", "metalib", "doctor")
    assert "no JupyterLab in this environment" in said and "FAIL" not in said
    assert said.rstrip().endswith("Everything that the course needs is here.")


@installed
def test_all_weights_are_listed_and_load(run):
    said = run("-m", "metalib", "weights")
    names = json.loads(
        run("-c", "import json; from metalib import weights as w; [w.load(n) for n in w.names()]; "
                  "print(json.dumps(list(w.names())))")
    )  # fmt: skip
    assert len(names) > 10 and all(f"{name}: " in said for name in names)


@installed
def test_catalogues_and_exercises_are_there(run):
    program = """
import metalib
from metalib import exercises, i18n
print(i18n.languages())
metalib.use_language("zh")
print(exercises.get("03/inner-step").title)
"""
    said = run("-X", "utf8", "-c", program)
    languages, title = said.splitlines()
    assert languages == str(i18n.languages()) and re.search("[\u4e00-\u9fff]", title)


# What says which release it is


def test_the_citation_is_whole_and_in_step():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format (1.2.0) requires
    known = {"type", "version", "date-released", "license", "repository-code", "abstract", "keywords"}
    assert set(citation) <= known | {"cff-version", "message", "title", "authors"}
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert citation["authors"] == PROJECT["authors"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["version"] == PROJECT["version"] == metalib.__version__


def test_the_changelog_begins_with_this_version_and_its_date():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version, date = re.search(r"^## (\S+) \(([^)]+)\)", text, re.MULTILINE).groups()
    assert version == PROJECT["version"]
    assert date == "unreleased" or date == str(citation["date-released"])
