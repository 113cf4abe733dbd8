"""Listens to what a writer publishes in Redis beside its frames."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from helpers.frame_following import News
from helpers.redis_ring_writer import END

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis.client import PubSub

    from helpers.redis_keys import RedisKeys

__all__ = ["RedisNews"]

AT_ONCE = 1000


class RedisNews:
    """Wait for news of a ring, without asking again and again.

    Parameters
    ----------
    keys : helpers.redis_keys.RedisKeys
        Whose channel to listen on, from the first `wait`.

    Notes
    -----
    A subscription that begins is news by itself, for frames may have passed by before. So is one that redis-py begins
    anew because the server was restarted.
    """

    def __init__(self, keys: RedisKeys) -> None:
        self._keys = keys
        self._subscription: PubSub | None = None

    def wait(self, within_s: float) -> News | None:
        """Return the latest news, None if there is none within so many seconds."""
        try:
            with self._keys.errors():
                subscription = self._subscription = self._subscription or self._subscribe()
                first = subscription.get_message(timeout=within_s)
                rest = iter(lambda: subscription.get_message(timeout=0), None)
                return None if first is None else _latest([first, *islice(rest, AT_ONCE)])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop to listen."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def _subscribe(self) -> PubSub:
        subscription: PubSub = self._keys.client.pubsub()  # type: ignore[no-untyped-call]
        try:
            subscription.subscribe(self._keys.channel)
        except BaseException:
            subscription.close()
            raise
        return subscription


def _latest(messages: Sequence[Mapping[str, object]]) -> News:
    """Return what the messages amount to."""
    news = News(None)
    for message in messages:
        said = message["data"] if message["type"] == "message" else b""
        if said == END:
            news = news._replace(ended=True)
        else:
            news = News(int(said) if isinstance(said, bytes) and said.isdigit() else None)
    return news
