"""Tests of helpers.readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from helpers.readers import READERS, UNKNOWN, read_all, write_unknown_extensions

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_array_has_one_thing_that_nobody_knows(tmp_path: Path) -> None:
    """Its metadata holds the invented name, and its chunk is stored."""
    paths = write_unknown_extensions(tmp_path / "strange")
    assert paths == list(UNKNOWN)
    for path in paths:
        document = json.loads((tmp_path / "strange" / path / "zarr.json").read_text())
        assert json.dumps(document).count("example.") in {1, 2}
        assert (tmp_path / "strange" / path / "c/0/0").stat().st_size == 24


def test_readers_refuse_what_they_must(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All but GDAL with an unknown key, which it warns of: when that is mended, the lesson has to say so."""
    paths = write_unknown_extensions(tmp_path / "strange")
    answers = {name: read_all(read, tmp_path / "strange", paths) for name, read in READERS.items()}
    read = {(name, path) for name, said in answers.items() for path, answer in said.items() if not answer.refusal}
    assert read == {("GDAL", "unknown key")}
    assert "unknown member (example.note). Interpretation of the array might be wrong" in caplog.text
