"""Tests of tools.life_picture and tools.chunks_picture: what is stored is what the commands draw, small and true."""

from __future__ import annotations

import io
import re

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageSequence

from helpers.life import place, step
from tools import chunks_picture
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


def test_the_picture_of_chunks_says_what_was_counted() -> None:
    """Of sixteen objects the four that the frame touches are read, a quarter of the bytes; stored as it is drawn."""
    reading = chunks_picture.read()
    assert reading.requests == len(reading.touched) == 4
    assert 0.2 < reading.fetched_nbytes / reading.stored_nbytes < 0.3
    figure = chunks_picture.draw(reading)
    words = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert "4 of 16 objects, 1.0 MB of 3.8 MB" in words
    figure.savefig(drawn := io.BytesIO())
    plt.close(figure)
    with Image.open(drawn) as new, Image.open(chunks_picture.PICTURE) as stored:
        assert new.size == stored.size
        difference = np.asarray(new.convert("RGB")).astype(float) - np.asarray(stored.convert("RGB"))
    assert abs(difference).mean() < 1  # another release of Matplotlib may set letters a little differently


def test_the_readme_shows_it_first() -> None:
    """Before all tables, with words for who does not see it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (words,) = re.findall(r"!\[([^]]+)\]\(images/chunks.png\)", text)
    assert len(words) > 80
    assert text.index("images/chunks.png") < text.index("images/life.png") < text.index("|")
