"""Counts in a server that speaks Redis's protocol (Valkey, Redis): for a gateway on several machines.

Every step is one script, so it is done wholly or not at all. Names are hashed before they leave the process. A
server that is away stops what needs counting (503); it is never guessed.
"""

from collections.abc import Sequence
from hashlib import blake2b

from guantong.gateway.limits.counts import CountsUnavailable, Want
from guantong.kit import clock

PATIENCE_S = 1.0
_PREFIX = b"guantong:"

# KEYS: names. ARGV: limit, end, amount for each. The place (from 1) of the first that is beyond, or 0.
_TAKE = """
for i, key in ipairs(KEYS) do
  local count = tonumber(redis.call('GET', key) or '0')
  if count + math.max(tonumber(ARGV[3*i]), 1) > tonumber(ARGV[3*i-2]) then return i end
end
for i, key in ipairs(KEYS) do
  if tonumber(ARGV[3*i]) > 0 then
    redis.call('INCRBY', key, ARGV[3*i])
    redis.call('EXPIREAT', key, ARGV[3*i-1])
  end
end
return 0
"""
_ADD = "redis.call('INCRBY', KEYS[1], ARGV[1]); redis.call('EXPIREAT', KEYS[1], ARGV[2]); return 0"
# KEYS: the places. The first free one (from 1), or 0.
_ENTER = """
for i, key in ipairs(KEYS) do
  if redis.call('SET', key, 1, 'NX') then redis.call('EXPIREAT', key, ARGV[1]); return i end
end
return 0
"""
_STARTED = """
local known = redis.call('GET', KEYS[1])
if not known then redis.call('SET', KEYS[1], ARGV[1]); known = ARGV[1] end
return tonumber(known)
"""


class RedisCounts:
    """The counts of ``node`` on the server at ``url`` (redis:// or rediss://, without a password)."""

    def __init__(self, url: str, password: str, *, node: str) -> None:
        # An optional part (extra "redis"): only where several machines share their counts.
        from redis.asyncio import Redis  # noqa: PLC0415

        self._client = Redis.from_url(
            url, password=password or None, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
        )
        self._node = node.encode()
        self._since: int | None = None

    async def since(self) -> int:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        if self._since is None:
            self._since = await self._run(_STARTED, [b"started"], [clock.millis() // 1000])
        return self._since

    async def take(self, wants: Sequence[Want], *, now: int) -> int | None:  # noqa: ARG002 - the server's clock
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        given = [value for want in wants for value in (want.limit, want.until, want.amount)]
        beyond = await self._run(_TAKE, [want.name for want in wants], given)
        return beyond - 1 if beyond else None

    async def add(self, name: bytes, amount: int, *, until: int, now: int) -> None:  # noqa: ARG002 - the server's clock
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        await self._run(_ADD, [name], [amount, until])

    async def enter(self, name: bytes, limit: int, *, until: int, now: int) -> bytes | None:  # noqa: ARG002 - the same
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        places = [b"%b\0%d" % (name, number) for number in range(limit)]
        found = await self._run(_ENTER, places, [until])
        return places[found - 1] if found else None

    async def leave(self, place: bytes) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        await self._run("return redis.call('DEL', KEYS[1])", [place], [])

    async def look(self) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        await self._run("return 0", [], [])

    async def close(self) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        await self._client.aclose()

    async def _run(self, script: str, names: Sequence[bytes], given: Sequence[int]) -> int:
        from redis.exceptions import RedisError  # noqa: PLC0415 - optional, see connected()

        keys = [
            _PREFIX + self._node + b":" + blake2b(name, digest_size=16).hexdigest().encode() for name in names
        ]
        try:
            return int(await self._client.eval(script, len(keys), *keys, *given))
        except (RedisError, OSError):
            raise CountsUnavailable(
                why_zh="计数服务器没有应答", why_en="the server of the counts does not answer"
            ) from None
