"""Slows down whoever guesses secrets and whoever asks too much. In memory, bounded, each process for itself."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict

_FREE_PER_KEY = 5
"""Wrong secrets for one key from one address before waiting begins: somebody who mistypes."""
_FREE_FROM_ANYWHERE = 50
"""Wrong secrets for one key, from whatever address, before answers are held back."""
_FIRST_WAIT_SECONDS = 4.0
_LONGEST_WAIT_SECONDS = 300.0
_FORGOTTEN_AFTER_SECONDS = 900.0
_REMEMBERED = 20_000
_LONGEST_DELAY_SECONDS = 2.0
_DELAYED_AT_MOST = 500


class Backoff:
    """Failures by name. Beyond `free` of them each doubles the wait; quiet for a while, all is forgotten."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._failures: OrderedDict[tuple[str, ...], tuple[int, float]] = OrderedDict()

    def wait(self, *name: str) -> float:
        """Seconds until `name` may try again; 0 if it may now."""
        count, last = self._failures.get(name, (0, 0.0))
        if count < self._free:
            return 0.0
        seconds = min(_FIRST_WAIT_SECONDS * 2.0 ** min(count - self._free, 20), _LONGEST_WAIT_SECONDS)
        return max(0.0, last + seconds - time.monotonic())

    def failed(self, *name: str) -> int:
        """Count a failure; how many there are now."""
        count, last = self._failures.pop(name, (0, 0.0))
        now = time.monotonic()
        count = count + 1 if now - last < _FORGOTTEN_AFTER_SECONDS else 1
        self._failures[name] = count, now
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
        return count

    def forget(self, *name: str) -> None:
        self._failures.pop(name, None)


class Guard:
    """Who may try a key and secret now. A wait is an address's own: nobody elsewhere waits for it.

    Guesses for one key that come from many addresses are only answered later and later: a right secret never is.
    """

    def __init__(self, *, free_per_address: int) -> None:
        self._pairs = Backoff(_FREE_PER_KEY)
        self._sources = Backoff(free_per_address)
        self._keys = Backoff(_FREE_FROM_ANYWHERE)
        self._delayed = 0

    def begin(self, source: str, key: str) -> float:
        """Seconds that this address has to wait; 0 if the secret may be checked now.

        It counts as wrong until it has proved right, so that guesses sent side by side are counted too.
        """
        wait = max(self._pairs.wait(source, key), self._sources.wait(source))
        if not wait:
            self._pairs.failed(source, key)
        return wait

    def right(self, source: str, key: str) -> None:
        self._pairs.forget(source, key)

    async def wrong(self, source: str, key: str) -> None:
        """Count it, and hold back the answer if many have been wrong for this key."""
        self._sources.failed(source)
        over = self._keys.failed(key) - _FREE_FROM_ANYWHERE
        if over > 0 and self._delayed < _DELAYED_AT_MOST:
            self._delayed += 1
            try:
                await asyncio.sleep(min(0.05 * 2.0 ** min(over, 20), _LONGEST_DELAY_SECONDS))
            finally:
                self._delayed -= 1


class Addresses:
    """Which addresses guess, whatever names they try. Who was right from an address before never waits for what others guess there."""

    def __init__(self, *, free: int) -> None:
        self._sources = Backoff(free)
        self._proved: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, source: str, name: str) -> float:
        """Seconds until `source` may try `name`; 0 if it may now."""
        return 0.0 if (source, name) in self._proved else self._sources.wait(source)

    def right(self, source: str, name: str) -> None:
        self._proved[source, name] = None
        self._proved.move_to_end((source, name))
        if len(self._proved) > _REMEMBERED:
            self._proved.popitem(last=False)

    def wrong(self, source: str, name: str) -> None:
        self._proved.pop((source, name), None)
        self._sources.failed(source)


class Bucket:
    """A credential's allowance: `rate` requests a second, `burst` at once."""

    __slots__ = ("_at", "_left", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left, self._at = self.burst, time.monotonic()

    def take(self, now: float) -> float:
        """Take one; seconds until there is one again if there is none. `now` is of the monotonic clock."""
        left = self._left + (now - self._at) * self.rate
        self._at = now
        if left > self.burst:
            left = self.burst
        if left >= 1.0:
            self._left = left - 1.0
            return 0.0
        self._left = left
        return (1.0 - left) / self.rate


def source_of(address: str) -> str:
    """What counts as one address: an IPv6 customer has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def retry_after(seconds: float) -> dict[str, str]:
    """The header that tells a client when to come back."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
