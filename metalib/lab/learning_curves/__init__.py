"""Error against shots: with prior knowledge and without."""
