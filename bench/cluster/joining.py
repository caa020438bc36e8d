"""Ray, reached: a cluster that is there by its address, or one on this machine that ends with the run.

What is started here has a password of its own and leaves no file behind.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from typing import Any, NoReturn

from bench.cluster import host_and_port
from bench.cluster.folder import passing_folder
from bench.errors import InputError, MissingError, StoppedError
from bench.machine import cores

ANSWER_S = 5.0
"""How long an address may take to answer."""
JOIN_S = 30.0
"""How long what answers there may take to show that it is the head of a cluster."""

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4  # The type of the frame that every server of HTTP/2, and so of Ray, begins with (RFC 9113, 3.4).
_STARTS = 3  # A start is given up by Ray after 30 s, which on a busy machine may be too few.
_CROWD = 4  # Workers a processor that Ray started here may have: not all that they do needs one.
_PROBE = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"  # As `ray health-check` does.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@contextmanager
def joined(address: str | None, workers: int | None, *, offline: bool) -> Iterator[Any]:
    """The module `ray`, connected; what was started for it ends with the block.

    A connection that this process has already is taken, and left. MissingError where Ray is not installed, InputError
    for an address that is none or more workers than this machine is good for, StoppedError where nothing answers
    there, or what does cannot be joined.
    """
    refuse_unfit(address, workers)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # It would call home; and before the import.
    if address is not None:
        refuse_silent(address, offline=offline)
        refuse_headless(address)
    elif "ray" not in sys.modules:
        _keep_together()
    import ray

    if ray.is_initialized():
        yield ray
        return
    with _silent(ray):
        _connect(ray, address, workers)
        try:
            with _terminable():
                yield ray
        finally:
            ray.shutdown()


def refuse_unfit(address: str | None, workers: int | None) -> None:
    """What `joined` refuses before it starts or connects to anything."""
    if find_spec("ray") is None:
        raise MissingError("--engine ray: Ray is not installed: pip install 'multilingual-retrieval-bench[ray]'")
    if address is None and (workers or 0) > _CROWD * cores():
        raise InputError(
            f"--workers {workers}: this machine has {cores()} processors, for {_CROWD * cores()} workers at most"
        )


@contextmanager
def _silent(ray: Any) -> Iterator[None]:
    """Inside, Ray prints nothing: of a node that dies it would print a log, on standard output and whatever it is told.

    This is the switch that its own debugger (`ray.util.rpdb`) uses.
    """
    printer = ray._private.worker
    printer._worker_logs_enabled, before = False, getattr(printer, "_worker_logs_enabled", True)
    try:
        yield
    finally:
        printer._worker_logs_enabled = before


@contextmanager
def _terminable() -> Iterator[None]:
    """Inside, SIGTERM, such as of a batch system, leads out by SystemExit: Ray's own handler ends with a trace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def leave(number: int, frame: object) -> NoReturn:
        came.append(number)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except SystemExit:
        if came:
            raise SystemExit(128 + came[0]) from None  # Ray makes it a 1 on the way.
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def refuse_silent(address: str, *, offline: bool) -> None:
    """Look that something answers at an address as Ray does, within seconds; see `joined` for the errors."""
    host, port = host_and_port(address)
    if offline and host not in _LOOPBACK and not _is_own(host):
        raise InputError(f"--address {address}: --offline connects to no other host")
    try:
        with socket.create_connection((host, port), ANSWER_S) as connection:
            connection.settimeout(ANSWER_S)
            if os.environ.get("RAY_USE_TLS", "0") in ("0", ""):
                connection.sendall(_HELLO)
                first = connection.recv(9)
                if len(first) < 9 or first[3] != _SETTINGS:
                    raise StoppedError(f"--address {address}: what answers there is not Ray")
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise StoppedError(
            f"--address {address}: no Ray answers there within {ANSWER_S:.0f} s ({why}): is it running (ray status), "
            "and is the port that of `ray start`?"
        ) from error


def refuse_headless(address: str) -> None:
    """StoppedError where something speaks Ray's protocol and is no head, such as its dashboard: `ray.init` would hang.

    Asked in a process of its own, since Ray has no limit for it. One that fails sooner is left for `ray.init` to tell.
    """
    command = [sys.executable, "-c", _PROBE, address]
    try:
        subprocess.run(command, timeout=JOIN_S, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise StoppedError(
            f"--address {address}: what answers there is not the head of a Ray cluster (nothing from it within "
            f"{JOIN_S:.0f} s): give the port of `ray start --head`, 6379, not that of its dashboard or of ray://"
        ) from None


def _is_own(host: str) -> bool:
    """Whether an address belongs to this machine: only then can something here listen on it."""
    with suppress(OSError), socket.socket() as probe:
        probe.bind((host, 0))
        return True
    return False


@cache
def _keep_together() -> None:
    """Let Ray keep what it writes in a folder that goes with this process, unless the user has said where.

    Once a process: the library reads its password once. It is made of the system's randomness, for this folder alone.
    """
    folder = passing_folder()
    if not any(name.startswith("RAY_AUTH_") for name in os.environ):
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32), encoding="ascii")
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
    os.environ.setdefault("RAY_TMPDIR", str(folder))


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    # "local": without it, a variable or a file of Ray's could lead to another cluster.
    where = {"address": address} if address else {"address": "local", "num_cpus": max(cores(), workers or 1)}
    own = {} if address else {"include_dashboard": False}
    for left in reversed(range(1 if address else _STARTS)):
        try:
            ray.init(**where, **own, **quiet)
            return
        except Exception as error:  # RuntimeError for other versions, ConnectionError, ValueError, ..
            ray.shutdown()
            if left and "timed out" in str(error):
                continue
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            place = f"--address {address}: cannot join this cluster" if address else "Ray does not start here"
            raise StoppedError(f"{place}: {' '.join(lines[:3])[:500] or type(error).__name__}") from error
