"""Set up .venv with the exact versions of requirements.lock, and metalib itself from this folder.

    python3 tools/install.py                    what `make` runs before everything else
    GPU=1 python3 tools/install.py              torch's ordinary build (on Linux: with CUDA, some gigabytes)
    python3 tools/install.py --newest           the newest versions of everything, in place of the lock
    python3 tools/install.py --newest -c FILE   the same, within the limits of a pip constraints file
    python3 tools/install.py --peers            .peers with requirements-peers.lock, for `make peers`

Run again it is done in a blink: a stamp in .venv says what was installed. A set-up that was interrupted, a
moved folder or another Python start afresh; anything else is put right in place. pip's own configuration
(PIP_* variables, pip.conf) is respected.
"""

from __future__ import annotations  # so that an old Python reads this far, and can be told that it is old

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "metalib-setup.json"
UNFINISHED = VENV / "metalib-setup-unfinished"
BUSY = VENV / "metalib-setup-busy"
LOCK = ROOT / "requirements.lock"

# PyTorch's own index of builds without CUDA, and how long a laptop without a network may wait for it.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PATIENCE = 3.0  # seconds

# What builds metalib (pyproject.toml's build-system), for an installation without build isolation.
BUILD = ("babel", "setuptools")
MODULES = "torch, numpy, matplotlib, ipywidgets, anywidget, safetensors, tqdm, PIL, metalib"
# learn2learn comes as source only, with C files that an old Cython made and that Python 3.11 refuses.
LEARN2LEARN = "learn2learn"
KERNEL = "Python with the other tools"


class SetupError(Exception):
    """One sentence for the person at the keyboard."""


def settle_in(folder: Path, lock: Path) -> None:
    """Which environment everything below is about, and which versions go into it."""
    global VENV, PYTHON, STAMP, UNFINISHED, BUSY, LOCK
    PYTHON = folder / PYTHON.relative_to(VENV)
    STAMP, UNFINISHED, BUSY = (folder / path.name for path in (STAMP, UNFINISHED, BUSY))
    VENV, LOCK = folder, lock


def check_python() -> None:
    """Refuse, in one sentence each, what cannot work."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this file is run by whatever Python there is)
        raise SetupError(
            f"The course needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}. "
            "Where a newer one is installed, name it: make lab PYTHON=python3.12"
        )
    if sys.maxsize < 2**32:
        raise SetupError("This is a 32-bit Python; PyTorch needs a 64-bit one.")
    if sys.platform == "darwin" and os.uname().machine == "x86_64":
        raise SetupError(
            "This Python runs as x86_64, and PyTorch no longer makes packages for Intel Macs. On Apple "
            "silicon use an arm64 Python; on an Intel Mac use Binder or Colab (see README.md)."
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            "This Python has no venv module. On Debian and Ubuntu: sudo apt-get install python3-venv "
            f"(or python{sys.version_info[0]}.{sys.version_info[1]}-venv)."
        )


def site_packages() -> Path:
    """Where the environment's packages lie."""
    if os.name == "nt":
        return VENV / "Lib" / "site-packages"
    return VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def installed() -> list[str]:
    """The packages in the environment with their versions, as pip leaves their names on the disk."""
    folder = site_packages()
    return sorted(e.name for e in folder.iterdir() if e.suffix == ".dist-info") if folder.is_dir() else []


def wanted(arguments: argparse.Namespace) -> dict:
    """What the stamp must say for there to be nothing to do."""
    files = [LOCK, ROOT / "pyproject.toml"] + ([arguments.constraint] if arguments.constraint else [])
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() + b"\0")
    python = ".".join(map(str, sys.version_info[:2]))
    return {"files": digest.hexdigest(), "newest": arguments.newest, "python": python, "root": str(ROOT)}


def read_stamp() -> dict:
    try:
        return json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def is_environment() -> bool:
    """True where .venv's Python runs *and* says that it lives in .venv.

    An upgrade may have taken it away; and without its pyvenv.cfg (half a removal) it would run as the Python
    that made it, and install into that one.
    """
    try:
        command = [PYTHON, "-I", "-c", "import sys; print(sys.prefix)"]
        answer = subprocess.run(command, capture_output=True, timeout=60, encoding="utf-8", errors="replace")
        return answer.returncode == 0 and os.path.samefile(answer.stdout.strip(), VENV)
    except (OSError, subprocess.TimeoutExpired):
        return False


def ready(stamp: dict, want: dict) -> bool:
    """True where a finished set-up is still as it was left."""
    return (
        not UNFINISHED.exists()
        and {key: stamp.get(key) for key in want} == want
        and set(stamp.get("installed", [""])) <= set(installed())
        and not (os.environ.get("GPU") == "1" and stamp.get("cpu_build"))
        and is_environment()
    )


def run(*command, why: str, quiet: bool = False) -> None:
    """Run a command in front of the user (`quiet`: its errors only); SetupError where it fails."""
    # A user-wide installation would miss .venv, and what PYTHONPATH names would hide a missing package.
    # Whatever goes wrong, pip must refuse to touch another Python than the one in .venv.
    always = {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = {**os.environ, **always}
    environment.pop("PYTHONPATH", None)
    output = subprocess.PIPE if quiet else None
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, text=True)
    if done.returncode != 0:
        if quiet:
            print(done.stdout, done.stderr, flush=True)
        raise SetupError(
            f"{why} did not work: the reason is above. Run the same command again when it is mended."
        )


def pip_install(*arguments, why: str) -> None:
    run(PYTHON, "-m", "pip", "install", *arguments, why=why)


def reachable(url: str, patience: float = PATIENCE) -> bool:
    """Whether a web address answers within `patience` seconds in all, name look-up included."""
    answer = []

    def ask() -> None:
        bundle = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
        try:
            context = ssl.create_default_context(cafile=bundle)
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=patience, context=context) as response:
                answer.append(response.status == 200)
        except Exception:  # whatever the reason, the ordinary index is there
            answer.append(False)

    # A thread, because no timeout covers a name server that does not answer; as a daemon it holds nothing up.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return bool(answer and answer[0])


def torch_requirement(file: Path | None) -> str:
    """The line that names torch in the lock or a constraints file; plain `torch` where there is none."""
    text = file.read_text("utf-8") if file else ""
    found = re.search(r"^torch\s*[=<>~!][^;#\n]*", text, re.MULTILINE)
    return found.group(0).strip() if found else "torch"


def install_cpu_torch(requirement: str) -> bool:
    """On Linux, take torch from the CPU index where that answers. True where it did."""
    if os.environ.get("GPU") == "1" or os.environ.get("PIP_NO_INDEX") or not sys.platform.startswith("linux"):
        return False  # on macOS and Windows the ordinary build has no CUDA
    if not reachable(f"{CPU_INDEX}/torch/"):
        print("PyTorch's CPU index does not answer: torch comes from where pip finds it.", flush=True)
        return False
    try:
        pip_install("--no-deps", "--index-url", CPU_INDEX, requirement, why="The CPU build of torch")
    except SetupError:
        print("No CPU build of torch there: torch comes from where pip finds it.", flush=True)
        return False
    return True


def alone():
    """An open file that one set-up of this folder can hold at a time; it is freed with the process."""
    VENV.mkdir(exist_ok=True)
    file = open(BUSY, "w")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SetupError("Another set-up of this folder is under way: wait for it to end.") from None
    return file


def make_environment() -> None:
    """A new, empty environment; what was there is removed, the mark that it is unfinished never."""
    print(f"Setting up {VENV} (once; a few minutes, most of them for PyTorch)", flush=True)
    try:
        for entry in VENV.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry not in (UNFINISHED, BUSY):
                entry.unlink()
    except OSError as error:
        raise SetupError(f"The old {VENV} cannot be removed ({error}): remove it by hand.") from error
    run(sys.executable, "-m", "venv", VENV, why=f"Making the environment {VENV.name}")
    if not is_environment():
        raise SetupError(f"{sys.executable} -m venv made no working environment in {VENV}.")


def refuse_borrowed() -> None:
    """Refuse to change an environment that another folder owns: setting up may begin with emptying it."""
    if VENV.is_symlink():
        raise SetupError(
            f"{VENV.name} is a link to {VENV.resolve()}, and what lies there may belong to another folder. "
            "Remove the link for an environment of this folder's own, or set that one up where it is."
        )


def install(arguments: argparse.Namespace, want: dict, stamp: dict) -> None:
    """Make or mend the environment, and stamp it at the very end."""
    moved = bool(stamp) and any(stamp.get(key) != want[key] for key in ("python", "root", "newest"))
    pip_is_there = (site_packages() / "pip").is_dir()
    afresh = UNFINISHED.exists() or moved or not pip_is_there or not is_environment()
    UNFINISHED.touch()
    STAMP.unlink(missing_ok=True)
    if afresh:
        make_environment()

    if os.environ.get("GPU") == "1" and stamp.get("cpu_build") and not afresh:
        run(PYTHON, "-m", "pip", "uninstall", "-y", "torch", why="Removing the CPU build of torch")
    cpu_build = install_cpu_torch(torch_requirement(arguments.constraint if arguments.newest else LOCK))
    if arguments.peers:
        install_peers()
        finish(want, cpu_build)
        return
    # Without build isolation, so that nothing that is being built can fetch a second torch.
    mine = ("--no-build-isolation", "-e")
    if arguments.newest:
        limits = ("-c", arguments.constraint) if arguments.constraint else ()
        pip_install("--upgrade", *BUILD, *limits, why="Installing what builds metalib")
        pip_install("--upgrade", *limits, *mine, ".[course,test]", why="Installing the newest versions")
    else:
        pip_install("-r", LOCK, why="Installing the versions of requirements.lock")
        pip_install("--quiet", "--no-deps", *mine, ".", why="Installing metalib")

    # JupyterLab asks at its first start whether it may fetch news: the course sends nothing anywhere.
    announcements = "@jupyterlab/apputils-extension:announcements"
    jupyter = (PYTHON, "-m", "jupyter", "labextension", "disable", announcements)
    run(*jupyter, why="Setting up JupyterLab", quiet=True)
    finish(want, cpu_build)


def finish(want: dict, cpu_build: bool) -> None:
    """Import what was installed, and stamp the environment."""
    run(PYTHON, "-c", f"import {MODULES}", why="Importing what was installed")
    STAMP.write_text(json.dumps({**want, "cpu_build": cpu_build, "installed": installed()}), "utf-8")
    UNFINISHED.unlink()
    print(f"The environment {VENV.name} is ready.", flush=True)


def install_peers() -> None:
    """The versions of requirements-peers.lock, without what they ask for: some ask for an old torch."""
    pip_install(torch_requirement(LOCK), why="Installing torch")
    text = LOCK.read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "torch=="))]
    tools = [line for line in lines if line.startswith(("babel==", "cython==", "setuptools==", "wheel=="))]
    pip_install("--no-deps", *tools, why="Installing what builds the others")
    rest = [line for line in lines if line not in tools and not line.startswith(LEARN2LEARN)]
    here = ("--no-deps", "--no-build-isolation")
    pip_install(*here, *rest, why="Installing the versions of requirements-peers.lock")
    pip_install("--quiet", *here, "-e", ".", why="Installing metalib")
    course = ROOT / ".venv"
    if (
        course.is_dir() and not course.is_symlink()
    ):  # so that JupyterLab there offers this Python for chapter 11
        kernel = ("-m", "ipykernel", "install", "--prefix", course, "--name", "peers")
        run(PYTHON, *kernel, "--display-name", KERNEL, why="Naming the kernel", quiet=True)
    (source,) = (line for line in lines if line.startswith(LEARN2LEARN))
    try:
        install_learn2learn(source)
    except SetupError as error:
        print(
            f"\nlearn2learn is left out: {error}\nThe comparison shows its stored rows. "
            "When that is mended, remove .peers and run the same command again.",
            flush=True,
        )


def install_learn2learn(requirement: str) -> None:
    """From its source, with C files that a new Cython makes for this Python.

    Raises:
        SetupError: this Python is too new for it, there is no C compiler, or a step failed.
    """
    if sys.version_info >= (3, 12):
        raise SetupError("the torchvision that it can be imported with ends at Python 3.11.")
    if os.name != "nt" and not shutil.which(os.environ.get("CC", "cc")):
        raise SetupError("its source needs a C compiler: Debian and Ubuntu: apt-get install gcc libc6-dev.")
    folder = VENV / "learn2learn-source"
    shutil.rmtree(folder, ignore_errors=True)
    download = (PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation")
    where = ("--no-binary", ":all:", "--dest", folder, requirement.split(";")[0].strip())
    run(*download, *where, why="Downloading learn2learn's source")
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder)
    (source,) = (entry for entry in folder.iterdir() if entry.is_dir())
    files = sorted((source / "learn2learn" / "data").glob("*.pyx"))
    run(PYTHON, "-m", "cython", "-3", *files, why="Making learn2learn's C files", quiet=True)
    options = ("--quiet", "--no-deps", "--no-build-isolation")
    pip_install(*options, source, why="Building learn2learn")
    # It imports gym and torchvision, which do not know the torch of today.
    run(PYTHON, "-W", "ignore", "-c", "import learn2learn", why="Importing learn2learn", quiet=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Set up .venv for the course.")
    parser.add_argument("--newest", action="store_true", help="newest versions in place of requirements.lock")
    parser.add_argument(
        "--peers", action="store_true", help="set up .peers for chapter 11, in place of .venv"
    )
    parser.add_argument("-c", "--constraint", type=Path, help="with --newest: a pip constraints file")
    arguments = parser.parse_args()
    try:
        check_python()
        if arguments.peers:
            settle_in(ROOT / ".peers", ROOT / "requirements-peers.lock")
        want, stamp = wanted(arguments), read_stamp()
        if not ready(stamp, want):
            refuse_borrowed()
            with alone():
                install(arguments, want, stamp)
    except SetupError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Run the same command again: it starts the set-up afresh.")


if __name__ == "__main__":
    main()
