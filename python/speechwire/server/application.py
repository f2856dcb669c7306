"""Finds the application that a command line names, such as ``mybot:answer``."""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from pathlib import Path

from speechwire.errors import InvalidArgument
from speechwire.server.call import Answer

__all__ = ["find_application"]

_logger = logging.getLogger("speechwire.server")


def find_application(name: str) -> Answer:
    """Import an application.

    Args:
        name: ``module:function``. The working directory is added to the module search path.

    Raises:
        InvalidArgument: There is no such module or function, the import fails (the traceback is logged), or
            it is not a coroutine function.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise InvalidArgument("application", name, "module:function, such as mybot:answer")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        if not _is_missing(module_name, error):
            _logger.exception("%s cannot be imported", module_name)
        raise InvalidArgument("application", name, "in a module that can be imported") from None
    found = getattr(module, attribute, None)
    if not callable(found):
        raise InvalidArgument("application", name, f"a function of {module_name}")
    if not inspect.iscoroutinefunction(found) and not inspect.iscoroutinefunction(
        getattr(found, "__call__", None)  # noqa: B004
    ):
        raise InvalidArgument("application", name, "a coroutine function: async def answer(call)")
    answer: Answer = found
    return answer


def _is_missing(module_name: str, error: Exception) -> bool:
    """Whether the named module is missing, not one that it imports."""
    names = (module_name, module_name.partition(".")[0])
    return isinstance(error, ModuleNotFoundError) and error.name in names
