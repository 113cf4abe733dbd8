"""Is what the object stores that the lessons start have in common: an address, and a wire that counts and breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.wire import Break, Wire

__all__ = ["WiredServer"]


@dataclass(frozen=True, repr=False)
class WiredServer:
    """A server of this machine behind a wire.

    Attributes
    ----------
    endpoint : str
        Its address, with ``http://127.0.0.1:PORT``, for programs that do not look into the environment.

    Examples
    --------
    >>> from helpers.wire import Wire
    >>> server = WiredServer("http://127.0.0.1:5000", Wire(lambda environ, start_response: []))
    >>> server, server.requests
    (WiredServer(), {})
    """

    endpoint: str
    _wire: Wire

    def __repr__(self) -> str:  # no port: it differs each time
        return f"{type(self).__name__}()"

    @property
    def requests(self) -> dict[str, int]:
        """Requests of each kind that arrived since the last `reset`.

        The kinds are the methods of HTTP: GET, HEAD, PUT, POST, DELETE; and LIST, a GET that asks for the keys
        of a bucket or container. Requests that were refused or broken are included.
        """
        return self._wire.requests

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes that the requests of each kind carried, up and down, where they succeeded; headers do not count."""
        return self._wire.nbytes

    def reset(self) -> None:
        """Count from zero again, break nothing any more, and hang up on the requests that hang."""
        self._wire.reset()

    def break_next(self, how: Break, *, kind: str | None = None, nth: int = 1, times: int | None = 1) -> None:
        """Break requests that are still to come.

        Parameters
        ----------
        how : {"503", "hang up", "hang"}
            Answer that the server is too busy; end the connection in the middle of what the request carries,
            up or down; or give no answer until `reset`, then end the connection.
        kind : str, optional
            The kind of request, as in `requests`; without it any.
        nth : int, default 1
            The first to break, counted from now.
        times : int or None, default 1
            How many to break from there on; None is all until `reset`.

        Raises
        ------
        ValueError
            If there is no such way to break a request, or `nth` or `times` is below 1.

        Notes
        -----
        A broken request changes nothing behind the wire, other than a DELETE whose answer ends in the middle.
        """
        self._wire.break_next(how, kind=kind, nth=nth, times=times)
