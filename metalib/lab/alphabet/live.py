"""The alphabet laboratory in a web page: what `live.js` takes from Python.

ProtoNet and MAML answer with their shipped weights, on a handful of the course's own glyphs or on what a
reader draws. A drawing travels as its strokes, or as its number among those drawings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from metalib import look, weights
from metalib.data import ImageSet, glyphs
from metalib.data.alphabet import Alphabet, Drawing
from metalib.i18n import N_, ngettext
from metalib.lab.alphabet.answers import one_by_one, tensor
from metalib.lab.alphabet.laboratory import AlphabetLaboratory
from metalib.lab.alphabet.moves import AlphabetResult, AlphabetState
from metalib.lab.alphabet.painter import COLOURS
from metalib.lab.alphabet.picking import picked
from metalib.lab.live import Live, packed
from metalib.learners import MAML, ProtoNet

CHOSEN = {"Georgian": 2, "Armenian": 3, "Tifinagh": 3, "Hebrew": 2}  # script: how many of its characters
PROTONET, MAML_5 = "omniglot-protonet", "omniglot-maml"


@cache
def handful() -> ImageSet:
    """Ten of the course's own glyphs that no network was trained on, six drawings each: as many as fit on the
    board with a query."""
    images = glyphs("test", by="character")
    rows = {script: [n for n, one in enumerate(images.alphabets) if one == script] for script in CHOSEN}
    chosen = [n for script, count in CHOSEN.items() for n in rows[script][:count]]
    alphabets = tuple(images.alphabets[n] for n in chosen)
    names = tuple(f"{script}/{called(images.names[n])}" for script, n in zip(alphabets, chosen, strict=True))
    return ImageSet(images.images[chosen][:, :6].clone(), names, alphabets, images.title, images.source)


def called(name: str) -> str:
    """A name in Unicode, short enough for a menu: GEORGIAN CAPITAL LETTER LAS is "capital las"."""
    _script, _space, own = name.lower().partition(" ")
    return own.replace("letter ", "")


def demo() -> dict[str, Any]:
    """The laboratory as the page has it."""
    return {"learners": {"ProtoNet": PROTONET, "MAML": MAML_5}, "images": handful()}


@cache
def learners() -> tuple[ProtoNet, MAML]:
    """ProtoNet, and MAML in float64, each judging a query alone.

    The page computes in float64. So many sums stand one behind the other in an inner loop that float32 is
    wrong in the fifth digit of a logit.
    """
    protonet, maml = one_by_one(weights.load(PROTONET)), one_by_one(weights.load(MAML_5)).double()
    assert isinstance(protonet, ProtoNet) and isinstance(maml, MAML)
    return protonet, maml


def data() -> dict[str, Any]:
    """The networks, layer by layer, and the drawings, `packed`."""
    images, protonet, maml = handful(), weights.load(PROTONET), weights.load(MAML_5)
    return {
        "images": {
            "names": images.names,
            "alphabets": images.alphabets,
            "drawings": images.drawings,
            "bytes": packed(images.images.numpy()),
        },
        "protonet": layers(protonet.encoder),
        "maml": layers(maml.model),
        "alpha": maml.alpha,
        "epsilon": next(one for one in maml.model if isinstance(one, nn.BatchNorm2d)).eps,
    }


def layers(model: nn.Module) -> list[dict[str, str]]:
    """The convolutions, each with the normalisation behind it, and the linear head where there is one."""
    made: list[dict[str, str]] = []
    for one in model.modules():
        if isinstance(one, nn.Conv2d | nn.Linear):
            made.append(coded(weight=one.weight, bias=one.bias))
        if isinstance(one, nn.BatchNorm2d):
            made[-1] |= coded(
                gain=one.weight, shift=one.bias, mean=one.running_mean, variance=one.running_var
            )
    return made


def coded(**tensors: torch.Tensor | None) -> dict[str, str]:
    """Those there are, each `packed`."""
    return {name: packed(one.detach().numpy()) for name, one in tensors.items() if one is not None}


def encode(state: AlphabetState) -> dict[str, Any]:
    """The state as the page has it."""
    alphabet = state.alphabet
    return {
        "target": state.target,
        "steps": state.steps,
        "script": state.script,
        "character": state.character,
        "alphabet": {
            "examples": [[label, _encoded(drawing)] for label, drawing in alphabet.examples],
            "query": alphabet.query and _encoded(alphabet.query),
        },
        "strokes": [[list(point) for point in stroke] for stroke in state.strokes],
        "cursor": state.cursor,
    }


def decode(state: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the state that `encode` gave."""
    board = state["alphabet"]
    alphabet = Alphabet(
        tuple((label, _decoded(drawing)) for label, drawing in board["examples"]),
        board["query"] and _decoded(board["query"]),
    )
    strokes = tuple(tuple(map(tuple, stroke)) for stroke in state["strokes"])
    return {**state, "alphabet": alphabet, "strokes": strokes}


@cache
def _places() -> dict[bytes, int]:
    """The pixels of each drawing of the handful -> its number."""
    return {picture.numpy().tobytes(): n for n, picture in enumerate(handful().images.flatten(0, 1))}


def _encoded(drawing: Drawing) -> dict[str, Any]:
    return {
        "strokes": [[list(point) for point in stroke] for stroke in drawing.strokes],
        "image": None if drawing.strokes else _places()[drawing.pixels],
        "source": drawing.source,
    }


def _decoded(drawing: Mapping[str, Any]) -> Drawing:
    if drawing["image"] is None:
        return Drawing.of(drawing["strokes"])
    class_, number = divmod(drawing["image"], handful().drawings)
    return replace(picked(handful(), class_, number), source=drawing["source"])


def reference(state: AlphabetState, result: AlphabetResult) -> dict[str, Any]:
    """What `compute` in live.js must find: pixels, embeddings, prototypes, distances, probabilities."""
    alphabet, query = state.alphabet, state.alphabet.query
    found: dict[str, Any] = {
        "query": query and np.frombuffer(query.pixels, np.uint8),
        "pending": result.pending and np.frombuffer(result.pending.pixels, np.uint8),
        "problem": "" if not result.problem else "one" if alphabet.examples else "nothing",
        "refusal": "",
        **dict.fromkeys(("embeddings", "embedding", "prototypes", "distances", "protonet")),
        **dict.fromkeys(("logits", "maml", "pixels", "nearest")),
    }
    if not result.answers or query is None:
        return found
    protonet, maml = learners()
    asked, support = tensor(query.picture[None])[None], tensor(alphabet.support)[None]
    labels, logits = torch.tensor(alphabet.labels)[None], None
    with torch.no_grad():
        embeddings, embedding = protonet.embed(support), protonet.embed(asked)
        prototypes = protonet.adapt(support, labels)
        distances = -protonet.predict(prototypes, asked)
        if len(result.answers[1].probabilities):
            task = maml.adapt(support.double(), labels, steps=state.steps)
            logits = maml.predict(task, asked.double())[0, 0, : len(alphabet.classes)].numpy()
    protonet_answer, maml_answer, pixels = result.answers
    return found | {
        "embeddings": embeddings[0].numpy(),
        "embedding": embedding[0, 0].numpy(),
        "prototypes": prototypes[0].numpy(),
        "distances": distances[0, 0].numpy(),
        "protonet": protonet_answer.probabilities,
        "logits": logits,
        "maml": None if logits is None else softmax(logits),
        "refusal": maml_answer.refusal and "head",
        "pixels": pixels.probabilities,
        "nearest": pixels.nearest,
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities."""
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


LIVE = Live(
    laboratory=AlphabetLaboratory,
    module=Path(__file__).with_name("live.js"),
    demo=demo,
    data=data,
    encode=encode,
    decode=decode,
    reference=reference,
    note=N_(
        "What you draw stays in this page. Here are ten of the course's own glyphs; Omniglot's characters, "
        "files, pictures of your own, and MAML with more than five classes need a kernel."
    ),
    styles={
        "protonet": {"color": COLOURS[0]},
        "maml": {"color": COLOURS[1]},
        "pixels": {"color": look.GREY},
        "chosen": {"color": look.BLUE},
        "edge": {"color": look.LIGHT_GREY},
    },
    texts={
        "pad": N_("The pad: draw here; Enter adds, Ctrl+Z takes a stroke back."),
        "add": N_("add to class {n}"),
        "another": N_("another query"),
        "undo": N_("undo"),
        "clear": N_("clear drawing"),
        "pick": N_("use its next drawing"),
        "remove": N_("remove example"),
        "start_again": N_("start again"),
        "blank": N_("The drawing is empty: draw at least one stroke."),
        "full": N_("Class {label} has {most} examples already, and there is no room for more."),
        "none": N_("There is no example to remove."),
        "none_here": N_("Class {n} has no example: point at one of another class, then remove it."),
        "all_used": N_("All {count} drawings of {name} are on the board."),
        "nothing": N_(
            "There is nothing to compare the query with: draw or pick examples of two classes first."
        ),
        "one": N_(
            "With one class only there is nothing to decide: draw or pick an example of a second class."
        ),
        "head": N_(
            "Its head has {size} outputs: it tells {size} classes apart at most, and here are {ways}."
        ),
        "infinite": N_("Its outputs are not finite: take fewer inner steps."),
        "refusal": N_("{name} gives no answer: {why}"),
        "query": N_("the query"),
        "seen": N_("seen in 28 × 28 pixels"),
        "none_yet": N_("none yet"),
        "no_answer": N_("no answer"),
        "verdict": N_("class {label}: {share}"),
        "nearest": N_("nearest pixels"),
        "steps": lambda: [ngettext("{n} step", "{n} steps", n) for n in (1, 2)],
        "method": N_("{name}, {steps}"),
        "nearly": N_("> 99 %"),
        "hardly": N_("< 1 %"),
        "share": N_("{share:.0f} %"),
        "as_you_draw": N_("The query: it is answered as you draw."),
        "picked": N_("These come from the data set; “start again” makes room for your own."),
        "for_class": N_("For class {n}: draw, then add it (Enter); or use a drawing of the data set."),
        "alone": N_("{name} sees each query alone, beside the support set: it is not transductive."),
        "softmax": N_("Pixels: softmax of −d²."),
        "empty": N_("The board is empty."),
        "examples": N_("Examples: {said}."),
        "of_class": N_("class {label}: {drawings}"),
        "and": N_("; "),
        "drawn": N_("drawn"),
        "source": N_("{name}, drawing {n}"),
        "pointed": N_("You point at example {n} of class {label}."),
        "asked": N_("Query: {source}."),
        "no_query": N_("There is no query."),
        "answer": N_("{name}: class {label} ({shares})."),
        "one_share": N_("{label}: {share}"),
    },
)
