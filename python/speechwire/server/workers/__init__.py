"""A process for each core, on one port: ``speechwire serve --workers N``."""

from __future__ import annotations

from speechwire.server.workers.supervisor import Supervisor

__all__ = ["Supervisor"]
