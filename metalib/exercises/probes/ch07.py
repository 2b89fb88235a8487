"""Probes of chapter 7."""

import math
from typing import Any

import torch

from metalib.exercises.probes import N_, BrokenRule, Draw, chance_from, label, probe, require


def image_set(names: list[str], draw: Draw, side: int, drawings: int = 5) -> Any:
    """An image set in which no two drawings are the same.

    Imported here, not above: the data modules are only needed by this exercise.
    """
    from metalib.data import ImageSet

    images = torch.randint(256, (len(names), drawings, 1, side, side), generator=draw.generator)
    return ImageSet(images.to(torch.uint8), tuple(names), tuple(name.split("/")[0] for name in names))


@probe("07/find-leaks", context={"torch": torch})
def probe_find_leaks(find_leaks, draw):
    """Each of the three leaks alone, with a number that no other way of counting finds."""
    side, known = draw.whole(5, 8), draw.whole(2, 4)
    places = [(0, 2, 3, 4)[i] for i in draw.order(4).tolist()]

    def made(*names: str) -> Any:
        return image_set([names[i] for i in draw.order(len(names)).tolist()], draw, side)

    greek = (f"Greek/character0{n}" for n in range(1, 1 + known))
    train = made(*greek, "Latin/character01", "N_Ko/character05")
    copied = made("Tifinagh/character01", "Tifinagh/character02", "Tifinagh/character03")
    # Four training drawings in one test class, the first of them in another class as well: 5 test drawings, 4
    # different ones, in 2 classes. The second is three times in training: 6 training drawings, 7 pairs. Two
    # are the first of their class in training: 3 copies of such. None is where its original is.
    originals = train.images[0, 0], train.images[1, 1], train.images[2, 2], train.images[3, 0]
    train.images[-1, 2:4] = originals[1]
    for place, drawing in zip(places, originals, strict=True):
        copied.images[1, place] = drawing
    copied.images[2, 1 + draw.whole(0, 2)] = originals[0]
    copied.images[0, places[0]] = copied.images[0, places[1]]  # twice within the test: no leak from training
    return {
        N_("nothing shared"): find_leaks(train, made("Tifinagh/character01", "Tifinagh/character02")),
        N_("alphabets shared"): find_leaks(
            train,
            made("Greek/character08", "Greek/character09", "Latin/character02", "Tifinagh/character01"),
        ),
        N_("classes shared"): find_leaks(
            train, made("Latin/character01", "Tifinagh/character05", "Greek/character02", "Greek/character07")
        ),
        N_("drawings shared"): find_leaks(train, copied),
    }


EPISODES = 300
TWO_TENSORS = N_(
    "Return two tensors of whole numbers: `classes`, of shape (ways,), and `chosen`, of shape (ways, shots + "
    "queries)."
)
PAIR = N_("Return two things: the chosen α, and the accuracy that you would report for it.")


@probe("07/one-alphabet", context={"torch": torch})
def probe_alphabet_episode(draw_episode, draw):
    """What is true of 300 episodes, whatever came out. Four alphabets, mixed, of which one is too small.

    A right answer misses one of these facts with a chance below one in a hundred thousand.
    """
    ways, shots, queries = draw.whole(3, 4), draw.whole(1, 2), draw.whole(2, 4)
    drawings = shots + queries + draw.whole(1, 4)
    sizes = {"A": ways + 2, "B": ways - 1, "C": 6 * ways, "D": ways}
    sorted_names = [name for name, size in sizes.items() for _character in range(size)]
    alphabets = tuple(sorted_names[i] for i in draw.order(len(sorted_names)).tolist())
    generator = torch.Generator().manual_seed(draw.whole(0, 10_000))

    def episode(source: torch.Generator) -> tuple[list, list]:
        found = draw_episode(alphabets, drawings, ways, shots, queries, source)
        try:
            classes, chosen = (torch.as_tensor(part) for part in found)
        except (TypeError, ValueError, RuntimeError):
            raise BrokenRule(TWO_TENSORS) from None
        require(classes.dim() == 1 and chosen.dim() == 2, TWO_TENSORS)
        return classes.tolist(), chosen.tolist()

    chance_from(generator, episode)
    shapes, ways_found, mixed, different, places = set(), set(), set(), set(), set()
    used, orders, seen, firsts, alike = dict.fromkeys("ABCD", 0), set(), set(), set(), True
    for _episode in range(EPISODES):
        classes, chosen = episode(generator)
        names = {alphabets[c] for c in classes if 0 <= c < len(alphabets)}
        shapes.add((len(classes), len(chosen), *sorted({len(row) for row in chosen})))
        ways_found.add(len(set(classes)))
        mixed.add(len(names))
        different |= {len(set(row)) for row in chosen}
        places |= {d for row in chosen for d in row}
        for name in names:
            used[name] += 1
        orders.add(tuple(sorted(range(len(classes[:3])), key=classes.__getitem__)))
        seen |= set(classes)
        firsts |= {row[0] for row in chosen}
        alike &= all(row == chosen[0] for row in chosen)
    large = {c for c, name in enumerate(alphabets) if name != "B"}
    return {
        N_("sizes of classes and drawings"): str(sorted(shapes)),
        N_("different classes in an episode"): str(sorted(ways_found)),
        N_("alphabets in an episode"): str(sorted(mixed)),
        N_("different drawings of a class"): str(sorted(different)),
        N_("smallest and largest number of a drawing"): str((min(places), max(places))),
        N_("alphabets that come"): str(sum(count > 0 for count in used.values())),
        N_("an alphabet with too few characters is used"): str(used["B"] > 0),
        N_("one alphabet comes far more often than the others"): str(max(used.values()) > 0.48 * EPISODES),
        N_("classes come in every order"): str(len(orders) == 6),
        N_("all characters of these alphabets can come"): str(large <= seen),
        N_("largest number of a class"): str(max(seen)),
        N_("every drawing can be a support drawing"): str(len(firsts) == drawings),
        N_("all classes of an episode have the drawings of the first"): str(alike),
    }


def numbers(found: Any) -> Any:
    """A list of lists is as good as a tensor."""
    return torch.tensor(found) if isinstance(found, list) else found


@probe("07/taken-for", context={"torch": torch})
def probe_taken_for(taken_for, draw):
    tasks, queries, ways = draw.different(3, 3, 8)
    classes = torch.stack([10 + draw.order(3 * ways)[:ways] for _task in range(tasks)])
    return {
        N_("several episodes"): numbers(taken_for(classes, draw.normal(tasks, queries, ways))),
        N_("one episode"): numbers(taken_for(classes[:1], draw.normal(1, queries + 2, ways))),
    }


class Judge:
    """Accuracies of a learner for each α, on validation and on test tasks; it remembers what was asked."""

    def __init__(self, validation, test):
        self.tables, self.asked = {"validation": validation, "test": test}, []

    def __call__(self, alpha, tasks):
        self.asked.append((tasks, alpha))
        return self.tables[tasks][alpha]


def judge_of(alphas: list[float], best: int, draw: Draw) -> Judge:
    """Different accuracies for all of these α. On validation that of number `best` is the best one, on test
    another one is."""
    n = len(alphas)
    validation, test = ([round(float(x), 3) for x in 0.9 * draw.uniform(n) / 2 + 0.3] for _table in range(2))
    validation = [value + 0.0001 * i for i, value in enumerate(validation)]
    test = [value + 0.0001 * (i + n) for i, value in enumerate(test)]
    validation[best] = draw.number(0.8, 0.9)
    test[best] = draw.number(0.76, 0.79)
    test[(best + draw.whole(1, n - 1)) % n] = draw.number(0.8, 0.9)
    return Judge(dict(zip(alphas, validation, strict=True)), dict(zip(alphas, test, strict=True)))


@probe("07/choose-alpha")
def probe_choose(choose_alpha, draw):
    alphas = [(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)[i] for i in draw.order(7)[: draw.whole(4, 6)].tolist()]
    largest = alphas.index(max(alphas))
    other = (largest + draw.whole(1, len(alphas) - 1)) % len(alphas)
    result = {}
    for name, best in ((N_("one of the α is the best"), other), (N_("the largest α is the best"), largest)):
        judge = judge_of(alphas, best, draw)
        found = choose_alpha(list(alphas), judge)
        require(isinstance(found, tuple | list) and len(found) == 2, PAIR)
        chosen, reported = found
        tests = [alpha for tasks, alpha in judge.asked if tasks == "test"]
        tried = {alpha for tasks, alpha in judge.asked if tasks == "validation"}
        result[name] = {
            N_("the chosen α"): chosen,
            N_("the reported accuracy"): reported,
            N_("questions to the test tasks"): len(tests),
            N_("different α tried on validation tasks"): len(tried),
        }
    return result


def away_from_edges(draw: Draw) -> tuple[float, float]:
    """A spread and a half-width for which the number of tasks is not nearly whole before it is rounded."""
    while True:
        spread, half_width = draw.number(0.02, 0.2), draw.number(0.004, 0.05)
        exact = (1.96 * spread / half_width) ** 2
        if exact > 3 and 0.1 < exact % 1 < 0.9:
            return spread, half_width


@probe("07/how-many-tasks", context={"torch": torch, "math": math}, rtol=0)
def probe_tasks_needed(tasks_needed, draw):
    cases = [away_from_edges(draw) for _case in range(4)]
    return {
        label(N_("spread {spread}, ± {half_width}"), spread=spread, half_width=half_width): tasks_needed(
            spread, half_width
        )
        for spread, half_width in cases
    }
