"""Finds the application that a command line names, such as ``mybot:answer``."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

from speechwire.errors import InvalidArgument
from speechwire.server.call import Answer

__all__ = ["find_application"]


def find_application(name: str) -> Answer:
    """The function of a module.

    Args:
        name: ``module:function``; the module is looked for in the working directory too.

    Raises:
        InvalidArgument: There is none, or it is no coroutine function.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise InvalidArgument("application", name, "module:function, such as mybot:answer")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise
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
