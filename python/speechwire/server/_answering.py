"""The application's run in one call."""

from __future__ import annotations

import asyncio

from speechwire.server import _ending as endings
from speechwire.server._counters import Counters
from speechwire.server._ending import Ending
from speechwire.server.call import Answer, Call, CallEnded, CallLogger

__all__ = ["cancel_all", "run_application"]


async def run_application(answer: Answer, call: Call, counters: Counters) -> Ending:
    """Run the application, and return why the call ends. An exception is logged with its traceback.

    ``sys.exit()`` and the cancellation of something that the application waits for are exceptions too: else
    the first would end the server, and the second leave the caller without an answer.
    """
    try:
        await answer(call)
    except CallEnded as error:
        if not call.ended:  # the caller is still connected: tell it why the call ends
            call.log.warning("the application stopped at say(): %s", error.reason)
        return endings.DONE
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        call.log.exception("the application failed")
        counters.application_failures += 1
        return endings.APPLICATION
    return endings.DONE


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def cancel_all(*tasks: asyncio.Task[None] | None, within_s: float, log: CallLogger) -> None:
    """Cancel what has not ended, and wait for it; the call's place is not held for longer than `within_s`."""
    running = {task for task in tasks if task is not None and not task.done()}
    for task in running:
        task.cancel()
    if running and (await asyncio.wait(running, timeout=within_s))[1]:
        log.error("the application ignores its cancellation")
