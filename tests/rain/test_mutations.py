"""Tests of decode on files that went wrong: each is refused by name, or decoded to exactly what it holds."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import pytest

from helpers.rain import decode
from helpers.rain.format import Header
from tests.rain.files import SMALL, STEP, assert_decoded, plain_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    type Kind = Callable[[random.Random], bytes]

# `make test-long` asks for 2,000.
MUTATIONS = int(os.environ.get("RAIN_MUTATIONS", "300"))
pytestmark = pytest.mark.timeout(max(120, MUTATIONS))
MAX_PEAK = 200_000_000
FULL = Header(time=STEP)
WORDS = ["", "9" * 50, "\x7f", "0", "-1", "1e9", "1_000", "4294967296", "nan"]
WORDS += ["07.00", "60N", "0E", "999999", "=", "a=b", "%s"]


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    """Trace memory, of Python and of NumPy, while a test runs."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@lru_cache(maxsize=8)
def plain(seed: int = 0, header: Header = SMALL) -> bytes:
    """Keep the files that mutations begin with."""
    return plain_file(header, seed=seed)


@lru_cache(maxsize=8)
def packed(seed: int = 0, header: Header = SMALL) -> bytes:
    """Keep them packed too."""
    return gzip.compress(plain(seed, header), 6)


def any_file(rng: random.Random) -> bytes:
    """Take a packed file; one in twenty is of full size."""
    return packed(0, FULL) if rng.random() < 0.05 else packed(rng.randrange(4))


def either(rng: random.Random, raw: bytes) -> bytes:
    """Pack a file or do not."""
    return gzip.compress(raw, 1) if rng.random() < 0.5 else raw


def truncated_gzip(rng: random.Random) -> bytes:
    """Cut a packed file off."""
    whole = any_file(rng)
    return whole[: rng.choice([rng.randrange(len(whole)), len(whole) - rng.randint(1, 12), rng.randint(0, 40)])]


def cut_fields(rng: random.Random) -> bytes:
    """Leave fields out, or part of one; the packing is sound."""
    raw = plain(rng.randrange(4))
    cells = SMALL.shape[0] * SMALL.shape[1]
    return either(rng, raw[: rng.choice([rng.randrange(len(raw)), 2880, 2880 + 2 * cells, 2880 + 5 * cells])])


def swollen(rng: random.Random) -> bytes:
    """Add to the end: a byte, another file, another member."""
    more = rng.choice([b"\0", b" " * 512, rng.randbytes(100), plain(), packed(), gzip.compress(b"")])
    return any_file(rng) + more if rng.random() < 0.5 else either(rng, plain() + more)


def flipped_bits(rng: random.Random) -> bytes:
    """Flip a few bits of a packed file."""
    whole = bytearray(any_file(rng))
    for _ in range(rng.randint(1, 4)):
        whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    return bytes(whole)


def flipped_values(rng: random.Random) -> bytes:
    """Change values of a plain file: nothing tells that they are not the right ones."""
    raw = bytearray(plain(rng.randrange(4)))
    for _ in range(rng.randint(1, 50)):
        raw[rng.randrange(2880, len(raw))] = rng.randrange(256)
    return either(rng, bytes(raw))


def garbled_header(rng: random.Random) -> bytes:
    """Change a few characters of the header, most often to one of their kind."""
    raw = bytearray(plain(rng.randrange(4)))
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(1300)
        raw[place] = rng.choice(b"0123456789" if raw[place] in b"0123456789" else bytes(range(32, 127)))
    return either(rng, bytes(raw))


def wrong_value(rng: random.Random) -> bytes:
    """Give a key the value of another, or none that it can have."""
    pairs = SMALL.pairs()
    key = rng.choice(list(pairs))
    return with_pairs(rng, pairs | {key: rng.choice([*WORDS, *pairs.values()])})


def wrong_keys(rng: random.Random) -> bytes:
    """Lose a key, double it, misspell it, or put all in another order."""
    items = list(SMALL.pairs().items())
    place = rng.randrange(len(items))
    change = rng.choice(["lose", "double", "misspell", "shuffle", "add"])
    if change == "lose":
        del items[place]
    elif change == "double":
        items.insert(rng.randrange(len(items)), items[place])
    elif change == "misspell":
        items[place] = (items[place][0].upper(), items[place][1])
    elif change == "shuffle":
        rng.shuffle(items)
    else:
        items.insert(place + 1, ("contact_name", "Helpdesk"))
    return either(rng, " ".join(f"{key}={value}" for key, value in items).encode().ljust(2880) + plain()[2880:])


def wrong_sizes(rng: random.Random) -> bytes:
    """Write a sound header of another grid; now and then the sizes agree all the same."""
    rows, columns = rng.choice([(16, 24), (12, 32), (24, 16), (rng.randint(2, 60), rng.randint(2, 60)), (480, 1440)])
    return either(rng, bytes(replace(SMALL, shape=(rows, columns))) + plain(rng.randrange(4))[2880:])


def other_scales(rng: random.Random) -> bytes:
    """Write a sound header of the same length with other scales."""
    scales = [rng.choice([1, 10, 100, 1000, 99999]) for _ in range(4)]
    scales[2] = 1
    return either(rng, bytes(replace(SMALL, scales=tuple(scales))) + plain()[2880:])


def absurd_sizes(rng: random.Random) -> bytes:
    """Announce more than any machine holds, in one place or in all."""
    size, pairs = str(rng.choice([0, 1, 2**31, 2**32 + 24, 2**63, 10 ** rng.randint(4, 40), 999999])), SMALL.pairs()
    huge = {"number_of_latitude_bins": size, "number_of_longitude_bins": size, "number_of_variables": size}
    huge["header_byte_length"] = size
    huge["file_byte_length"] = pairs["file_byte_length"].replace("24", size).replace("16", size)
    return with_pairs(rng, pairs | {key: huge[key] for key in rng.sample(list(huge), rng.randint(1, 5))})


def bad_utf8(rng: random.Random) -> bytes:
    """Put bytes that are no ASCII, and some that are no text at all, into the header."""
    bad = rng.choice(
        [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", "é".encode(), b"\xef\xbb\xbf", "\uff16\uff10".encode(), b"\0", b"\n"]
    )
    raw, place = plain(), rng.choice([0, rng.randrange(1300), rng.randrange(2880)])
    return either(rng, (raw[:place] + bad + raw[place:2880])[:2880] + raw[2880:])


def bomb(rng: random.Random) -> bytes:
    """Pack a header, sound or not, and after it zeros without end."""
    begin = rng.choice([bytes(FULL), bytes(SMALL), plain(), packed(), b"", bytes(replace(SMALL, shape=(900, 2000)))])
    return swell(begin, rng.choice([1, 10, 100]))


def swell(begin: bytes, times: int) -> bytes:
    """Pack some bytes and `times` 32 million zeros, a thousandth as long."""
    stream = zlib.compressobj(9, wbits=-15)
    head = stream.compress(begin) + stream.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + head + zeros() * times + b"\x03\0" + bytes(8)


@lru_cache(maxsize=1)
def zeros() -> bytes:
    """Pack 32 million zeros so that they can be repeated within a stream."""
    stream = zlib.compressobj(9, wbits=-15)
    return stream.compress(bytes(32_000_000)) + stream.flush(zlib.Z_FULL_FLUSH)


def other_products(rng: random.Random) -> bytes:
    """Serve something else: other products of the mission, other formats, an error page."""
    name = rng.choice(["3B40RT", "3B41RT", "3B42", "3B43", "3B42RT.2015031115.06"])
    pairs = SMALL.pairs()
    if rng.random() < 0.4:
        other = pairs | {"algorithm_ID": name[:6], "granule_ID": f"{name}.2015031115.7.bin"}
        return with_pairs(rng, other | rng.choice([{}, {"algorithm_version": "06.00"}]))
    starts = [b"\x0e\x03\x13\x01", b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"PK\x03\x04", b"<html>404</html>", b"{}"]
    starts += [b"\x1f\x8b", b"", gzip.compress(packed()), b"algorithm_ID=", b"\x1f\x9d"]
    return either(rng, rng.choice(starts) + rng.randbytes(rng.choice([0, 9, 9000])))


def with_pairs(rng: random.Random, pairs: dict[str, str]) -> bytes:
    """Write a header of any pairs before sound fields."""
    text = " ".join(f"{key}={value}" for key, value in pairs.items()).encode()
    return either(rng, text.ljust(2880)[:2880] + plain(rng.randrange(4))[2880:])


KINDS: list[Kind] = [
    truncated_gzip, cut_fields, swollen, flipped_bits, flipped_values, garbled_header, wrong_value, wrong_keys,
    wrong_sizes, other_scales, absurd_sizes, bad_utf8, bomb, other_products,
]  # fmt: skip
SOMETIMES_SOUND = {"flipped_bits", "flipped_values", "garbled_header", "wrong_value", "wrong_keys", "wrong_sizes"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_file_that_went_wrong_is_refused_or_decoded_to_what_it_holds(kind: Kind, tmp_path: Path) -> None:
    """Named with its fault, or equal to what a second decoder finds; in little memory either way."""
    rng = random.Random(kind.__name__)
    path = tmp_path / "feed.bin.gz"
    sound = 0
    for _ in range(-(-MUTATIONS // len(KINDS))):
        content = kind(rng)
        path.write_bytes(content)
        sound += is_sound(content, path, rng.choice(["mask", "decode"]))
    if kind.__name__ == "other_scales":
        assert sound == -(-MUTATIONS // len(KINDS))
    elif kind.__name__ not in SOMETIMES_SOUND | {"bad_utf8"}:
        assert sound == 0


def is_sound(content: bytes, path: Path, unreliable: Literal["mask", "decode"]) -> bool:
    """Decode from a path or from memory, and check the error or the values, and the memory it took."""
    source, name = (path, str(path)) if len(content) % 2 else (content, f"<{len(content):,} bytes>")
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        ds = decode(source, unreliable=unreliable)
    except ValueError as error:
        fault = str(error)
    else:
        fault = ""
    assert tracemalloc.get_traced_memory()[1] - held < MAX_PEAK
    if fault:
        assert fault.startswith(f"{name}: ")
        assert len(fault) < 600
        return False
    raw = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    assert_decoded(ds, raw, unreliable=unreliable)
    return True


def test_the_unchanged_files_are_sound() -> None:
    """Or all of the above would prove nothing."""
    for header in (SMALL, FULL):
        assert_decoded(decode(packed(0, header), unreliable="decode"), plain(0, header), unreliable="decode")
        assert_decoded(decode(plain(0, header)), plain(0, header), unreliable="mask")


WORST = """
import resource, sys
from helpers.rain import decode
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
decode(sys.argv[1])
before = peak()
for path in sys.argv[2:]:
    try:
        decode(path, unreliable="decode")
    except ValueError as fault:
        print("refused:", str(fault).removeprefix(path)[:60])
    else:
        print("decoded")
print(peak() - before)
"""


def test_the_largest_files_and_bombs_take_little_memory_from_the_system(tmp_path: Path) -> None:
    """The peak of a process of its own: a grid three times the real one, bombs, and a path larger than it may be."""
    pytest.importorskip("resource")
    large = replace(FULL, shape=(1000, 2142))
    files = [plain(), gzip.compress(plain(0, large), 1), swell(bytes(FULL), 100), swell(b"", 100)]
    paths = [tmp_path / str(number) for number in range(len(files) + 1)]
    for path, content in zip(paths, files, strict=False):
        path.write_bytes(content)
    with paths[-1].open("wb") as file:
        file.truncate(3_000_000_000)
    run = subprocess.run([sys.executable, "-c", WORST, *paths], capture_output=True, text=True, check=True, timeout=100)
    *outcomes, peak = run.stdout.splitlines()
    assert [outcome[:7] for outcome in outcomes] == ["decoded", "refused", "refused", "refused"]
    assert int(peak) < MAX_PEAK
