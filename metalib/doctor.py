"""Is everything here that the course needs? Each check says what it found and, where it failed, what to do.

`python -m metalib doctor` and chapter 00 print `report()`. A check never raises: one that breaks has failed,
and its line says how. The whole takes a second or two, most of it the first import of torch.
"""

import re
import sys
import tempfile
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from metalib.compiler import compiler_fault, find_compiler
from metalib.i18n import _
from metalib.paths import cache_dir, data_dir, progress_dir

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One line of the report.

    `ok` is True (found and working), False (the course needs it and it is not), or None (worth knowing; the
    course works without it). `remedy` says what to do; it is empty where nothing has to be done.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


Found = tuple[bool | None, str, str]
"""What one check returns: ok, detail and remedy of its `Check`."""


def checks() -> list[Check]:
    """Look at everything, in the order in which a beginner should mend it."""
    found = [_guarded(_("Python"), _python)]
    found += [_guarded(_name(line), _dependency, line) for line in _dependencies()]
    todo: list[tuple[str, Callable[[], Found]]] = [
        (_("gradient of a gradient"), _second_order),
        (_("widgets"), _widgets),
        (_("fonts for the glyphs"), _fonts),
        (_("cache folder"), _cache),
        (_("progress folder"), _progress),
        (_("C++ compiler"), _compiler),
        (_("GPU"), _gpu),
        (_("Omniglot"), _omniglot),
    ]
    return found + [_guarded(name, look) for name, look in todo]


def report(found: list[Check] | None = None) -> str:
    """The checks as text: a line each that starts with OK, FAIL or -- (optional), and what to do."""
    found = checks() if found is None else found
    width = max((_columns(check.name) for check in found), default=0)
    lines = []
    for check in found:
        mark = {True: "OK", False: "FAIL", None: "--"}[check.ok]
        gap = " " * (width - _columns(check.name))
        lines.append(f"{mark:<4}  {check.name}{gap}  {check.detail}".rstrip())
        if check.remedy:
            lines.append(" " * 6 + "→ " + check.remedy)
    failed = sum(check.ok is False for check in found)
    if failed:
        lines += ["", _("{failed} of {total} checks failed: do what the arrows say, then look again.").format(
            failed=failed, total=len(found)
        )]  # fmt: skip
    else:
        lines += ["", _("Everything that the course needs is here.")]
    return "\n".join(lines)


def _columns(text: str) -> int:
    """How many columns a text takes where all characters are equally wide: a Chinese one takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _guarded(name: str, look: Callable[..., Found], *arguments: str) -> Check:
    """Run one check; whatever it raises becomes a failed check."""
    try:
        ok, detail, remedy = look(*arguments)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        return Check(name, False, _("the check broke: {reason}").format(reason=reason), _reinstall())
    return Check(name, ok, detail, remedy)


def _name(line: str) -> str:
    """The package that a line such as ``numpy>=1.26`` is about."""
    return re.split(r"[^\w.-]", line)[0]


def _reinstall() -> str:
    return _("Set the course up again: `make clean`, then `make lab` (or the lines in README.md).")


def _dependencies() -> list[str]:
    """What metalib needs at run time, ``name>=bound`` each, from its own metadata.

    In a checkout that nobody installed it comes from the pyproject.toml beside the package.
    """
    try:
        lines = metadata.requires("metalib") or []
    except metadata.PackageNotFoundError:
        lines = []
    if not lines:
        try:
            text = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text("utf-8")
            lines = tomllib.loads(text)["project"]["dependencies"]
        except (OSError, ValueError, KeyError):
            lines = ["numpy", "torch", "matplotlib", "ipywidgets"]
    return [line for line in lines if "extra ==" not in line]


def _python() -> Found:
    here = ".".join(map(str, sys.version_info[:3]))
    needs = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info < OLDEST_PYTHON:
        remedy = _("Install Python {needs} or newer and set the course up with it.").format(needs=needs)
        return False, _("{here}, older than {needs}").format(here=here, needs=needs), remedy
    return True, here, ""


def _dependency(line: str) -> Found:
    # Here, because the doctor must be able to say that this package is missing too.
    from packaging.requirements import Requirement

    needs = Requirement(line)
    remedy = _('In the environment of the course: `python -m pip install "{wanted}"`').format(wanted=line)
    try:
        version = metadata.version(needs.name)
    except metadata.PackageNotFoundError:
        return False, _("not installed"), remedy
    if not needs.specifier.contains(version, prereleases=True):
        detail = _("{version}, but {bound} is needed").format(version=version, bound=needs.specifier)
        return False, detail, remedy
    return True, version, ""


def _second_order() -> Found:
    """d/dθ L(θ − α L′(θ)) for L(θ) = θ³, θ = 1, α = 0.1: 3 θ′² (1 − 6 α θ) = 0.588 with θ′ = 0.7.

    Without the second-order term it would be 1.47, so a torch that drops it is noticed.
    """
    torch = import_module("torch")
    theta = torch.ones((), dtype=torch.float64, requires_grad=True)
    (inner,) = torch.autograd.grad(theta**3, theta, create_graph=True)
    (outer,) = torch.autograd.grad((theta - 0.1 * inner) ** 3, theta)
    value, expected = float(outer), 0.588
    if abs(value - expected) > 1e-9:
        detail = _("torch computes {value:.6f}, the formula gives {expected}")
        return False, detail.format(value=value, expected=expected), _reinstall()
    return True, _("torch agrees with the formula ({value:.3f})").format(value=value), ""


def _widgets() -> Found:
    """ipywidgets in the kernel, and, where JupyterLab is here, its other half in the browser."""
    kernel = metadata.version("ipywidgets")
    major = int(kernel.split(".")[0])
    try:
        lab = metadata.version("jupyterlab")
    except metadata.PackageNotFoundError:
        return True, _("ipywidgets {kernel} (no JupyterLab in this environment)").format(kernel=kernel), ""
    wanted = {7: "1", 8: "3"}.get(major)
    try:
        front = metadata.version("jupyterlab_widgets")
    except metadata.PackageNotFoundError:
        front = ""
    detail = _("ipywidgets {kernel}, jupyterlab_widgets {front}, JupyterLab {lab}").format(
        kernel=kernel, front=front or _("not installed"), lab=lab
    )
    if not front or (wanted and front.split(".")[0] != wanted):
        remedy = _("`python -m pip install --upgrade ipywidgets jupyterlab_widgets`, then reload the page.")
        return False, detail, remedy
    if wanted is None:
        return None, detail, _("The course is tested with ipywidgets 7.7 and 8.1.")
    return True, detail, ""


def _fonts() -> Found:
    font = Path(import_module("matplotlib").get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    if not font.is_file():
        remedy = _("Install matplotlib with pip or conda: this one came without its fonts.")
        return False, _("{font} is missing").format(font=font), remedy
    return True, _("DejaVu, from matplotlib"), ""


def _writable(folder: Path) -> None:
    """Raise OSError unless a file can be written in the folder, or where it will be made. Leaves no trace."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"metalib")


def _folder(folder: Path, variable: str) -> Found:
    try:
        _writable(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        detail = _("{folder} cannot be written ({reason})").format(folder=folder, reason=reason)
        remedy = _("Set the environment variable {variable} to a folder that you can write.")
        return False, detail, remedy.format(variable=variable)
    return True, str(folder), ""


def _cache() -> Found:
    ok, detail, remedy = _folder(cache_dir(), "METALIB_CACHE")
    if not ok and cache_dir().is_dir() and any(cache_dir().iterdir()):
        # A class room may share one that was filled beforehand.
        return None, _("{folder} can be read, not written").format(folder=cache_dir()), remedy
    return ok, detail, remedy


def _progress() -> Found:
    return _folder(progress_dir(), "METALIB_PROGRESS")


def _compiler() -> Found:
    found = find_compiler()
    if found is None:
        return None, _("none: `compile=True` is not available; everything else is"), ""
    if fault := compiler_fault(found):
        return (
            None,
            _("{found} does not work ({fault}): `compile=True` is not available; everything else is").format(
                found=found, fault=fault
            ),
            "",
        )
    return True, _("{found} (for `compile=True`)").format(found=found), ""


def _gpu() -> Found:
    torch = import_module("torch")
    if torch.cuda.is_available():
        return True, torch.cuda.get_device_name(), ""
    if torch.backends.mps.is_available():
        return True, _("Apple's (MPS)"), ""
    return None, _("none, and none is needed"), ""


def _omniglot() -> Found:
    given = data_dir()
    if given is not None:
        names = ("images_background.zip", "images_background", "omniglot-py")
        if any((given / name).exists() for name in names):
            return True, _("in {folder} (METALIB_DATA)").format(folder=given), ""
        detail = _("METALIB_DATA is {folder}, and images_background is not there").format(folder=given)
        return None, detail, _("Put the two Omniglot archives there, or unset METALIB_DATA.")
    if next(cache_dir().glob("omniglot*"), None):
        return True, _("in {folder}").format(folder=cache_dir()), ""
    return None, _("not here yet; chapter 7 fetches it when you ask it to"), ""
