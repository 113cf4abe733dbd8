"""Tests of helpers.live: it starts, stops by every way there is, and leaves nothing that runs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import panel as pn
import pytest

from helpers.live import LiveView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


async def count() -> AsyncGenerator[int]:
    """Yield numbers without end."""
    number = 0
    while True:
        yield number
        number += 1


def make_view(
    *, source: Callable[[], AsyncGenerator[int]] = count, show: Callable[[int], object] = id, title: str = "Numbers"
) -> LiveView[int]:
    """Make a view that is fast, and shows nothing."""
    return LiveView(pn.Column(), source=source, show=show, title=title, speed=30)


def find[Part](view: LiveView[int], kind: type[Part]) -> list[Part]:
    """Return the parts of a kind that a view shows."""
    parts: list[Part] = view.layout.select(kind)  # type: ignore[no-untyped-call]
    return parts


def press(view: LiveView[int], label: str) -> None:
    """Press a button of a view, as the page does."""
    (button,) = (each for each in find(view, pn.widgets.Button) if each.label == label)
    button.param.trigger("clicks")


def others() -> set[asyncio.Task[object]]:
    """Return the tasks of the loop besides the test's own."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_it_draws_what_the_source_yields_until_that_ends() -> None:
    """Each value once, in order; the message says what ended it."""

    async def three() -> AsyncGenerator[int]:
        for number in range(3):
            yield number

    drawn: list[int] = []
    view = make_view(source=three, show=drawn.append)
    assert (view.running, view.message) == (False, "Not started.")
    view.start()
    assert (view.running, view.message) == (True, "Running.")
    assert await view.ended() == view.message == "Ended after 3 pictures: the source has no more."
    assert drawn == [0, 1, 2]
    assert not view.running
    assert not others()


async def test_it_leaves_the_loop_free() -> None:
    """Another task takes its turns meanwhile, even where each picture takes longer than its time."""
    view = make_view(show=lambda _: time.sleep(0.05))
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
    """It takes effect at once, again and again, and leaves no task."""
    view = make_view()
    view.start()
    assert await view.pictures(3) == 3
    view.stop()
    assert not view.running
    view.stop()
    assert await view.ended() == f"Stopped after {view.shown} pictures."
    view.stop()
    assert await view.ended() == f"Stopped after {view.shown} pictures."
    assert await view.pictures(1) == 0
    assert not others()


async def test_stop_before_the_first_picture() -> None:
    """A task that is cancelled before it begins is told like any other."""
    view = make_view()
    view.start()
    view.stop()
    assert await view.ended() == "Stopped after 0 pictures."


async def test_stop_before_any_start_does_nothing() -> None:
    """There is nothing to stop, and nothing to wait for."""
    view = make_view()
    view.stop()
    assert await view.ended() == "Not started."


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


async def test_start_by_its_button_after_stop() -> None:
    """It goes on as a new run, without an end."""
    view = make_view()
    press(view, "Start")
    await asyncio.sleep(0)
    assert await view.pictures(2) == 2
    press(view, "Stop")
    await view.ended()
    press(view, "Start")
    await asyncio.sleep(0)
    assert view.running
    assert view.shown == 0
    assert await view.pictures(2) == 2
    view.stop()
    await view.ended()


async def test_the_last_click_counts() -> None:
    """Also when several come while the loop is blocked."""
    view = make_view()
    for labels, running in (("Start", "Stop"), False), (("Stop", "Start"), True), (("Start", "Stop", "Start"), True):
        for label in labels:
            press(view, label)
        await asyncio.sleep(0.02)
        assert view.running is running
    for label in ("Stop", "Start", "Start", "Stop"):
        press(view, label)
    assert not view.running
    await view.ended()
    assert not view.running
    assert not others()


async def test_it_ends_after_its_seconds() -> None:
    """Even when the source is silent."""

    async def silent() -> AsyncGenerator[int]:
        await asyncio.sleep(60)
        yield 0

    view = make_view(source=silent)
    view.start(seconds=0.05)
    assert await view.ended() == "Ended after 0 pictures: its 0.05 s are over."


@pytest.mark.parametrize("error", [TimeoutError("no frame for 5 s"), ZeroDivisionError("a mistake")])
async def test_what_the_source_raises_is_shown_and_raised(error: Exception) -> None:
    """A writer that fell silent is told apart from the view's own seconds."""

    async def broken() -> AsyncGenerator[int]:
        yield 0
        raise error

    view = make_view(source=broken)
    view.start(seconds=60)
    with pytest.raises(type(error), match=str(error)):
        await view.ended()
    assert view.message == f"Ended after 1 picture: {type(error).__name__}: {error}"
    view.start()
    await view.pictures(1)
    view.stop()


async def test_what_the_drawing_raises_is_shown_and_raised() -> None:
    """A mistake in a figure ends the view, not the program, and closes the source."""
    closed = []

    async def source() -> AsyncGenerator[int]:
        try:
            yield 0
        finally:
            closed.append(True)

    def fail(_: int) -> None:
        msg = "no such column"
        raise KeyError(msg)

    view = make_view(source=source, show=fail)
    view.start()
    with pytest.raises(KeyError, match="no such column"):
        await view.ended()
    assert view.message.startswith("Ended after 0 pictures: KeyError")
    assert closed == [True]


async def test_starting_anew_ends_the_run_before() -> None:
    """Two runs of one view never draw at the same time."""
    open_sources = []

    async def source() -> AsyncGenerator[int]:
        open_sources.append(True)
        assert len(open_sources) == 1
        try:
            while True:
                yield 0
        finally:
            open_sources.pop()

    view = make_view(source=source)
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
    first.start()
    other.start()
    second.start()
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


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
async def test_interrupting_the_kernel_while_no_cell_runs_stops_it() -> None:
    """A kernel ignores SIGINT between cells; a view hears it, and leaves things as they were."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        view = make_view()
        view.start()
        await view.pictures(1)
        os.kill(os.getpid(), signal.SIGINT)
        assert (await view.ended()).startswith("Stopped")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


async def test_the_slider_sets_the_speed() -> None:
    """From the page or from a cell, while it runs."""
    view = make_view()
    (slider,) = find(view, pn.widgets.FloatSlider)
    slider.value = 2
    assert view.speed == 2
    view.speed = 20
    assert slider.value == 20
    with pytest.raises(ValueError, match=r"speed=0 is not allowed\. It must be from 1 to 30"):
        view.speed = 0


async def test_a_slow_view_skips_none_of_a_source_that_waits() -> None:
    """Speed is how long it rests after each picture; what to skip is up to the source."""
    drawn: list[int] = []
    view = make_view(show=drawn.append)
    view.speed = 10
    view.start(seconds=0.45)
    await view.ended()
    assert drawn == list(range(len(drawn)))
    assert 1 <= len(drawn) <= 5


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
async def test_seconds_that_are_no_time_are_refused(seconds: float) -> None:
    """Nothing is started then."""
    view = make_view()
    with pytest.raises(ValueError, match=r"seconds=.* must be above 0, or None for no end"):
        view.start(seconds=seconds)
    assert view.message == "Not started."


def test_without_an_event_loop_it_says_where_there_is_one() -> None:
    """As in a plain script; its buttons do nothing there."""
    view = make_view()
    press(view, "Start")
    press(view, "Stop")
    with pytest.raises(RuntimeError, match="start it in a notebook"):
        view.start()


def test_it_can_be_used_in_one_loop_after_another() -> None:
    """A loop that is closed does not keep it from running in the next."""
    view = make_view()

    async def use() -> int:
        view.start()
        return await view.pictures(2)

    assert [asyncio.run(use()), asyncio.run(use())] == [2, 2]
    assert view.message.startswith("Stopped")  # asyncio.run cancels what still runs


def test_what_a_stored_notebook_keeps_of_it_is_its_name() -> None:
    """No picture count or other number of the machine."""
    view = make_view(title="Life")
    bundle = view._repr_mimebundle_()
    assert isinstance(bundle, tuple)
    assert bundle[0]["text/plain"] == repr(view) == "<LiveView: Life>"
