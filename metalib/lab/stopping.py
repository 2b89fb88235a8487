"""The notebook's stop button, for work that goes on between cells.

The stop button sends the kernel SIGINT. While a cell runs, that interrupts it; while none runs, the kernel
ignores it, and work in its idle time would never hear of it. So such work listens here.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_listening: set[threading.Event] = set()
_main_loop: asyncio.AbstractEventLoop | None = None


def note_main_loop() -> None:
    """Remember the loop of the main thread, the only one that may say who hears a signal."""
    global _main_loop
    if threading.current_thread() is threading.main_thread():
        try:
            _main_loop = asyncio.get_running_loop()
        except RuntimeError:  # a plain script: no loop, no idle time
            pass


@contextmanager
def stop_button() -> Iterator[threading.Event]:
    """An event that is set when the stop button is pressed; call `attend` now and then meanwhile."""
    event = threading.Event()
    _listening.add(event)
    try:
        yield event
    finally:
        _listening.discard(event)


def attend() -> None:
    """See to it that the stop button is heard while no cell runs.

    Only what an idle kernel does, to ignore the signal, is replaced: a cell that runs keeps its own way to be
    interrupted, and each cell that ends brings back what was there before it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _pressed)
    elif _main_loop is not None and _main_loop.is_running():  # JupyterLab gives widgets their own thread
        _main_loop.call_soon_threadsafe(attend)


def _pressed(number: int, frame: FrameType | None) -> None:
    # Stays when nobody listens any more: then it ignores the signal, as the idle kernel did.
    for event in tuple(_listening):
        event.set()
