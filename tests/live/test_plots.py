"""Tests of helpers.live.plots: pure functions, and what the page would get, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import holoviews as hv  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import panel as pn
import pytest

from helpers.life import place, run
from helpers.live import life_view, machine_view
from helpers.live.plots import draw_cells, draw_load
from helpers.redis import RedisStore
from helpers.servers import redis_server
from helpers.stream import FrameReader, FrameWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.live import LiveView

FRAMES: list[np.ndarray] = []
run(FRAMES, place(np.zeros((48, 64), "uint8"), "gosper-gun"), steps=6)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server for the streams of these tests."""
    with redis_server() as server:
        yield server.url


@pytest.fixture
def store(url: str) -> Iterator[RedisStore]:
    """An empty store."""
    with RedisStore(url) as store:
        yield store
        store.keys.remove()


def figures(view: LiveView[Any]) -> list[Any]:
    """Return what the page gets of each figure of a view, drawn and kept up to date without a browser."""
    renderer = hv.renderer("bokeh")
    panes = view.layout.select(pn.pane.HoloViews)  # type: ignore[no-untyped-call]
    return [renderer.get_plot(pane.object) for pane in panes]


def sent(plot: Any) -> dict[str, np.ndarray]:
    """Return the columns that the page holds of a figure."""
    data: dict[str, np.ndarray] = plot.handles["source"].data
    return data


@pytest.mark.parametrize("shape", [(257, 3), (3, 257), (512, 512), (1000, 300), (1, 1), (256, 256)])
def test_a_large_frame_becomes_means_of_blocks(shape: tuple[int, int]) -> None:
    """As a plain loop computes them, the first row at the top; edges are means of what there is."""
    frame = np.random.default_rng(7).integers(0, 2, shape, dtype="uint8")
    image = draw_cells(frame)
    side = -(-max(shape) // 256)
    blocks: list[list[float]] = [
        [frame[row : row + side, column : column + side].mean() for column in range(0, shape[1], side)]
        for row in range(0, shape[0], side)
    ]
    np.testing.assert_allclose(image.dimension_values("alive", flat=False)[::-1], blocks, rtol=1e-5)
    assert image.bounds.lbrt() == (0, 0, shape[1], shape[0])


async def test_the_page_gets_each_frame_and_its_population(store: RedisStore) -> None:
    """What the figures hold after each frame is that frame, and the populations so far."""
    writer = FrameWriter(store, FRAMES[0].shape, slots=10)
    view = life_view(FrameReader(store), speed=30, length=4)
    picture, curve = figures(view)
    np.testing.assert_array_equal(sent(picture)["image"][0], np.zeros(FRAMES[0].shape))
    view.start()
    for number, frame in enumerate(FRAMES):
        writer.append(frame)
        assert await view.pictures(1) == 1
        np.testing.assert_array_equal(sent(picture)["image"][0][::-1], frame)
        assert sent(curve)["step"].tolist() == list(range(number + 1))[-4:]
        assert sent(curve)["population"].tolist() == [frame.sum() for frame in FRAMES[: number + 1]][-4:]
    writer.close()
    assert await view.ended() == "Ended after 6 pictures: the source has no more."


def test_colours_are_fixed_and_the_picture_has_a_title(store: RedisStore) -> None:
    """An empty grid is not stretched to look alive; shape and unit stand on the figure."""
    FrameWriter(store, (300, 400), slots=2)
    picture, curve = figures(life_view(FrameReader(store), title="Large", length=50))
    mapper = picture.handles["color_mapper"]
    assert (mapper.low, mapper.high) == (0, 1)
    assert picture.state.title.text == "Large: 300 x 400 cells"
    assert sent(picture)["image"][0].shape == (150, 200)
    assert curve.state.title.text == "Population, last 50 pictures"
    assert curve.state.yaxis.axis_label == "population (cells alive)"


def test_both_curves_go_from_0_to_100_percent() -> None:
    """Whatever the numbers are."""
    overlay = draw_load(pd.DataFrame({"seconds": [0.5, 1.0], "processor": [12.0, 13.0], "memory": [40.0, 41.0]}))
    assert [(curve.label, curve.vdims[0].range, curve.vdims[0].unit) for curve in overlay] == [
        ("processor", (0, 100), "%"),
        ("memory", (0, 100), "%"),
    ]


async def test_the_page_gets_the_newest_rows() -> None:
    """No more of them than `length`."""
    view = machine_view(every_s=0.02, length=3)
    (plot,) = figures(view)
    view.start()
    assert await view.pictures(5) == 5
    view.stop()
    await view.ended()
    for curve in plot.subplots.values():
        assert len(sent(curve)["seconds"]) == 3
