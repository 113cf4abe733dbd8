"""Says which steps 3B42RT has, and what the file of each is called."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np

type Time = str | datetime | np.datetime64

__all__ = ["LAST", "Time", "file_name", "nominal_time", "require_name"]

_FIRST, LAST = np.datetime64("2000-03-01T00", "s"), np.datetime64("2019-12-31T21", "s")
_RENAMED = np.datetime64("2012-11-07T06", "s")
_STEP = np.timedelta64(3, "h")
_NAME = re.compile(r"3B42RT\.(\d{10})\.(7|7R2)\.bin(\.gz)?")


def nominal_time(time: Time) -> np.datetime64:
    """Check that a time is a step of 3B42RT.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        A string in ISO 8601. Without a time zone it is UTC.

    Returns
    -------
    numpy.datetime64
        The step in UTC, to the second.

    Raises
    ------
    ValueError
        If it is not 00, 03, …, 21 UTC of a day from 1 March 2000 to 31 December 2019.
    TypeError
        If `time` is none of these types.

    Notes
    -----
    A step stands for the three hours centred on it. The public description calls 2000-03-01 12 UTC the first; a
    header of 00 UTC that day has been published, so steps begin there. The mission's archive ended on 31
    December 2019.

    Examples
    --------
    >>> nominal_time("2015-03-11T16:00+01:00")
    np.datetime64('2015-03-11T15:00:00')
    """
    exact = _in_utc(time)
    step: np.datetime64 = exact.astype("M8[s]")
    if not _FIRST <= step <= LAST:
        msg = f"{step} has no file of 3B42RT. Its steps run from {_FIRST} to {LAST} UTC; give one of them."
        raise ValueError(msg)
    if step != exact or (step - _FIRST) % _STEP:
        msg = f"{exact} is not a step of 3B42RT. There is one every 3 hours, at 00, 03, …, 21 UTC; give one of them."
        raise ValueError(msg)
    return step


def file_name(time: Time) -> str:
    """Name the file of a step as the provider did, in both eras of its names.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step, 00, 03, …, 21 UTC.

    Returns
    -------
    str
        The name alone. On the provider's server it lay in `3B42RT/YYYY/MM/`.

    Raises
    ------
    ValueError
        If the time is not a step of 3B42RT: see `nominal_time`.

    Notes
    -----
    Steps before 2012-11-07 06 UTC were processed again for version 7, and carry `7R2`.

    Examples
    --------
    >>> file_name("2015-03-11T15"), file_name("2012-11-07T03")
    ('3B42RT.2015031115.7.bin.gz', '3B42RT.2012110703.7R2.bin.gz')
    """
    step = nominal_time(time)
    version = "7R2" if step < _RENAMED else "7"
    return f"3B42RT.{step.item():%Y%m%d%H}.{version}.bin.gz"


def require_name(name: str, time: np.datetime64) -> None:
    """Raise an error if a file is named for another step than the one it holds.

    Parameters
    ----------
    name : str
        The file's name. One that does not look like a name of 3B42RT says nothing, and will do.
    time : numpy.datetime64
        The step in the file's header.

    Raises
    ------
    ValueError
        If both name a step and they differ.

    Examples
    --------
    >>> require_name("3B42RT.2015031115.7.bin.gz", np.datetime64("2015-03-11T18", "s"))
    Traceback (most recent call last):
    ValueError: the name says 2015031115, the header 2015031118. Fetch the file again.
    """
    match = _NAME.fullmatch(name)
    stamp = f"{time.item():%Y%m%d%H}"
    if match and match[1] != stamp:
        msg = f"the name says {match[1]}, the header {stamp}. Fetch the file again."
        raise ValueError(msg)


def _in_utc(time: Time) -> np.datetime64:
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError as fault:
            msg = f"the time {time!r} is not understood. Give it in ISO 8601, such as 2015-03-11T15."
            raise ValueError(msg) from fault
    if isinstance(time, datetime):
        time = np.datetime64(time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time)
    if not isinstance(time, np.datetime64):
        msg = f"a time that is a {type(time).__name__} is not understood. Give a str, a datetime or a numpy.datetime64."
        raise TypeError(msg)
    return time
