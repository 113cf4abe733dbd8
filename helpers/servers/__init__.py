"""FRONT servers."""

from helpers.servers.azure import ACCOUNT, ACCOUNT_KEY, AZURITE_MISSING, AzureServer, azure_program, azure_server
from helpers.servers.cloud import cloud_environment, complaint
from helpers.servers.feed import MISDEEDS, FeedServer, Misdeed, Misdeeds, Shelf, feed_server, require_misdeed
from helpers.servers.http import HEADERS, Break, Wire, WiredServer, http_server
from helpers.servers.programs import GuardedProgram, guarded_program
from helpers.servers.redis import POLICIES, REDIS_MISSING, RedisServer, redis_program, redis_server, redis_stand_in
from helpers.servers.s3 import (
    ACCESS_KEY_ID,
    REGION,
    SECRET_ACCESS_KEY,
    Buckets,
    S3Server,
    error_document,
    is_signed,
    refusal,
    s3_server,
)

__all__ = [
    "ACCESS_KEY_ID",
    "ACCOUNT",
    "ACCOUNT_KEY",
    "AZURITE_MISSING",
    "HEADERS",
    "MISDEEDS",
    "POLICIES",
    "REDIS_MISSING",
    "REGION",
    "SECRET_ACCESS_KEY",
    "AzureServer",
    "Break",
    "Buckets",
    "FeedServer",
    "GuardedProgram",
    "Misdeed",
    "Misdeeds",
    "RedisServer",
    "S3Server",
    "Shelf",
    "Wire",
    "WiredServer",
    "azure_program",
    "azure_server",
    "cloud_environment",
    "complaint",
    "error_document",
    "feed_server",
    "guarded_program",
    "http_server",
    "is_signed",
    "redis_program",
    "redis_server",
    "redis_stand_in",
    "refusal",
    "require_misdeed",
    "s3_server",
]
