"""Probes of chapter 7."""

import math
from typing import Any

import torch

from metalib.exercises.probes import N_, label, probe
from metalib.learners import ProtoNet
from metalib.tasks import TaskBatch


def image_set(names, ink, drawings=3):
    """A small image set: class i's drawings are all different, unless `ink` says otherwise.

    Imported here, not above: the data modules are only needed by this exercise.
    """
    from metalib.data import ImageSet

    images = torch.zeros(len(names), drawings, 1, 4, 4, dtype=torch.uint8)
    for c, base in enumerate(ink):
        for d in range(drawings):
            images[c, d, 0, 0, :2] = torch.tensor([base, d], dtype=torch.uint8)
    return ImageSet(images, tuple(names), tuple(name.split("/")[0] for name in names))


@probe("07/find-leaks", context={"torch": torch})
def probe_find_leaks(find_leaks):
    train = image_set(
        ["Greek/character01", "Greek/character02", "Latin/character01", "N_Ko/character05"], range(4)
    )
    clean = image_set(["Tifinagh/character01", "Tifinagh/character02"], (10, 11))
    alphabet = image_set(
        ["Greek/character03", "Greek/character04", "Latin/character02", "Tifinagh/character01"],
        (10, 11, 12, 13),
    )
    shared = image_set(["Latin/character01", "Tifinagh/character02", "Greek/character02"], (10, 11, 12))
    copied = image_set(["Tifinagh/character01", "Tifinagh/character02", "Tifinagh/character03"], (10, 3, 12))
    copied.images[2, 0] = train.images[0, 2]  # one drawing, at another place than in training
    copied.images[0, 1] = copied.images[0, 0]  # twice within the test set: no leak from training
    return {
        N_("nothing shared"): find_leaks(train, clean),
        N_("alphabets shared"): find_leaks(train, alphabet),
        N_("classes shared"): find_leaks(train, shared),
        N_("drawings shared"): find_leaks(train, copied),
    }


@probe("07/one-alphabet", context={"torch": torch})
def probe_alphabet_episode(draw):
    """What is true of many episodes, whatever was drawn. Five alphabets; one has too few characters."""
    alphabets = ("A",) * 4 + ("B",) * 2 + ("C",) * 12 + ("D",) * 3 + ("A",) * 1
    generator = torch.Generator().manual_seed(0)
    facts: dict[str, Any] = {
        N_("shapes"): set(),
        N_("different classes in an episode"): set(),
        N_("alphabets in an episode"): set(),
        N_("different drawings of a class"): set(),
        N_("drawings outside of 0 … 9"): False,
    }
    used, firsts, ordered, seen = {name: 0 for name in "ABCD"}, set(), True, set()
    for _episode in range(300):
        classes, drawings = draw(alphabets, 10, 3, 2, 4, generator)
        facts["shapes"].add((tuple(classes.shape), tuple(drawings.shape)))
        facts["different classes in an episode"].add(len(set(classes.tolist())))
        names = {alphabets[c] for c in classes.tolist()}
        facts["alphabets in an episode"].add(len(names))
        facts["different drawings of a class"] |= {len(set(row)) for row in drawings.tolist()}
        facts["drawings outside of 0 … 9"] |= bool(((drawings < 0) | (drawings > 9)).any())
        for name in names:
            used[name] += 1
        ordered &= classes.tolist() == sorted(classes.tolist())
        seen |= set(classes.tolist())
        firsts |= set(drawings[:, 0].tolist())
    told = {
        name: sorted(map(str, fact)) if isinstance(fact, set) else str(fact) for name, fact in facts.items()
    }
    return told | {
        N_("an alphabet with too few characters is used"): str(used["B"] > 0),
        N_("one alphabet comes far more often than the others"): str(max(used.values()) > 140),
        N_("classes always in ascending order"): str(ordered),
        N_("all characters of the alphabets can come"): str(seen == set(range(len(alphabets))) - {4, 5}),
        N_("every drawing can be a support drawing"): str(len(firsts) == 10),
    }


def hard_and_easy(tasks, ways, shots, queries, seed):
    """Two-pixel "images" of classes that lie close together in some tasks and far apart in others."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.linspace(0.3, 3.0, tasks).view(-1, 1, 1)
    centres = spread * torch.randn(tasks, ways, 2, generator=generator)

    def draw(n):
        x = centres.repeat_interleave(n, dim=1) + torch.randn(tasks, ways * n, 2, generator=generator)
        return x, torch.arange(ways).repeat_interleave(n).expand(tasks, -1).clone()

    return TaskBatch(*draw(shots), *draw(queries))


@probe("07/evaluate", context={"torch": torch, "math": math})
def probe_evaluate(evaluate_on):
    learner = ProtoNet(torch.nn.Flatten())
    return {
        N_("12 tasks, 4-way 2-shot"): evaluate_on(learner, hard_and_easy(12, 4, 2, 6, 0)),
        N_("5 tasks, 3-way 1-shot"): evaluate_on(learner, hard_and_easy(5, 3, 1, 4, 1)),
    }


class Judge:
    """Accuracies of a learner for each α, on validation and on test tasks; it remembers what was asked."""

    def __init__(self, validation, test):
        self.tables, self.asked = {"validation": validation, "test": test}, []

    def __call__(self, alpha, tasks):
        self.asked.append((tasks, alpha))
        return self.tables[tasks][alpha]


@probe("07/choose-alpha")
def probe_choose(choose_alpha):
    result = {}
    for name, validation, test in (
        (N_("validation and test disagree"), (0.61, 0.80, 0.86, 0.70), (0.60, 0.88, 0.84, 0.69)),
        (N_("the first α is the best"), (0.90, 0.80, 0.60, 0.20), (0.85, 0.86, 0.61, 0.20)),
        (N_("the largest α is the best"), (0.20, 0.50, 0.60, 0.71), (0.25, 0.55, 0.66, 0.64)),
    ):
        alphas = (0.01, 0.1, 0.4, 1.0)
        judge = Judge(dict(zip(alphas, validation, strict=True)), dict(zip(alphas, test, strict=True)))
        chosen, reported = choose_alpha(list(alphas), judge)
        tests = [alpha for tasks, alpha in judge.asked if tasks == "test"]
        result[name] = {
            N_("the chosen α"): chosen,
            N_("the reported accuracy"): reported,
            N_("questions to the test tasks"): len(tests),
            N_("different α tried on validation tasks"): len(
                {alpha for tasks, alpha in judge.asked if tasks == "validation"}
            ),
        }
    return result


@probe("07/how-many-tasks", context={"torch": torch, "math": math}, rtol=0)
def probe_tasks_needed(tasks_needed):
    cases = ((0.1, 0.02), (0.085, 0.01), (0.012, 0.001), (0.05, 0.048))
    return {
        label(N_("spread {spread}, ± {half_width}"), spread=spread, half_width=half_width): tasks_needed(
            spread, half_width
        )
        for spread, half_width in cases
    }
