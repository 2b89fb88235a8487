"""Draw your own alphabet: learners answer live on what was drawn."""

from metalib.lab.alphabet.laboratory import AlphabetLaboratory

__all__ = ["AlphabetLaboratory"]
