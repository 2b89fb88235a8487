"""A policy that walks to a goal, before and after policy gradient steps."""
