"""An episode in the plane of its embedding: support, prototypes, queries, regions."""
