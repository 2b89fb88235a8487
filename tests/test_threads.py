"""How many threads torch uses: what a container really gives, whose choice it is, and for how long."""

import json
import os
import subprocess
import sys

import pytest
import torch

import metalib
from metalib import threads

LETTING_GO = {name: "" for name in (*threads.ONE_THREAD, "PYTHON_CPU_COUNT")}


@pytest.fixture
def eight(monkeypatch):
    """Eight processors that this process may run on, and no word from a JupyterHub."""
    monkeypatch.delenv("CPU_LIMIT", raising=False)
    monkeypatch.setattr(threads, "_allowed", lambda: 8)


def files(root, groups, **contents):
    """A machine's /proc and /sys: the process's control groups, and files by path."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for path, content in contents.items():
        file = root / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return threads.processors(root)


V1 = "11:cpuset:/\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"


@pytest.mark.parametrize(
    "groups, contents, expected",
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1),  # two threads would wait for each other
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "1600000 100000\n"}, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2),  # the group above
        ("0::/outside/name\n", {"cpu.max": "300000 100000"}, 3),  # a name that only the host knows
        ("0::/\n", {"cpu.max": ""}, 8),
        ("0::/\n", {"cpu.max": "200000 0"}, 8),
        ("nonsense\n", {"cpu.max": "100000 100000"}, 8),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        (V1, {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        (
            V1,
            {
                "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "100000",
                "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "50000",
            },
            2,
        ),
    ],
)
def test_a_containers_quota_counts(eight, tmp_path, groups, contents, expected):
    assert files(tmp_path, groups, **contents) == expected


def test_without_those_files_it_is_the_processors_that_may_be_used(eight, tmp_path):
    assert threads.processors(tmp_path) == 8


@pytest.mark.parametrize(
    "said, expected",
    [("2.0", 2), ("1", 1), ("1.5", 1), ("0.5", 1), ("16", 8), ("0", 8), ("-1", 8), ("", 8), ("nan", 8)]
    + [("inf", 8), ("half", 8), ("1e400", 8)],
)
def test_what_jupyterhub_says_counts(eight, tmp_path, monkeypatch, said, expected):
    monkeypatch.setenv("CPU_LIMIT", said)
    assert threads.processors(tmp_path) == expected
    assert files(tmp_path, "0::/\n", **{"cpu.max": "100000 100000"}) == 1, "the smaller of the two"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
def test_a_process_that_is_pinned_to_one_processor_has_one():
    pin = "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])"
    assert run(f"{pin}\nfrom metalib import threads\nprint(threads.processors())") == 1


def run(program, **environment):
    """What a program prints, as JSON, in a fresh Python on four processors without a choice of threads."""
    four = "import os, torch\nfrom metalib import threads\n"
    four += "os.cpu_count = threads._allowed = lambda: 4\n"
    kept = {name: value for name, value in os.environ.items() if name not in LETTING_GO}
    done = subprocess.run(
        [sys.executable, "-c", program if program.startswith("import os;") else four + program],
        env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


STATES = """
import metalib
conv = torch.nn.Conv2d(1, 1, 3)
def inside(model):
    with threads.for_model(model) as count:
        assert count == torch.get_num_threads()
        return count
"""


@pytest.mark.slow
def test_the_setup_cell_takes_one_thread_and_convolutions_take_more_for_a_while():
    assert run(
        STATES + "torch.set_num_threads(4)  # what torch takes by itself on such a machine\n"
        "first = [torch.get_num_threads(), inside(conv)]  # a library changes nothing\n"
        "threads.settle()\n"
        "print([*first, torch.get_num_threads(), inside(torch.nn.Linear(1, 1)), inside(conv),"
        " torch.get_num_threads()])"
    ) == [4, 4, 1, 1, 3, 1]


@pytest.mark.slow
def test_a_program_of_its_own_takes_every_processor_for_convolutions():
    assert run(STATES + "torch.set_num_threads(4)\nthreads.settle(spare=0)\nprint(inside(conv))") == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen, environment, expected",
    [
        ("", {"OMP_NUM_THREADS": "2"}, [2, 2]),
        ("torch.set_num_threads(3)\n", {"MKL_NUM_THREADS": "2"}, [3, 3]),
        ("torch.set_num_threads(8)\n", {}, [8, 8]),  # more than there are: torch alone never takes so many
        ("torch.set_num_threads(1)\n", {}, [1, 1]),
    ],
)
def test_what_somebody_has_chosen_before_stays(chosen, environment, expected):
    program = STATES + chosen + "threads.settle()\nprint([torch.get_num_threads(), inside(conv)])"
    assert run(program, **environment) == expected


@pytest.mark.slow
def test_what_somebody_chooses_afterwards_stays_even_when_the_setup_cell_runs_again():
    assert run(
        STATES + "torch.set_num_threads(4)\nthreads.settle()\ntorch.set_num_threads(2)\nthreads.settle()\n"
        "print([torch.get_num_threads(), inside(conv), torch.get_num_threads()])"
    ) == [2, 2, 2]


def test_as_many_as_before_after_an_error(monkeypatch):
    counts = [1]
    monkeypatch.setattr(threads, "_spare", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: counts[-1])
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    monkeypatch.setattr(threads, "processors", lambda: 4)
    with pytest.raises(ZeroDivisionError), threads.for_model(torch.nn.Conv2d(1, 1, 3)):
        raise ZeroDivisionError
    assert counts == [1, 4, 1]


def test_fit_and_evaluate_say_what_they_train(monkeypatch):
    seen = []

    def noted(model):
        seen.append(model)
        return original(model)

    original = threads.for_model
    monkeypatch.setattr(threads, "for_model", noted)
    learner, tasks = metalib.MAML(metalib.models.sine_net()), metalib.SineTasks()
    metalib.fit(learner, tasks, 1, torch.Generator().manual_seed(0), progress=False)
    metalib.evaluate(learner, tasks, 2, torch.Generator().manual_seed(0))
    assert seen == [learner, learner]


@pytest.mark.slow
def test_importing_metalib_leaves_torch_alone():
    assert (
        run("torch.set_num_threads(3)\nimport metalib.lab, metalib.cli\nprint(torch.get_num_threads())") == 3
    )
