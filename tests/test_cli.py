"""Recipes, weight files with their cards, and ``python -m metalib``."""

import hashlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings, strategies as st

from metalib import SineTasks, Training, weights
from metalib.cli import main
from metalib.training import run
from metalib.weights import Recipe

SMALL = """
title = "a small test"
seed = 3
[learner]
kind = "MAML"
alpha = 0.01
[model]
kind = "sine_net"
width = 8
[tasks]
kind = "sine"
shots = 3
queries = 3
[training]
iterations = 6
meta_batch = 2
validate_every = 3
validation_tasks = 2
validation = { shots = 4 }
[[evaluation]]
label = "one"
tasks = { shots = 2 }
adapt = { steps = 1 }
n_tasks = 5
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def train(small, tmp_path, *more):
    return main(["train", "--config", str(small), "--output", str(tmp_path / "out"), "--no-compile", *more])


# --- recipes
@pytest.mark.parametrize("name", Recipe.shipped())
def test_every_shipped_recipe_can_be_built(name):
    recipe = Recipe.read(name)
    assert recipe.name == name and recipe.evaluation and recipe.training["iterations"] > 0
    learner = recipe.build()
    if recipe.images is None:
        assert math.isfinite(recipe.trainer(learner).step())


def test_a_recipe_is_deterministic_in_its_seed(small):
    recipe = Recipe.read(small)
    same, other = recipe.build().state_dict(), recipe.with_seed(4).build().state_dict()
    again = recipe.build().state_dict()
    assert all(torch.equal(same[name], again[name]) for name in same)
    assert not torch.equal(same["model.0.weight"], other["model.0.weight"])
    assert recipe.with_seed(4).name == "small-seed4"


def test_changes_replace_single_options(small):
    assert Recipe.read(small).distribution("test", shots=9) == SineTasks(shots=9, queries=3)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("seed = 3", "", "seed"),
        ('"MAML"', '"Mammal"', "unknown kind 'Mammal'; known are MAML"),
        ("alpha = 0.01", "alpha = -1.0", "alpha must be a finite number"),
        ("width = 8", "breadth = 8", "breadth"),
        ("[learner]", "[learner", "small.toml is not a valid recipe"),
    ],
)
def test_a_bad_recipe_is_explained(small, tmp_path, capsys, old, new, words):
    small.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    assert train(small, tmp_path) == 1
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


MISTAKES = {
    "n_tasks = 5": ["n_task = 5", "n_tasks = 0", "n_tasks = 2.5", "n_tasks = true", ""],
    'label = "one"': ["", "label = 3", 'lable = "one"'],
    "adapt = { steps = 1 }": [
        "adapt = { step = 1 }",
        "adapt = { steps = -1 }",
        "adapt = 3",
        'adapt = { steps = "2" }',
    ],
    "tasks = { shots = 2 }": ["tasks = { shot = 2 }", "tasks = { shots = 0 }", 'tasks = { kind = "cosine" }'],
    'kind = "sine"': ['kind = "cosine"', 'kind = "episodes"', ""],
    "shots = 3": ['shots = "three"', "shots = -1", "amplitudes = 3"],
    "iterations = 6": ["", "iterations = 0", 'iterations = "many"', "iteration = 6"],
    "meta_batch = 2": ["meta_batch = 0", "batch = 2", "lr = true", "halve_every = -1", "optimiser = 'lion'"],
    "validation = { shots = 4 }": [
        "validation = { shot = 4 }",
        "validation = 4",
        "validation = { shots = 0 }",
    ],
    "seed = 3": ["seed = -1", "seed = 1.5", 'seed = "x"', "seed = 99999999999999999999", "seed = true"],
    "[learner]": ["learner = 3\n[other]", "[[learner]]"],
    'kind = "MAML"': ["", 'kind = "MAML"\ncompiled = 3'],
    "[[evaluation]]": ["[evaluation]"],
    "[tasks]": ["[tasks]\n[images]"],
}


@pytest.mark.parametrize("old, new", [(old, new) for old, news in MISTAKES.items() for new in news])
def test_every_mistake_in_a_recipe_is_found_before_the_training(
    small, tmp_path, capsys, monkeypatch, old, new
):
    assert SMALL.count(old) >= 1
    small.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(Training, "step", None)
    assert train(small, tmp_path) == 1
    said = capsys.readouterr().err.strip()
    assert said and "Traceback" not in said and "NoneType" not in said and "That did not work" not in said
    assert not list((tmp_path / "out").glob("*"))


def test_a_number_that_only_the_images_refuse_is_found_before_the_training(tmp_path, capsys, monkeypatch):
    text = (weights.FOLDER / "glyphs-protonet.toml").read_text("utf-8")
    recipe = tmp_path / "wide.toml"
    monkeypatch.setattr(Training, "step", None)
    recipe.write_text(text.replace("ways = 5, shots = 5", "ways = 5000, shots = 5"), encoding="utf-8")
    assert train(recipe, tmp_path) == 1
    said = capsys.readouterr().err
    assert "The evaluation '5-way 5-shot' of wide cannot be done: 5000 ways need" in said


def test_an_editors_mark_before_a_recipe_is_no_mistake(small):
    small.write_text(SMALL, encoding="utf-8-sig")
    assert Recipe.read(small).seed == 3


def test_an_unknown_recipe_lists_the_known_ones(capsys):
    assert main(["train", "--config", "nonsense"]) == 1
    assert "sine-maml" in capsys.readouterr().err


# --- train, evaluate, weights
def test_train_writes_weights_and_a_card_that_evaluate_confirms(small, tmp_path, capsys):
    assert train(small, tmp_path) == 0
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["small.json", "small.safetensors"]
    card = json.loads((out / "small.json").read_text(encoding="utf-8"))
    assert (
        card["recipe"]["seed"] == 3
        and card["iterations"] == 6
        and card["parameters"] == 8 + 8 + 64 + 8 + 8 + 1
    )
    assert card["command"] == f"python -m metalib train --config {small}"
    measured = dict(
        weights.recipe(out / "small.safetensors").evaluations(weights.load(out / "small.safetensors"))
    )
    assert card["results"][0]["mean"] == pytest.approx(measured["one"].mean, rel=1e-4)
    capsys.readouterr()
    assert main(["evaluate", str(out / "small.safetensors"), "--tasks", "7"]) == 0
    said = capsys.readouterr().out
    assert "a small test" in said and "(7 tasks)" in said


def test_the_card_tells_of_options_that_were_not_the_recipes(small, tmp_path):
    assert train(small, tmp_path, "--iterations", "2", "--seed", "8") == 0
    card = weights.card(tmp_path / "out" / "small-seed8.safetensors")
    assert card["command"].endswith("--iterations 2 --seed 8") and card["iterations"] == 2


def test_the_same_recipe_gives_the_same_bytes(small, tmp_path):
    for folder in ("a", "b"):
        assert (
            main(["train", "--config", str(small), "--output", str(tmp_path / folder), "--no-compile"]) == 0
        )
    one, two = ((tmp_path / folder / "small.safetensors").read_bytes() for folder in "ab")
    assert one == two


def test_an_interrupted_training_goes_on(small, tmp_path, monkeypatch, capsys):
    assert train(small, tmp_path) == 0
    whole = (tmp_path / "out" / "small.safetensors").read_bytes()
    sample, drawn = SineTasks.sample, []

    def press_stop(self, n_tasks, generator):
        if self.shots == 3:
            drawn.append(1)
        if len(drawn) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return sample(self, n_tasks, generator)

    out = tmp_path / "interrupted"
    arguments = ["train", "--config", str(small), "--output", str(out), "--no-compile"]
    monkeypatch.setattr(SineTasks, "sample", press_stop)
    assert main(arguments) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["small.checkpoint"]
    monkeypatch.undo()
    assert main(arguments) == 0
    assert (out / "small.safetensors").read_bytes() == whole


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("alpha = 0.01", "alpha = 0.5", "learner.alpha was 0.01 and is 0.5"),
        ("seed = 3", "seed = 4", "seed was 3 and is 4"),
        ("shots = 3", "shots = 4", "tasks.shots was 3 and is 4"),
        ("meta_batch = 2", "meta_batch = 3", "meta_batch was 2 and is 3"),
        ("width = 8", "width = 9", "learner.model.0.out_features was 8 and is 9"),
        ('"MAML"', '"Reptile"', "learner was MAML and is Reptile"),
    ],
)
def test_an_interrupted_training_does_not_go_on_under_another_recipe(
    small, tmp_path, capsys, old, new, words
):
    """Else the card would describe a training that never was."""
    run(
        Recipe.read(small).trainer(Recipe.read(small).build()),
        2,
        checkpoint=tmp_path / "out/small.checkpoint",
    )
    small.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    assert train(small, tmp_path) == 1
    assert words in capsys.readouterr().err
    small.write_text(SMALL, encoding="utf-8")
    assert train(small, tmp_path, "--iterations", "1") == 1
    assert "2 meta-iterations are done already, more than the 1 asked for" in capsys.readouterr().err
    assert train(small, tmp_path) == 0


def test_the_card_counts_the_time_before_an_interrupt(small, tmp_path):
    training = Recipe.read(small).trainer(Recipe.read(small).build())
    training.history.seconds = 5000.0
    run(training, 2, checkpoint=tmp_path / "out" / "small.checkpoint")
    assert train(small, tmp_path) == 0
    assert 5000 <= weights.card(tmp_path / "out" / "small.safetensors")["seconds"] < 5100


@pytest.mark.parametrize("name", ["", "small.safetensors", "small.json", "small.checkpoint"])
def test_a_place_that_cannot_be_written_is_found_before_the_training(
    small, tmp_path, capsys, monkeypatch, name
):
    if name:
        (tmp_path / "out" / name).mkdir(parents=True)
    else:
        (tmp_path / "out").touch()
    monkeypatch.setattr(Training, "step", None)
    assert train(small, tmp_path) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, words",
    [
        (["--iterations", "0"], "iterations must be at least 1, not 0"),
        (["--iterations", "-3"], "iterations must be at least 1, not -3"),
        (["--seed", "-1"], "seed must be at least 0, not -1"),
        (["--seed", str(2**64)], "seed must be smaller"),
        (["--device", "nonsense"], "There is no device 'nonsense' here"),
        (["--device", "cuda:99"], "There is no device 'cuda:99' here"),
        (["--device", ""], "There is no device '' here"),
        (["--device", "meta"], "There is no device 'meta' here"),
    ],
)
def test_options_of_the_command_line_are_checked(small, tmp_path, capsys, options, words):
    assert train(small, tmp_path, *options) == 1
    assert words in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
def test_a_gpu_that_is_not_there_is_said(small, tmp_path, capsys):
    assert train(small, tmp_path, "--device", "cuda") == 1
    assert "no device 'cuda' here" in capsys.readouterr().err


@pytest.mark.parametrize("tasks", ["0", "-1"])
def test_no_number_is_not_the_recipes_number(tasks, capsys):
    assert main(["evaluate", "sine-maml", "--tasks", tasks]) == 1
    assert f"tasks must be at least 1, not {tasks}" in capsys.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("out of memory\nat line 3"), KeyError("x"), RecursionError()])
def test_what_nobody_foresaw_is_a_sentence_too(monkeypatch, capsys, error):
    def fail(_options):
        raise error

    monkeypatch.setattr("metalib.cli._weights", fail)
    assert main(["weights"]) == 1
    said = capsys.readouterr().err
    assert type(error).__name__ in said and "-X dev" in said and len(said.splitlines()) == 1


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, env={**os.environ, **environment}
    )


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "latin-1"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_old_code_page_loses_no_message(tmp_path, encoding, language):
    (tmp_path / "file").touch()
    environment = {"METALIB_CACHE": str(tmp_path / "file" / "cache"), "LANGUAGE": language}
    done = python("-m", "metalib", "doctor", PYTHONIOENCODING=encoding, **environment)
    said = done.stdout.decode(encoding)
    assert done.returncode == 1 and not done.stderr
    assert "FAIL" in said and "METALIB_CACHE" in said and "-> Set the environment variable" in said
    assert said.count("?") == 0


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path):
    command = [sys.executable, "-m", "metalib", "weights"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1


def test_training_without_torch_says_whom_to_ask():
    program = (
        "import sys; sys.modules['torch'] = None; from metalib.cli import main; sys.exit(main(['weights']))"
    )
    done = python("-c", program % ["weights"])
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert b"python -m metalib doctor" in done.stderr


def test_doctor_reports(capsys):
    assert main(["doctor"]) == 0
    assert "OK" in capsys.readouterr().out


def test_doctor_can_speak_where_torch_is_missing():
    """The one thing that a broken installation must still be able to do."""
    program = (
        "import sys; sys.modules['torch'] = None; from metalib.cli import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1 and "FAIL" in done.stdout and not done.stderr


def test_weights_lists_every_card(capsys):
    assert main(["weights"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in weights.names())


def test_a_damaged_weight_file_is_refused(small, tmp_path, capsys):
    train(small, tmp_path)
    path = tmp_path / "out" / "small.safetensors"
    for damaged in (path.read_bytes()[:-8], b"nonsense", safetensors.torch.save({"w": torch.ones(2)})):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="does not hold the weights that its card describes"):
            weights.load(path)
    assert main(["evaluate", str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def copied(tmp_path):
    for suffix in (".safetensors", ".json"):
        shutil.copy(weights.FOLDER / f"sine-maml{suffix}", tmp_path / f"mine{suffix}")
    return tmp_path / "mine.safetensors"


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_one_flipped_bit_of_weights_or_card_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip")
    for suffix in (".safetensors", ".json"):
        shutil.copy(weights.FOLDER / f"sine-maml{suffix}", folder / f"mine{suffix}")
    file = folder / f"mine{data.draw(st.sampled_from(['.safetensors', '.json']))}"
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    try:
        card = weights.card(folder / "mine.safetensors")
        loaded = weights.load(folder / "mine.safetensors")
    except ValueError as error:
        assert "mine." in str(error)
    else:  # in the layout of the card, where a space may become another one
        assert card == weights.card("sine-maml") and file.suffix == ".json"
        assert str(loaded.state_dict()) == str(weights.load("sine-maml").state_dict())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_even_where_their_card_fits(copied, value):
    state = safetensors.torch.load_file(copied)
    state["model.0.weight"][3] = value
    content = safetensors.torch.save(state)
    card = weights.card(copied)
    del card["digest"]
    copied.write_bytes(content)
    with pytest.raises(
        ValueError, match="mine.safetensors does not hold the weights that its card describes"
    ):
        weights.load(copied)
    copied.with_suffix(".json").write_bytes(weights.written(weights.with_digests(card, content)))
    with pytest.raises(ValueError, match="not finite"):
        weights.load(copied)


def test_weights_under_another_ones_card_are_refused(copied):
    shutil.copy(weights.FOLDER / "sine-fomaml.json", copied.with_suffix(".json"))
    with pytest.raises(ValueError, match="made by another training"):
        weights.load(copied)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"digest": 3}', b'{"digest": {"card": 1}}']
)
def test_a_card_that_is_none_is_refused(copied, content, capsys):
    copied.with_suffix(".json").write_bytes(content)
    for call in (weights.card, weights.recipe, weights.load):
        with pytest.raises(ValueError, match="mine.json was altered or cut short"):
            call(copied)
    assert main(["evaluate", str(copied)]) == 1 and "Traceback" not in capsys.readouterr().err


def test_unknown_weights_list_the_known_ones():
    with pytest.raises(FileNotFoundError, match="no weights 'nonsense'"):
        weights.load("nonsense")


# --- the shipped files
@pytest.mark.parametrize("name", weights.names())
def test_the_shipped_cards_have_digests_and_are_otherwise_as_they_were(name):
    """`tools/cards.py` added the digests to cards that were there before, and nothing else."""
    path = weights.FOLDER / f"{name}.json"
    content = path.read_bytes().replace(b"\r\n", b"\n")
    card = json.loads(content)
    assert content == weights.written(card)
    digest = card.pop("digest")
    assert list(digest) == ["weights", "card"] and list(card)[-1] == "recipe"
    file = (weights.FOLDER / f"{name}.safetensors").read_bytes()
    assert weights.with_digests(card, file)["digest"] == digest
    assert digest["weights"] == hashlib.sha256(file).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.omniglot] if name.startswith("omniglot") else [])
        for name in weights.names()
    ],
)
def test_shipped_weights_are_what_their_cards_say(name):
    """Every card is measured again on its own test tasks; the recipe in the card is the one that ships.

    On images only on the first tasks, and within the two intervals: a whole card takes minutes.
    """
    config, _seed, seed = name.partition("-seed")
    recipe, card = Recipe.read(config), weights.card(name)
    if seed:
        recipe = recipe.with_seed(int(seed))
    assert weights.recipe(name) == recipe and card["iterations"] == recipe.training["iterations"]
    assert card["command"] == f"python -m metalib train --config {config}" + f" --seed {seed}" * bool(seed)
    fewer = None if recipe.images is None else 50
    measured = recipe.evaluations(weights.load(name), fewer)
    for entry, (label, result) in zip(card["results"], measured, strict=True):
        assert entry["label"] == label
        if fewer is None:
            assert entry["n_tasks"] == result.n
            assert entry["mean"] == pytest.approx(result.mean, rel=1e-3), label
            assert entry["half_width"] == pytest.approx(result.half_width, rel=1e-2), label
        else:
            spread = max(result.half_width, entry["half_width"] * (entry["n_tasks"] / result.n) ** 0.5)
            # Before any step nearly every task has the same accuracy, chance: no spread to speak of.
            assert abs(entry["mean"] - result.mean) < max(1.5 * spread, 0.002), label


def test_sine_weights_reach_the_published_table():
    """Finn et al. 2017, table 2: 5 shots, after 1, 5 and 10 steps."""
    means = {name: [entry["mean"] for entry in weights.card(name)["results"]] for name in weights.names()}
    assert all(got <= paper for got, paper in zip(means["sine-maml"][1:], (0.67, 0.38, 0.35), strict=True))
    # Joint training stands beside the paper's 2.41, 2.23, 2.19: far above MAML, and falling.
    assert all(1.5 < got < 3.5 for got in means["sine-joint"][1:])
