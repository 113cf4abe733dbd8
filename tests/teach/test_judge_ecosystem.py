"""Tests of helpers.teach.judge_ecosystem: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from helpers.teach import check
from helpers.teach.judge_ecosystem import _ice
from helpers.teach.judges import judges_of
from tests.teach.judging import endless, said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JUDGES = judges_of("14")


def datasets(pixel: tuple[float, ...], levels: int) -> list[dict[str, Any]]:
    """Describe a pyramid rightly."""
    return [
        {
            "path": str(n),
            "coordinateTransformations": [
                {"type": "scale", "scale": [size * 2**n for size in pixel]},
                {"type": "translation", "translation": [size * (2**n - 1) / 2 for size in pixel]},
            ],
        }
        for n in range(levels)
    ]


def changed(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Any, int], object]:
    """Return a function that describes a pyramid, and changes something in it."""
    return lambda pixel, levels: change(datasets(pixel, levels))


def only_scales(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the translations out."""
    for level in found:
        del level["coordinateTransformations"][1]
    return found


def corner(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Translate by nothing, as if the corner of a pixel were its place."""
    for level in found:
        level["coordinateTransformations"][1]["translation"] = [
            0.0 for _ in level["coordinateTransformations"][0]["scale"]
        ]
    return found


def test_a_right_pyramid_is_right() -> None:
    """In two and in three dimensions."""
    assert said("14.pyramid", datasets) == "Right. 3 pyramids, one of them in three dimensions."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (changed(only_scales), "Each level needs a scale and then a translation"),
        (changed(corner), "How far is the centre of the first pixel of level 1"),
        (changed(lambda found: found[:1] * len(found)), "The path of level 1 is '0'"),
        (lambda pixel, n: datasets(tuple(2 * size for size in pixel), n), "The scale of level 0 is [1.6, 0.4]"),
        (lambda *_: ..., "this is ellipsis"),
        (changed(lambda found: found[99]), "IndexError"),
        ("0.8", "'str' object is not callable"),
    ],
)
def test_a_wrong_pyramid_gets_the_hint_that_fits(answer: object, hint: str) -> None:
    """One for each mistake that is likely."""
    verdict_line = said("14.pyramid", answer)
    assert verdict_line.startswith("Not yet.")
    assert hint in verdict_line


def test_an_endless_pyramid_is_stopped() -> None:
    """It gets a line like every other."""
    assert "still running" in said("14.pyramid", endless, timeout_s=0.3)


def test_a_copy_that_travels_is_right(tmp_path: Path) -> None:
    """Any data type that all four know will do."""
    for dtype in ("u1", "i4"):
        zarr.create_array(tmp_path / dtype, data=_ice().astype(dtype), chunks=(30, 50))
        assert said("14.copy", tmp_path / dtype) == "Right. Four readers, every bit."


@pytest.mark.parametrize(
    ("values", "options", "hint"),
    [
        (_ice(), {"chunks": (30, 50)}, "GDAL gives uint8 where you wrote bool"),
        (
            _ice().astype("u1"),
            {"chunks": (30, 50), "shards": (60, 100)},
            "GDAL refuses it: Unsupported codec: shard",
        ),
        (~_ice(), {}, "The values are not those of `sent`"),
        (np.zeros(3), {}, "The values are not those of `sent`"),
    ],
)
def test_a_copy_that_does_not_travel_is_told_why(
    values: Any, options: dict[str, Any], hint: str, tmp_path: Path
) -> None:
    """In the words of the reader that refuses."""
    zarr.create_array(tmp_path / "copy", data=values, **options)
    assert hint in said("14.copy", tmp_path / "copy")


@pytest.mark.parametrize("answer", [None, 3, "nowhere", endless])
def test_what_is_no_path_gets_one_line(answer: object) -> None:
    """Not the name of an array that is there."""
    assert said("14.copy", answer).startswith("Not yet. There is no `zarr.json`")


def test_an_empty_answer_is_not_a_wrong_one(capsys: pytest.CaptureFixture[str]) -> None:
    """As everywhere."""
    check("14.copy", ...)
    assert capsys.readouterr().out.startswith("Not answered yet")
