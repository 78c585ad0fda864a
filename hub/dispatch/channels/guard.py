"""Keeps webhooks out of our own network: every address is checked where it is connected to.

The check is in the resolver that the connection uses, so a name that answers otherwise
the second time (DNS rebinding) is checked that time too.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from hub.errors import DeliveryError

NAT64: Final = IPv6Network("64:ff9b::/96")
PUBLIC_V6: Final = IPv6Network("2000::/3")  # all else is local, reserved or carries IPv4


class RefusedAddressError(DeliveryError):
    """The address is inside our own network, or nowhere."""


class GuardedResolver(AbstractResolver):
    """Resolves names, and leaves out private addresses unless they are allowed."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of ``host`` that may be called.

        Raises:
            RefusedAddressError: none may.
        """
        found = await self._inner.resolve(host, port, family)
        if self._allow_private:
            return found
        allowed = [record for record in found if is_public(record["host"])]
        if not allowed:
            raise RefusedAddressError(f"{host} is inside our own network", "address")
        return allowed

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._inner.close()


def refuse_literal(host: str) -> None:
    """Raise if ``host`` is an address itself (which nobody resolves) and not a public one.

    Raises:
        DeliveryError: it is.
    """
    try:
        ip_address(host.split("%", maxsplit=1)[0])
    except ValueError as error:
        if ":" in host:  # only an address has one, and the connection would not resolve it
            raise DeliveryError(f"{host[:60]!r} is no address", "address") from error
        return
    if not is_public(host):
        raise DeliveryError(f"{host} is inside our own network", "address")


def is_public(host: str) -> bool:
    """Say whether the address ``host`` is on the public internet, also when wrapped in IPv6."""
    try:
        address = unwrapped(ip_address(host.split("%", maxsplit=1)[0]))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address not in PUBLIC_V6:
        return False
    return address.is_global and not address.is_multicast


def unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one only carries, else ``address``."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
