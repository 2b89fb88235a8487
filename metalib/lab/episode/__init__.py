"""Play an episode: the learner of the course against the network."""

from metalib.lab.episode.laboratory import EpisodeLaboratory

__all__ = ["EpisodeLaboratory"]
