"""What an environment means for Jupyter: the kernel that it offers."""

from __future__ import annotations

from environments.commands import ROOT, run

PEERS_KERNEL = "Python with the other tools"


def name_kernel(environment, folder) -> None:
    """Let the course's JupyterLab offer the Python of `.peers`, for chapter 11."""
    course = ROOT / ".venv"
    if course.is_dir() and not course.is_symlink():
        kernel = ("-m", "ipykernel", "install", "--prefix", course, "--name", "peers")
        run(folder.python, *kernel, "--display-name", PEERS_KERNEL, why="Naming the kernel", quiet=True)
