"""Simulates rain as 3B42RT would see it: synthetic, but worth looking at.

Weather systems drift, grow and die from step to step; between them it is dry. Satellites see strips of it, infrared
fills in between them, and some of it nothing sees.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from helpers.rain_drawing import draw_rain
from helpers.rain_fields import LAT, make_dataset
from helpers.rain_header import SCALE
from helpers.rain_steps import nominal_time
from helpers.rain_swaths import IR, sources_at
from helpers.rain_systems import systems_at

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from helpers.rain_steps import Time

    type Floats = NDArray[np.float32]

__all__ = ["simulate"]

_EPOCH = np.datetime64("2000-01-01", "s")
_FAINTEST, _STRONGEST = 0.1, 120  # mm/h: what is fainter is dry


def simulate(time: Time, *, seed: int) -> xr.Dataset:
    """Simulate the rain of one step.

    Any step is computed by itself, and steps in a row show the same systems moving.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step: 00, 03, …, 21 UTC of a day from 1 March 2000 to 31 December 2019.
    seed : int
        At least 0. The same time and seed give the same rain; another seed gives other weather.

    Returns
    -------
    xarray.Dataset
        What `helpers.rain.decode` returns with `unreliable="decode"`: four fields on `time` (1), `lat` (480) and
        `lon` (1440), rain in hundredths of mm/h as float32, NaN where nothing saw it. The attribute `synthetic`
        and each long name say that it is no observation.

    Raises
    ------
    ValueError
        If `time` is not a step of 3B42RT, or `seed` is below 0.
    TypeError
        If `seed` is no integer.

    Notes
    -----
    It is a drawing and no model: nothing in it is taken from measurements, there is no land and no sea, and its
    averages are no climate. It is drawn with operations that round alike on every machine, and with NumPy's
    generator, whose numbers a later NumPy may change.

    Examples
    --------
    >>> ds = simulate("2015-03-11T15", seed=7)
    >>> dict(ds.sizes), ds.precipitation.attrs["long_name"]
    ({'time': 1, 'lat': 480, 'lon': 1440}, 'synthetic precipitation')
    >>> ds.attrs["synthetic"]
    'helpers.rain.simulate with seed 7, not an observation'
    """
    step = nominal_time(time)
    seed = _seed(seed)
    hour = float((step - _EPOCH) / np.timedelta64(1, "h"))
    rain = draw_rain(systems_at(hour, seed=seed))
    rain *= rain >= _FAINTEST
    np.minimum(rain, _STRONGEST, out=rain)
    sources = sources_at(hour, seed=seed)
    fields: dict[str, Floats | NDArray[np.int8]] = {
        "precipitation": _seen(rain, sources),
        "precipitation_error": _seen(_error(rain, sources), sources),
        "source": sources,
        "uncal_precipitation": _seen(rain * _calibration(sources), sources),
    }
    synthetic = f"helpers.rain.simulate with seed {seed}, not an observation"
    return make_dataset(fields, time=step, synthetic=synthetic)


def _seed(seed: int) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        msg = f"seed={seed!r} is a {type(seed).__name__}. It must be an integer, 0 or more."
        raise TypeError(msg) from None
    if number < 0:
        msg = f"seed={number} is not allowed. It must be 0 or more."
        raise ValueError(msg)
    return number


def _seen(rain: Floats, sources: NDArray[np.int8]) -> Floats:
    """Keep what a source saw, in hundredths of mm/h."""
    hundredths: Floats = np.rint(rain * SCALE)
    hundredths[sources == 0] = np.nan
    hundredths /= SCALE
    return hundredths


def _error(rain: Floats, sources: NDArray[np.int8]) -> Floats:
    """Return an error that grows with the rain, slower than it, and is larger where only infrared saw it."""
    error: Floats = np.sqrt(rain) * _of_source(sources, infrared=0.8, strip=0.5)
    error += np.float32(0.1) * rain
    return error


def _calibration(sources: NDArray[np.int8]) -> Floats:
    """Return what the rain of each cell is multiplied by to undo its calibration: it differs by source and belt."""
    factors = _of_source(sources, infrared=1.25, strip=0.9)
    factors *= (1 + 0.15 * np.cos(np.radians(6 * LAT)))[:, None].astype("f4")
    return factors


def _of_source(sources: NDArray[np.int8], *, infrared: float, strip: float) -> Floats:
    factors: Floats = np.where(sources == IR, np.float32(infrared), np.float32(strip))
    return factors
