"""A server on this machine that answers as it is told to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np


def vector(text: str, width: int = 8) -> list[float]:
    """A vector that depends on the text alone."""
    rows = np.random.default_rng(sum(text.encode()) + len(text)).normal(size=width)
    return [float(x) for x in rows]


class Stub:
    """A server whose answers are those of `behaviour`: (status, headers, body) for each request, None to hang up."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.behaviour: Callable[[int, dict[str, Any]], tuple[int, dict[str, str], bytes] | None] = self.good
        self.width = 8
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.requests.append(body)
                stub.headers.append(dict(self.headers))
                answer = stub.behaviour(len(stub.requests), body)
                if answer is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                status, headers, data = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
                if "Content-Length" in headers:
                    self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Answer nothing any more."""
        self.server.shutdown()
        self.server.server_close()

    def good(self, number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        rows = [{"index": i, "embedding": vector(text, self.width)} for i, text in enumerate(body["input"])]
        rows.reverse()  # The order is that of `index`, not of the list.
        usage = {"prompt_tokens": len(body["input"]), "total_tokens": len(body["input"])}
        return 200, {}, json.dumps({"data": rows, "usage": usage}).encode()

    def saying(self, answer: Callable[[str], str]) -> None:
        """Answer chat completions with what the function makes of the last message."""

        def reply(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
            text = answer(body["messages"][-1]["content"])
            choices = [{"message": {"role": "assistant", "content": text}}]
            return 200, {}, json.dumps({"choices": choices, "usage": {"total_tokens": 7}}).encode()

        self.behaviour = reply
