"""The C++ compiler that ``torch.compile`` calls: where it is, and whether it works."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import lru_cache
from pathlib import Path

# What PyTorch's generated code needs in any case: the standard library, and Python's own headers.
_PROGRAM = "#include <cmath>\n#include <Python.h>\nint main() { return static_cast<int>(std::sin(0.0)); }\n"


def find_compiler() -> str | None:
    """The path of the C++ compiler that ``torch.compile`` would call on a processor, or None without one.

    It is what the environment variable CXX names, else the system's usual one, as in PyTorch's own settings
    (``torch._inductor.config.cpp.cxx``).
    """
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX") or usual)


@lru_cache
def compiler_fault(path: str) -> str | None:
    """What is wrong with the compiler at ``path``, in its own words where it has some; None if it works.

    It compiles a line that includes Python's headers: half a second, once.
    """
    include = sysconfig.get_path("include")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.cpp")
        source.write_text(_PROGRAM, encoding="utf-8")
        windows = Path(path).stem.lower() == "cl"
        command = (
            [path, "/nologo", "/c", f"/I{include}", str(source)]
            if windows
            else [path, "-c", f"-I{include}", str(source), "-o", str(Path(folder, "probe.o"))]
        )
        try:
            # A compiler writes in the system's own code page.
            run = subprocess.run(
                command, capture_output=True, encoding="locale", errors="replace", cwd=folder, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return type(error).__name__
    if run.returncode == 0:
        return None
    said = (run.stderr or run.stdout).strip().splitlines()
    return next((line for line in said if "error" in line), said[0] if said else f"exit {run.returncode}")
