"""The one version: of the distribution, the crates and the wheel (a test compares them)."""

__version__ = "2.0.0"
