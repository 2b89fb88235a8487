"""The same MAML step in learn2learn, higher, TorchOpt, TensorFlow and JAX, beside PyTorch and metalib.

    peers.compare(steps=1)          what each gives and how long it takes; measured here, or as stored
    peers.source("jax")             the lines of one of them; peers.sources(), of all
    peers.trap("state-dict")        what bit us: a few lines and what they print
    peers.maintenance()             who looks after each tool, and how it is installed

None of the tools is needed: without them the stored comparison is shown, and says that it is. `make peers`
installs them in an environment of their own.
"""

from metalib.peers.comparison import Comparison, compare, reference, tasks, weights
from metalib.peers.shown import Source, Sources, source, sources
from metalib.peers.state import good_for, install, maintenance
from metalib.peers.tools import TOOLS, Answer, Tool
from metalib.peers.traps import TRAPS, Trap, trap

__all__ = [
    "TOOLS", "TRAPS", "Answer", "Comparison", "Source", "Sources", "Tool", "Trap", "compare", "good_for",
    "install", "maintenance", "reference", "source", "sources", "tasks", "trap", "weights",
]  # fmt: skip
