"""Building the pages of a board: seconds with nothing kept and again, files, bytes, the largest page.

python benchmarks/site.py [--board leaderboards]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from record import CHECKOUT, keep, timed


def main() -> None:
    from bench.site.build import build

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", type=Path, default=CHECKOUT / "leaderboards")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-site-") as folder:
        for what in ("nothing kept", "intervals kept"):
            out = Path(folder) / what.replace(" ", "-")
            took = timed(lambda out=out: build(args.board, out, cache=Path(folder) / "cache"))  # type: ignore[misc]
            pages = [path for path in out.rglob("*") if path.is_file()]
            largest = max((path for path in pages if path.suffix == ".html"), key=lambda path: path.stat().st_size)
            rows.append(
                {
                    "what": what,
                    "seconds": took.wall,
                    "processor_seconds": took.cpu,
                    "files": len(pages),
                    "mb": sum(path.stat().st_size for path in pages) / 1e6,
                    "largest_page": largest.relative_to(out).as_posix(),
                    "largest_mb": largest.stat().st_size / 1e6,
                }
            )
            print(rows[-1])
    keep("site", rows)


if __name__ == "__main__":
    main()
