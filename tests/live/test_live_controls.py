"""Tests of helpers.live: buttons, slider, message."""

from __future__ import annotations

import panel as pn
import pytest

from helpers.live import LiveControls


def nothing() -> None:
    """Do nothing."""


def test_each_button_calls_its_function() -> None:
    """Once for each press."""
    pressed: list[str] = []
    controls = LiveControls(10, start=lambda: pressed.append("start"), stop=lambda: pressed.append("stop"))
    start, stop = controls.layout.select(pn.widgets.Button)  # type: ignore[no-untyped-call]
    assert (start.label, stop.label) == ("Start", "Stop")
    for button in (stop, start, stop):
        button.param.trigger("clicks")
    assert pressed == ["stop", "start", "stop"]


def test_the_message_stands_in_the_layout() -> None:
    """What is set is what the page shows."""
    controls = LiveControls(10, start=nothing, stop=nothing)
    controls.message = "Running."
    (text,) = controls.layout.select(pn.pane.Str)  # type: ignore[no-untyped-call]
    assert text.object == controls.message == "Running."


@pytest.mark.parametrize("speed", [0.5, 31, float("nan")])
def test_a_speed_out_of_range_is_refused(speed: float) -> None:
    """At the beginning and later; the slider stays where it was."""
    with pytest.raises(ValueError, match="from 1 to 30 pictures per second"):
        LiveControls(speed, start=nothing, stop=nothing)
    controls = LiveControls(10, start=nothing, stop=nothing)
    with pytest.raises(ValueError, match="from 1 to 30 pictures per second"):
        controls.speed = speed
    assert controls.speed == 10


def test_a_speed_that_is_no_number_is_refused() -> None:
    """The message names it."""
    with pytest.raises(TypeError, match="speed='fast' is a str"):
        LiveControls("fast", start=nothing, stop=nothing)  # type: ignore[arg-type]
