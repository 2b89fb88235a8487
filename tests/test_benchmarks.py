"""The benchmarks run, and nobody is compared who computes something else. Nothing here looks at a clock."""

import re
import subprocess
import sys
from pathlib import Path

import desk
import pytest
import torch

import metalib.timing
from benchmarks import latency, meta_step, protonet_step, sampler, site, threads, timing
from metalib import MAML, Episodes, ProtoNet
from metalib.models import conv4

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """Between turns garbage is collected; with all that other tests have imported it takes half a second."""
    monkeypatch.setattr(metalib.timing.gc, "collect", lambda: None)


PEERS = ["plain loop", "learn2learn", "higher", "TorchOpt", "TensorFlow", "JAX jit"]


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", PEERS)
def test_every_contestant_computes_our_meta_gradient(name, steps):
    built, missing = meta_step.build(steps, ["metalib batched", name], tasks=3)
    if name in missing:
        pytest.skip(missing[name])
    assert meta_step.difference(built["metalib batched"], built[name]) < meta_step.TOLERANCE


def test_meta_step_runs_and_refuses_what_computes_something_else(capsys, monkeypatch):
    def first_order(model, batch, alpha, steps):  # our loss, and another gradient
        learner = MAML(model, alpha, steps, first_order=True)

        def step():
            loss = learner.loss(batch)
            return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))

        return step

    def absent(model, batch, alpha, steps):
        raise ImportError("No module named 'higher'")

    monkeypatch.setitem(meta_step.BUILDERS, "TorchOpt", first_order)
    monkeypatch.setitem(meta_step.BUILDERS, "higher", absent)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    names = ["plain loop", "metalib batched", "TorchOpt", "higher"]
    arguments = ["--rounds", "1", "--steps", "1", "--tasks", "2", "--only", *names]
    assert meta_step.main(arguments) == 1
    said = capsys.readouterr().out
    assert "| plain loop " in said and "| TorchOpt" not in said
    assert "TorchOpt: NOT TIMED" in said
    assert "higher: not here (No module named 'higher'). `make peers` installs it." in said


def test_the_plain_pipeline_draws_the_same_episodes(tmp_path):
    images = torch.randint(256, (6, 16, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    sampler.write_files(images, tmp_path)
    for rotations in (False, True):
        ours = Episodes(images, ways=4, shots=1, queries=15, rotations=rotations)
        files = sampler.EpisodeFiles(tmp_path, 6, 16, 4, rotations, length=1)
        classes, drawings = ours.draw(1, torch.Generator().manual_seed(1))
        batch = ours.gather(classes, drawings)
        for mine, theirs in zip(batch, files.episode(classes[0], drawings[0]), strict=True):
            assert torch.equal(mine[0], theirs)
        assert [part.shape for part in files[0]] == [part[0].shape for part in batch]


def test_sampler_runs(capsys, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    options = "--rounds 1 --classes 6 --random --ways 2 --tasks 8 --sines 3 --workers 0".split()
    assert sampler.main(options) == 0
    said = capsys.readouterr().out
    assert "| 3 tasks a batch" in said and "| 2-way, 8 tasks a batch, rotations" in said


def test_the_plain_protonet_step_computes_our_gradient():
    images = torch.randint(256, (6, 16, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    batch = Episodes(images, ways=4, queries=3).sample(1, torch.Generator().manual_seed(1))
    batch = type(batch)(*(part.double() if part.is_floating_point() else part for part in batch))
    plain, ours = conv4(4, norm=None).double(), conv4(4, norm=None).double()
    loss, other = protonet_step.plain_loss(plain, batch), ProtoNet(ours).loss(batch)
    assert loss.item() == pytest.approx(other.item(), rel=1e-9)
    loss.backward(), other.backward()
    for theirs, mine in zip(plain.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_protonet_step_runs(capsys, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    options = "--rounds 1 --classes 6 --ways 2 --tasks 1 --channels 4".split()
    assert protonet_step.main(options) == 0
    assert "| 2-way: ours, bfloat16" in capsys.readouterr().out


def test_times_faster_pairs_the_rounds():
    # The machine was ten times slower in the second round: for both alike.
    seconds = {"ours": [1.0, 10.0, 1.0], "theirs": [3.0, 30.0, 3.0]}
    assert timing.times_faster(seconds, "ours", "theirs") == 3
    assert timing.times_faster(seconds, "theirs", "ours") == pytest.approx(1 / 3)


def test_rounds_are_interleaved():
    calls = []
    contestants = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = timing.interleaved(contestants, rounds=2, slot=0)
    assert calls == list("aabb" * 2)  # in each turn one call to warm up and one that counts
    assert all(len(values) == 2 for values in seconds.values())


def test_one_thread_beside_two_prints_its_table(monkeypatch, capsys):
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    assert threads.main(["--rounds", "1", "--neighbours", "0", "1", "--channels", "4"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 11 and rows[3].startswith("| MAML on sines, 1 step, 0 busy beside it")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(desk.find_browser() is None, reason="no Chromium or Chrome found")
def test_every_part_from_key_to_picture_is_measured():
    command = [sys.executable, "-m", "benchmarks.latency", "--presses", "8", "--only", "Sine"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for part in latency.PARTS:
        assert re.search(rf"^\| {part} +\| +\d+\.\d / \d+\.\d \|$", said, re.MULTILINE), (part, said)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(desk.find_browser() is None, reason="no Chromium or Chrome found")
def test_the_page_is_measured_beside_the_kernel(capsys):
    assert site.main(["--moves", "8", "--only", "distances"]) == 0
    said = capsys.readouterr().out.splitlines()
    rows = [line.split("|") for line in said if line.startswith("| distances")]
    assert [row[2].strip() for row in rows] == ["temperature", "dragged query"]
    assert all(" / " in row[3] and " / " in row[4] and row[5].strip().endswith("x") for row in rows)
