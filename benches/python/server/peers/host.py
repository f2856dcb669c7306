"""What serves the peers' applications: uvicorn as its users run it, on a port that it prints."""

from __future__ import annotations

import resource
import socket

import uvicorn
from fastapi import FastAPI

__all__ = ["serve"]


def serve(app: FastAPI) -> None:
    """Serve until the process is ended."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listening])
