"""Starts servers on this machine for the length of a `with` block: S3, Azure, Redis, and a provider of files.

They listen on loopback only, keep nothing, and are gone when their Python is gone. S3 and Azure stand behind a
`CountingProxy`, which counts requests and bytes, adds latency, and breaks requests when told to; the feed server has
a catalogue that grows, and faults to inject. Lesson 07 reads from clouds, 06, 10 and 11 use Redis, 12 and 13
append what a feed publishes, 13 into S3, and 14 lets virtual archives point into S3; `guarded_program` runs whatever
else a lesson starts. ``python -m helpers.servers`` says which server programs were found.
"""

from helpers.servers.azure import ACCOUNT, ACCOUNT_KEY, AZURITE_MISSING, AzureServer, azure_program, azure_server
from helpers.servers.feed import Fault, FeedServer, feed_server
from helpers.servers.http import Break, CountingProxy, error_summary, http_server
from helpers.servers.programs import GuardedProgram, guarded_program
from helpers.servers.redis import REDIS_MISSING, RedisServer, fake_redis_server, redis_program, redis_server
from helpers.servers.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, S3Server, s3_server

__all__ = [
    "ACCESS_KEY_ID",
    "ACCOUNT",
    "ACCOUNT_KEY",
    "AZURITE_MISSING",
    "REDIS_MISSING",
    "REGION",
    "SECRET_ACCESS_KEY",
    "AzureServer",
    "Break",
    "CountingProxy",
    "Fault",
    "FeedServer",
    "GuardedProgram",
    "RedisServer",
    "S3Server",
    "azure_program",
    "azure_server",
    "error_summary",
    "fake_redis_server",
    "feed_server",
    "guarded_program",
    "http_server",
    "redis_program",
    "redis_server",
    "s3_server",
]
