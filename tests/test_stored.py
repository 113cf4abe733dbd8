"""Tests of tools.stored, the hook that checks notebooks before a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat

from tests.notebooks import notebook_of
from tools.lessons import NOTEBOOKS
from tools.stored import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_lessons_are_stored_as_rendered() -> None:
    """All of them."""
    assert main([str(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]) == 0


def test_what_is_not_rendered_or_no_notebook_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    nbformat.write(notebook_of("1 + 1"), tmp_path / "91_saved.ipynb")
    (tmp_path / "92_text.ipynb").write_text("no notebook")
    (tmp_path / "93_json.ipynb").write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}')
    assert main([str(path) for path in sorted(tmp_path.glob("*.ipynb"))]) == 1
    said = capsys.readouterr().out
    assert "91_saved.ipynb: its execution counts are [None]" in said
    for name in ("92_text", "93_json"):
        assert f"{name}.ipynb: it is no valid notebook" in said
    assert "make render NB=91" in said
