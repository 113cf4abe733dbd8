"""Tests of tools.life_picture: the stored pictures are those that the command makes, small, and without a jump."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image, ImageSequence

from helpers.life import place, step
from tools.lessons import NOTEBOOKS, read_lessons
from tools.life_picture import IMAGES, draw, frames

ROOT = NOTEBOOKS.parent


def test_the_last_frame_leads_to_the_first() -> None:
    """On the whole grid too: one period later the part that is shown is the same."""
    grid = place(np.zeros((256, 256), "uint8"), "gosper-gun", at=(4, 20))
    for _ in range(330):
        grid = step(grid)
    np.testing.assert_array_equal(grid[:48, :96], frames()[0])
    assert len({frame.tobytes() for frame in frames()}) == 30


def test_what_is_stored_is_what_the_command_draws() -> None:
    """Pixel by pixel, in a file that loads quickly."""
    assert (IMAGES / "life.png").stat().st_size < 500_000
    drawn = [np.asarray(draw(cells).convert("RGB")) for cells in frames()]
    with Image.open(IMAGES / "life.png") as moving, Image.open(IMAGES / "life_still.png") as still:
        stored = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(moving)]
        np.testing.assert_array_equal(stored, drawn)
        np.testing.assert_array_equal(np.asarray(still.convert("RGB")), drawn[0])
        assert moving.info["loop"] == 0


def test_who_prefers_no_motion_gets_the_still() -> None:
    """In the README and in lesson 11, with words for who sees neither."""
    (lesson,) = (lesson for lesson in read_lessons() if lesson.number == "11")
    texts = {
        "": (ROOT / "README.md").read_text(encoding="utf-8"),
        "../": "\n".join(cell.source for cell in lesson.cells("markdown")),
    }
    for folder, text in texts.items():
        (picture,) = re.findall("<picture>.*?</picture>", text, flags=re.DOTALL)
        still = f'<source media="(prefers-reduced-motion: reduce)" srcset="{folder}images/life_still.png">'
        assert still in picture
        assert re.search(rf'<img src="{folder}images/life.png" alt="[^"]{{40,}}"', picture)
