"""Play an N-way K-shot episode against a learner, on characters that neither has seen."""

from metalib.lab.episode.laboratory import EpisodeLaboratory

__all__ = ["EpisodeLaboratory"]
