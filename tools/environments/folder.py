"""The folder of one environment: where its parts lie, and what a set-up leaves there about itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from environments.commands import SetupError, run

# What a finished set-up says about itself; the mark of one that has not ended; what one holds while it runs.
STAMP, UNFINISHED, BUSY = (f"metalib-setup{part}" for part in (".json", "-unfinished", "-busy"))


class Folder:
    """An environment's folder, there or not."""

    def __init__(self, path: Path):
        self.path = path
        self.python = path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp, self.unfinished, self.busy = (path / name for name in (STAMP, UNFINISHED, BUSY))

    def packages(self) -> Path:
        """Where the environment's packages lie."""
        if os.name == "nt":
            return self.path / "Lib" / "site-packages"
        return self.path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def installed(self) -> list[str]:
        """The packages with their versions, as pip leaves their names on the disk."""
        found = self.packages()
        return sorted(e.name for e in found.iterdir() if e.suffix == ".dist-info") if found.is_dir() else []

    def read_stamp(self) -> dict:
        try:
            return json.loads(self.stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return {}

    def write_stamp(self, said: dict) -> None:
        self.stamp.write_text(json.dumps(said), "utf-8")
        self.unfinished.unlink()

    def works(self) -> bool:
        """True where the folder's Python runs *and* says that it lives there.

        An upgrade may have taken it away; and without its pyvenv.cfg (half a removal) it would run as the
        Python that made it, and install into that one. The answer is ASCII: a path with an umlaut comes in a
        code page that only the child knows.
        """
        try:
            command = [self.python, "-I", "-c", "import json, sys; print(json.dumps(sys.prefix))"]
            answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
            said = json.loads(answer.stdout.decode("ascii"))
            return answer.returncode == 0 and os.path.samefile(said, self.path)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return False

    def make(self) -> None:
        """A new, empty environment; what was there is removed, the mark that it is unfinished never."""
        print(f"Setting up {self.path} (once; a few minutes, most of them for PyTorch)", flush=True)
        try:
            for entry in self.path.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry not in (self.unfinished, self.busy):
                    entry.unlink()
        except OSError as error:
            raise SetupError(
                f"The old {self.path} cannot be removed ({error}): remove it by hand."
            ) from error
        run(sys.executable, "-m", "venv", self.path, why=f"Making the environment {self.path.name}")
        if not self.works():
            raise SetupError(f"{sys.executable} -m venv made no working environment in {self.path}.")

    def alone(self):
        """An open file that one set-up of this folder can hold at a time; it is freed with the process."""
        self.path.mkdir(exist_ok=True)
        file = open(self.busy, "w", encoding="utf-8")
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

    def refuse_borrowed(self) -> None:
        """Refuse to change an environment that another folder owns: setting up may begin with emptying it."""
        if self.path.is_symlink():
            raise SetupError(
                f"{self.path.name} is a link to {self.path.resolve()}, and what lies there may belong to "
                "another folder. Remove the link for an environment of this folder's own, or set that one up "
                "where it is."
            )
