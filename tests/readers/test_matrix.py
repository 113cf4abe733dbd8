"""Tests of the support matrix: verdicts, refusals and the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers.readers import (
    READERS,
    draw_support,
    read_all,
    refusal_matrix,
    refusals,
    support_matrix,
    verdict,
    write_core_archive,
)
from helpers.readers.archive import Expected
from helpers.readers.matrix import VERDICTS
from helpers.readers.readers import Answer

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    type Values = npt.NDArray[np.generic]

NAN = np.array(0x7FC00001, "u4").view("f4")


@pytest.mark.parametrize(
    ("found", "written", "expected"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), "yes"),
        (np.array([0.0]), np.array([-0.0]), "WRONG"),
        (np.array([np.nan], "f4"), NAN.reshape(1), "WRONG"),
        (np.array([1, 2], "u1"), np.array([1, 2], "i4"), "other dtype"),
        (np.array([1, 3], "u1"), np.array([1, 2], "i4"), "WRONG"),
        (np.array([[1, 2]]), np.array([1, 2]), "other shape"),
        (np.array([[1, 3]]), np.array([1, 2]), "WRONG"),
        (np.array([1, 2, 3]), np.array([1, 2]), "WRONG"),
        (np.array([1], ">i4"), np.array([1], "<i4"), "other dtype"),
        (np.array(["a"], "T"), np.array(["a"], "T"), "yes"),
        (np.array(["a"], "T"), np.array(["b"], "T"), "WRONG"),
        (np.array(["a"], object), np.array(["a"], "T"), "yes"),
        (None, np.array([1]), "WRONG"),
    ],
)
def test_verdicts_compare_bits(found: Values | None, written: Values, expected: str) -> None:
    """Equal is not enough for a yes, and other values without an error are wrong."""
    assert verdict(Answer(found), Expected(written)) == expected


def test_a_refusal_is_a_no() -> None:
    """Whatever else there is."""
    assert verdict(Answer(refusal="no such codec"), Expected(np.array([1]))) == "no"


def test_metadata_counts_where_there_is_any() -> None:
    """Attributes and names have to be those written, with their types."""
    values = np.array([1])
    written = Expected(values, {"n": 3}, ["x"])
    assert verdict(Answer(values, {"n": 3}, ["x"]), written) == "yes"
    assert verdict(Answer(values, {"n": "3"}, ["x"]), written) == "values only"
    assert verdict(Answer(values, {"n": 3}, None), written) == "values only"
    assert verdict(Answer(values, None, None), Expected(values)) == "yes"
    assert verdict(Answer(None, {"n": 3}), Expected(None, {"n": 3})) == "yes"


def test_a_reader_that_was_not_asked_is_an_error() -> None:
    """No cell of the matrix is guessed."""
    with pytest.raises(KeyError, match="dtypes/bool"):
        support_matrix({"mine": {}}, {"dtypes/bool": Expected(np.array([True]))})


def test_a_reason_is_named_once_for_each_reader() -> None:
    """With the first path that met it."""
    said = {"a": Answer(refusal="why"), "b": Answer(refusal="why"), "c": Answer()}
    assert refusals({"one": said, "two": said}).to_dict() == {("one", "a"): "why", ("two", "a"): "why"}
    assert refusal_matrix({"one": said})["one"].tolist() == ["refused", "refused", "READ"]


def test_the_readers_find_what_the_lesson_says(tmp_path: Path) -> None:
    """Every cell of the matrix that is no yes; a reader that has learned something since makes this fail."""
    archive = write_core_archive(tmp_path / "core.zarr")
    answers = {name: read_all(read, tmp_path / "core.zarr", archive) for name, read in READERS.items()}
    matrix = support_matrix(answers, archive)
    raw = ["dtypes/r24", "fills/r24"]
    short = ["metadata/short-name-codec", "metadata/short-name-keys"]
    shards = ["codecs/sharding-end", "codecs/sharding-start", "codecs/sharding-chain"]
    groups = ["metadata/group", "beyond/consolidated"]
    no = {
        "zarr-python": [*raw, *short],
        "zarrs": [*raw, *short, "beyond/string"],
        "TensorStore": [*raw, *short, *groups, "beyond/string"],
        "GDAL": [*raw, *short, *groups, *shards, "codecs/crc32c", "beyond/string"],
    }
    no["GDAL"] += ["shapes/no-dimension", "shapes/no-elements"]
    for reader, paths in no.items():
        assert {"/".join(path) for path in matrix.index[matrix[reader] == "no"]} == set(paths), reader
    wrong = {(reader, "/".join(path)) for reader in READERS for path in matrix.index[matrix[reader] == "WRONG"]}
    assert wrong == {("zarrs", "fills/hex"), ("GDAL", "fills/uint64")}
    others = (~matrix.isin(["yes", "no", "WRONG"])).sum()
    assert others.to_dict() == {"zarr-python": 0, "zarrs": 0, "TensorStore": 0, "GDAL": 6}


def test_the_picture_marks_what_is_no_plain_yes() -> None:
    """Letters say what the colours say, for those who see no colours."""
    archive = {f"part/{name}": Expected(np.array([1])) for name in ("good", "bad", "odd", "none")}
    said = {
        "part/good": Answer(np.array([1])),
        "part/bad": Answer(np.array([2])),
        "part/odd": Answer(np.array([[1]])),
        "part/none": Answer(refusal="no"),
    }
    matrix = support_matrix({"mine": said}, archive)
    assert set(matrix["mine"]) <= set(VERDICTS)
    ax = Figure().subplots()
    draw_support(ax, matrix)
    assert [text.get_text() for text in ax.texts] == ["!", "s"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["mine"]
