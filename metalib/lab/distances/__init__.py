"""Prototypes and a query in the plane: the distance, the temperature and p(y = c | x)."""
