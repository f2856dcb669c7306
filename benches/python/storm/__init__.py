"""Many workers and one quota in virtual time: what a storm of connects does to it."""
