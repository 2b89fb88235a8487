"""The doctor tells the truth, says what to do, and survives whatever is broken."""

import sys
import time
from importlib import metadata

import pytest

from metalib import doctor


@pytest.fixture
def by_name():
    return {check.name: check for check in doctor.checks()}


def test_this_environment_is_healthy(by_name):
    assert [check for check in by_name.values() if check.ok is False] == []
    assert {"Python", "torch", "numpy", "ipywidgets", "widgets", "cache folder", "Omniglot"} <= set(by_name)
    text = doctor.report(list(by_name.values()))
    assert "Everything that the course needs is here." in text and "FAIL" not in text


def test_it_is_quick():
    doctor.checks()  # torch is imported once
    start = time.perf_counter()
    doctor.checks()
    assert time.perf_counter() - start < 2


def test_every_dependency_is_compared_with_its_lower_bound(monkeypatch):
    lines = ["numpy>=999", "tqdm>=1", 'pytest>=1; extra == "x"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: lines)
    found = {check.name: check for check in doctor.checks()}
    assert found["tqdm"].ok is True and "pytest" not in found
    assert found["numpy"].ok is False
    assert ">=999 is needed" in found["numpy"].detail and 'pip install "numpy>=999"' in found["numpy"].remedy


@pytest.mark.parametrize(
    "version, ok",
    [("2.13.0+cpu", True), ("2.9", False), ("2.10", True), ("2.10rc1", False), ("3.0.dev1", True)],
)
def test_versions_are_compared_as_versions(version, ok, monkeypatch):
    monkeypatch.setattr(doctor.metadata, "version", lambda name: version)
    assert doctor._dependency("torch>=2.10")[0] is ok


def test_a_missing_package_fails_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(doctor, "_dependencies", lambda: ["no-such-package-here>=2"])
    check = next(check for check in doctor.checks() if check.name == "no-such-package-here")
    assert (check.ok, check.detail) == (False, "not installed")
    assert "no-such-package-here>=2" in check.remedy


def test_without_packaging_it_still_speaks(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    found = {check.name: check for check in doctor.checks()}
    assert found["numpy"].ok is False and "packaging" in found["numpy"].detail
    assert found["Python"].ok is True and found["widgets"].ok is True


def test_the_bounds_come_from_pyproject_where_nothing_is_installed(monkeypatch):
    installed = doctor._dependencies()

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", missing)
    assert doctor._dependencies() == installed
    assert any(line.startswith("torch>=") for line in installed)


def test_a_torch_that_drops_the_second_order_is_noticed(monkeypatch):
    import torch

    grad = torch.autograd.grad

    def first_order(*arguments, **options):
        return [each.detach() for each in grad(*arguments, **options)]

    monkeypatch.setattr(torch.autograd, "grad", first_order)
    check = next(check for check in doctor.checks() if check.name == "gradient of a gradient")
    assert check.ok is False and "1.47" in check.detail


def test_a_check_that_breaks_is_a_failed_check(monkeypatch):
    def broken(name):
        raise RuntimeError("out of order\nand more")

    monkeypatch.setattr(doctor, "import_module", broken)
    checks = {check.name: check for check in doctor.checks()}
    assert checks["GPU"].ok is False and "RuntimeError: out of order" in checks["GPU"].detail
    assert "\n" not in checks["GPU"].detail and checks["GPU"].remedy
    text = doctor.report(list(checks.values()))
    assert "FAIL" in text and "3 of" in text


@pytest.mark.parametrize(
    "variable, name", [("METALIB_CACHE", "cache folder"), ("METALIB_PROGRESS", "progress folder")]
)
def test_a_folder_that_cannot_be_written(variable, name, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "folder"))
    check = next(check for check in doctor.checks() if check.name == name)
    assert check.ok is False and str(tmp_path) in check.detail and variable in check.remedy


def test_the_doctor_leaves_no_trace(monkeypatch, tmp_path):
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path / "a" / "cache"))
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "b"))
    checks = {check.name: check.ok for check in doctor.checks()}
    assert checks["cache folder"] and checks["progress folder"]
    assert list(tmp_path.iterdir()) == []


def test_a_filled_cache_may_be_read_only(monkeypatch, tmp_path):
    (tmp_path / "glyphs").write_text("here")
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path))

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor, "_writable", refuse)
    assert doctor._cache()[0] is None
    (tmp_path / "glyphs").unlink()
    assert doctor._cache()[0] is False


def test_omniglot_is_found_where_metalib_data_points(monkeypatch, tmp_path):
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("METALIB_DATA", raising=False)
    assert doctor._omniglot()[0] is None
    monkeypatch.setenv("METALIB_DATA", str(tmp_path))
    ok, detail, remedy = doctor._omniglot()
    assert ok is None and remedy
    (tmp_path / "images_background.zip").write_bytes(b"")
    assert doctor._omniglot()[0] is True


def test_front_end_and_kernel_halves_of_the_widgets_must_match(monkeypatch):
    versions = {"ipywidgets": "8.1.5", "jupyterlab": "4.6", "jupyterlab_widgets": "1.1.7"}
    monkeypatch.setattr(doctor.metadata, "version", versions.__getitem__)
    assert doctor._widgets()[0] is False
    versions["ipywidgets"] = "7.7.1"
    assert doctor._widgets()[0] is True
    versions.update(ipywidgets="9.0", jupyterlab_widgets="4.0")
    assert doctor._widgets()[0] is None
