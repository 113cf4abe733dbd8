"""Tests of helpers.live.view: it starts, stops by every way there is, and leaves nothing that runs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

import panel as pn
import pytest

from helpers.live import LiveView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator


async def endless() -> AsyncGenerator[None]:
    """Draw without end."""
    while True:
        yield


def drawing(show: Callable[[int], object]) -> Callable[[], AsyncGenerator[None]]:
    """Return a body that draws one number after the other."""

    async def body() -> AsyncGenerator[None]:
        for number in count():
            show(number)
            yield

    return body


def make_view(body: Callable[[], AsyncGenerator[None]] = endless, *, title: str = "Numbers") -> LiveView:
    """Make a view that is fast, and shows nothing."""
    return LiveView(pn.Column(), body, title=title, speed=30)


def find[Part](view: LiveView, kind: type[Part]) -> list[Part]:
    """Return the parts of a kind that a view shows."""
    parts: list[Part] = view.layout.select(kind)  # type: ignore[no-untyped-call]
    return parts


def press(view: LiveView, label: str) -> None:
    """Press a button of a view, as the page does."""
    (button,) = (each for each in find(view, pn.widgets.Button) if each.label == label)
    button.param.trigger("clicks")


def others() -> set[asyncio.Task[object]]:
    """Return the tasks of the loop besides the test's own."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_it_runs_the_body_until_that_ends() -> None:
    """Each picture once, in order; the message, on the page too, says what ended it."""
    drawn: list[int] = []

    async def three() -> AsyncGenerator[None]:
        for number in range(3):
            drawn.append(number)
            yield

    view = make_view(three)
    assert (view.running, view.message) == (False, "Not started.")
    view.start()
    assert (view.running, view.message) == (True, "Running.")
    assert await view.ended() == view.message == "Ended after 3 pictures: there is no more."
    assert find(view, pn.pane.Str)[-1].object == view.message
    assert drawn == [0, 1, 2]
    assert not view.running
    assert not others()


def work(seconds: float) -> None:
    """Keep the processor busy."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_it_leaves_the_loop_free() -> None:
    """Another task takes its turns meanwhile, even where each picture takes longer than its time."""
    view = make_view(drawing(lambda _: work(0.05)))
    view.start()
    start = time.monotonic()
    turns = 0
    while time.monotonic() < start + 0.5:
        await asyncio.sleep(0.005)
        turns += 1
    view.stop()
    await view.ended()
    assert 2 <= view.shown <= 6  # at 30 a second it would be ten of them, and no time for others
    assert turns > 2 * view.shown


async def test_stop_in_a_cell() -> None:
    """It takes effect at once, again and again, and leaves no task; before any start it does nothing."""
    view = make_view()
    view.stop()
    assert await view.ended() == "Not started."
    view.start()
    assert await view.pictures(3) == 3
    for _ in range(2):
        view.stop()
        assert not view.running
    assert await view.ended() == f"Stopped after {view.shown} pictures."
    view.stop()
    assert await view.ended() == f"Stopped after {view.shown} pictures."
    assert await view.pictures(1) == 0
    assert not others()


async def test_stop_by_its_button_in_a_thread_of_its_own() -> None:
    """JupyterLab's clicks come in a thread, while the loop may be blocked."""
    view = make_view()
    view.start()
    await view.pictures(1)
    click = threading.Thread(target=press, args=(view, "Stop"))
    click.start()
    click.join()  # this blocks the loop, as a cell may
    assert not view.running
    shown = view.shown
    assert await view.ended() == f"Stopped after {shown} {'picture' if shown == 1 else 'pictures'}."


async def test_the_last_click_counts() -> None:
    """Also when several come while the loop is blocked; each start is a new run, without an end."""
    view = make_view()
    for labels, running in (("Start", "Stop"), False), (("Stop", "Start"), True), (("Start", "Stop", "Start"), True):
        for label in labels:
            press(view, label)
        await asyncio.sleep(0)
        assert view.running is running
        assert view.shown == 0
        assert await view.pictures(2) == 2 * running
    for label in ("Stop", "Start", "Start", "Stop"):
        press(view, label)
    assert not view.running
    await view.ended()
    assert not view.running
    assert not others()


async def test_it_ends_after_its_seconds() -> None:
    """Even when the source is silent."""

    async def silent() -> AsyncGenerator[None]:
        await asyncio.sleep(60)
        yield

    view = make_view(silent)
    view.start(seconds=0.05)
    assert await view.ended() == "Ended after 0 pictures: its 0.05 s are over."


@pytest.mark.parametrize("error", [TimeoutError("no frame for 5 s"), ZeroDivisionError("a mistake")])
async def test_what_the_body_raises_is_shown_and_raised(error: Exception) -> None:
    """A writer that fell silent is told apart from the view's own seconds."""

    async def broken() -> AsyncGenerator[None]:
        yield
        raise error

    view = make_view(broken)
    view.start(seconds=60)
    with pytest.raises(type(error), match=str(error)):
        await view.ended()
    assert view.message == f"Ended after 1 picture: {type(error).__name__}: {error}"
    view.start()
    await view.pictures(1)
    view.stop()


async def test_starting_anew_ends_the_run_before() -> None:
    """Two runs of one view never draw at the same time; what a body opened is closed: a subscription in Redis, say."""
    open_sources = []

    async def body() -> AsyncGenerator[None]:
        open_sources.append(True)
        assert len(open_sources) == 1
        try:
            while True:
                yield
        finally:
            open_sources.pop()

    view = make_view(body)
    for _ in range(3):
        view.start()
        view.start()
        assert await view.pictures(2) == 2
    view.stop()
    await view.ended()
    assert not open_sources
    assert not others()


async def test_another_view_of_its_title_stops_it() -> None:
    """As when a cell is run again; views of other titles go on."""
    first, other, second = make_view(), make_view(title="Others"), make_view()
    for view in (first, other, second):
        view.start()
    assert (first.running, other.running, second.running) == (False, True, True)
    for view in (second, other):
        view.stop()
        await view.ended()


async def test_interrupting_the_cell_that_waits_stops_it() -> None:
    """An interrupt cancels what the cell awaits."""
    view = make_view()
    view.start()
    waiting = asyncio.create_task(view.ended())
    await view.pictures(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not view.running
    assert (await view.ended()).startswith("Stopped")


@pytest.fixture
def ignoring() -> Iterator[None]:
    """SIGINT is ignored, as it is in a kernel between cells."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.usefixtures("ignoring")
async def test_interrupting_the_kernel_while_no_cell_runs_stops_all_views() -> None:
    """A kernel ignores SIGINT between cells; views hear it, and leave things as they were."""
    views = make_view(), make_view(title="Others")
    for view in views:
        view.start()
        await view.pictures(1)
    os.kill(os.getpid(), signal.SIGINT)
    assert [(await view.ended()).split()[0] for view in views] == ["Stopped", "Stopped"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


async def test_an_interrupt_goes_where_it_went_elsewhere() -> None:
    """While a cell runs, and in scripts, SIGINT has a handler: it stays."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        view = make_view()
        view.start()
        await view.pictures(1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        view.stop()
        await view.ended()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignoring")
def test_it_can_be_used_in_one_loop_after_another_and_in_any_thread() -> None:
    """A closed loop does not keep it from running in the next. Only the main thread may set a handler of SIGINT."""
    view = make_view()
    drawn: list[int] = []

    async def use() -> None:
        view.start()
        drawn.append(await view.pictures(2))

    asyncio.run(use())
    thread = threading.Thread(target=lambda: asyncio.run(use()))
    thread.start()
    thread.join()
    assert drawn == [2, 2]
    assert view.message.startswith("Stopped")  # asyncio.run cancels what still runs


async def test_the_slider_sets_the_speed() -> None:
    """While it runs. A slow view skips nothing of a source that waits: what to skip is up to the source."""
    drawn: list[int] = []
    view = make_view(drawing(drawn.append))
    view.start(seconds=0.45)
    (slider,) = find(view, pn.widgets.FloatSlider)
    slider.value = 10
    await view.ended()
    assert drawn == list(range(len(drawn)))
    assert 1 <= len(drawn) <= 5


def test_without_an_event_loop_it_says_where_there_is_one() -> None:
    """As in a plain script; its buttons do nothing there."""
    view = make_view()
    press(view, "Start")
    press(view, "Stop")
    with pytest.raises(RuntimeError, match="start it in a notebook"):
        view.start()


def test_what_a_stored_notebook_keeps_of_it_is_its_name() -> None:
    """No picture count or other number of the machine."""
    view = make_view(title="Life")
    bundle = view._repr_mimebundle_()
    assert isinstance(bundle, tuple)
    assert bundle[0]["text/plain"] == repr(view) == "<LiveView: Life>"
