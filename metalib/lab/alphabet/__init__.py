"""Draw your own alphabet: learners answer live on what was drawn."""
