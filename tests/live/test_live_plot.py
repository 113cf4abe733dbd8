"""Tests of helpers.live: pure functions, and what the page would get, without a browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import holoviews as hv  # type: ignore[import-untyped]
import nbformat
import numpy as np
import pandas as pd
import panel as pn
import pytest
import xarray as xr
from nbclient import NotebookClient
from zarr.storage import MemoryStore

from helpers.life import place, run, step
from helpers.live import life_image, life_view, population, population_curve, shrink
from helpers.stream import FrameReader, FrameWriter

if TYPE_CHECKING:
    from helpers.live import LiveView

GUN = place(np.zeros((48, 64), "uint8"), "gosper-gun")


def figures(view: LiveView[xr.DataArray]) -> list[object]:
    """Return what the page gets of each figure of a view, drawn and kept up to date without a browser."""
    renderer = hv.renderer("bokeh")
    panes = view.layout.select(pn.pane.HoloViews)  # type: ignore[no-untyped-call]
    return [renderer.get_plot(pane.object) for pane in panes]


def sent(plot: object) -> dict[str, np.ndarray]:
    """Return the columns that the page holds of a figure."""
    data: dict[str, np.ndarray] = plot.handles["source"].data  # type: ignore[attr-defined]
    return data


def test_a_frame_that_is_small_enough_is_left_alone() -> None:
    """Not even copied."""
    frame = np.eye(256, dtype="uint8")
    assert shrink(frame) is frame


@pytest.mark.parametrize("shape", [(257, 3), (3, 257), (512, 512), (1000, 300), (1, 1)])
@pytest.mark.parametrize("most", [1, 7, 256])
def test_a_large_frame_becomes_means_of_blocks(shape: tuple[int, int], most: int) -> None:
    """As a plain loop computes them; edges are means of what there is."""
    frame = np.random.default_rng(7).integers(0, 2, shape, dtype="uint8")
    small = np.asarray(shrink(frame, most=most), "float32")
    assert max(small.shape) <= most
    side = -(-max(shape) // most)
    blocks: list[list[float]] = [
        [frame[row : row + side, column : column + side].mean() for column in range(0, shape[1], side)]
        for row in range(0, shape[0], side)
    ]
    np.testing.assert_allclose(small, blocks, rtol=1e-5)


def test_the_first_row_is_at_the_top() -> None:
    """As in a printed array."""
    grid = place(np.zeros((5, 8), "uint8"), "glider", at=(0, 0))
    image = life_image(grid)
    np.testing.assert_array_equal(image.dimension_values("alive", flat=False)[::-1], grid)
    assert image.bounds.lbrt() == (0, 0, 8, 5)


def test_population_is_a_row_of_plain_numbers() -> None:
    """With the step of the frame; sums of uint8 do not wrap."""
    frame = xr.DataArray(np.ones((30, 40), "uint8"), {"time": np.int64(812)}, ("y", "x"))
    assert population(frame).to_dict("records") == [{"step": 812, "population": 1200}]


def test_a_curve_has_a_point_for_each_row() -> None:
    """In the order of the rows."""
    counts = pd.DataFrame({"step": [3, 5], "population": [36, 39]})
    np.testing.assert_array_equal(population_curve(counts).array(), [[3, 36], [5, 39]])


async def test_the_page_gets_each_frame_and_its_population() -> None:
    """What the figures hold after each frame is that frame, and the populations so far."""
    store = MemoryStore()
    writer = FrameWriter(store, GUN.shape, slots=10)
    view = life_view(FrameReader(store), speed=30, length=4)
    picture, curve = figures(view)
    np.testing.assert_array_equal(sent(picture)["image"][0], np.zeros(GUN.shape))
    view.start()
    grid, populations = GUN, []
    for number in range(6):
        writer.append(grid)
        assert await view.pictures(1) == 1
        np.testing.assert_array_equal(sent(picture)["image"][0][::-1], grid)
        populations.append(int(grid.sum()))
        assert sent(curve)["step"].tolist() == list(range(number + 1))[-4:]
        assert sent(curve)["population"].tolist() == populations[-4:]
        grid = step(grid)
    writer.close()
    assert await view.ended() == "Ended after 6 pictures: the source has no more."


async def test_a_view_that_is_slower_than_the_writer_shows_the_newest_frame() -> None:
    """It skips; at the end the page holds the last frame."""
    store = MemoryStore()
    frames: list[np.ndarray] = []
    run(frames, GUN, steps=60)
    with FrameWriter(store, GUN.shape, slots=60) as writer:
        view = life_view(FrameReader(store), speed=5)
        picture, _ = figures(view)
        view.start()
        for frame in frames:
            writer.append(frame)
            await asyncio.sleep(0.01)
        while view.running and (sent(picture)["image"][0][::-1] != frames[-1]).any():
            await asyncio.sleep(0.01)
    assert (await view.ended()).endswith("the source has no more.")
    assert view.shown < 60


def test_colours_are_fixed_and_the_picture_has_a_title() -> None:
    """An empty grid is not stretched to look alive; shape and unit stand on the figure."""
    store = MemoryStore()
    FrameWriter(store, (300, 400), slots=2)
    picture, curve = figures(life_view(FrameReader(store), title="Large", length=50))
    mapper = picture.handles["color_mapper"]  # type: ignore[attr-defined]
    assert (mapper.low, mapper.high) == (0, 1)
    assert picture.state.title.text == "Large: 300 x 400 cells"  # type: ignore[attr-defined]
    assert sent(picture)["image"][0].shape == (150, 200)
    assert curve.state.title.text == "Population, last 50 pictures"  # type: ignore[attr-defined]
    assert curve.state.yaxis.axis_label == "population (cells alive)"  # type: ignore[attr-defined]


CELLS = (
    "import holoviews as hv, panel as pn; from helpers.live import load_bokeh",
    "load_bokeh()",
    "hv.DynamicMap(hv.Curve, streams=[hv.streams.Pipe(data=[1, 2, 3])])",
    "hv.Curve([1, 2, 3]) + hv.Curve([3, 2, 1])",
    "from helpers.live import machine_view; machine_view()",
)


def test_a_notebook_needs_no_public_address() -> None:
    """JavaScript and style sheets are carried along; what a stored notebook keeps is text without numbers."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, kernel_name="python3", timeout=100).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert not outputs[0]
    script = max(len(output["data"].get("application/javascript", "")) for output in outputs[1])
    assert 1e6 < script < 1e7
    shown = [output["data"] for cell in outputs[2:] for output in cell if "text/html" in output["data"]]
    assert len(shown) == 3
    for data in shown:
        assert "Bokeh" in data["text/html"]
        assert "cdn." not in data["text/html"]
    texts = [data["text/plain"] for data in shown]
    assert texts[0] == ":DynamicMap   []\n   :Curve   [x]   (y)"
    assert texts[1].startswith(":Layout")
    assert texts[2] == "<LiveView: This machine>"
