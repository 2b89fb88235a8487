"""``python -m metalib``: doctor, train, evaluate, weights, curves."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from metalib import doctor
from metalib.i18n import _

# What needs torch is imported by the commands themselves: the doctor must be able to say that torch is
# missing.


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure said in a sentence, 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m metalib", description="The helper package of the course Learning to Learn."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    commands.add_parser("doctor", help="check this computer: OK or what to do").set_defaults(call=_doctor)

    train = commands.add_parser("train", help="train a recipe and write its weights and card")
    train.add_argument(
        "--config",
        required=True,
        metavar="RECIPE",
        help="the name of a shipped recipe, such as sine-maml, or a TOML file",
    )
    train.add_argument(
        "--output",
        type=Path,
        default=Path("weights"),
        metavar="FOLDER",
        help="where to write (default: weights)",
    )
    train.add_argument("--iterations", type=int, help="meta-iterations instead of the recipe's")
    train.add_argument("--seed", type=int, help="a seed instead of the recipe's")
    train.add_argument("--device", help="cpu or cuda (default: a GPU where there is one)")
    train.add_argument("--no-compile", action="store_true", help="do without torch.compile")
    train.set_defaults(call=_train)

    test = commands.add_parser("evaluate", help="score trained weights on their test tasks")
    test.add_argument("weights", help="the name of shipped weights, or a .safetensors file")
    test.add_argument("--tasks", type=int, metavar="N", help="test tasks instead of the recipe's number")
    test.set_defaults(call=_evaluate)

    commands.add_parser("weights", help="list the shipped weights with their cards").set_defaults(
        call=_weights
    )

    curves = commands.add_parser("curves", help="measure the learning curves that chapter 1 shows")
    curves.add_argument("families", nargs="*", metavar="FAMILY", help="only these (default: all)")
    curves.add_argument("--output", type=Path, metavar="FILE", help="where to write (default: metalib's own)")
    curves.set_defaults(call=_curves)

    options = parser.parse_args(arguments)
    try:
        return options.call(options)
    except KeyboardInterrupt:
        print(_("Interrupted."), file=sys.stderr)
        return 130
    except (OSError, ValueError, TypeError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1


def _doctor(_options: argparse.Namespace) -> int:
    found = doctor.checks()
    print(doctor.report(found))
    return 1 if any(check.ok is False for check in found) else 0


def _train(options: argparse.Namespace) -> int:
    import torch

    from metalib import weights
    from metalib.training import run

    recipe = weights.Recipe.read(options.config)
    if options.seed is not None:
        recipe = recipe.with_seed(options.seed)
    iterations = options.iterations or recipe.training["iterations"]
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    faster = {"compile": True} if recipe.training.get("compile") and not options.no_compile else {}
    learner = recipe.build(**faster).to(device)
    checkpoint = options.output / f"{recipe.name}.checkpoint"
    began = time.perf_counter()
    training = recipe.trainer(learner)
    history = run(training, iterations, checkpoint=checkpoint)
    print(history)
    if history.interrupted:
        print(_("The checkpoint is {path}; the same command goes on from there.").format(path=checkpoint))
        return 130
    results = recipe.evaluations(learner)
    command = f"python -m metalib train --config {options.config}"
    for name in ("iterations", "seed"):
        if getattr(options, name) is not None:
            command += f" --{name} {getattr(options, name)}"
    seconds = time.perf_counter() - began
    path = weights.save(
        options.output, recipe, learner, results, command=command, iterations=iterations, seconds=seconds
    )
    checkpoint.unlink(missing_ok=True)
    _print_results(results)
    print(path)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from metalib import weights

    learner, recipe = weights.load(options.weights), weights.recipe(options.weights)
    print(recipe.title)
    _print_results(recipe.evaluations(learner, options.tasks))
    return 0


def _weights(_options: argparse.Namespace) -> int:
    from metalib import weights
    from metalib.evaluation import METRICS

    for name in weights.names():
        card = weights.card(name)
        print(f"{name}: {card['title']}")
        print(
            "    "
            + _("{command}, {iterations} meta-iterations, seed {seed}, torch {torch}").format(
                command=card["command"],
                iterations=card["iterations"],
                seed=card["recipe"]["seed"],
                torch=card["versions"]["torch"],
            )
        )
        for result in card["results"]:
            metric = result["metric"]
            line = _("{label}: {metric} {mean:.3f} ± {half_width:.3f} ({n_tasks} tasks)")
            print("    " + line.format(**{**result, "metric": _(METRICS[metric])}))
    return 0


def _curves(options: argparse.Namespace) -> int:
    from metalib.curves import measure

    print(measure.write(options.families, options.output or measure.FILE))
    return 0


def _print_results(results) -> None:
    width = max(len(label) for label, _result in results)
    for label, result in results:
        print(f"{label:<{width}}  {result}")
