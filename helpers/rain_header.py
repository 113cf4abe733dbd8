"""Says and writes what stands in the header of a 3B42RT file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from helpers.rain_fields import FIELDS
from helpers.rain_steps import file_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["BYTE_ORDERS", "FLAG", "HEADER_NBYTES", "SCALE", "Header"]

HEADER_NBYTES = 2880
FLAG = -31999
SCALE = 100
BYTE_ORDERS: Mapping[str, Literal[">", "<"]] = {"big_endian": ">", "little_endian": "<"}
_HALF_STEP = np.timedelta64(90, "m")


@dataclass(frozen=True, kw_only=True)
class Header:
    """Hold what a header says.

    Parameters
    ----------
    time : numpy.datetime64
        The step, to the second.
    shape : tuple of int
        Latitudes and longitudes.
    north, south, west, east : float
        Edges of the grid: degrees north and degrees east.
    names : tuple of str
        Fields, in the order of the file.
    scales : tuple of int
        What the values of each are multiplied by when stored.
    byte_order : str
        "big_endian" or "little_endian".
    created : str
        The day on which the file was made, as YYYYMMDD.
    synthetic : str, optional
        For data that are no observation, where they come from.
    """

    time: np.datetime64
    shape: tuple[int, int] = (480, 1440)
    north: float = 60
    south: float = -60
    west: float = 0
    east: float = 360
    names: tuple[str, ...] = tuple(FIELDS)
    scales: tuple[int, ...] = (SCALE, SCALE, 1, SCALE)
    byte_order: str = "big_endian"
    created: str = ""
    synthetic: str = ""

    @property
    def lat(self) -> NDArray[np.floating]:
        """Centres of the rows, degrees north, from north to south."""
        return self.north - (np.arange(self.shape[0]) + 0.5) * self.step[0]

    @property
    def lon(self) -> NDArray[np.floating]:
        """Centres of the columns, degrees east."""
        return self.west + (np.arange(self.shape[1]) + 0.5) * self.step[1]

    @property
    def step(self) -> tuple[float, float]:
        """Height and width of a cell, degrees."""
        return (self.north - self.south) / self.shape[0], (self.east - self.west) / self.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of the fields together, without the header."""
        return sum(map(self.nbytes_of, self.names))

    def nbytes_of(self, name: str) -> int:
        """Count the bytes of one field.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        int
            As stored.

        Examples
        --------
        >>> Header(time=np.datetime64("2015-03-11T15", "s")).nbytes_of("source")
        691200
        """
        return self.shape[0] * self.shape[1] * self.dtype(name).itemsize

    def dtype(self, name: str) -> np.dtype[np.signedinteger]:
        """Give the type of one field as it is stored.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        numpy.dtype
            With the byte order of the file.

        Examples
        --------
        >>> Header(time=np.datetime64("2015-03-11T15", "s")).dtype("precipitation")
        dtype('>i2')
        """
        return FIELDS[name].dtype.newbyteorder(BYTE_ORDERS[self.byte_order])

    def pairs(self) -> dict[str, str]:
        """Say all of it as a header does.

        Returns
        -------
        dict of str to str
            Keys and values, in the order of a real file.

        Examples
        --------
        >>> header = Header(time=np.datetime64("2015-03-11T15", "s"))
        >>> header.pairs()["file_byte_length"]
        '(char2880)_header+(int2)x1440x480x2_data+(int1)x1440x480_data+(int2)x1440x480_data'
        """
        begin, end = (self.time - _HALF_STEP).item(), (self.time + _HALF_STEP).item()
        high, wide = self.step
        north, south = (_degrees(lat, "NS") for lat in (self.north - high / 2, self.south + high / 2))
        west, next_east, east = (
            _degrees(lon, "EW") for lon in (self.west + wide / 2, self.west + wide * 1.5, self.east - wide / 2)
        )
        pairs = {
            "algorithm_ID": "3B42RT",
            "algorithm_version": "07.00",
            "granule_ID": file_name(self.time).removesuffix(".gz"),
            "header_byte_length": str(HEADER_NBYTES),
            "file_byte_length": self._byte_lengths(),
            "nominal_YYYYMMDD": f"{self.time.item():%Y%m%d}",
            "nominal_HHMMSS": f"{self.time.item():%H%M%S}",
            "begin_YYYYMMDD": f"{begin:%Y%m%d}",
            "begin_HHMMSS": f"{begin:%H%M%S}",
            "end_YYYYMMDD": f"{end:%Y%m%d}",
            "end_HHMMSS": f"{end:%H%M%S}",
            "creation_date": self.created or f"{end:%Y%m%d}",
            "west_boundary": _degrees(self.west, "EW"),
            "east_boundary": _degrees(self.east, "EW"),
            "north_boundary": _degrees(self.north, "NS"),
            "south_boundary": _degrees(self.south, "NS"),
            "origin": "northwest",
            "number_of_latitude_bins": str(self.shape[0]),
            "number_of_longitude_bins": str(self.shape[1]),
            "grid": f"{high:.10g}x{wide:.10g}_deg_lat/lon",
            "first_box_center": f"{north},{west}",
            "second_box_center": f"{north},{next_east}",
            "last_box_center": f"{south},{east}",
            "number_of_variables": str(len(self.names)),
            "variable_name": ",".join(self.names),
            "variable_units": ",".join(FIELDS[name].units for name in self.names),
            "variable_scale": ",".join(map(str, self.scales)),
            "variable_type": ",".join(FIELDS[name].type_name for name in self.names),
            "byte_order": self.byte_order,
            "flag_value": str(FLAG),
            "flag_name": "insufficient_observations",
        }
        return pairs | ({"synthetic": self.synthetic.replace(" ", "_")} if self.synthetic else {})

    def __bytes__(self) -> bytes:
        text = " ".join(f"{key}={value}" for key, value in self.pairs().items())
        if len(text) > HEADER_NBYTES:
            msg = f"a header of {len(text):,} characters does not fit. It has {HEADER_NBYTES:,}; shorten `synthetic`."
            raise ValueError(msg)
        return text.encode("ascii").ljust(HEADER_NBYTES)

    def _byte_lengths(self) -> str:
        runs = [(size, len(list(run))) for size, run in groupby(FIELDS[name].dtype.itemsize for name in self.names)]
        cells = f"{self.shape[1]}x{self.shape[0]}"
        parts = [f"(int{size})x{cells}{f'x{count}' if count > 1 else ''}_data" for size, count in runs]
        return "+".join([f"(char{HEADER_NBYTES})_header", *parts])


def _degrees(value: float, letters: str) -> str:
    """Write a coordinate with the letter of its side, such as 59.875N; zero has the first of the two."""
    return f"{abs(value):.10g}{letters[value < 0]}"
