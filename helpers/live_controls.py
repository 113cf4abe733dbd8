"""Makes what stands above a live figure: a button to start, one to stop, a slider for the speed, and a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import panel as pn

from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FASTEST", "SLOWEST", "LiveControls"]

SLOWEST, FASTEST = 1.0, 30.0  # pictures per second


class LiveControls:
    """The buttons, the slider and the message of a live figure.

    Parameters
    ----------
    speed : float
        Where the slider stands at first: pictures per second, from 1 to 30.
    start, stop : callable
        Called when a button is pressed, in any thread.

    Attributes
    ----------
    layout : panel.Column
        What a notebook shows.

    Raises
    ------
    TypeError, ValueError
        If `speed` is no number from 1 to 30.

    Examples
    --------
    >>> controls = LiveControls(10, start=lambda: print("start"), stop=lambda: print("stop"))
    >>> controls.message = "Not started."
    >>> controls.message, controls.speed
    ('Not started.', 10.0)
    """

    def __init__(self, speed: float, *, start: Callable[[], None], stop: Callable[[], None]) -> None:
        _require_speed(speed)
        self._slider = pn.widgets.FloatSlider(  # type: ignore[no-untyped-call]
            label="Pictures per second", start=SLOWEST, end=FASTEST, step=1, value=speed, width=220
        )
        self._text = pn.pane.Str("")  # type: ignore[no-untyped-call]
        buttons = _button("Start", "primary", start), _button("Stop", "danger", stop)
        self.layout = pn.Column(pn.Row(*buttons, self._slider), self._text)

    @property
    def speed(self) -> float:
        """Pictures per second. The slider shows it, and sets it."""
        return float(self._slider.value or SLOWEST)

    @speed.setter
    def speed(self, speed: float) -> None:
        _require_speed(speed)
        self._slider.value = speed

    @property
    def message(self) -> str:
        """One line of text."""
        return str(self._text.object)

    @message.setter
    def message(self, message: str) -> None:
        self._text.object = message


def _button(label: str, color: str, pressed: Callable[[], None]) -> pn.widgets.Button:
    button = pn.widgets.Button(label=label, color=color, width=80)  # type: ignore[no-untyped-call]
    button.on_click(lambda _: pressed())
    return button


def _require_speed(speed: float) -> None:
    allowed = f"from {SLOWEST:g} to {FASTEST:g} pictures per second"
    require_number("speed", speed, ok=lambda x: SLOWEST <= x <= FASTEST, allowed=allowed)
