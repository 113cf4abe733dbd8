"""FRONT redis."""

from helpers.redis.client import clear_errors, connect, public_address
from helpers.redis.ensure import redis_at_hand
from helpers.redis.keys import (
    RedisKeys,
    Value,
    as_buffer,
    as_bytes,
    cut,
    listed,
    read_values,
    require_room,
    value_range,
)
from helpers.redis.store import DEFAULT_URL, FrozenRedisStore, RedisStore, RedisTransaction, copy_values, freeze

__all__ = [
    "DEFAULT_URL",
    "FrozenRedisStore",
    "RedisKeys",
    "RedisStore",
    "RedisTransaction",
    "Value",
    "as_buffer",
    "as_bytes",
    "clear_errors",
    "connect",
    "copy_values",
    "cut",
    "freeze",
    "listed",
    "public_address",
    "read_values",
    "redis_at_hand",
    "require_room",
    "value_range",
]
