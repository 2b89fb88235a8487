"""learn2learn comes as source only, with C files that an old Cython made and that Python 3.11 refuses."""

from __future__ import annotations

import os
import shutil
import sys

from environments.commands import SetupError, lines_of, pip_install, run

NAME = "learn2learn"


def install_learn2learn(environment, folder) -> None:
    """From its source; where that does not work it is left out, in a sentence."""
    (source,) = (line for line in lines_of(environment.lock_file) if line.startswith(NAME))
    try:
        build(folder, source)
    except SetupError as error:
        print(
            f"\nlearn2learn is left out: {error}\nThe comparison shows its stored rows. "
            f"When that is mended, remove {environment.folder} and run the same command again.",
            flush=True,
        )


def build(folder, requirement: str) -> None:
    """With C files that a new Cython makes for this Python.

    Raises:
        SetupError: this Python is too new for it, there is no C compiler, or a step failed.
    """
    if sys.version_info >= (3, 12):
        raise SetupError("the torchvision that it can be imported with ends at Python 3.11.")
    if os.name != "nt" and not shutil.which(os.environ.get("CC", "cc")):
        raise SetupError("its source needs a C compiler: Debian and Ubuntu: apt-get install gcc libc6-dev.")
    kept = folder.path / "learn2learn-source"
    shutil.rmtree(str(kept), ignore_errors=True)
    download = (folder.python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation")
    where = ("--no-binary", ":all:", "--dest", kept, requirement.split(";")[0].strip())
    run(*download, *where, why="Downloading learn2learn's source")
    (archive,) = kept.glob("*.tar.gz")
    shutil.unpack_archive(str(archive), str(kept))
    (source,) = (entry for entry in kept.iterdir() if entry.is_dir())
    files = sorted((source / "learn2learn" / "data").glob("*.pyx"))
    run(folder.python, "-m", "cython", "-3", *files, why="Making learn2learn's C files", quiet=True)
    options = ("--quiet", "--no-deps", "--no-build-isolation")
    pip_install(folder, *options, source, why="Building learn2learn")
    # It imports gym and torchvision, which do not know the torch of today.
    run(folder.python, "-W", "ignore", "-c", "import learn2learn", why="Importing learn2learn", quiet=True)
