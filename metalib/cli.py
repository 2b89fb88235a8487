"""``python -m metalib``: doctor, train, evaluate, weights, curves, ablation, progress, assignment."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from metalib import console, doctor, launch
from metalib.i18n import _, use_language

if TYPE_CHECKING:
    from metalib.team import Team

# What needs torch is imported by the commands themselves: the doctor must be able to say that torch is
# missing.


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure said in a sentence, 130 if interrupted.

    A failure that nobody foresaw is a sentence as well; ``python -X dev -m metalib`` shows where it arose.
    """
    console.speak_plainly()
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
    train.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="share out each meta-batch among so many processes of this machine (several: torchrun)",
    )
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

    ablation = commands.add_parser("ablation", help="train the variants that chapter 12 compares")
    ablation.add_argument("name", metavar="ABLATION", help="sine or glyphs")
    ablation.add_argument(
        "--output", type=Path, default=Path("weights"), metavar="FOLDER", help="where to write"
    )
    ablation.add_argument("--iterations", type=int, help="meta-iterations instead of the recipe's")
    ablation.set_defaults(call=_ablation)

    register = commands.add_parser("progress", help="how far a class is, from its students' progress files")
    register.add_argument(
        "places",
        nargs="+",
        type=Path,
        metavar="PLACE",
        help="a progress file, or a folder of NAME.json, of NAME/progress.json or of students' homes",
    )
    register.set_defaults(call=_progress)

    assignment = commands.add_parser(
        "assignment", help="write a chapter's exercises as an assignment of an nbgrader course"
    )
    assignment.add_argument("chapters", nargs="+", metavar="CHAPTER", help="03, for instance")
    assignment.add_argument(
        "--course", type=Path, default=Path("course"), metavar="FOLDER", help="where (default: course)"
    )
    assignment.add_argument("--language", metavar="CODE", help="zh, for instance (default: this computer's)")
    assignment.set_defaults(call=_assignment)

    options = parser.parse_args(arguments)
    options.arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status = options.call(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(_("Interrupted."), file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever was reading, such as `head`, has seen enough. What Python would still write goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print(_sentence(error), file=sys.stderr)
        return 1


def _sentence(error: Exception) -> str:
    """What went wrong, without a traceback. Errors of metalib's own say what to do; others are named."""
    said = str(error).strip()
    if isinstance(error, ImportError):
        return _("{reason}. `python -m metalib doctor` says what is missing.").format(reason=said)
    if isinstance(error, OSError | ValueError | TypeError | FloatingPointError) and said:
        return said
    return _(
        "That did not work ({kind}: {reason}). `python -X dev -m metalib`, with the same words behind it, "
        "shows where it arose."
    ).format(kind=type(error).__name__, reason=said.splitlines()[0] if said else _("without a reason"))


def _doctor(_options: argparse.Namespace) -> int:
    found = doctor.checks()
    print(doctor.report(found))
    return 1 if any(check.ok is False for check in found) else 0


def _train(options: argparse.Namespace) -> int:
    from metalib.tasks.batch import check_positive
    from metalib.team import TeamBroken, joined

    if options.processes is not None:
        check_positive(processes=options.processes)
        if options.processes > 1 and not launch.is_launched():
            return launch.run(options.arguments, options.processes)
    launch.end_with_parent()
    try:
        with joined() as team:
            return _train_with(options, team)
    except TeamBroken as error:
        print(_sentence(error), file=sys.stderr)
        return launch.BROKEN


def _train_with(options: argparse.Namespace, team: Team) -> int:
    from metalib import threads, weights
    from metalib.paths import check_writable
    from metalib.tasks.batch import check_positive
    from metalib.team import own_device
    from metalib.training import run

    threads.settle(spare=0)  # a program of its own
    recipe = weights.Recipe.read(options.config)
    if options.seed is not None:
        recipe = recipe.with_seed(options.seed)
    iterations = recipe.training["iterations"] if options.iterations is None else options.iterations
    check_positive(iterations=iterations)
    device = own_device(_device(options.device))
    faster = {"compile": True} if recipe.training.get("compile") and not options.no_compile else {}
    learner = recipe.build(**faster).to(device)
    checkpoint = options.output / f"{recipe.name}.checkpoint"
    training = recipe.trainer(learner, team)
    if team.leads:
        # Whatever can fail afterwards fails now: a folder that cannot be written, an evaluation that cannot
        # be.
        check_writable(checkpoint, *weights.paths_of(options.output, recipe))
        recipe.rehearse(learner)
    history = run(training, iterations, checkpoint=checkpoint)
    if not team.leads:
        return 130 if history.interrupted else 0
    print(history)
    if history.interrupted:
        print(_("The checkpoint is {path}; the same command goes on from there.").format(path=checkpoint))
        return 130
    began = time.perf_counter()
    results = recipe.evaluations(learner)
    command = f"python -m metalib train --config {options.config}"
    for name in ("iterations", "seed"):
        if getattr(options, name) is not None:
            command += f" --{name} {getattr(options, name)}"
    if team.size > 1:
        command += f" --processes {team.size}"
    seconds = history.seconds + time.perf_counter() - began
    path = weights.save(
        options.output, recipe, learner, results, command=command, iterations=iterations, seconds=seconds
    )
    checkpoint.unlink(missing_ok=True)
    _print_results(results)
    print(path)
    return 0


def _device(wanted: str | None) -> str:
    """The device to train on: the one asked for, else a GPU where there is one.

    Raises:
        ValueError: there is no such device here.
    """
    import torch

    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wanted).add_(1).item()
    except Exception as error:  # each kind of device refuses in its own way
        raise ValueError(
            _("There is no device {wanted!r} here ({reason}). Without --device it is {usual}.").format(
                wanted=wanted,
                reason=str(error).strip().splitlines()[0],
                usual="cuda" if torch.cuda.is_available() else "cpu",
            )
        ) from error
    return wanted


def _evaluate(options: argparse.Namespace) -> int:
    from metalib import threads, weights
    from metalib.tasks.batch import check_positive

    threads.settle(spare=0)  # a program of its own
    if options.tasks is not None:
        check_positive(tasks=options.tasks)
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
    from metalib import threads
    from metalib.curves import measure

    threads.settle(spare=0)  # a program of its own
    print(measure.write(options.families, options.output or measure.FILE))
    return 0


def _ablation(options: argparse.Namespace) -> int:
    from metalib import ablation, threads
    from metalib.tasks.batch import check_positive

    threads.settle(spare=0)  # a program of its own
    if options.iterations is not None:
        check_positive(iterations=options.iterations)
    path = ablation.train(options.name, options.output, iterations=options.iterations)
    if path is None:
        print(_("The same command goes on after the members that are finished."))
        return 130
    print(path)
    return 0


def _progress(options: argparse.Namespace) -> int:
    from metalib.exercises.register import register

    print(register(*options.places))
    return 0


def _assignment(options: argparse.Namespace) -> int:
    from metalib.grading import assignment

    if options.language:
        use_language(options.language)
    for chapter in options.chapters:
        print(assignment.write(chapter, options.course))
    return 0


def _print_results(results) -> None:
    width = max(len(label) for label, _result in results)
    for label, result in results:
        print(f"{label:<{width}}  {result}")
