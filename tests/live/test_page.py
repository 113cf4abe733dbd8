"""Tests of helpers.live.page: what a page gets and says, in a real kernel too, and what a second port answers."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import TYPE_CHECKING

import pytest
from jupyter_client.manager import start_new_kernel

from helpers.live import websocket_statuses
from helpers.live.page import handle_comms_in_this_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_client.blocking.client import BlockingKernelClient

FIGURES = (
    "import holoviews as hv; hv.DynamicMap(hv.Curve, streams=[hv.streams.Pipe(data=[1, 2, 3])])",
    "hv.Curve([1, 2, 3]) + hv.Curve([3, 2, 1])",
    "from helpers.live import LiveView; LiveView(hv.Curve([1, 2, 3]), None, title='Life')",
)
LISTEN = """
import asyncio, json, threading
heard = []
def listen(*_):
    heard.append(threading.current_thread() is threading.main_thread())
get_ipython().kernel.comm_manager.register_target("page", lambda comm, _: comm.on_msg(listen))
"""
WAIT = """
while len(heard) < {}:
    await asyncio.sleep(0.01)
print(json.dumps(heard))
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    """A kernel like JupyterLab's."""
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def execute(kernel: BlockingKernelClient, source: str) -> list[dict[str, str]]:
    """Run a cell, and return its outputs."""
    outputs: list[dict[str, str]] = []

    def collect(message: dict[str, dict[str, dict[str, str]]]) -> None:
        outputs.append(message["content"].get("data") or {"text/plain": str(message["content"].get("text", ""))})

    reply = kernel.execute_interactive(source, timeout=60, output_hook=collect)
    assert reply["content"]["status"] == "ok", reply["content"]
    return outputs


def heard(kernel: BlockingKernelClient, count: int) -> list[bool]:
    """Wait for that many messages in a cell, and return whether each was heard in the thread of the cells."""
    printed = "".join(output["text/plain"] for output in execute(kernel, WAIT.format(count)))
    truths: list[bool] = json.loads(printed)
    return truths


def say(kernel: BlockingKernelClient, kind: str, subshell: str) -> None:
    """Send a message as the page does: through a subshell."""
    content = {"comm_id": "clicks", "data": {}, "target_name": "page"}
    message = kernel.session.msg(kind, content)
    message["header"]["subshell_id"] = subshell
    kernel.shell_channel.send(message)


def test_a_kernel_hears_in_the_thread_of_its_cells_and_needs_no_public_address(kernel: BlockingKernelClient) -> None:
    """By itself it does not (when that changes, our handling can go); after `load_bokeh` it does, also in an await.

    JavaScript and style sheets are carried along; what a stored notebook keeps is text without numbers.
    """
    execute(kernel, LISTEN)
    kernel.control_channel.send(kernel.session.msg("create_subshell_request"))
    subshell = kernel.control_channel.get_msg(timeout=60)["content"]["subshell_id"]
    for kind in ("comm_open", "comm_msg"):
        say(kernel, kind, subshell)
    assert heard(kernel, 1) == [False]
    loaded = execute(kernel, "from helpers.live import load_bokeh; load_bokeh()")
    assert 1e6 < max(len(output.get("application/javascript", "")) for output in loaded) < 1e7
    execute(kernel, "load_bokeh()")  # again does no harm
    for _ in range(2):
        say(kernel, "comm_msg", subshell)
    assert heard(kernel, 3) == [False, True, True]
    shown = [output for source in FIGURES for output in execute(kernel, source) if "text/html" in output]
    assert len(shown) == 3
    for output in shown:
        assert "Bokeh" in output["text/html"]
        assert "cdn." not in output["text/html"]
    texts = [output["text/plain"] for output in shown]
    assert texts[0] == ":DynamicMap   []\n   :Curve   [x]   (y)"
    assert texts[1].startswith(":Layout")
    assert texts[2] == "<LiveView: Life>"


async def test_messages_come_in_their_order_and_others_are_left_alone() -> None:
    """From another thread's loop, one after the other; awaitable or not. Errors go back to who sent the message."""
    handled: list[tuple[object, bool]] = []

    def plain(message: int) -> None:
        handled.append((message, threading.current_thread() is threading.main_thread()))

    async def slow(message: int) -> None:
        await asyncio.sleep(0.01)
        plain(message)

    handlers: dict[str, Callable[..., object]] = {"comm_open": slow, "comm_msg": plain, "execute_request": plain}
    handlers["comm_close"] = lambda: 1 / 0
    handle_comms_in_this_loop(handlers)
    assert handlers["execute_request"] is plain

    async def page() -> None:
        for kind, message in (("comm_open", 1), ("comm_msg", 2), ("comm_open", 3)):
            await handlers[kind](message)  # type: ignore[misc]

    await asyncio.to_thread(asyncio.run, page())
    await page()
    with pytest.raises(ZeroDivisionError):
        await handlers["comm_close"]()  # type: ignore[misc]
    assert handled == [(message, True) for message in (1, 2, 3, 1, 2, 3)]


async def test_a_second_port_lets_in_pages_of_the_usual_address_alone(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bokeh's default for notebooks (when it changes, lesson 11 has to). Refusals would stand in the notebook."""
    assert await websocket_statuses(["http://localhost:8888", "http://localhost:8889", "https://hub.mybinder.org"]) == {
        "http://localhost:8888": 101,
        "http://localhost:8889": 403,
        "https://hub.mybinder.org": 403,
    }
    assert not caplog.records
    assert capfd.readouterr().err == ""
    assert logging.root.manager.disable == logging.NOTSET
