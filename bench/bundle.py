"""A folder with everything that a run needs, so that another machine repeats it without the network.

    MANIFEST.json   what is inside: every file with its sha256, revisions, licences, and the command to run
    LICENSES.txt    the licences, who gave them, and where the contents come from
    data/           the benchmark's files in their original layout (none for collections that are part of the package)
    weights/        hub/ in the layout of the Hugging Face cache, and folders of the user's own
    cards/          the user's own cards, where the run uses them

`--data` takes the folder itself or the folder `data` in it. Weights that are installed as packages are named with their
versions and not copied.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bench import __version__
from bench.census import file_differences
from bench.checksums import Checksums
from bench.download import Transfers
from bench.errors import InputError, MissingError
from bench.expression import Call, Expression, Kind, Staged, Stored, Weighted, leaves, stages
from bench.files import check_room, dump_json, write_all, write_whole, writing
from bench.grammar import parse_expression
from bench.licences import Licensed, licence_text
from bench.loaders import fetching, open_source
from bench.loaders.path import all_files
from bench.packed import Packed, packed_weights
from bench.places import MANIFEST, shipped
from bench.plan import Plan
from bench.provenance import now
from bench.registry import Kind as CardKind
from bench.registry import Registry

FORMAT = 1
_PIECE = 1 << 20


class Copy(NamedTuple):
    """A file to pack, and its name inside the bundle."""

    path: Path
    name: str


def bundle(
    plan: Plan,
    model: str,
    out: Path,
    *,
    weights: Sequence[Path] = (),
    cards: Path | None = None,
    accept_licences: bool = False,
    watch: Transfers | None = None,
) -> dict[str, Any]:
    """Pack what a plan needs into the new folder `out`, whole or not at all; the manifest.

    `model`, `weights` and `cards` are the options of these names that made the plan. InputError where a licence does
    not let anybody pass the contents on and `accept_licences` does not say otherwise; MissingError where files are
    missing or miss a hard pin; StoppedError where the disk has no room.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already: give a new folder")
    data, own_cards = list(_data(plan)), list(_own_cards(plan, cards))
    packed = packed_weights(plan.system, weights)
    copies = [*data, *(Copy(*pair) for part in packed for pair in part.copies), *own_cards]
    licences = [*(_of_task(plan) if data else ()), *(part.licensed for part in packed if part.copies)]
    _refuse(licences, accept_licences)
    check_room(out.absolute().parent, sum(copy.path.stat().st_size for copy in copies), "the bundle")
    with _whole(out) as folder:
        with writing(folder):
            (folder / "data").mkdir()
        files = [_copied(copy, folder, watch or Transfers()) for copy in copies]
        files.append(_written(folder, "LICENSES.txt", licence_text(licences).encode()))
        tree = _inside(parse_expression(model), {part.source: part.folder for part in packed if part.folder})
        manifest = _manifest(plan, tree, packed, licences, own_cards) | {
            "files": sorted(files, key=lambda file: file["name"])
        }
        write_whole(folder / MANIFEST, dump_json(manifest).encode())
    return manifest


def _refuse(licences: Iterable[Licensed], accepted: bool) -> None:
    closed = [f"{thing.what}: {thing.licence}" for thing in licences if not thing.free]
    if closed and not accepted:
        raise InputError(
            f"these licences do not let anybody pass a copy on, as far as is known: {'; '.join(closed)}; "
            "if you may, say so with --accept-licences"
        )


def _data(plan: Plan) -> Iterator[Copy]:
    """The task's files of all languages of the plan, each once, in the layout of a data folder."""
    seen: set[Path] = set()
    for subset in plan.languages:
        source = open_source(plan.task, subset, plan.split, plan.places)
        where = f"{plan.task.name}, {subset}"
        if not source.files:
            raise InputError(f"{where}: its files are kept by another library: bench cannot pack them")
        checksums = Checksums(plan.places.cache / "checksums.json")
        wrong = [d for d in file_differences(plan.task, subset, source, plan.split, checksums) if d.hard]
        if wrong:
            mend = fetching(plan.task, subset, plan.split, plan.places)
            raise MissingError(f"{where}: the data differ from the card's pins: {'; '.join(map(str, wrong))} ({mend})")
        # The revision of a folder of the user's own is made of all its files, whatever the plan reads of them.
        own = [(path.name, path) for path in all_files(folder)] if (folder := _own_folder(plan)) else source.files
        files = [path for _, path in own]
        for name, path in own:
            if path not in seen and not path.is_relative_to(shipped("tasks")):
                seen.add(path)
                yield Copy(path, f"data/{_layout(plan, name, path)}")
        for path in _licence_files(plan, files):
            if path not in seen:
                seen.add(path)
                yield Copy(path, f"data/{_layout(plan, path.name, path)}")


def _layout(plan: Plan, name: str, path: Path) -> str:
    """A file's name under a data folder: where it lies there already, else as its source calls it."""
    own = _own_folder(plan)
    if own:
        return f"{own.name}/{path.relative_to(own)}"
    for root in (plan.places.data, plan.places.shelf(plan.task.name, plan.task.source.revision)):
        if root and path.is_relative_to(root):
            return str(path.relative_to(root))
    plain = name.removesuffix(".gz")
    return f"{plain}.gz" if path.suffix == ".gz" else plain


def _own_folder(plan: Plan) -> Path | None:
    """The folder of a `path:` task."""
    named = plan.task.name.startswith("path:") and plan.task.source.url
    return Path(plan.task.source.url or "").absolute() if named else None


def _licence_files(plan: Plan, files: Sequence[Path]) -> Iterator[Path]:
    """Licences and notices that lie beside the files in the user's data folder."""
    root = _own_folder(plan) or plan.places.data
    for folder in dict.fromkeys(path.parent for path in files):
        if root and folder.is_relative_to(root) and (folder != root or _own_folder(plan)):
            for pattern in ("LICEN[CS]E*", "COPYING*", "NOTICE*"):
                yield from (path for path in sorted(folder.glob(pattern)) if path.is_file())


def _of_task(plan: Plan) -> list[Licensed]:
    card = plan.task
    published = f"{card.source.url or card.source.name}, revision {card.source.revision}"
    origin = card.source.name if _own_folder(plan) else published
    return [
        Licensed(f"{card.name}, texts", card.licences.texts, origin, card.authors),
        Licensed(f"{card.name}, labels", card.licences.labels, origin, card.authors),
    ]


def _own_cards(plan: Plan, cards: Path | None) -> Iterator[Copy]:
    """The files of the user's own cards that the plan uses; a file may hold several."""
    registry = Registry(cards)
    used: list[tuple[CardKind, str]] = [("tasks", plan.task.name)]
    used += [("models", card.name) for card in plan.system.cards]
    paths = dict.fromkeys(path for kind, name in used if (path := registry.own_file(kind, name)))
    yield from (Copy(path, f"cards/{path.parent.name}/{path.name}") for path in paths)


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` at the end, and is removed if anything fails."""
    with writing(out):
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.absolute().parent))
    try:
        yield folder
        with writing(out):
            folder.chmod(0o755)
            if out.exists():
                out.rmdir()
            folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(copy: Copy, folder: Path, watch: Transfers) -> dict[str, Any]:
    """Copy a file and say what it is."""
    target, hasher, size = folder / copy.name, hashlib.sha256(), 0
    watch.begin(copy.name, 0, copy.path.stat().st_size)
    with copy.path.open("rb") as source, writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb", buffering=0) as file:
            while piece := source.read(_PIECE):
                write_all(file, piece)
                hasher.update(piece)
                size += len(piece)
                watch.received(len(piece))
    return {"name": copy.name, "bytes": size, "sha256": hasher.hexdigest()}


def _written(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    write_whole(folder / name, content)
    return {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _manifest(
    plan: Plan, model: Expression, packed: Sequence[Packed], licences: Sequence[Licensed], cards: Sequence[Copy]
) -> dict[str, Any]:
    card = plan.task
    source = {"name": card.source.name, "revision": card.source.revision}
    return {
        "format": FORMAT,
        "bench": __version__,
        "date": now(),
        "task": {"name": card.name, "split": plan.split, "languages": list(plan.languages), "source": source},
        "model": {"name": plan.system.name, "weights": [part.described for part in packed]},
        "licences": [{"what": t.what, "licence": t.licence, "accepted": not t.free} for t in licences],
        "command": _command(plan, model, packed, cards),
        "needs": [f"bench {__version__}", *(part.needs for part in packed if part.needs), *_not_packed(model)],
    }


def _command(plan: Plan, model: Expression, packed: Sequence[Packed], cards: Sequence[Copy]) -> list[str]:
    """What to run in the bundle's folder."""
    own, given = _own_folder(plan), [part.folder for part in packed if part.folder and part.given]
    options = {
        "--model": str(model),
        "--task": f"path:data/{own.name}" if own else plan.task.name,
        "--lang": ",".join(plan.languages),
        "--split": plan.split if plan.split != plan.task.split else None,
        "--weights": ",".join(given) or None,
        "--cards": "cards" if cards else None,
    }
    arguments = [text for option, value in options.items() if value for text in (option, value)]
    return ["bench", "run", *arguments, "--offline", "--data", "."]


def _inside(tree: Expression, folders: Mapping[Path, str]) -> Expression:
    """An expression whose folders of weights lie in the bundle; `folders` are their names there."""
    if isinstance(tree, Call):
        return replace(tree, arguments=tuple(_inside(argument, folders) for argument in tree.arguments))
    if isinstance(tree, Weighted):
        return replace(tree, expression=_inside(tree.expression, folders))
    if isinstance(tree, Staged):
        stage = replace(tree.stage, rest=_moved(tree.stage.rest, folders))
        return replace(tree, first=_inside(tree.first, folders), stage=stage)
    if isinstance(tree, Stored):
        return replace(tree, model=_inside(tree.model, folders))  # type: ignore[arg-type]
    return Kind(tree.kind, _moved(tree.rest, folders) or "") if isinstance(tree, Kind) else tree


def _moved(rest: str | None, folders: Mapping[Path, str]) -> str | None:
    """What stands after a colon: a folder of weights by its new name, else as it is."""
    folder = folders.get(Path(rest).expanduser()) if rest else None
    return f"./{folder}" if folder else rest


def _not_packed(tree: Expression) -> Iterator[str]:
    """What a bundle cannot hold: the user's own code, endpoints."""
    named = (str(leaf) for leaf in leaves(tree) if isinstance(leaf, Kind) and leaf.kind in ("python", "openai"))
    asked = (str(stage) for stage in stages(tree) if "://" in str(stage))
    yield from (f"{part}, which is not packed" for part in (*named, *asked))
