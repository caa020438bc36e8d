"""An endpoint at a stub and an encoder behind it, which soon give up."""

from __future__ import annotations

from typing import Any

from stub import Stub

from bench.adapters.remote import RemoteEncoder, Served
from bench.endpoint import Address, Endpoint


def endpoint(stub: Stub, **options: Any) -> Endpoint:
    return Endpoint(Address.parse(stub.url), **{"pause": 0.01, "timeout": 0.5, "attempts": 4} | options)


def encoder(stub: Stub, served: Served | None = None, **options: Any) -> RemoteEncoder:
    return RemoteEncoder(endpoint(stub), served or Served("m", "m"), **options)
