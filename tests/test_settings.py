"""What metalib asks of JupyterLab: it comes with every installation, and JupyterLab understands it."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from jupyterlab.commands import get_app_dir
from jupyterlab_server.settings_utils import _get_overrides

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "metalib" / "settings" / "metalib.json"
PLACE = "share/jupyter/lab/settings/overrides.d/metalib.json"


def schemas():
    """The settings of every part of the JupyterLab that is installed, by its name."""
    share = Path(get_app_dir()).parent
    found = {}
    for folder in (share / "lab" / "schemas", *share.glob("labextensions/@*/*/schemas")):
        for file in folder.glob("@*/*/*.json"):
            found[f"{file.parent.relative_to(folder).as_posix()}:{file.stem}"] = json.loads(
                file.read_text("utf-8")
            )
    return found


def test_jupyterlab_knows_what_is_asked_of_it():
    known = schemas()
    for part, asked in json.loads(SETTINGS.read_text("utf-8")).items():
        assert asked.keys() <= known[part]["properties"].keys()
        jsonschema.validate(asked, known[part])


def test_a_persons_own_settings_go_before(tmp_path):
    """JupyterLab reads a file for each package, and then the one of whoever runs the machine."""
    folder = tmp_path / "overrides.d"
    folder.mkdir()
    (folder / "metalib.json").write_bytes(SETTINGS.read_bytes())
    (folder / "zebra.json").write_text('{"@zebra:plugin": {"stripes": true}}')
    part = "@jupyter-widgets/jupyterlab-manager:plugin"
    (tmp_path / "overrides.json").write_text(json.dumps({part: {"saveState": False}}))
    found, error = _get_overrides(str(tmp_path))
    assert not error and found["@zebra:plugin"] == {"stripes": True} and found[part] == {"saveState": False}
    assert found["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_every_installation_brings_it(kind, tmp_path):
    copy = tmp_path / "copy"  # a build leaves things behind
    shutil.copytree(ROOT / "metalib", copy / "metalib", ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*ROOT.glob("LICENSE*"), ROOT / "pyproject.toml", ROOT / "setup.py"):
        shutil.copy(file, copy)
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=copy, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".data/data/" + PLACE))
        assert archive.read(name) == SETTINGS.read_bytes()
