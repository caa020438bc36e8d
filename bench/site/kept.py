"""What is computed for the site is kept in the cache, under the digest of all that it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bench
from bench.errors import BenchError
from bench.files import digest, dump_json, read_json, write_whole


def kept(cache: Path | None, made_of: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
    """What `compute` gives, as JSON gives it back; from the cache where the same was computed before."""
    made = {"bench": bench.__version__, **made_of}
    if cache is None:
        return compute()
    path = cache / "site" / f"{digest(made)[:32]}.json"
    if path.is_file():
        try:
            stored = read_json(path)
            if stored["made_of"] == made:
                return stored["found"]
        except (BenchError, KeyError, TypeError):
            pass  # A damaged file of a cache is as good as none.
    found = compute()
    write_whole(path, dump_json({"made_of": made, "found": found}, indent=None).encode())
    return found
