"""The server under load: real sockets, a service that costs little, callers who cost little."""
