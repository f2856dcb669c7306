"""What an operator asks the supervisor over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from speechwire.server.workers._messages import Report
from speechwire.server.workers._sums import summed

if TYPE_CHECKING:
    from speechwire.server.workers.supervisor import Supervisor

__all__ = ["admin"]

_SERVING: Final = "serving"


def admin(supervisor: Supervisor) -> web.Application:
    """``/metrics`` summed over the workers, ``/workers``, ``/healthz`` and ``/readyz``."""

    async def metrics(request: web.Request) -> web.Response:
        answering = sum(report is not None for _, report in await _reports(supervisor))
        own = (
            GaugeMetricFamily("speechwire_workers", "that answer", value=answering),
            CounterMetricFamily("speechwire_worker_restarts", "after a crash", value=supervisor.restarts),
        )
        # Counters must not fall: use the last report of a worker that does not answer, and keep the counts
        # of workers that have ended.
        last = (worker.last.metrics for worker in supervisor.workers if worker.last is not None)
        body = summed((supervisor.past, *last), own)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def workers(request: web.Request) -> web.Response:
        return web.json_response([_row(pid, report) for pid, report in await _reports(supervisor)])

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        ready = any(report and report.phase == _SERVING for _, report in await _reports(supervisor))
        return web.json_response(
            {"status": _SERVING if ready else "not serving"}, status=200 if ready else 503
        )

    application = web.Application()
    for handler in (metrics, workers, healthz, readyz):
        application.router.add_get(f"/{handler.__name__}", handler)
    return application


async def _reports(supervisor: Supervisor) -> list[tuple[int, Report | None]]:
    workers = list(supervisor.workers)
    reports = await asyncio.gather(*(worker.report() for worker in workers))
    return [(worker.pid, report) for worker, report in zip(workers, reports, strict=True)]


def _row(pid: int, report: Report | None) -> dict[str, Any]:
    if report is None:
        return {"pid": pid, "phase": "silent", "calls": 0}
    return {"pid": pid, "phase": report.phase, "calls": report.calls}
