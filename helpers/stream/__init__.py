"""Frames that one program publishes in Redis while others read them: a ring of plain Zarr arrays that never grows.

`FrameWriter` publishes; `FrameReader` reads the newest frame, a window of them, or each as it comes. Lessons 10 and 11
use them, through `helpers.life` and `helpers.live` too. `Ring` is the layout, `FencedWrites` keeps it to one writer,
and `Notifications` tells who follows what is new.
"""

from helpers.stream.reader import FrameReader, Notifications
from helpers.stream.ring import Ring
from helpers.stream.writer import FencedWrites, FrameWriter

__all__ = ["FencedWrites", "FrameReader", "FrameWriter", "Notifications", "Ring"]
