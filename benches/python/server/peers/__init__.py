"""Servers as people write them today; they live in the environment of other people's clients."""
