"""A live view: a figure that moves beside the cells of a notebook, with buttons to start and stop it.

The code that moves it, its body, stands in the lesson. A view runs it as a task of the event loop that runs the cells,
until it is stopped, and blocks nothing. Of the views with one title one runs; an interrupt between cells stops all.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import weakref
from contextlib import aclosing
from typing import TYPE_CHECKING

import panel as pn

from helpers.units import format_count

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import holoviews as hv  # type: ignore[import-untyped]

__all__ = ["LiveView"]

POLL_S = 0.02  # between two looks at how many pictures there are

_running: weakref.WeakSet[LiveView] = weakref.WeakSet()


class LiveView:
    """A figure and the code that moves it, with buttons to start and stop it and a slider for its speed.

    It runs as a task of the event loop that also runs the cells. The last line of a cell shows it.

    Parameters
    ----------
    figure : holoviews.DynamicMap or Layout, or panel.viewable.Viewable
        What is shown below the buttons.
    body : callable
        An ``async def`` that sends to the streams of `figure`, and says ``yield`` after each picture. It is called anew
        at each start.
    title : str
        Names the view. One view of a title runs at a time: starting another one stops it.
    speed : float, default 10
        Where the slider stands at first: pictures per second at most, from 1 to 30.

    Attributes
    ----------
    shown : int
        Pictures drawn since the last start.
    layout : panel.Column
        What a notebook shows: buttons, slider, message and figure.

    Notes
    -----
    A cell that does not ``await`` holds all views up. The button that interrupts the kernel stops views when no cell
    runs, else that cell. At each ``yield`` a view rests at least as long as its thread worked since the one before, at
    any speed.

    Examples
    --------
    >>> import holoviews as hv
    >>> pipe = hv.streams.Pipe(data=[])
    >>> async def count():
    ...     for number in range(3):
    ...         pipe.send([*pipe.data, number])
    ...         yield
    >>> async def watch():
    ...     view = LiveView(hv.DynamicMap(hv.Curve, streams=[pipe]), count, title="Numbers", speed=30)
    ...     view.start()
    ...     return await view.ended(), pipe.data
    >>> asyncio.run(watch())
    ('Ended after 3 pictures: there is no more.', [0, 1, 2])
    """

    def __init__(
        self,
        figure: hv.Dimensioned,
        body: Callable[[], AsyncGenerator[None]],
        *,
        title: str,
        speed: float = 10.0,
    ) -> None:
        self.title, self.shown = title, 0
        self._body = body
        self._loop = _running_loop()
        self._task: asyncio.Task[str] | None = None
        self._stopped = threading.Event()
        self._click: object = None  # that asked for a start which has not come yet
        self._error: Exception | None = None
        self._speed = pn.widgets.FloatSlider(  # type: ignore[no-untyped-call]
            label="Pictures per second", start=1.0, end=30.0, step=1, value=speed, width=220
        )
        self._text = pn.pane.Str("Not started.")  # type: ignore[no-untyped-call]
        buttons = _button("Start", "primary", self._start_soon), _button("Stop", "danger", self.stop)
        self.layout = pn.Column(pn.Row(*buttons, self._speed), self._text, figure)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> object:
        bundle = self.layout._repr_mimebundle_(include, exclude)  # type: ignore[no-untyped-call]
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata

    @property
    def running(self) -> bool:
        """Whether it draws."""
        return self._task is not None and not self._task.done() and not self._stopped.is_set()

    @property
    def message(self) -> str:
        """How it goes, as the view says it."""
        return str(self._text.object)

    def start(self, *, seconds: float | None = None) -> None:
        """Begin to draw, and return at once. A view that runs begins anew.

        Parameters
        ----------
        seconds : float, optional
            Stop by itself after so long. Without it there is no end.

        Raises
        ------
        RuntimeError
            If there is no event loop, as in a plain script.
        """
        self._loop = _running_loop()
        if self._loop is None:
            msg = "a live view needs an event loop that runs: start it in a notebook, or in an `async def`."
            raise RuntimeError(msg)
        for view in list(_running):
            if view.title == self.title:
                view.stop()
        self._click, self._stopped, self._error, self.shown = None, threading.Event(), None, 0
        self._text.object = "Running."
        self._task = self._loop.create_task(self._run(self._task, self._stopped, seconds))
        self._task.add_done_callback(self._finish)
        _running.add(self)

    def stop(self) -> None:
        """Draw nothing more. Any thread may call it, and as often as it likes."""
        self._click = None
        self._stopped.set()
        if self._task is not None:
            self._call(self._task.cancel)

    async def pictures(self, count: int) -> int:
        """Wait until it has drawn so many more pictures, or no longer draws.

        Parameters
        ----------
        count : int
            How many to wait for.

        Returns
        -------
        int
            How many there were: `count`, or fewer if something ended it.
        """
        before = self.shown
        while self.running and self.shown - before < count:
            await asyncio.sleep(POLL_S)
        return min(self.shown - before, count)

    async def ended(self) -> str:
        """Wait until it no longer draws. Interrupting the cell that waits stops the view.

        Returns
        -------
        str
            What ended it, and after how many pictures.

        Raises
        ------
        Exception
            What the body raised, if that ended it.
        """
        if self._task is not None:
            try:
                await asyncio.wait({self._task})
            except asyncio.CancelledError:
                self.stop()
                raise
        if self._error is not None:
            raise self._error
        return self.message

    def _start_soon(self) -> None:
        """Let the event loop start it, unless a `stop` comes first: clicks come in threads of their own."""
        click = self._click = object()
        self._call(lambda: self.start() if self._click is click else None)

    def _call(self, function: Callable[[], object]) -> None:
        """Let the event loop call something, from whatever thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    async def _run(self, before: asyncio.Task[str] | None, stopped: threading.Event, seconds: float | None) -> str:
        """Draw until something ends it, and return what did."""
        if before is not None and not before.done():
            await asyncio.wait({before})
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._draw(stopped)
        except TimeoutError:
            if limit.expired():
                return f"its {seconds:g} s are over."
            raise  # of the body: nothing came

    async def _draw(self, stopped: threading.Event) -> str:
        async with aclosing(self._body()) as pictures:
            while not stopped.is_set():  # it may be asked to stop while the loop is blocked
                _hear_interrupts()
                began, worked = time.monotonic(), time.thread_time()
                if await anext(pictures, self) is self:
                    return "there is no more."
                self.shown += 1
                pause = 1 / (self._speed.value or 1) - (time.monotonic() - began)
                await asyncio.sleep(max(pause, time.thread_time() - worked))  # half of the time is for others
        raise asyncio.CancelledError

    def _finish(self, task: asyncio.Task[str]) -> None:
        """Say what ended a task, unless another one draws already."""
        error = None if task.cancelled() else task.exception()  # asked for, or asyncio complains
        if task is not self._task:
            return
        after = f"after {format_count(self.shown, 'picture')}"
        if isinstance(error, Exception):
            self._error = error
            message = f"Ended {after}: {type(error).__name__}: {error}"
        else:
            message = f"Stopped {after}." if task.cancelled() else f"Ended {after}: {task.result()}"
        self._stopped.set()
        self._text.object = message
        _running.discard(self)
        _hear_interrupts()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _button(label: str, color: str, pressed: Callable[[], None]) -> pn.widgets.Button:
    readable = [".bk-btn-danger { background-color: #b3261e; }"]  # Bokeh's own red is too bright for white letters
    button = pn.widgets.Button(label=label, color=color, width=80, stylesheets=readable)  # type: ignore[no-untyped-call]
    button.on_click(lambda _: pressed())
    return button


def _hear_interrupts() -> None:
    """Let SIGINT stop all views where it would be ignored, as a kernel does between cells (ipykernel 7).

    While a cell runs, SIGINT has a handler, which ends that cell and no view. In a script nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may set a handler
    current = signal.getsignal(signal.SIGINT)
    if _running and current is signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop_all)
    elif not _running and current is _stop_all:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop_all(*_: object) -> None:
    for view in list(_running):
        view.stop()
