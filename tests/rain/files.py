"""Small files of 3B42RT for the tests of rain, and a second, plain decoder to compare with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.rain.codec import make_dataset
from helpers.rain.format import FIELDS, Header

if TYPE_CHECKING:
    import xarray as xr

STEP = np.datetime64("2015-03-11T15", "s")
# From 60 north to 60 south: the first two rows and the last two are unreliable.
SMALL = Header(time=STEP, shape=(24, 16))


def small_dataset(seed: int = 0, header: Header = SMALL) -> xr.Dataset:
    """Make a dataset of random rain, a tenth of it missing, in all the range of the format."""
    rng = np.random.default_rng(seed)
    fields: dict[str, Any] = {}
    for name in FIELDS:
        hundredths = np.rint(31997 * rng.random(header.shape) ** 4).astype("f4")
        hundredths[rng.random(header.shape) < 0.1] = np.nan
        fields[name] = hundredths / np.float32(100)
    fields["source"] = rng.integers(-128, 128, header.shape).astype("i1")
    return make_dataset(fields, time=header.time, lat=header.lat, lon=header.lon)


def plain_file(header: Header = SMALL, *, seed: int = 0) -> bytes:
    """Fill a file with any numbers at all, as its header says they are stored."""
    rng = np.random.default_rng(seed)
    stored = []
    for name in FIELDS:
        numbers = rng.integers(-(2 ** (8 * FIELDS[name].dtype.itemsize - 1)), 0, header.shape)
        numbers = np.where(rng.random(header.shape) < 0.6, ~numbers, numbers)
        if name != "source":
            numbers[rng.random(header.shape) < 0.1] = -31999
        stored.append(numbers.astype(FIELDS[name].dtype).tobytes())
    return bytes(header) + b"".join(stored)


def plainly_decoded(raw: bytes, *, unreliable: str) -> dict[str, Any]:
    """Decode a plain file in another way, and from other keys of its header than `helpers.rain` starts from."""
    keys = dict(word.split("=") for word in raw[:2880].decode().split())
    columns, rows = map(int, re.findall(r"\)x(\d+)x(\d+)", keys["file_byte_length"])[0])
    corners = [keys[f"{which}_box_center"].split(",") for which in ("first", "last")]
    (north, west), (south, east) = ((_signed(lat, "N"), _signed(lon, "E")) for lat, lon in corners)
    decoded: dict[str, Any] = {
        "time": np.datetime64(re.sub(r".*\.(....)(..)(..)(..)\.7.*", r"\1-\2-\3T\4", keys["granule_ID"]), "ns"),
        "lat": np.linspace(north, south, rows),
        "lon": np.linspace(west, east, columns),
    }
    place = 2880
    for name, kind, scale in zip(
        *(keys[f"variable_{key}"].split(",") for key in ("name", "type", "scale")), strict=True
    ):
        end = place + rows * columns * int(kind[-1])
        numbers = np.frombuffer(raw[place:end], f">i{kind[-1]}").astype("i8").reshape(rows, columns)
        place = end
        decoded[name] = numbers if name == "source" else _rain(numbers, int(scale), decoded["lat"], unreliable)
    assert place == len(raw)
    return decoded


def _rain(numbers: Any, scale: int, lat: Any, unreliable: str) -> Any:
    negative = np.nan if unreliable == "mask" else (-numbers - 1) / scale
    rain = np.where(numbers >= 0, numbers / scale, negative)
    rain[numbers == -31999] = np.nan
    if unreliable == "mask":
        rain[np.abs(lat) > 50] = np.nan
    return rain


def _signed(text: str, letter: str) -> float:
    return float(text[:-1]) * (1 if text[-1] == letter else -1)


def assert_decoded(ds: xr.Dataset, raw: bytes, *, unreliable: str) -> None:
    """Check a decoded dataset against the plain decoder, every value of it."""
    due = plainly_decoded(raw, unreliable=unreliable)
    assert list(ds.data_vars) == [name for name in due if name in FIELDS]
    assert ds.time.item() == due["time"].astype(int)
    for axis in ("lat", "lon"):
        np.testing.assert_allclose(ds[axis], due[axis], rtol=0, atol=1e-6)
    for name in ds.data_vars:
        values = ds[name].to_numpy()
        assert values.dtype == ("i1" if name == "source" else "f4")
        np.testing.assert_array_equal(values[0], due[str(name)].astype(values.dtype))
