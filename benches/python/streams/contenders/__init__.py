"""The clients that are compared, each driven through its public API."""
