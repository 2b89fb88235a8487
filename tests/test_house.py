"""The house: lists of dependencies that agree, no pins where Colab would suffer, commands that exist."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from environments.commands import lines_of
from environments.table import BUILD, CONDA, ENVIRONMENTS, PYTHONS
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import lock

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
COURSE = [Requirement(line) for line in PROJECT["optional-dependencies"]["course"]]
TEST = [Requirement(line) for line in PROJECT["optional-dependencies"]["test"]]
LOCK = [Requirement(line) for line in lines_of(ROOT / "requirements.lock")]
# What Colab has, as far as it matters here.
COLAB = {name: version.replace("*", "0") for name, version in lock.read(".github/colab.txt").items()}
COLABS_PYTHON = "3.13"
TEXT = {".py", ".md", ".toml", ".yml", ".lock", ".txt", ".json", ".ipynb", ".cfg", ".ini", ".sh", ".js", ""}


def our_files() -> list[Path]:
    """Every text file of the course: what git tracks or would track; all of them in an unpacked archive."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode == 0:
        names = [ROOT / name for name in answer.stdout.splitlines()]
    else:
        hidden = {".venv", ".git", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache"}
        names = [file for file in ROOT.rglob("*") if not hidden & set(file.relative_to(ROOT).parts)]
    return [file for file in names if file.is_file() and file.suffix in TEXT]


def locked(system: str, python: str) -> dict[str, str]:
    """The exact versions that the lock gives one system."""
    where = lock.markers(system, python)
    lines = [line for line in LOCK if line.marker is None or line.marker.evaluate(where)]
    return {canonicalize_name(line.name): next(iter(line.specifier)).version for line in lines}


def test_the_lock_has_one_exact_version_each_and_names_no_place():
    names = [line.name for line in LOCK]
    assert len(names) == len(set(names))
    for line in LOCK:
        assert [each.operator for each in line.specifier] == ["=="], f"{line} is not exact"
        assert line.url is None
        assert "+" not in str(line.specifier), f"{line}: a local build is not to be had everywhere"
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("-")] == []  # no option, so no index
    assert locked("linux", "3.11")["torch"] == "2.13.0"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", lock.SYSTEMS)
def test_the_lock_is_complete_on_every_system(system, python):
    """Every direct and indirect requirement has a line that counts there and a version that satisfies it."""
    versions = locked(system, python)
    for requirement in lock.closure(system, python, lock.installed_requires):
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{requirement} is not in requirements.lock for {system}"
        fits = requirement.specifier.contains(versions[name], prereleases=True)
        assert fits, f"{requirement}, and the lock has {versions[name]}"


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if name != "course"])
def test_every_other_lock_has_what_is_asked_for_and_agrees_with_the_courses(name):
    """Where both name a package it is the same version; what is asked for exactly has that version."""
    environment = ENVIRONMENTS[name]
    ours, theirs = lock.read(ENVIRONMENTS["course"].lock), lock.read(environment.lock)
    for requirement in map(Requirement, lock.roots(environment)):
        assert requirement.specifier.contains(theirs[canonicalize_name(requirement.name)]), requirement
    if environment.agrees:
        shared = set(ours) & set(theirs)
        assert shared and {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
    assert [line for line in lines_of(environment.lock_file) if line.startswith("-")] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=list(ENVIRONMENTS))
def test_a_lock_says_what_it_is_for_and_how_it_is_renewed(environment):
    assert environment.lock_file.read_text("utf-8").splitlines()[:2] == lock.head(environment)


def test_every_environment_is_ignored_by_git_and_removed_by_make_clean():
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    clean = (ROOT / "Makefile").read_text("utf-8").partition("\nclean:")[2].split()
    for environment in ENVIRONMENTS.values():
        assert f"{environment.folder}/" in ignored and environment.folder in clean
    for field in ("folder", "lock"):
        values = [getattr(environment, field) for environment in ENVIRONMENTS.values()]
        assert len(set(values)) == len(values)


def test_the_pythons_are_the_same_wherever_they_are_named():
    named = [
        line for line in PROJECT["classifiers"] if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert named == [f"Programming Language :: Python :: {python}" for python in PYTHONS]
    said = f"Python {', '.join(PYTHONS[:-1])} or {PYTHONS[-1]}"
    assert said in (ROOT / "README.md").read_text("utf-8")


def test_the_closure_finds_what_only_one_system_needs():
    requires = {
        "jupyterlab": ['a; sys_platform == "win32"', "b[x]"],
        "b": ['c; extra == "x"', 'd; extra == "y"'],
    }

    def names(system):
        return {each.name for each in lock.closure(system, "3.12", lambda name: requires.get(name, []))}

    assert {"b", "c"} <= names("linux") and not {"a", "d"} & names("linux")
    assert "a" in names("win32")


@pytest.mark.parametrize("requirement", RUNTIME + COURSE + TEST, ids=str)
def test_pyproject_has_lower_bounds_only(requirement):
    assert [each.operator for each in requirement.specifier] == [">="]
    assert requirement.marker is None and requirement.url is None


def test_metalib_needs_only_what_colab_has():
    allowed = {"torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "safetensors", "tqdm", "pillow"}
    allowed |= {"filelock", "packaging"}  # torch and matplotlib need them
    assert {requirement.name for requirement in RUNTIME} == allowed
    for requirement in RUNTIME:
        if version := COLAB.get(requirement.name):
            assert requirement.specifier.contains(version), f"Colab has {requirement.name} {version}"
    assert SpecifierSet(PROJECT["requires-python"]).contains(COLABS_PYTHON)
    assert PROJECT["requires-python"] == ">=3.11"


def test_colabs_twin_has_colabs_versions_and_the_courses_torch():
    assert {"anywidget", "ipython", "ipywidgets", "matplotlib", "numpy", "torch"} == set(COLAB)
    twin = lock.read("requirements-colab.lock")
    assert twin["torch"] == locked("linux", "3.11")["torch"]
    for line in lines_of(ROOT / ".github" / "colab.txt"):
        requirement = Requirement(line)
        assert requirement.specifier.contains(twin[requirement.name]) or requirement.name == "torch", line
    assert COLABS_PYTHON in ENVIRONMENTS["colab"].pythons
    assert ".github/colab.txt" in (ROOT / ".github" / "workflows" / "weekly.yml").read_text("utf-8")


def test_conda_has_the_same_bounds():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert conda["channels"] == ["conda-forge"]
    lines = {re.split("[=<>]", line)[0]: line for line in conda["dependencies"]}
    assert lines.pop("python") == "python=3.12"
    assert lines.pop("pip") == "pip"
    assert [lines.pop(Requirement(line).name) for line in BUILD] == list(BUILD)
    ours = {name: conda for conda, name in CONDA.items()}
    expected = {ours.get(each.name, each.name): str(each.specifier) for each in RUNTIME + COURSE}
    assert lines == {name: name + bound for name, bound in expected.items()}


def test_what_builds_metalib_is_the_same_everywhere():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert build == list(BUILD)


def test_only_the_installer_knows_an_index():
    hosts = re.compile(r"download\.pytorch|pypi\.org/simple|pythonhosted|pypi\.tuna|aliyun\.com/pypi")
    guilty = {str(file.relative_to(ROOT)) for file in our_files() if hosts.search(file.read_text("utf-8"))}
    assert guilty - {"tests/test_house.py"} == {"tools/environments/torch_build.py"}


def test_the_readme_names_commands_that_exist():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README yet")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:\w+=\S+ )*make (\w+)", readme.read_text("utf-8"), re.MULTILINE))
    assert {"lab", "test"} <= named <= targets


def test_every_target_has_one_line_of_help():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^(\w+):", makefile, re.MULTILINE)
    helped = re.findall(r"^(\w+): .*## \S", makefile, re.MULTILINE)
    assert targets == helped
    assert {"lab", "test", "check", "chapters", "clean"} <= set(targets)


def test_both_licences_are_here():
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert "creativecommons.org/licenses/by/4.0/legalcode" in (ROOT / "LICENSE-text").read_text("utf-8")


def test_the_workflows_are_valid_and_cover_every_python():
    for name in ("test.yml", "weekly.yml"):
        workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))
        assert workflow["jobs"]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == list(PYTHONS)
    assert len(matrix["os"]) == len(lock.SYSTEMS)


def test_the_code_is_clean():
    answer = subprocess.run([sys.executable, "-m", "ruff", "check"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Binder's machines run Linux")
def test_binder_starts_its_server_with_one_thread():
    for script in ("postBuild", "start"):
        assert (ROOT / script).stat().st_mode & 0o111, f"Binder must be able to run {script}"
    told = "import json, os, sys; print(json.dumps([os.environ['OMP_NUM_THREADS'], sys.argv[1:]]))"
    arguments = ["notebook", "--ip", "0.0.0.0", "two words"]
    done = subprocess.run(
        [ROOT / "start", sys.executable, "-c", told, *arguments], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["1", arguments], "the server's own command, word for word"


def test_weights_are_recipes_cards_and_tensors_and_nothing_half_done():
    left = [file.name for file in (ROOT / "metalib" / "weights").iterdir() if file.is_file()]
    assert {Path(name).suffix for name in left} == {".py", ".toml", ".json", ".safetensors"}
