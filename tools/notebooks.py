"""Run notebooks in a fresh kernel, measure what it costs, and make their outputs the same at every run."""

import base64
import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from metalib.threads import ONE_THREAD

ROOT = Path(__file__).resolve().parent.parent
# A chapter's language is the chapter's, not the machine's.
SAME_EVERYWHERE = {**ONE_THREAD, "LANGUAGE": "en"}
PICTURE = re.compile(r"(?<=data:image/png;base64,)[\w+/=]+")  # in HTML
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass
class Measured:
    """What running cost: wall-clock seconds, and the kernel process tree's largest resident memory."""

    seconds: float = 0.0
    peak_mb: float = 0.0


def execute(
    *notebooks,
    cwd: Path,
    env: dict[str, str] | None = None,
    timeout: int = 900,
    kernel: AsyncKernelManager | None = None,
) -> Measured:
    """Run notebooks one after the other in ONE fresh kernel, in place. An error in a cell raises.

    `kernel`: by default one with this Python.
    """
    client = NotebookClient(
        notebooks[0],
        km=kernel,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
    )
    measured, stop = Measured(), threading.Event()
    with tempfile.TemporaryDirectory() as progress:
        # A progress folder of its own: the author's progress is neither shown nor touched.
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        env = {
            **os.environ,
            "PYTHONPATH": paths,
            "METALIB_PROGRESS": progress,
            **SAME_EVERYWHERE,
            **(env or {}),
        }
        env.pop("MPLBACKEND", None)  # the kernel's own: figures go into the notebook
        with client.setup_kernel(env=env, cwd=str(cwd)):
            watcher = threading.Thread(target=_watch, args=(client.km.provisioner.pid, measured, stop))
            watcher.start()
            started = time.perf_counter()
            try:
                for notebook in notebooks:
                    client.nb = notebook
                    client.reset_execution_trackers()
                    for index, cell in enumerate(notebook.cells):
                        client.execute_cell(cell, index)
            finally:
                measured.seconds = time.perf_counter() - started
                stop.set()
                watcher.join()
    return measured


def _watch(pid: int, measured: Measured, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        try:
            process = psutil.Process(pid)
            tree = [process, *process.children(recursive=True)]
            resident = sum(member.memory_info().rss for member in tree)
        except psutil.Error:  # a child ended while we were looking
            continue
        measured.peak_mb = max(measured.peak_mb, resident / 2**20)


def make_stable(notebook, machine: tuple[Path, ...] = ()) -> None:
    """Take out of the outputs what differs from run to run. Raises ValueError where that cannot be done.

    `machine`: folders whose names must not be in an output. Cells tagged `volatile` lose all outputs.
    """
    names = [re.escape(str(folder)) + r"\b" for folder in machine if len(folder.parts) > 1]
    volatile = re.compile("|".join([r"\b0x[0-9a-f]{8,}", *names]))
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "volatile" in cell.metadata.get("tags", []):
            cell.outputs = []
        cell.outputs = [kept for output in _coalesced(cell.outputs) if (kept := _stable(output)) is not None]
        if found := volatile.search(text_of(cell)):
            raise ValueError(
                f"the cell {cell.source[:60]!r} prints {found[0]!r}, which differs between runs or machines"
            )


def spoiled(notebook, pictures: dict[str, int]) -> list[str]:
    """What is wrong with the predictions of an executed notebook: one sentence each.

    `pictures`: how many pictures the content has an `Alt:` paragraph for, by the prediction's id.
    """
    said = []
    for cell in notebook.cells:
        asked = re.search(r"exercises\.predict\(\s*\"([\w/-]+)\"", cell.source)
        if cell.cell_type != "code" or not asked:
            continue
        if [output.output_type for output in cell.outputs] != ["execute_result"]:
            said.append(f"beside the prediction {asked[1]} its cell shows something, which is not folded")
        shown = sum(output.get("data", {}).get("text/html", "").count("<img ") for output in cell.outputs)
        if shown != pictures.get(asked[1], 0):
            said.append(
                f"{asked[1]} shows {shown} pictures and has an 'Alt:' for {pictures.get(asked[1], 0)}"
            )
    return said


def text_of(cell) -> str:
    """All that a code cell printed or showed as text, after `make_stable`; images are left out."""
    texts = []
    for output in cell.outputs:
        texts += [output.get("text", ""), output.get("evalue", "")]
        # By name: a file has its forms in alphabetical order, a kernel in whatever order they were given.
        shown = sorted(output.get("data", {}).items())
        texts += [PICTURE.sub("", str(said)) for mime, said in shown if not mime.startswith("image/")]
    return "\n".join(text for text in texts if text)


def _coalesced(outputs: list) -> list:
    """Prints that arrived in several pieces are one: where they are cut is chance."""
    merged: list = []
    for output in outputs:
        is_stream = output.output_type == "stream"
        if is_stream and merged and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _stable(output):
    if output.output_type == "stream":
        lines = output.text.split("\n")
        if output.name == "stderr":  # a line that was rewritten is a progress bar, with times in it
            lines = [line for line in lines if "\r" not in line]
        output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
        return output if output.text.strip() else None
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
        return output
    was_widget = output.data.pop(WIDGET, None) is not None
    if was_widget and not output.data.keys() - {"text/plain"}:
        return None  # a widget without a still picture; its text would be only its class name
    if "image/png" in output.data:
        output.data["image/png"] = _without_metadata(output.data["image/png"])
    if "text/html" in output.data:
        html = output.data["text/html"]
        output.data["text/html"] = PICTURE.sub(lambda png: _without_metadata(png[0]).strip(), html)
    return output


def _without_metadata(png: str) -> str:
    """A base64 PNG without its text and time chunks (matplotlib writes its version there)."""
    data = base64.b64decode(png)
    kept, position = data[:8], 8
    while position < len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])  # length, type, content, checksum
        if data[position + 4 : position + 8] not in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"):
            kept += data[position:end]
        position = end
    return base64.b64encode(kept).decode() + "\n"
