"""The plugin's version, which is the distribution's."""

__version__ = "2.0.0"
