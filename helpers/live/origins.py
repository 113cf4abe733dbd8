"""Asks the server of a Bokeh application for a connection, as a notebook's page would, from different addresses."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["knock"]


ALLOWED = "localhost:8888"  # what `bokeh.io.show(application)` allows unless it is told otherwise
LOGGERS = ("bokeh", "tornado.access", "tornado.application")


async def knock(origins: Iterable[str]) -> dict[str, int]:
    """Start a Bokeh server as ``show(application)`` does in a notebook, and ask it for a connection.

    Parameters
    ----------
    origins : iterable of str
        Where the page that asks comes from: the address in the browser, as in ``"https://hub.mybinder.org"``.

    Returns
    -------
    dict
        The server's answer to each: 101 (welcome) or 403 (forbidden).

    Notes
    -----
    The server listens on a free port of this machine and stops before the function returns. Only its check of origins
    is tried here. On Binder the page does not even get so far: it looks for the server on the reader's own machine.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(knock(["http://localhost:8888", "https://hub.mybinder.org"]))
    {'http://localhost:8888': 101, 'https://hub.mybinder.org': 403}
    """
    server = Server({"/live": lambda _: None}, port=0, address="127.0.0.1", allow_websocket_origin=[ALLOWED])
    with _silence():
        server.start()
        try:
            return {origin: await _answer(server.port, origin) for origin in origins}
        finally:
            server.stop()


async def _answer(port: int | None, origin: str) -> int:
    request = HTTPRequest(f"ws://127.0.0.1:{port}/live/ws", headers={"Origin": origin})
    token = generate_jwt_token(generate_session_id())
    try:
        connection = await websocket_connect(request, subprotocols=["bokeh", token])
    except HTTPClientError as error:
        return error.code
    connection.close()
    return 101


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the server's log of refusals, which are what is asked for, out of the notebook."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
