"""Axes to draw on, for the tests of diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes


@pytest.fixture
def ax() -> Iterator[Axes]:
    """Give axes of a figure that is closed afterwards."""
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)
