"""Makes the files of simulated rain, one after the other, under the paths that 3B42RT's provider gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers.rain_encode import encode
from helpers.rain_simulation import simulate
from helpers.rain_steps import LAST, file_name, nominal_time
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.rain_steps import Time

__all__ = ["file_path", "simulated_files"]


def file_path(time: Time) -> str:
    """Return where the file of a step lay on the provider's server.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step, 00, 03, …, 21 UTC.

    Returns
    -------
    str
        The path, from the provider's address on.

    Raises
    ------
    ValueError
        If the time is not a step of 3B42RT.

    Examples
    --------
    >>> file_path("2015-03-11T15")
    '3B42RT/2015/03/3B42RT.2015031115.7.bin.gz'
    """
    return f"3B42RT/{nominal_time(time).item():%Y/%m}/{file_name(time)}"


def simulated_files(
    start: Time, *, steps: int | None = None, seed: int = 7, hours: int = 3
) -> Iterator[tuple[str, bytes]]:
    """Make files of simulated rain, each when it is asked for.

    Parameters
    ----------
    start : str, datetime.datetime or numpy.datetime64
        The first step, 00, 03, …, 21 UTC.
    steps : int, optional
        How many files; without it, all until the last step of the product, 2019-12-31 21 UTC.
    seed : int, default 7
        Of the weather, as for `helpers.rain.simulate`.
    hours : int, default 3
        From one step to the next, a multiple of 3.

    Yields
    ------
    tuple of (str, bytes)
        The path, and the file, gzip: the same bytes each time, with the same zlib.

    Raises
    ------
    ValueError
        If `start` is not a step of 3B42RT, or `steps`, `seed` or `hours` is not allowed: at once, before
        the first file is asked for.

    Notes
    -----
    A file takes about 0.1 s to make, and 0.25 MB.

    Examples
    --------
    >>> import gzip
    >>> for path, data in simulated_files("2012-11-07T03", steps=2):
    ...     print(path, gzip.decompress(data)[:19].decode())
    3B42RT/2012/11/3B42RT.2012110703.7R2.bin.gz algorithm_ID=3B42RT
    3B42RT/2012/11/3B42RT.2012110706.7.bin.gz algorithm_ID=3B42RT
    """
    first = nominal_time(start)
    if steps is not None:
        require_number("steps", steps, ok=lambda x: x >= 0 and x == int(x), allowed="an integer, 0 or more")
    require_number("seed", seed, ok=lambda x: x >= 0 and x == int(x), allowed="an integer, 0 or more")
    require_number("hours", hours, ok=lambda x: x > 0 and x % 3 == 0, allowed="a multiple of 3, above 0")
    times = np.arange(first, LAST + np.timedelta64(1, "s"), np.timedelta64(hours, "h"))[:steps]
    return ((file_path(time), encode(simulate(time, seed=seed))) for time in times)
