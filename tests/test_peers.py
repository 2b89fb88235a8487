"""The same MAML step in other tools: who computes what, what is stored, what bit us.

In the ordinary environment the stored comparison and the course's own two rows are looked at; `make peers`
runs this file where the tools are, and with CI=true TensorFlow and JAX must be there.
"""

import ast
import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.version import Version
from torch import nn

from benchmarks.loop import maml_loss
from metalib import peers
from metalib.peers import __main__ as program, comparison, state, tools, traps

ROOT = Path(__file__).resolve().parents[1]
IN_PEERS = Path(sys.prefix).name == ".peers"
STORED = json.loads((ROOT / "metalib" / "peers" / "stored.json").read_text("utf-8"))
SETTINGS = [
    (steps, first_order, double)
    for steps in comparison.STORED_STEPS
    for first_order in (False, True)
    for double in (False, True)
]
CLOSE = {False: 2e-6, True: 1e-13}  # float32, float64: another order of summation


def tool(key):
    """The tool, or a skip where it is not installed; a failure where CI has to have it."""
    found = peers.TOOLS[key]
    try:
        found.load()
    except ImportError as reason:
        if IN_PEERS and os.environ.get("CI") == "true" and key in ("tensorflow", "jax"):
            pytest.fail(f"{found.title} is not here (CI=true: `make peers` must have it): {reason}")
        pytest.skip(f"{found.title} is not here")
    return found


@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("first_order", [False, True], ids=["second", "first"])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("key", peers.TOOLS)
def test_every_tool_gives_the_same_fast_weights_and_meta_gradient(key, steps, first_order, double):
    given = tool(key)
    model, batch = peers.weights(double), peers.tasks(3, double)
    before = copy.deepcopy(model.state_dict())
    answer = given.answer(model, batch, 0.01, steps, first_order)
    expected = peers.reference(steps, first_order, n_tasks=3)
    assert answer.loss == pytest.approx(expected.loss, rel=CLOSE[double])
    assert comparison.difference(expected.gradient, answer.gradient) < CLOSE[double]
    assert comparison.difference(expected.fast, answer.fast) < CLOSE[double]
    assert [each.shape for each in answer.fast] == [(3, *each.shape) for each in model.parameters()]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("first_order", [False, True])
def test_the_plain_loop_is_the_one_that_everything_is_tested_against(first_order):
    model, batch = peers.weights(double=True), peers.tasks(4, double=True)
    loss = maml_loss(model, batch, 0.05, 3, first_order)
    answer = peers.TOOLS["pytorch"].answer(model, batch, 0.05, 3, first_order)
    assert answer.loss == pytest.approx(loss.item(), rel=1e-12)
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    assert comparison.difference(gradient, answer.gradient) < 1e-12


def test_second_and_first_order_are_not_the_same():
    """Otherwise the comparison of either would prove little."""
    second, first = peers.reference(5), peers.reference(5, first_order=True)
    assert comparison.difference(second.gradient, first.gradient) > 1e-2
    assert comparison.difference(second.fast, first.fast) == 0


@pytest.mark.parametrize("key", ["tensorflow", "jax"])
def test_a_network_that_is_written_out_refuses_another(key):
    given = tool(key)
    with pytest.raises(ValueError, match="linear layers .* This one is another: Linear, Tanh, Linear"):
        given.step(nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)), peers.tasks(2), 0.01, 1)


def test_what_is_not_installed_raises_and_is_not_imported():
    absent = tools.Tool("jax", "Nowhere", "no_such_library", "nothing")
    assert not absent.here()
    with pytest.raises(ImportError, match="no_such_library"):
        absent.step(peers.weights(), peers.tasks(2), 0.01, 1)


def test_what_is_installed_and_broken_counts_as_absent(monkeypatch):
    whole = tools.import_module

    def broken(name):
        if name.endswith((".pytorch", ".ours")):
            return whole(name)
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(tools, "import_module", broken)
    monkeypatch.setattr(tools.Tool, "here", lambda self: True)
    with pytest.raises(ImportError, match="higher cannot be imported here: operator torchvision::nms"):
        peers.TOOLS["higher"].load()
    assert not peers.trap("higher-first-order").measured
    found = peers.compare(1, rounds=1)
    assert [key for key, row in found.rows.items() if row.measured] == ["pytorch", "ours"]


@pytest.mark.slow
def test_nothing_is_imported_before_it_is_needed():
    heavy = ["tensorflow", "jax", "higher", "torchopt", "learn2learn"]
    code = f"from metalib import peers; peers.compare(1, measure=False); peers.source('jax'); import sys; " \
        f"print([name for name in {heavy} if name in sys.modules])"  # fmt: skip
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]" and answer.stderr == ""


# What is stored


def test_the_stored_comparison_is_complete():
    assert set(STORED["comparisons"]) == {comparison.name_of(*setting) for setting in SETTINGS}
    for name, rows in STORED["comparisons"].items():
        assert list(rows) == list(peers.TOOLS), name
        assert all(comparison.Measured(**row).measured is False for row in rows.values())
    assert set(STORED["traps"]) == set(peers.TRAPS)
    assert "2026" in STORED["about"]["date"]
    assert "Python 3.11" in STORED["about"]["machine"] and "torch 2.13.0" in STORED["about"]["machine"]


@pytest.mark.parametrize("steps, first_order, double", SETTINGS)
def test_the_stored_rows_agree_with_what_is_computed_here(steps, first_order, double):
    expected = peers.reference(steps, first_order)
    rows = peers.compare(steps, first_order, double=double, measure=False).rows
    for key, row in rows.items():
        assert row.fast_difference < CLOSE[double] and row.gradient_difference < CLOSE[double], key
        assert row.meta_loss == pytest.approx(expected.loss, rel=1e-6)
        assert row.fast == pytest.approx(float(expected.fast[-1][0]), rel=1e-5)
        assert row.gradient == pytest.approx(float(expected.gradient[-1]), rel=1e-5)
        assert row.milliseconds > 0 and row.ratio > 0
    assert rows["pytorch"].ratio == 1


def test_the_stored_versions_are_those_that_make_peers_installs():
    lock = dict(
        line.split(" ;")[0].split("==")
        for line in (ROOT / "requirements-peers.lock").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    for rows in STORED["comparisons"].values():
        for key, row in rows.items():
            if key != "ours":
                assert Version(row["version"]) == Version(lock[peers.TOOLS[key].package]), key


# What is shown


def test_without_peers_everything_shown_is_stored_and_says_so(monkeypatch):
    monkeypatch.setattr(comparison, "peers_here", list)
    found = peers.compare(5)
    assert repr(found) == repr(peers.compare(5))  # nothing is measured: the same text each time
    assert not any(row.measured for row in found.rows.values())
    assert f"Stored: measured on {STORED['about']['date']}" in repr(found) and "| JAX" in repr(found)
    assert "here |" not in repr(found)
    assert "3.06331" in repr(found.digits())
    assert found._repr_markdown_() == repr(found)
    with pytest.raises(ValueError, match="For 3 inner steps nothing is stored"):
        peers.compare(3)


@pytest.mark.slow
def test_what_is_here_is_measured_and_the_rest_stays_stored(monkeypatch):
    monkeypatch.setattr(
        comparison, "TOOLS", {k: v if k in ("pytorch", "ours") else absent(v) for k, v in peers.TOOLS.items()}
    )
    found = peers.compare(1, rounds=1, measure=True)
    assert [key for key, row in found.rows.items() if row.measured] == ["pytorch", "ours"]
    said = repr(found)
    assert "Measured here: " in said and "Stored: measured on" in said
    assert said.count("here |") == 2 and said.count("stored |") == 5
    other = peers.compare(2, rounds=1, measure=True)
    assert list(other.rows) == ["pytorch", "ours"]
    assert "Neither here nor stored for these settings: learn2learn, higher" in repr(other)


def absent(given):
    return tools.Tool(given.key, given.title, "no_such_library", given.package)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "1", True])
def test_steps_that_are_no_number_of_steps(steps):
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        peers.compare(steps)


@pytest.mark.parametrize("key", peers.TOOLS)
def test_the_lines_of_a_tool_can_be_read_side_by_side(key):
    shown = peers.source(key)
    names = {node.name for node in ast.parse(shown.text).body if isinstance(node, ast.FunctionDef)}
    assert "meta_step" in names and not shown.text.startswith('"""')
    assert max(map(len, shown.text.splitlines())) <= 95 and 8 <= shown.count <= 45
    assert shown._repr_markdown_().startswith("```python\n")


def test_no_such_tool():
    for ask in (peers.source, peers.install):
        with pytest.raises(ValueError, match="no tool 'theano'. There are: pytorch, ours"):
            ask("theano")
    with pytest.raises(ValueError, match="no trap 'x'. There are: higher-first-order"):
        peers.trap("x")


def test_each_tool_has_its_state_and_its_recipe():
    assert set(state.known()) == {"checked", *peers.TOOLS}
    for key in peers.TOOLS:
        assert set(state.known()[key]) == {"newest", "released", "python", "state", "good_for", "install"}
        assert "pip install" in repr(peers.install(key))
    assert repr(peers.maintenance()).count("\n") == 10 and "Looked up on" in repr(peers.maintenance())
    assert "| JAX" in repr(peers.good_for())


# What bit us


@pytest.mark.parametrize("name", peers.TRAPS)
def test_a_trap_prints_what_is_stored(name):
    key = traps._ALL[name][1]
    tool(key)
    before = torch.random.get_rng_state()
    found = peers.trap(name)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert found.measured and found.output == STORED["traps"][name]
    assert found.lines in found._repr_markdown_() and found.output in found._repr_markdown_()
    assert max(map(len, found.lines.splitlines())) <= 95


def test_a_trap_without_its_tool_shows_what_is_stored(monkeypatch):
    monkeypatch.setitem(traps.TOOLS, "higher", absent(peers.TOOLS["higher"]))
    found = peers.trap("higher-first-order")
    assert not found.measured and found.output == STORED["traps"]["higher-first-order"]
    assert "Stored: run on" in repr(found)


def test_what_the_traps_say_is_what_happens():
    """The stored outputs, read: a fact each."""
    said = STORED["traps"]
    second, flagged, first = (line.split(":")[1].strip() for line in said["higher-first-order"].splitlines())
    # w = 1, (w − 3)², α = 0.1: θ′ = 1.4; (θ′ − 4)² has slope −5.2, and the way back through the step 0.8.
    assert (second, flagged, first) == ("-4.16", "None", "-5.2")
    turned = [line.split(":")[1].split() for line in said["learn2learn-rotation"].splitlines()]
    assert all(len(sides) == 5 and len(set(sides)) == 1 for sides in turned)
    assert len({sides[0] for sides in turned}) > 1
    assert "0 in both" in said["learn2learn-leak"]
    assert int(said["learn2learn-leak"].split("of them ")[1].split()[0]) > 400
    start, called, cloned, own = (line[24:] for line in said["batch-norm"].splitlines())
    assert start != called != cloned == own
    start, cloned = (line[30:] for line in said["learn2learn-batch-norm"].splitlines())
    assert start != cloned
    kept, lost, alias, restored = said["state-dict"].splitlines()
    assert kept.endswith("-2.56") and lost.endswith("-3.20")  # second order, and without the factor 1 − 2α
    assert alias.endswith("1.40") and restored.endswith("1.00")


# The program


def test_the_program_shows_what_is_here(capsys, monkeypatch):
    few = {key: given if key in ("pytorch", "ours") else absent(given) for key, given in peers.TOOLS.items()}
    monkeypatch.setattr(comparison, "TOOLS", few)
    monkeypatch.setattr(program, "TOOLS", few)
    monkeypatch.setattr(program, "TRAPS", ("state-dict",))
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    assert program.main(["--steps", "1", "--rounds", "1"]) == 0
    said = capsys.readouterr().out
    assert "Not here: learn2learn, higher" in said and "1 inner step, second order, float32" in said
    assert "restored without a copy" in said


def test_only_a_whole_comparison_is_stored(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "TOOLS", {"jax": absent(peers.TOOLS["jax"])})
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    assert program.main(["--store", str(tmp_path / "stored.json")]) == 1
    assert not list(tmp_path.iterdir()) and "`make peers` installs them" in capsys.readouterr().out
    with pytest.raises(ValueError, match="not every tool is here"):
        comparison.to_store(peers.compare(1, measure=False))


def test_a_difference_that_is_no_number_is_seen():
    one, none = torch.ones(2), torch.tensor([1.0, float("nan")])
    assert np.isnan(comparison.difference([one, one], [none, one]))
    with pytest.raises(ValueError, match=r"an array of shape \(2,\) where ours has \(1,\)"):
        comparison.difference([one[:1]], [one])
