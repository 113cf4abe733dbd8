"""Draws Life as a picture that moves, and one that does not: `python -m tools.life_picture` writes both to images/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from helpers.life import place, step

if TYPE_CHECKING:
    import numpy.typing as npt

IMAGES = Path(__file__).parent.parent / "images"
SHAPE = (48, 96)
CHUNK = 16
SCALE = 8  # pixels of a cell
PERIOD = 30  # steps after which Gosper's glider gun looks the same
FRAME_MS = 120
DEAD, ALIVE, EDGE = (255, 255, 255), (0, 114, 178), (200, 200, 200)

type Cells = npt.NDArray[np.uint8]


def frames() -> list[Cells]:
    """Return one period of the gun, with gliders on their way: the last frame leads to the first.

    Examples
    --------
    >>> len(frames()), frames()[0].shape
    (30, (48, 96))
    """
    grid = place(np.zeros((256, 256), "uint8"), "gosper-gun", at=(4, 20))
    for _ in range(10 * PERIOD):  # the gliders have left the picture, and have not come round to the gun
        grid = step(grid)
    shown = []
    for _ in range(PERIOD):
        shown.append(grid[: SHAPE[0], : SHAPE[1]])
        grid = step(grid)
    return shown


def draw(cells: Cells) -> Image.Image:
    """Draw living cells as squares, and the edges of chunks as lines."""
    pixels = np.kron(cells, np.pad(np.ones((SCALE - 1, SCALE - 1), "uint8"), (1, 0)))
    edge = np.arange(max(pixels.shape)) % (CHUNK * SCALE) == 0
    lines = edge[: pixels.shape[0], None] | edge[: pixels.shape[1]]
    picture = Image.fromarray(np.where(lines & (pixels == 0), 2, pixels).astype("uint8"), mode="P")
    picture.putpalette([*DEAD, *ALIVE, *EDGE])
    return picture


def main() -> None:
    """Write both pictures."""
    IMAGES.mkdir(exist_ok=True)
    first, *rest = map(draw, frames())
    first.save(IMAGES / "life.png", save_all=True, append_images=rest, duration=FRAME_MS, loop=0)
    first.save(IMAGES / "life_still.png")


if __name__ == "__main__":
    main()
