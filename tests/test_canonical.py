"""Tests of tools.canonical."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest
import zarr

from tests.notebooks import notebook_of
from tools.canonical import canonical_outputs, canonical_text, stored_faults
from tools.render import render


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    """Return a stream output."""
    return {"output_type": "stream", "name": name, "text": text}


def test_addresses_and_temporary_folders_are_replaced() -> None:
    """What differs from run to run does not reach a stored output."""
    with tempfile.TemporaryDirectory() as folder:
        z = zarr.create_array(f"{folder}/cube.zarr", data=np.zeros(3))
        assert canonical_text(repr(z)) == "<Array file:///TEMPORARY/cube.zarr shape=(3,) dtype=float64>"
    z = zarr.create_array({}, data=np.zeros(3))
    assert canonical_text(repr(z)) == "<Array memory://ID shape=(3,) dtype=float64>"
    assert canonical_text(repr(object())) == "<object object at 0xADDRESS>"


@pytest.mark.parametrize("text", [r"D:\a\AppData\Local\Temp\tmpab12cd34", "/var/folders/x1/y_2/T/tmpab12cd34"])
def test_temporary_folders_of_other_systems_are_replaced(text: str) -> None:
    """MacOS and Windows compare equal to Linux."""
    assert canonical_text(f"in {text}/a") == "in /TEMPORARY/a"


def test_numbers_are_left_alone() -> None:
    """No number of a lesson is loosened: a time, a size and a short hexadecimal number stay."""
    text = "0.31 s, 12.5 MB, 0xff, 3.55e+16, 40000 reads, 0.28 ms"
    assert canonical_text(text) == text


def test_streams_of_one_name_become_one() -> None:
    """How the kernel cut what was printed does not matter."""
    assert canonical_outputs([stream("a\n"), stream("b\n")]) == [stream("a\nb\n")]


def test_progress_bars_go_and_warnings_stay() -> None:
    """A progress bar is gone when it is done; a warning on stderr is a change that a test must see."""
    bar = "\rread:  50%|#####     | 5/10 [00:01<00:01, 4.9it/s]\rread: 100%|##########| 10/10 [00:02<00:00]\n"
    warned = stream("UserWarning: mind this\n", "stderr")
    assert canonical_outputs([stream(bar, "stderr")]) == []
    assert canonical_outputs([stream(bar, "stderr"), warned]) == [warned]


def test_displays_keep_text_and_png_only() -> None:
    """HTML and widgets need a front end; a stored notebook shows the same everywhere."""
    shown = {
        "output_type": "display_data",
        "data": {"text/plain": "x", "text/html": "<b>x</b>", "image/png": "iVBOR", "application/json": {}},
        "metadata": {"image/png": {"width": 3}},
    }
    (kept,) = canonical_outputs([shown])
    assert kept["data"] == {"text/plain": "x", "image/png": "iVBOR"}
    assert kept["metadata"] == {}


def test_an_error_keeps_its_name_and_message() -> None:
    """The traceback names files of the machine that ran it."""
    raised = {
        "output_type": "error",
        "ename": "KeyError",
        "evalue": "'x'",
        "traceback": ["\x1b[31m/me/f.py"],
    }
    assert canonical_outputs([raised])[0]["traceback"] == ["KeyError: 'x'"]


def test_canonical_outputs_are_a_fixed_point(tmp_path: Any) -> None:
    """What is canonical comes back unchanged."""
    outputs = [cell.outputs for cell in render(notebook_of("1 + 1", "print('a')"), folder=tmp_path).cells]
    assert [canonical_outputs(each) for each in outputs] == outputs


def test_a_stripped_or_edited_notebook_is_faulty(tmp_path: Any) -> None:
    """Nbval passes a notebook without execution counts; `stored_faults` names it."""
    rendered = render(notebook_of("1 + 1", "2 + 2"), folder=tmp_path)
    assert stored_faults(rendered) == []
    rendered.cells[1].execution_count = None
    assert "execution counts" in stored_faults(rendered)[0]
    rendered.cells[1].execution_count = 2
    rendered.cells[1].source = "2 + 3"
    assert "not made from the code" in stored_faults(rendered)[0]
    rendered.cells[1].source = "2 + 2"
    rendered.cells[1].outputs[0].data["text/html"] = "4"
    assert "code cell 2 is not canonical" in stored_faults(rendered)[0]
