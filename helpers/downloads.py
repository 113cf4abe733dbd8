"""Is how pooch is used here: imported without a warning in notebooks, silent, and with a download that closes."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from tqdm import TqdmWarning

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["TIMEOUT_S", "download", "quiet_pooch"]

TIMEOUT_S = 30


def quiet_pooch() -> ModuleType:
    """Import pooch and silence its log.

    Returns
    -------
    module
        Pooch. It is imported when it is called for, since in a notebook without ipywidgets that import warns.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        import pooch  # type: ignore[import-untyped]
    pooch.get_logger().setLevel(logging.WARNING)
    module: ModuleType = pooch
    return module


def download(url: str, output_file: str | Path, _: object) -> None:
    """Write what a URL holds into a file: a downloader for pooch, which unlike its own closes what it opened.

    Parameters
    ----------
    url : str
        What to fetch.
    output_file : str or Path
        The file.
    _ : object
        Pooch itself, which is not needed.

    Raises
    ------
    requests.RequestException
        If nothing answers within 30 s, the answer is an error, or it ends early.
    """
    with requests.get(url, stream=True, timeout=TIMEOUT_S) as answer, Path(output_file).open("wb") as file:
        answer.raise_for_status()
        for part in answer.iter_content(2**16):
            file.write(part)
