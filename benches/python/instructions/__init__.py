"""Instructions, which do not depend on how busy a machine is, in place of times, which do."""
