"""The plugin's version, which is the distribution's."""

from speechwire import __version__

__all__ = ["__version__"]
