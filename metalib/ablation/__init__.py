"""Ablations: what does each idea bring? Variants of one training, each from several seeds.

`python -m metalib ablation NAME` trains them all and writes `NAME.safetensors`, which holds every member, and
its card `NAME.json`. Those that ship lie beside this file, with the settings, `NAME.toml`.
"""

from metalib.ablation.members import card, exploded, learner, scores
from metalib.ablation.training import train
from metalib.ablation.variants import Ablation, Variant

__all__ = ["Ablation", "Variant", "card", "exploded", "learner", "scores", "train"]
