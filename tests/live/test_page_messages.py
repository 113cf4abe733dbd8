"""Tests of helpers.live: which thread hears what, in a real kernel too."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest
from jupyter_client.manager import start_new_kernel

from helpers.live import KINDS, hear_in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_client.blocking.client import BlockingKernelClient

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


@pytest.fixture
def kernel() -> Iterator[BlockingKernelClient]:
    """A kernel like JupyterLab's."""
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def execute(kernel: BlockingKernelClient, source: str) -> str:
    """Run a cell, and return what it printed."""
    printed: list[str] = []

    def collect(message: dict[str, dict[str, str]]) -> None:
        printed.append(message["content"].get("text", ""))

    reply = kernel.execute_interactive(source, timeout=60, output_hook=collect)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed).strip()


def say(kernel: BlockingKernelClient, kind: str, subshell: str) -> None:
    """Send a message as the page does: through a subshell."""
    content = {"comm_id": "clicks", "data": {}, "target_name": "page"}
    message = kernel.session.msg(kind, content)
    message["header"]["subshell_id"] = subshell
    kernel.shell_channel.send(message)


def test_a_kernel_hears_in_the_thread_of_its_cells(kernel: BlockingKernelClient) -> None:
    """By itself it does not (when that changes, this module can go); afterwards it does, also while a cell awaits."""
    execute(kernel, LISTEN)
    kernel.control_channel.send(kernel.session.msg("create_subshell_request"))
    subshell = kernel.control_channel.get_msg(timeout=60)["content"]["subshell_id"]
    for kind in ("comm_open", "comm_msg"):
        say(kernel, kind, subshell)
    assert json.loads(execute(kernel, WAIT.format(1))) == [False]
    execute(kernel, "from helpers.live import hear_in_turn; hear_in_turn(); hear_in_turn()")
    for _ in range(2):
        say(kernel, "comm_msg", subshell)
    assert json.loads(execute(kernel, WAIT.format(3))) == [False, True, True]


async def test_messages_come_in_their_order_and_others_are_left_alone() -> None:
    """From another thread's loop, one after the other; awaitable or not."""
    heard: list[tuple[object, bool]] = []

    def plain(message: int) -> None:
        heard.append((message, threading.current_thread() is threading.main_thread()))

    async def slow(message: int) -> None:
        await asyncio.sleep(0.01)
        plain(message)

    handlers: dict[str, Callable[..., object]] = {"comm_open": slow, "comm_msg": plain, "execute_request": plain}
    hear_in_turn(handlers)
    assert handlers["execute_request"] is plain
    assert set(handlers) == {"comm_open", "comm_msg", "execute_request"}

    async def page() -> None:
        for kind, message in (("comm_open", 1), ("comm_msg", 2), ("comm_open", 3)):
            await handlers[kind](message)  # type: ignore[misc]

    await asyncio.to_thread(asyncio.run, page())
    await page()
    assert heard == [(message, True) for message in (1, 2, 3, 1, 2, 3)]


async def test_errors_come_back() -> None:
    """To the thread that asked, so that the kernel can log them."""
    handlers: dict[str, Callable[..., object]] = {KINDS[0]: lambda: 1 / 0}
    hear_in_turn(handlers)
    with pytest.raises(ZeroDivisionError):
        await handlers[KINDS[0]]()  # type: ignore[misc]


def test_outside_a_kernel_nothing_happens() -> None:
    """As in a script."""
    hear_in_turn()
