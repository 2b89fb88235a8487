"""Play a bandit yourself, against RL², Thompson sampling and UCB1 on the same arms with the same luck."""
