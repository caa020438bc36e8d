"""What is known of the models of imported numbers, from the `model_meta.json` of mteb's results: one row a revision."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import MissingError
from bench.files import write_whole
from bench.leaderboard.imported.mteb_results import model_name


class Model(NamedTuple):
    """One revision of a model as mteb describes it; None where that is not known.

    `languages` are ISO 639-3 codes with scripts (`eng-Latn`). `training_datasets` is a JSON object from mteb's names of
    tasks to lists of splits, empty where the splits are not said. `described_by` is the file that says all that,
    `another revision` where only another revision of the model has one.
    """

    model: str
    revision: str
    described_by: str | None = None
    released: str | None = None
    parameters: int | None = None
    licence: str | None = None
    open_weights: bool | None = None
    languages: list[str] | None = None
    max_tokens: int | None = None
    dimension: int | None = None
    framework: list[str] | None = None
    reference: str | None = None
    instructions: bool | None = None
    adapted_from: str | None = None
    superseded_by: str | None = None
    public_training_data: str | None = None
    training_datasets: str | None = None


Models = dict[tuple[str, str], Model]


def described(pairs: Iterable[tuple[str, str]], metas: Mapping[tuple[str, str], Mapping[str, Any]]) -> Models:
    """The models of (name, revision) pairs; `metas` are by the folder of the model and revision."""
    by_name: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for (folder, revision), value in sorted(metas.items()):
        by_name.setdefault(model_name(folder), []).append((revision, value))
    models = {}
    for name, revision in pairs:
        own = [value for other, value in by_name.get(name, ()) if other == revision]
        rest = [value for _, value in by_name.get(name, ())]
        if own or rest:
            source = "model_meta.json" if own else "another revision"
            models[name, revision] = _model(name, revision, source, (own or rest)[-1])
        else:
            models[name, revision] = Model(name, revision)
    return models


def _model(name: str, revision: str, source: str, value: Mapping[str, Any]) -> Model:
    public = value.get("public_training_data")
    return Model(
        model=name,
        revision=revision,
        described_by=source,
        released=_text(value.get("release_date")),
        parameters=_whole(value.get("n_parameters")),
        licence=_text(value.get("license")),
        open_weights=_truth(value.get("open_weights", value.get("open_source"))),
        languages=_languages(value.get("languages")),
        max_tokens=_whole(value.get("max_tokens")),
        dimension=_whole(value.get("embed_dim")),
        framework=_texts(value.get("framework")),
        reference=_text(value.get("reference")),
        instructions=_truth(value.get("use_instructions")),
        adapted_from=_text(value.get("adapted_from")),
        superseded_by=_text(value.get("superseded_by")),
        public_training_data=str(public).lower() if isinstance(public, bool) else _text(public),
        training_datasets=_training(value.get("training_datasets")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    """A count; some files write 512.0, and a model without a limit has infinity."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if number and 0 <= value < 1 << 62 and value == int(value) else None


def _texts(value: Any) -> list[str] | None:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else None


def _languages(value: Any) -> list[str] | None:
    """Codes as the results have them; older files write `eng_Latn`. An empty list claims nothing."""
    codes = _texts(value)
    return sorted({code.replace("_", "-") for code in codes}) if codes else None


def _training(value: Any) -> str | None:
    """Lists of names, whose order is chance in the source, and objects from names to splits, as one."""
    if isinstance(value, list):
        value = {name: [] for name in value if isinstance(name, str)}
    if not isinstance(value, dict):
        return None
    splits = {name: sorted(_texts(listed) or []) for name, listed in value.items()}
    return json.dumps(dict(sorted(splits.items())), ensure_ascii=False, separators=(",", ":"))


def write_models(path: Path, models: Models) -> str:
    """Write the table, sorted; the sha256 of its bytes. Equal models give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "parameters": pa.int64(),
        "max_tokens": pa.int64(),
        "dimension": pa.int64(),
        "open_weights": pa.bool_(),
        "instructions": pa.bool_(),
        "languages": pa.list_(pa.string()),
        "framework": pa.list_(pa.string()),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in Model._fields])
    rows = [model._asdict() for _, model in sorted(models.items(), key=lambda item: item[0])]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd", compression_level=9)
    write_whole(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_models(path: Path) -> Models:
    """The models of a table; none where there is no such file, MissingError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return {}
    try:
        with pq.ParquetFile(path) as file:
            rows = file.read().to_pylist()
        return {(row["model"], row["revision"]): Model(**row) for row in rows}
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise MissingError(f"{path}: cannot read the models: {error}; import again") from error
