"""Hundreds of live streams for half an hour while their connections are killed; see ``__main__``."""
