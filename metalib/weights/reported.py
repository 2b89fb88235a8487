"""What the cards of shipped weights report, beside what was published on Omniglot, and how each was measured.

Sources of the published numbers: ProtoNet, Snell et al. 2017, table 1 and its supplement (training with 5
ways; no intervals). MAML, Finn et al. 2017, table 1. First-order MAML, Nichol et al. 2018, table 2
(transductive). The protocols are from the papers, and where these are silent from the authors' code:
scripts/train and scripts/predict of jakesnell/prototypical-networks, data_generator.py and main.py of
cbfinn/maml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metalib import weights
from metalib.look import Table
from metalib.tasks import Episodes

SETTINGS = ("5-way 1-shot", "5-way 5-shot", "20-way 1-shot", "20-way 5-shot")
METHODS = {  # of each method, what its weights' names end in; where two measured a setting, the last counts
    "ProtoNet": ("protonet",),
    "MAML": ("maml", "maml-20way"),
    "first-order MAML": ("fomaml", "fomaml-20way"),
    "plain embedding": ("embedding",),
}
PUBLISHED = {
    "ProtoNet": ("98.8", "99.7", "96.0", "98.9"),
    "ProtoNet, trained with 5 ways": ("97.4", "99.3", "92.0", "97.8"),
    "MAML": ("98.7 ± 0.4", "99.9 ± 0.1", "95.8 ± 0.3", "98.9 ± 0.2"),
    "first-order MAML": ("98.3 ± 0.5", "99.2 ± 0.2", "89.4 ± 0.5", "97.9 ± 0.1"),
}
PUBLISHED_PROTOCOL = {
    "ProtoNet": {
        "split by": "character, Vinyals' list",
        "characters to train, choose, test": "1028, 172, 423; in the end trained on the first two, 1200",
        "rotations as new classes": "in training (4800 classes) and in the test",
        "training episodes": "60-way, shots of the test, 5 queries a class",
        "network": "4 × 64 channels, pool",
        "episodes": "1 an iteration, until validation no longer improves",
        "drawings": "360 or 600 an iteration (1 or 5 shots)",
        "outer step": "Adam 0.001, halved every 2000",
        "inner step": "–",
        "inner steps at test": "–",
        "batch norm at test": "running statistics",
        "test queries a class": "15",
        "test tasks": "1000",
    },
    "MAML": {
        "split by": "character, at random",
        "characters to train, choose, test": "1100, 100, 423",
        "rotations as new classes": "in training (4400 classes) and in the test",
        "training episodes": "5-way, shots of the test, as many queries",
        "network": "4 × 64 channels, stride",
        "episodes": "32 an iteration, 60000 iterations",
        "drawings": "320 or 1600 an iteration (1 or 5 shots)",
        "outer step": "Adam 0.001, not halved",
        "inner step": "1, α = 0.4 (its unit: see below)",
        "inner steps at test": "3",
        "batch norm at test": "of all queries together (transductive)",
        "test queries a class": "1 (1-shot), 5 (5-shot)",
        "test tasks": "600",
    },
}
Entry = Mapping[str, Any]


def measured(name: str, setting: str) -> Entry | None:
    """What the card of these weights says of a setting: `mean`, `half_width`, `n_tasks`. Of MAML with the
    most inner steps that were tried. None without such weights, or where they were not tested so."""
    if name not in weights.names():
        return None
    found = [entry for entry in weights.card(name)["results"] if entry["label"].split(",")[0] == setting]
    return found[-1] if found else None


def results(prefix: str) -> dict[str, list[Entry | None]]:
    """Method -> its entry for each of `SETTINGS`, of the weights `prefix`-…; methods without any are left
    out. prefix: "omniglot", "omniglot-alphabet" or "glyphs"."""
    rows = {
        method: [
            next((entry for end in reversed(ends) if (entry := measured(f"{prefix}-{end}", setting))), None)
            for setting in SETTINGS
        ]
        for method, ends in METHODS.items()
    }
    return {method: row for method, row in rows.items() if any(row)}


def percent(entry: Entry | None) -> str:
    """An entry as 98.65 ± 0.18, or a dash."""
    return f"{100 * entry['mean']:.2f} ± {100 * entry['half_width']:.2f}" if entry else "–"


def results_table(rows: Mapping[str, Sequence[Entry | None]], published: bool = False) -> Table:
    """`results` as a table in per cent, on request with the published numbers below each row."""
    lines: list[list[str]] = []
    for method, row in rows.items():
        tasks = ", ".join(str(n) for n in sorted({entry["n_tasks"] for entry in row if entry}))
        lines.append([f"{method}, here", *(percent(entry) for entry in row), tasks])
        if published:
            for name, numbers in PUBLISHED.items():
                if name.partition(",")[0] == method:
                    lines.append([method + ", published" + name.removeprefix(method), *numbers, ""])
    return Table(["accuracy, %", *SETTINGS, "tasks"], lines)


def protocol(name: str) -> dict[str, str]:
    """How weights were trained and tested, from their recipe; the keys are those of `PUBLISHED_PROTOCOL`.
    In English, as recipes and cards are."""
    recipe = weights.recipe(name)
    tasks, training, model, learner = recipe.tasks, recipe.training, recipe.model, recipe.learner
    evaluation, by = recipe.evaluation[-1], (recipe.images or {})["by"]
    sets = [recipe.distribution(part, rotations=False) for part in ("train", "validation", "test")]
    classes = [episodes.classes for episodes in sets if isinstance(episodes, Episodes)]
    turned = f"in training ({4 * classes[0]} classes)" if tasks.get("rotations") else "no"
    in_test = evaluation["tasks"].get("rotations", tasks.get("rotations"))
    steps = {
        entry["label"].split(",")[0].split()[1]: entry["adapt"]["steps"]
        for entry in recipe.evaluation
        if "adapt" in entry
    }
    together = model["norm"] == "batch-statistics"
    ways, shots, queries = tasks["ways"], tasks["shots"], tasks["queries"]
    each, inner = training["meta_batch"], learner.get("alpha")
    return {
        "split by": f"{by}, a fixed permutation" if by == "character" else by,
        "characters to train, choose, test": ", ".join(map(str, classes)),
        "rotations as new classes": turned + (" and in the test" if in_test else ", not in the test"),
        "training episodes": f"{ways}-way {shots}-shot, {queries} queries a class",
        "network": f"4 × {model['channels']} channels, {model.get('downsample', 'pool')}",
        "episodes": f"{each} an iteration, {training['iterations']} iterations",
        "drawings": f"{each * ways * (shots + queries)} an iteration",
        "outer step": f"Adam {training['lr']:g}, halved every {training.get('halve_every', '–')}",
        "inner step": f"{learner['steps']}, α = {inner:g} on a mean loss" if inner else "–",
        "inner steps at test": ", ".join(f"{n} ({shots})" for shots, n in steps.items()) or "–",
        "batch norm at test": "of all queries together (transductive)" if together else "running statistics",
        "test queries a class": str(evaluation["tasks"].get("queries", tasks["queries"])),
        "test tasks": str(evaluation["n_tasks"]),
    }


def protocol_table(name: str, method: str) -> Table:
    """The protocol of these weights beside the published one of "ProtoNet" or "MAML"."""
    published = PUBLISHED_PROTOCOL[method]
    rows = [(key, value, published[key]) for key, value in protocol(name).items()]
    return Table([method, f"here: {name}", "published on Omniglot"], rows)


def drawings_seen(name: str) -> int:
    """How many drawings the training of these weights looked at, repeats counted."""
    recipe, card = weights.recipe(name), weights.card(name)
    tasks = {**recipe.tasks, **recipe.training.get("tasks", {})}
    per_task = tasks["ways"] * (tasks["shots"] + tasks["queries"])
    return card["iterations"] * recipe.training["meta_batch"] * per_task
