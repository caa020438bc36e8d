"""Files of ir_datasets: those that lie in its home already, and those that it downloads there.

The files are read by this package's own loaders, never through ir_datasets' iterators: these prefer a document store
that is not renewed when its source changes, report published counts for files that hold others, and stop at a carriage
return or a tab inside a text. The names are the same as under a --data folder, and so is what is read from them.
"""

from __future__ import annotations

import importlib.util
import os
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import MissingError, StoppedError
from bench.files import read_json
from bench.loaders.local import local
from bench.needed import Origin
from bench.places import Places


def home() -> Path:
    """ir_datasets' folder of files: IR_DATASETS_HOME, else `~/.ir_datasets`."""
    return Path(os.environ.get("IR_DATASETS_HOME") or Path.home() / ".ir_datasets")


def locate(where: str, name: str, places: Places, shelf: Path | None = None) -> Path:
    """The file `name`, such as `mmarco/qrels.dev.tsv`, wherever it lies, else downloaded into ir_datasets' home.

    It is looked for under --data, on the task's shelf and in that home. MissingError, which begins with `where`, says
    so and how to get it. ir_datasets verifies the md5 of what it downloads, and is neither imported nor needed for a
    file that is there.
    """
    found = local(name, places.data) or local(name, shelf) or local(name, home())
    if found:
        return found
    if places.offline:
        raise missing(where, name, places)
    return _download(where, name)


def unpacked(where: str, dataset: str, key: str, folder: str, places: Places) -> Path:
    """The folder `<home>/<dataset>/<key>.data/<folder>` of an archive that ir_datasets downloads and unpacks whole."""
    place = home() / dataset / f"{key}.data"
    if not place.exists():
        if places.offline:
            raise missing(where, f"{dataset}/{key}.data/{folder}", places)
        from ir_datasets.util import TarExtractAll

        _fetched(where, dataset, key, lambda archive: TarExtractAll(archive, str(place)).path())
    return place / folder


def missing(where: str, name: str, places: Places) -> MissingError:
    """The error for a file that is nowhere and must not be fetched."""
    looked = f"under {places.data} or in {home()}" if places.data else f"in {home()}, and no --data folder was given"
    return MissingError(f"{where}: no {name} (plain or .gz) {looked}; --offline forbids to fetch it: put it there")


def origin(dataset: str, path: str) -> Origin | None:
    """Where ir_datasets gets the file that it keeps as `<home>/<dataset>/<path>`; None where it does not know it."""
    entries = _catalogue().get(dataset, {}).values()
    return next((_origin(entry) for entry in entries if entry.get("cache_path") == path), None)


def archive(dataset: str, key: str, unpacked: float) -> Origin | None:
    """Where ir_datasets gets an archive, which unpacks to about `unpacked` times its size."""
    entry = _catalogue().get(dataset, {}).get(key)
    origin = _origin(entry) if entry else None
    return origin._replace(unpacked=int(unpacked * origin.size)) if origin and origin.size else origin


def _origin(entry: dict[str, Any]) -> Origin:
    headers = entry.get("download_args", {}).get("headers", {})
    return Origin(entry["url"], f"md5:{entry['expected_md5']}", entry.get("size_hint"), None, tuple(headers.items()))


@cache
def _catalogue() -> dict[str, Any]:
    """ir_datasets' table of downloads, read without importing it; empty where it has none."""
    spec = importlib.util.find_spec("ir_datasets")
    path = Path(spec.origin).parent / "etc" / "downloads.json" if spec and spec.origin else None
    table: dict[str, Any] = read_json(path) if path and path.is_file() else {}
    return table


def _download(where: str, name: str) -> Path:
    from ir_datasets.util import DownloadConfig

    dataset, _, rest = name.partition("/")
    entries = DownloadConfig.context(dataset).contents()
    key = next((key for key, entry in entries.items() if entry.get("cache_path") == rest), None)
    if key is None:
        raise MissingError(f"{where}: this version of ir_datasets does not know {name}; put it under --data")
    _fetched(where, dataset, key, lambda file: file.path())
    return home() / name


def _fetched(where: str, dataset: str, key: str, use: Any) -> None:
    """Let ir_datasets download one of its files, and do with it what `use` says."""
    from ir_datasets.datasets.msmarco_passage import DUA
    from ir_datasets.util import DownloadConfig, HashVerificationError
    from requests import RequestException

    terms = DUA if dataset == "msmarco-passage" else None  # Printed before the first byte is fetched.
    try:
        use(DownloadConfig.context(dataset, home() / dataset, dua=terms)[key])
    except (RequestException, HashVerificationError, RuntimeError, EOFError, tarfile.TarError) as error:
        raise MissingError(
            f"{where}: ir_datasets cannot fetch {dataset} {key}: {error}; try again, or put the file under --data"
        ) from error
    except (OSError, ValueError) as error:  # It raises a ValueError where the disk has not enough room.
        reason = getattr(error, "strerror", None) or error
        raise StoppedError(f"{home() / dataset}: cannot write: {reason}") from error
