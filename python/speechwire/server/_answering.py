"""The application's run in one call."""

from __future__ import annotations

from speechwire.server import _ending as endings
from speechwire.server._counters import Counters
from speechwire.server._ending import Ending
from speechwire.server.call import Answer, Call, CallEnded

__all__ = ["run_application"]


async def run_application(answer: Answer, call: Call, counters: Counters) -> Ending:
    """Run the application, and return why the call ends. An exception is logged with its traceback."""
    try:
        await answer(call)
    except CallEnded as error:
        if not call.ended:  # the caller is still connected: tell it why the call ends
            call.log.warning("the application stopped at say(): %s", error.reason)
        return endings.DONE
    except Exception:
        call.log.exception("the application failed")
        counters.application_failures += 1
        return endings.APPLICATION
    return endings.DONE
