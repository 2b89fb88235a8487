"""Processes that train together: the same weights as one, and none is left behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch
from test_cli import SMALL

from metalib import MAML, ProtoNet, SineTasks, launch
from metalib.cli import main
from metalib.models import conv4, sine_net
from metalib.rl import NavigationTasks
from metalib.team import ALONE, Team
from metalib.training import Training
from metalib.weights import Recipe

slow = pytest.mark.slow


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.replace("meta_batch = 2", "meta_batch = 5"), encoding="utf-8")
    return path


def command(small, out, *more):
    return [sys.executable, "-m", "metalib", "train", "--config", str(small), "--output", str(out), *more]


def run(*args, **options):
    return subprocess.run(command(*args), capture_output=True, text=True, timeout=120, **options)


def weights_in(folder):
    return safetensors.torch.load_file(folder / "small.safetensors")


def assert_same(one, other):
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-6)


# --- the parts
def test_parts_are_the_batch():
    batch = SineTasks(3, 3).sample(5, torch.Generator().manual_seed(0))
    assert ALONE.part(batch) is batch
    for size in (2, 3, 7):
        parts = [Team(rank, size).part(batch) for rank in range(size)]
        assert sum(map(len, parts)) == 5 and max(map(len, parts)) - min(map(len, parts)) <= 1
        found = torch.cat([part.query_x for part in parts]).flatten(1).sort(dim=0).values
        assert torch.equal(found, batch.query_x.flatten(1).sort(dim=0).values)


def test_what_cannot_be_shared_out_is_refused():
    batch = NavigationTasks().sample(2, torch.Generator().manual_seed(0))
    assert ALONE.part(batch) is batch
    with pytest.raises(TypeError, match="Only a metalib.TaskBatch can be shared out"):
        Team(0, 2).part(batch)
    learner = ProtoNet(conv4(4, norm="batch"))
    with pytest.raises(ValueError, match="learns its statistics from the whole meta-batch"):
        Team(0, 2).check(learner.train())
    ALONE.check(learner)
    Team(0, 2).check(MAML(sine_net()))


class Sums(Team):
    """A team whose processes run one after the other: what the others have to add is there already."""

    def __init__(self, rank, size, others):
        super().__init__(rank, size)
        self.others, self.own = others, []

    def _sum(self, numbers):
        self.own.append(numbers.clone())
        if self.others:
            numbers += self.others.pop(0)


@pytest.mark.parametrize("size, tasks", [(2, 5), (2, 1)])
def test_gradients_of_unequal_and_empty_parts_add_up_to_that_of_the_whole(size, tasks):
    batch = SineTasks(3, 3).sample(tasks, torch.Generator().manual_seed(0))
    net = torch.nn.Sequential(sine_net(), torch.nn.Linear(1, 1)).double()
    spare = torch.nn.Linear(3, 3)  # nobody uses it
    learner = MAML(net, 0.01)
    learner.spare = spare
    loss = learner.loss(batch)
    loss.backward()
    whole = [None if p.grad is None else p.grad.clone() for p in learner.parameters()]
    others = []
    for rank in reversed(range(size)):
        team = Sums(rank, size, others)
        learner.zero_grad(set_to_none=True)
        part, mine = team.part(batch), None
        if len(part):
            mine = learner.loss(part)
            mine.backward()
        value = team.add_up(list(learner.parameters()), mine, len(part) / tasks)
        others = team.own
    assert value == pytest.approx(loss.item(), rel=1e-9)
    for p, grad in zip(learner.parameters(), whole, strict=True):
        assert (p.grad is None) == (grad is None)
        if grad is not None:
            torch.testing.assert_close(p.grad, grad, rtol=1e-9, atol=1e-12)


def test_a_process_alone_does_as_ever():
    def trained(**options):
        learner = MAML(sine_net(torch.Generator().manual_seed(0)), 0.01)
        training = Training(learner, SineTasks(3, 3), torch.Generator().manual_seed(1), **options)
        for _step in range(3):
            training.step()
        return learner.state_dict()

    one, other = trained(), trained(team=Team())
    assert all(torch.equal(one[name], other[name]) for name in one)


# --- processes
@slow
def test_two_processes_train_what_one_trains_and_either_goes_on_from_the_other(small, tmp_path):
    alone = run(small, tmp_path / "one")
    assert alone.returncode == 0, alone.stderr
    both = run(small, tmp_path / "two", "--processes", "2")
    assert both.returncode == 0, both.stderr
    said, once = (answer.stdout.splitlines()[:-1] for answer in (both, alone))
    assert said == once and len(said) == 2
    assert_same(weights_in(tmp_path / "one"), weights_in(tmp_path / "two"))
    card = json.loads((tmp_path / "two" / "small.json").read_text(encoding="utf-8"))
    assert card["command"].endswith("--processes 2")
    # More processes than tasks, and a checkpoint of a single one that six go on from.
    few = small.with_name("few") / small.name
    few.parent.mkdir()
    few.write_text(SMALL, encoding="utf-8")
    assert run(few, tmp_path / "three").returncode == 0
    stopped = tmp_path / "four"
    stopped.mkdir()
    recipe = Recipe.read(few)
    training = recipe.trainer(recipe.build())
    for _step in range(2):
        training.step()
    training.save(stopped / "small.checkpoint")
    gone_on = run(few, stopped, "--processes", "3")
    assert gone_on.returncode == 0, gone_on.stderr
    assert "processes was 1 and is 3" in gone_on.stderr
    assert_same(weights_in(tmp_path / "three"), weights_in(stopped))


@slow
def test_torchrun_starts_the_same_command(small, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    made = subprocess.run(
        [*torchrun, *command(small, tmp_path / "out")[1:]], capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("small.safetensors") == 1
    card = json.loads((tmp_path / "out" / "small.json").read_text(encoding="utf-8"))
    assert card["command"].endswith("--processes 2")


def children(pid):
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in listing.stdout.split()]


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().split()[2] != "Z"
    except OSError:
        return False


def begun(small, out):
    """A long training of two processes that is on its way: the launcher, and the processes."""
    process = subprocess.Popen(
        command(small, out, "--processes", "2", "--iterations", "1000000"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    seen = b""
    while b"it/s" not in seen and b"meta-training:   0%" not in seen:
        seen += process.stderr.read1()
        assert process.poll() is None, seen
    time.sleep(1)
    team = children(process.pid)
    assert len(team) == 2
    return process, team


def gone(team, seconds=15.0):
    limit = time.monotonic() + seconds
    while any(map(is_there, team)) and time.monotonic() < limit:
        time.sleep(0.1)
    return not any(map(is_there, team))


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("ended", ["interrupt", "second", "launcher"])
def test_however_it_ends_no_process_stays(small, tmp_path, ended):
    process, team = begun(small, tmp_path / "out")
    try:
        if ended == "interrupt":
            process.send_signal(signal.SIGINT)
        elif ended == "launcher":
            process.kill()
        else:
            os.kill(max(team), signal.SIGKILL)
        _said, complaint = process.communicate(timeout=30)
    finally:
        process.kill()
    assert gone(team)
    if ended == "interrupt":
        assert process.returncode == 130 and (tmp_path / "out" / "small.checkpoint").exists()
        assert b"Traceback" not in complaint
    elif ended == "second":
        assert process.returncode == 1
        assert b"Another process of this training has ended." in complaint and b"Traceback" not in complaint


@slow
def test_mistakes_are_said_once(small, tmp_path):
    small.write_text(small.read_text().replace("alpha = 0.01", "alpha = 1e30"), encoding="utf-8")
    answer = run(small, tmp_path / "out", "--processes", "2")
    assert answer.returncode == 1
    assert answer.stderr.count("Train with a smaller alpha") == 1 and "Traceback" not in answer.stderr
    assert main(["train", "--config", str(small), "--processes", "0"]) == 1


@slow
def test_a_process_with_another_recipe_is_refused(small, tmp_path):
    other = tmp_path / "other" / small.name
    other.parent.mkdir()
    other.write_text(small.read_text().replace("alpha = 0.01", "alpha = 0.02"), encoding="utf-8")
    port = launch._free_port()
    team = [
        subprocess.Popen(
            command(config, tmp_path / "out"),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
        )
        for rank, config in enumerate((small, other))
    ]
    answers = [process.communicate(timeout=60)[1] for process in team]
    assert all("learner.alpha was 0.01 and is 0.02" in answer for answer in answers), answers
    assert not (tmp_path / "out" / "small.safetensors").exists()
