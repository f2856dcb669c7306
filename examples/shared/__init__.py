"""What the examples have in common and a reader need not copy: the service, a caller, a room."""
