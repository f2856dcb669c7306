"""Short programs to copy, one for each job."""
