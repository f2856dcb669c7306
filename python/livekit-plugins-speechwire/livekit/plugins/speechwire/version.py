"""The version of this distribution."""

__version__ = "2.0.0"

__all__ = ["__version__"]
