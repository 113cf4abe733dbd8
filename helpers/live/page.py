"""The way between a notebook's page and its kernel: the JavaScript, the messages, and why a second port is shut."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

import holoviews as hv  # type: ignore[import-untyped]
import panel as pn
from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, generate_session_id
from IPython.core.getipython import get_ipython
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["load_bokeh", "websocket_statuses"]

ALLOWED = "localhost:8888"  # what `bokeh.io.show(application)` allows unless it is told otherwise
COMM_MESSAGES = ("comm_open", "comm_msg", "comm_close")


def load_bokeh() -> None:
    """Give the page of a notebook the JavaScript that draws HoloViews and Panel figures, from this environment.

    Call it once in a notebook, before the first figure. Clicks, zooms and the like are then handled in the event loop
    that runs the cells.

    Notes
    -----
    HoloViews' own default is to let the page fetch it from public addresses: without a network, nothing is drawn. Panel
    1.10 first asks Jupyter for it, at an address that lacks the base URL: on Binder and JupyterHub the page shows a red
    message, and then fetches it from public addresses too. Carried in the notebook it always works. The price is 7 MB
    of output in the open notebook, until that is cleared; the lessons here are stored without.
    """
    pn.config.inline = True  # type: ignore[misc] # it can be set, and is told to be
    pn.config.notebook_resources = "cdn"  # type: ignore[misc] # not Jupyter, and with `inline` nothing else either
    hv.extension("bokeh", inline=True, logo=False)
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is not None:
        handle_comms_in_this_loop(kernel.shell_handlers)
    hv.Store.set_display_hook("html+js", hv.core.dimension.LabelledData, _as_panel_shows_it)


async def websocket_statuses(origins: Iterable[str]) -> dict[str, int]:
    """Start a Bokeh server as ``show(application)`` does in a notebook, and open a WebSocket to it from each origin.

    Parameters
    ----------
    origins : iterable of str
        Where the page that asks comes from: the address in the browser, as in ``"https://hub.mybinder.org"``.

    Returns
    -------
    dict
        The HTTP status of the answer to each: 101 (switching protocols) or 403 (forbidden).

    Notes
    -----
    The server listens on a free port of this machine and stops before the function returns. Only its check of origins
    is tried here. On Binder the page does not even get so far: it looks for the server on the reader's own machine.

    Examples
    --------
    >>> asyncio.run(websocket_statuses(["http://localhost:8888", "https://hub.mybinder.org"]))
    {'http://localhost:8888': 101, 'https://hub.mybinder.org': 403}
    """
    server = Server({"/live": lambda _: None}, port=0, address="127.0.0.1", allow_websocket_origin=[ALLOWED])
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)  # refusals are what is asked for: they do not belong into a notebook
    server.start()
    try:
        return {origin: await _status(f"ws://127.0.0.1:{server.port}/live/ws", origin) for origin in origins}
    finally:
        server.stop()
        logging.disable(disabled)


def handle_comms_in_this_loop(handlers: dict[str, Callable[..., object]]) -> None:
    """Handle what the page says in the event loop that runs the cells, whichever thread receives it.

    JupyterLab since 4.4 and ipykernel since 7 speak through subshells: what the page says is handled in a thread of its
    own while cells run. HoloViews, Panel and Matplotlib do not expect that (jupyterlab #19719). When two threads send
    parts of a message at once, the page gets garbage; a figure may stand still from then on, and what a cell prints may
    be lost. All of that was seen here, on a busy machine. In one loop, a click waits until a cell awaits or ends.
    """
    loop = asyncio.get_running_loop()
    for kind in COMM_MESSAGES:
        handler = handlers.get(kind)
        if handler is not None and not isinstance(handler, _InLoop):
            handlers[kind] = _InLoop(handler, loop)


class _InLoop:
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


async def _status(url: str, origin: str) -> int:
    token = generate_jwt_token(generate_session_id())
    try:
        request = HTTPRequest(url, headers={"Origin": origin})
        (await websocket_connect(request, subprotocols=["bokeh", token])).close()
    except HTTPClientError as error:
        return error.code
    return 101


def _as_panel_shows_it(figure: hv.core.dimension.LabelledData) -> tuple[dict[str, object], dict[str, object]]:
    """Return what a notebook shows of a figure. HoloViews' own way asks public addresses for style sheets."""
    data, metadata = pn.pane.HoloViews(figure)._repr_mimebundle_()  # type: ignore[no-untyped-call]
    return {**data, "text/plain": repr(figure)}, metadata
