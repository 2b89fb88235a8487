"""Start JupyterHub as root in a house of its own: mounts and users that nobody else on this machine sees.

    unshare --mount --propagation private python house.py STUDENTS HOMES TREES -- COMMAND …

STUDENTS and TREES are names and folders, with commas between them. In the mount namespace of this process

- /etc/passwd and /etc/group have the students in them, each with a home of their own in HOMES that only they
  may enter; nothing is added to the machine's own files, and nothing is to be removed afterwards;
- what stands in TREES (Python, the course) can be reached by everybody, also where it lies in a folder that
  is closed to others, such as root's home: that folder is replaced by one with nothing else in it.
"""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

FIRST = 61_001  # user numbers that no distribution gives away


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def closed(tree: Path) -> Path | None:
    """The topmost folder above the tree that others may not enter."""
    above = reversed(tree.parents)
    return next((folder for folder in above if not folder.stat().st_mode & stat.S_IXOTH), None)


def open_up(trees: list[Path]) -> None:
    """Let everybody reach the trees, and nothing else in the closed folders above them."""
    doors: dict[Path, list[Path]] = {}
    for tree in trees:
        if (door := closed(tree)) is not None:
            doors.setdefault(door, []).append(tree)
    for door, behind in doors.items():
        with tempfile.TemporaryDirectory() as stash:  # mode 0700
            mount("--bind", door, stash)
            mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", door)
            for tree in behind:
                tree.mkdir(parents=True)
                mount("--bind", Path(stash, tree.relative_to(door)), tree)
            subprocess.run(["umount", stash], check=True)


def move_in(students: list[str], homes: Path) -> None:
    """Users with homes, seen in this namespace only."""
    lines = {"passwd": [], "group": []}
    for number, name in enumerate(students, FIRST):
        home = homes / name
        home.mkdir(mode=0o700)
        os.chown(home, number, number)
        lines["passwd"].append(f"{name}:x:{number}:{number}::{home}:/bin/sh")
        lines["group"].append(f"{name}:x:{number}:")
    for file, added in lines.items():
        ours = homes / file
        ours.write_text(Path("/etc", file).read_text() + "\n".join(added) + "\n")
        ours.chmod(0o644)
        mount("--bind", ours, f"/etc/{file}")


def main() -> None:
    students, homes, trees = sys.argv[1:4]
    open_up([Path(tree).resolve() for tree in trees.split(",")])
    move_in(students.split(","), Path(homes))
    command = sys.argv[sys.argv.index("--") + 1 :]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
