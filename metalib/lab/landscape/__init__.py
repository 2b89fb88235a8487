"""The loss landscape of two parameters: MAML's objective, its optimum, and where each method goes."""
