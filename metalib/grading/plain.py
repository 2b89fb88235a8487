"""What an answer did, as text (JSON): nothing that arrives from a student's process can run, or be costly.

Numbers, texts, tensors and containers of them come through whole. Of anything else, and of tensors that are
very large, comes what it is, in words. A call's arguments come as numbers and as shapes, which is all that a
verdict looks at.
"""

import json
import math
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalib.exercises.compare import (
    ITS_GRADIENT,
    NO_GRAPH,
    THE_VALUE,
    Foreign,
    Label,
    Letters,
    NoGraph,
    Unordered,
    WithGradient,
    fair,
    kind,
    label,
    letters,
)
from metalib.exercises.rules import BrokenRule
from metalib.exercises.running import Call, Observed, Raised, Returned, contains

MOST_NUMBERS = 200_000  # in a tensor
MOST_LETTERS = 100_000  # in a text
MOST_CALLS = 1_000  # of one answer under one seed
CONTAINERS: dict[str, Any] = {"tuple": tuple, "list": list, "set": set, "unordered": Unordered}


def file(folder: Path, id: str) -> Path:
    """Where the worker writes what the answer to an exercise ("03/inner-step") did."""
    return folder / f"{id.replace('/', '-')}.json"


def dumps(seen: Observed) -> str:
    """`seen` as text."""
    results = [_result(result) for result in seen.results]
    said = [seen.kind[:MOST_LETTERS], seen.callable, seen.untouched, seen.prints, results]
    return json.dumps(said)


def loads(text: str) -> Observed:
    """What `dumps` wrote. ValueError where it is something else."""
    try:
        what, may_be_called, untouched, prints, results = json.loads(text)
        if not isinstance(what, str):
            raise TypeError("no words")
        made = tuple(_result_from(result) for result in results)
        return Observed(what, bool(may_be_called), bool(untouched), bool(prints), made)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, RecursionError) as error:
        raise ValueError(f"This is not what an answer did ({type(error).__name__}: {error}).") from error


def _result(result: Returned | Raised) -> dict:
    calls = [_call(call) for call in result.calls[:MOST_CALLS]]
    if isinstance(result, Returned):
        return {"value": encoded(result.value), "calls": calls}
    name, said = type(result.error).__name__, str(result.error)[:MOST_LETTERS]
    rule = isinstance(result.error, BrokenRule)
    return {"raised": [name, said, rule, result.line, result.text[:MOST_LETTERS]], "calls": calls}


def _result_from(data: dict) -> Returned | Raised:
    calls = tuple(_call_from(call) for call in data["calls"])
    if "raised" not in data:
        return Returned(decoded(data["value"]), calls)
    name, said, rule, line, text = data["raised"]
    error: Exception
    if rule:  # said in the reader's language already
        error = BrokenRule("{said}", said=str(said))
    else:
        error = type(str(name), (Exception,), {})(str(said))
    return Raised(error, None if line is None else int(line), str(text), calls)


def _call(call: Call) -> list:
    return [[_argument(value) for value in call.args], contains(call.result, None), call.ended]


def _call_from(data: list) -> Call:
    arguments, gave_none, ended = data
    return Call(tuple(map(_argument_from, arguments)), {}, None if gave_none else True, bool(ended))


def _argument(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return encoded(value)
    if isinstance(value, Tensor):
        return {"shape": list(value.shape)}
    return {"items": len(value)} if isinstance(value, tuple | list) else {"other": kind(value)}


def _argument_from(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    if "shape" in data:
        return torch.empty([int(size) for size in data["shape"]], device="meta")
    return [None] * min(int(data["items"]), MOST_NUMBERS) if "items" in data else Foreign(str(data["other"]))


def encoded(value: Any) -> Any:
    """A value as what JSON has; see the top of this module."""
    try:
        return _encoded(value)
    except Exception:  # whatever a learner's object does when it is looked at; a list that holds itself
        return {"other": type(value).__name__[:100]}


def _encoded(value: Any) -> Any:
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Letters):
        return {"letters": _encoded(str(value))}
    if isinstance(value, str):
        return str(value) if len(value) <= MOST_LETTERS else {"other": kind("")}
    if isinstance(value, int):
        return int(value) if abs(value) < 10**300 else float(math.copysign(math.inf, value))
    if isinstance(value, float):
        return float(value)
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, NoGraph):
        return {"no graph": True}
    if isinstance(value, WithGradient):
        return {"with gradient": [_encoded(value[THE_VALUE]), _encoded(value[ITS_GRADIENT])]}
    if isinstance(value, Tensor | np.ndarray):
        return _tensor(value)
    if isinstance(value, Mapping):
        return {"dict": [[_key(key), _encoded(item)] for key, item in value.items()]}
    for name, container in (("unordered", Unordered), ("tuple", tuple), ("list", list), ("set", Set)):
        if isinstance(value, container):
            return {name: [_encoded(item) for item in value]}
    return {"list": [_encoded(item) for item in value]} if isinstance(value, range) else _other(value)


def _other(value: Any) -> Any:
    number = fair(value)  # a fraction
    return {"other": kind(value)[:MOST_LETTERS]} if number is value else _encoded(number)


def _key(key: Any) -> Any:
    if isinstance(key, Label):
        return {"label": [key.text, [[name, _encoded(item)] for name, item in key.values.items()]]}
    return _encoded(key)


def _tensor(value: Tensor | np.ndarray) -> Any:
    is_array = isinstance(value, np.ndarray)
    if isinstance(value, np.ndarray) and value.dtype.kind not in "fiub":
        return {"other": kind(value)}
    tensor = torch.as_tensor(value).detach().cpu()
    if tensor.numel() > MOST_NUMBERS or tensor.is_complex() or tensor.is_quantized or tensor.is_sparse:
        return {"other": kind(tensor)}
    dtype = str(tensor.dtype).removeprefix("torch.")
    numbers = tensor.double() if tensor.is_floating_point() else tensor
    return {"tensor": [dtype, list(tensor.shape), numbers.flatten().tolist(), is_array]}


def decoded(data: Any) -> Any:
    """What `encoded` made text of."""
    if not isinstance(data, dict):
        if isinstance(data, list):
            raise ValueError("a list without a name")
        return data
    ((name, held),) = data.items()
    if name in CONTAINERS:
        return CONTAINERS[name]([decoded(item) for item in held])
    if name == "dict":
        return {_key_from(key): decoded(item) for key, item in held}
    if name == "with gradient":
        return WithGradient(decoded(held[0]), decoded(held[1]))
    if name == "tensor":
        return _tensor_from(*held)
    if name == "letters":
        return letters(str(held))
    if name == "other":
        return Foreign(str(held))
    return {"ellipsis": Ellipsis, "no graph": NO_GRAPH}[name]


def _key_from(data: Any) -> Any:
    if isinstance(data, dict) and "label" in data:
        text, values = data["label"]
        return label(str(text), **{str(name): decoded(item) for name, item in values})
    return decoded(data)


def _tensor_from(dtype: str, shape: list, numbers: list, is_array: bool) -> Any:
    kind_of = getattr(torch, dtype)
    if not isinstance(kind_of, torch.dtype) or len(numbers) > MOST_NUMBERS:
        raise ValueError("no tensor")
    made = torch.tensor(numbers, dtype=torch.float64 if kind_of.is_floating_point else kind_of)
    made = made.to(kind_of).reshape([int(size) for size in shape])
    return made.numpy() if is_array else made
