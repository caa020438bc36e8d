"""A model behind an address: JSON over HTTP, with patience and without telling secrets.

What is temporary (429, 5xx, a dropped or truncated reply) is asked again after a growing pause, or after the pause that
the server names. The key comes from the environment alone and is in no message, file or name.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from bench.errors import InputError, StoppedError

KEY = "BENCH_API_KEY"
"""The environment variable with the key, for any address; OPENAI_API_KEY is sent to OpenAI's own address alone."""

_OWN_KEYS = {"api.openai.com": "OPENAI_API_KEY"}
_TEMPORARY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_LONGEST_PAUSE_S = 60
_MESSAGE = 300


@dataclass(frozen=True)
class Address:
    """The base of an endpoint, such as `https://api.openai.com/v1`: no credentials, no query, no fragment."""

    url: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that `text` spells; InputError where it is none, or has in it what must not be stored."""
        parts = urlsplit(text)
        try:
            port = parts.port
        except ValueError as error:
            raise InputError(f"endpoint {text!r}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"endpoint {text!r}: expected an address such as https://api.openai.com/v1")
        if parts.username is not None or parts.password is not None:
            raise InputError(f"endpoint on {parts.hostname}: no credentials in an address: put the key into {KEY}")
        if parts.query or parts.fragment:
            raise InputError(f"endpoint on {parts.hostname}: no query string in an address: put the key into {KEY}")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}")

    @property
    def host(self) -> str:
        """The host alone."""
        return urlsplit(self.url).hostname or ""

    @property
    def local(self) -> bool:
        """Whether the host is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def stored(self) -> str:
        """The address as results name it: this machine without the port, which says nothing of the model."""
        return f"http://localhost{urlsplit(self.url).path}" if self.local else self.url


@dataclass(frozen=True)
class Endpoint:
    """Posts JSON to an address and returns the JSON of the reply; threads may share it.

    `offline` allows this machine alone. `attempts` are made in all where something temporary stands in the way.
    """

    address: Address
    offline: bool = False
    attempts: int = 6
    timeout: float = 120.0
    pause: float = 0.5
    connections: int = 8

    def post(self, path: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The reply, an object.

        StoppedError where the endpoint cannot be reached, refuses, or replies with what is no JSON object, time and
        again; InputError where it wants a key.
        """
        if self.offline and not self.address.local:
            raise InputError(f"{self.address.url}: --offline connects to no other host than this machine")
        for attempt in range(self.attempts):
            status, data = self._request(path, payload)
            if status in (401, 403):
                raise InputError(f"{self.address.url}: the endpoint refused the key ({status}): set {self._key_name}")
            if status != 200:
                raise StoppedError(f"{self.address.url}: the endpoint answered {status}: {self._shown(data)}")
            try:
                reply = json.loads(data)
            except (ValueError, RecursionError):
                reply = None
            if isinstance(reply, dict):
                return reply
            time.sleep(min(self.pause * 2**attempt, _LONGEST_PAUSE_S))
        raise StoppedError(f"{self.address.url}: {self.attempts} replies were no JSON object: {self._shown(data)}")

    def _request(self, path: str, payload: dict[str, Any]) -> tuple[int, bytes]:
        from urllib3.exceptions import HTTPError
        from urllib3.util import Retry, Timeout

        retries = Retry(
            total=self.attempts - 1,
            redirect=False,
            allowed_methods=None,
            status_forcelist=_TEMPORARY,
            backoff_factor=self.pause,
            backoff_max=_LONGEST_PAUSE_S,
            backoff_jitter=self.pause,
            retry_after_max=_LONGEST_PAUSE_S,
            raise_on_status=False,
        )
        body = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", "Accept": "application/json"} | self._authorization()
        timeout = Timeout(connect=10.0, read=self.timeout)
        url = f"{self.address.url}/{path}"
        try:
            reply = self._pool.request("POST", url, body=body, headers=headers, retries=retries, timeout=timeout)
        except HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise StoppedError(
                f"{self.address.url}: no answer after {self.attempts} attempts ({type(reason).__name__})"
            ) from error
        return reply.status, reply.data

    @cached_property
    def _pool(self) -> Any:
        import urllib3

        return urllib3.PoolManager(maxsize=self.connections, block=True)

    @property
    def _key_name(self) -> str:
        return " or ".join((KEY, *filter(None, [_OWN_KEYS.get(self.address.host)])))

    def _authorization(self) -> dict[str, str]:
        own = _OWN_KEYS.get(self.address.host)
        key = os.environ.get(KEY) or (os.environ.get(own) if own else None)
        if not key:
            return {}
        if not self.address.local and not self.address.url.startswith("https:"):
            raise InputError(f"{self.address.url}: a key is sent over https alone")
        return {"Authorization": f"Bearer {key}"}

    def _shown(self, data: bytes) -> str:
        """What a server says, short, on one line, and without the key should it repeat it."""
        text = "".join(c if c.isprintable() else " " for c in data[: 4 * _MESSAGE].decode("utf-8", "replace"))
        secret = self._authorization().get("Authorization", "").removeprefix("Bearer ")
        text = text.replace(secret, "***") if secret else text
        return text[:_MESSAGE] or "nothing"


def stored(text: str) -> str:
    """`URL#MODEL` as results name it: this machine without its port."""
    url, mark, names = text.partition("#")
    return f"{Address.parse(url).stored}{mark}{names}"
