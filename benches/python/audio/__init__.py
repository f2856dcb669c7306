"""Benchmarks of the audio engine against its peers."""
