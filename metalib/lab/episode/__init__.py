"""Play an N-way K-shot episode against a learner, on characters that neither has seen."""
