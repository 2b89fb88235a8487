"""The dial: an episode in a domain further and further away, and what each method makes of it."""
