"""Laboratories that live in a web page, without a kernel: what the page needs of Python.

    metalib/lab/sine/live.py     LIVE = Live(...)      what is taken from Python
    metalib/lab/sine/live.js     one ES module         compute, panels, words and moves once more
    metalib/lab/live/*.js        the stage             controls, canvases, pointer, keys: one for all

A laboratory is found by its folder: `LIVE["sine"]`. `write(folder)` writes all that a site needs of them.
"""

from metalib.lab.live.declared import LIVE, Live
from metalib.lab.live.folder import write
from metalib.lab.live.packing import packed
from metalib.lab.live.specification import specification

__all__ = ["LIVE", "Live", "packed", "specification", "write"]
