"""Servers as people write them today, each in a process of its own; they live in the environment of other clients."""
