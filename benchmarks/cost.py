"""What 10^8 and 10^9 passages would cost, reckoned from what `growth.py` measured; the model is two straight lines.

    encode(N)    = a + b N                    one model, texts like those measured
    search(N, Q) = c + e Q + N (r + q Q)      r: a row is read, q: it is multiplied with a query; both grow with d
    disk(N)      = 4 d N bytes                float32; 2 d N, d N and d N / 8 for float16, int8 and binary vectors

Where the vectors do not fit in the page cache, N 4 d bytes have to come from the disk: search takes at least as long as
that. Several machines divide the encoding (`bench encode --part i/n`); search is reckoned on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Model:
    """The constants of both lines in seconds, and the dimension for which r and q hold."""

    a: float
    b: float
    c: float
    e: float
    r: float
    q: float
    dim: int

    @classmethod
    def of(cls, encode: Mapping[str, Any], search: Mapping[str, Any]) -> Model:
        """From the lines of `growth-encode` and `growth-search`."""
        texts, (few, many) = encode["lines"]["seconds"], (search["lines"][key] for key in ("seconds", "ten_times"))
        queries = search["queries"]
        e = (many["intercept"] - few["intercept"]) / (9 * queries)
        q = (many["slope"] - few["slope"]) / (9 * queries)
        return cls(
            a=texts["intercept"],
            b=texts["slope"],
            c=few["intercept"] - e * queries,
            e=e,
            r=few["slope"] - q * queries,
            q=q,
            dim=search["dim"],
        )

    def encoding(self, passages: float) -> float:
        """Seconds of one machine."""
        return self.a + self.b * passages

    def searching(self, passages: float, queries: float, dim: int) -> float:
        """Seconds with all vectors in the page cache."""
        return self.c + self.e * queries + passages * (self.r + self.q * queries) * dim / self.dim


def disk_bytes(passages: float, dim: int) -> float:
    """Bytes of the vectors as float32."""
    return 4.0 * dim * passages
