"""The notebook's stop button ends what works between cells, in a real kernel."""

import asyncio
import signal
import threading
import time

import pytest
import torch
from jupyter_client.manager import start_new_kernel

from metalib.lab import TrainingLaboratory, stopping
from metalib.learners import MAML
from metalib.models import sine_net
from metalib.tasks import SineTasks
from metalib.training import Training

MADE = """
import asyncio, threading, torch
from metalib import MAML, SineTasks, Training
from metalib.lab import TrainingLaboratory
from metalib.models import sine_net
training = Training(MAML(sine_net(width=8)), SineTasks(5, 5), torch.Generator().manual_seed(0), meta_batch=2)
lab = TrainingLaboratory(training, 1_000_000)
"""
# JupyterLab hands a button's press to a thread of the widgets' own, with a loop of its own.
IN_A_THREAD = """
async def pressed():
    lab.start()
    while lab.is_running:
        await asyncio.sleep(0.02)
threading.Thread(target=lambda: asyncio.run(pressed()), daemon=True).start()
"""
ASKED = "print(lab.is_running, training.iteration, lab.snapshots[-1][0], not lab.buttons.start.disabled)"


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel()
    yield manager, lambda code: ask(client, code)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def ask(client, code):
    """What the code prints."""
    said = []
    client.execute_interactive(
        code, timeout=60, output_hook=lambda message: said.append(message["content"].get("text", ""))
    )
    return "".join(said).split()


@pytest.mark.slow
@pytest.mark.parametrize("start", ["lab.start()", IN_A_THREAD])
def test_the_stop_button_stops_a_training_that_start_began(kernel, start):
    manager, run = kernel
    run(MADE)
    for _press in range(2):  # the cells that run in between put the kernel's own handler back
        run(start)
        begun = int(run("print(training.iteration)")[0])
        while int(run("print(training.iteration)")[0]) <= begun:
            time.sleep(0.2)
        time.sleep(0.5)  # no cell runs now
        manager.interrupt_kernel()
        time.sleep(1)
        running, done, kept, startable = run(ASKED)
        assert (running, kept, startable) == ("False", done, "True")
    manager.interrupt_kernel()  # with nothing to stop it does nothing
    assert run("print(1)") == ["1"]
    run("lab.close()")


def test_only_an_idle_kernels_way_with_the_signal_is_replaced():
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stopping.attend()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with stopping.stop_button() as pressed:
            stopping.attend()
            assert not pressed.is_set()
            signal.raise_signal(signal.SIGINT)
            assert pressed.is_set()
        signal.raise_signal(signal.SIGINT)  # nobody listens: ignored
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_asks_the_main_threads_loop():
    async def main():
        stopping.note_main_loop()
        thread = threading.Thread(target=stopping.attend)
        thread.start()
        thread.join()
        await asyncio.sleep(0.01)
        return signal.getsignal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert asyncio.run(main()) is stopping._pressed
    finally:
        signal.signal(signal.SIGINT, before)


def test_train_ends_after_the_running_iteration_and_keeps_it(monkeypatch):
    learner = MAML(sine_net(width=8))
    training = Training(learner, SineTasks(5, 5), torch.Generator().manual_seed(0), meta_batch=2)
    lab = TrainingLaboratory(training, 40)
    step = lab._step

    def interrupted():
        if training.iteration == 3:
            signal.raise_signal(signal.SIGINT)
        step()

    monkeypatch.setattr(lab, "_step", interrupted)
    lab.train()
    assert training.iteration == 4 and lab.snapshots[-1][0] == 4 and lab.result.iteration == 4
