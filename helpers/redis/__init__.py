"""Zarr arrays in Redis, for programs that share them while they run.

`RedisStore` is a Zarr store whose values are strings of a Redis server, with transactions and reads of one instant;
lessons 06, 08 and 10 use it. `ensure_redis` finds a server, or starts one, for as long as a lesson runs (08, 10, 11).
Beneath the store lies `RedisKeys`: what one prefix holds, and the client of redis-py for what Zarr has no word for.
"""

from helpers.redis.client import clear_errors, connect, public_address
from helpers.redis.ensure import ensure_redis
from helpers.redis.keys import FrozenKeys, RedisKeys, Value
from helpers.redis.store import DEFAULT_URL, RedisStore, RedisTransaction

__all__ = [
    "DEFAULT_URL",
    "FrozenKeys",
    "RedisKeys",
    "RedisStore",
    "RedisTransaction",
    "Value",
    "clear_errors",
    "connect",
    "ensure_redis",
    "public_address",
]
