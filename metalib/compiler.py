"""Where the C++ compiler is that ``torch.compile`` calls."""

import os
import shutil
import sys


def find_compiler() -> str | None:
    """The path of the C++ compiler that ``torch.compile`` would call on a processor, or None without one.

    It is what the environment variable CXX names, else the system's usual one, as in PyTorch's own settings
    (``torch._inductor.config.cpp.cxx``).
    """
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX") or usual)
