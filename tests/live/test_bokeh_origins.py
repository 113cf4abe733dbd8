"""Tests of helpers.live: who may talk to a Bokeh server, and what is left of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from helpers.live import knock

if TYPE_CHECKING:
    import pytest


async def test_only_the_usual_port_of_this_machine_is_welcome() -> None:
    """Bokeh's default for notebooks; when it changes, lesson 11 has to."""
    assert await knock(["http://localhost:8888", "http://localhost:8889", "https://hub.mybinder.org"]) == {
        "http://localhost:8888": 101,
        "http://localhost:8889": 403,
        "https://hub.mybinder.org": 403,
    }


async def test_nobody_is_asked_where_nobody_asks() -> None:
    """The server starts and stops all the same."""
    assert await knock([]) == {}


async def test_refusals_are_not_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """They would stand in the notebook; afterwards Bokeh may log again."""
    before = logging.getLogger("bokeh").level
    with caplog.at_level(logging.WARNING):
        await knock(["https://hub.mybinder.org"])
    assert not caplog.records
    assert capfd.readouterr().err == ""
    assert logging.getLogger("bokeh").level == before
