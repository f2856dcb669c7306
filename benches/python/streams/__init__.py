"""Many live streams in one process: this project and everyone else in the same harness."""
