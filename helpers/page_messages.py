"""Lets a kernel hear what its page says in turn with the cells, not in a thread beside them."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hear_in_turn"]

KINDS = ("comm_open", "comm_msg", "comm_close")


def hear_in_turn(handlers: dict[str, Callable[..., object]] | None = None) -> None:
    """Handle clicks, zooms and the like in the event loop that runs the cells.

    Parameters
    ----------
    handlers : dict, optional
        What the kernel does on a message, for each kind of message. Without it those of the kernel that runs this;
        where none does, nothing happens.

    Raises
    ------
    RuntimeError
        If there is a kernel, and no event loop that runs.

    Notes
    -----
    JupyterLab since 4.4 and ipykernel since 7 speak through subshells: what the page says is handled in a thread of its
    own while cells run. HoloViews, Panel and Matplotlib do not expect that (jupyterlab #19719). When two threads send
    parts of a message at once, the page gets garbage; a figure may stand still from then on, and what a cell prints may
    be lost. All of that was seen here, on a busy machine. Heard in turn, a click waits until a cell awaits or ends.

    Examples
    --------
    >>> async def hear():
    ...     handlers = {"comm_msg": lambda stream, identities, message: print(message)}
    ...     hear_in_turn(handlers)
    ...     await handlers["comm_msg"](None, None, "Stop was clicked")
    >>> asyncio.run(hear())
    Stop was clicked
    """
    if handlers is None:
        kernel = getattr(get_ipython(), "kernel", None)
        if kernel is None:
            return
        handlers = kernel.shell_handlers
    loop = asyncio.get_running_loop()
    for kind in KINDS:
        handler = handlers.get(kind)
        if handler is not None and not isinstance(handler, _InTurn):
            handlers[kind] = _InTurn(handler, loop)


class _InTurn:
    """A handler of messages that runs in one event loop, whichever thread calls it."""

    def __init__(self, handler: Callable[..., object], loop: asyncio.AbstractEventLoop) -> None:
        self._handler = handler
        self._loop = loop

    async def __call__(self, *message: object) -> None:
        if asyncio.get_running_loop() is self._loop:
            await self._handle(message)
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._handle(message), self._loop))

    async def _handle(self, message: tuple[Any, ...]) -> None:
        result = self._handler(*message)
        if inspect.isawaitable(result):
            await result
