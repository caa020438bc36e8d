"""Cards: YAML files validated into frozen values, with errors that name the file, the key and the mend."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import InputError, MissingError


class Card(BaseModel):
    """What all cards and their parts share: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


C = TypeVar("C", bound=Card)


def path_inside(value: str) -> str:
    """A path that stays in the folder it is read from; ValueError for one that starts or leads elsewhere."""
    parts = value.replace("\\", "/").split("/")
    if not value or value.startswith("/") or ":" in parts[0] or ".." in parts:
        raise ValueError(f"expected a path inside of its folder, found {value!r}")
    return value


def one_name(value: str) -> str:
    """A name that can be part of the name of a file; ValueError for one that leads to another folder."""
    if not value or value.startswith(".") or "/" in value or "\\" in value:
        raise ValueError(f"expected a name without slashes, found {value!r}")
    return value


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; errors name the file and the line."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_SafeLoader)
    except OSError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{path}{line}: not YAML: {problem}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a table of keys, found {found_as(value)}")
    return value


class _SafeLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML's safe loader (in C where it is there), but a key that occurs twice in one table is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a text, not a list or a table", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} occurs twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # such as the 45th of a month, which the pattern of a date lets through
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value!r}: {error}; quote it if it is a text", node.start_mark
            ) from error


def parse_card(kind: type[C], value: Mapping[str, Any], path: Path | str) -> C:
    """The card that `value` describes; InputError lists every fault as `file: key: expected .., found ..`."""
    try:
        return kind.model_validate(dict(value))
    except ValidationError as error:
        lines = [_fault(path, fault, kind) for fault in error.errors()]
        raise InputError("\n".join(lines)) from error


def _fault(path: Path | str, fault: Any, kind: type[Card]) -> str:
    loc, what = fault["loc"], fault["type"]
    if what == "invalid_key" or loc[-1:] == ("[key]",):  # pydantic's place is the key itself
        above = ".".join(map(str, loc[: -1 if what == "invalid_key" else -2]))
        expected = _EXPECTED["string_type"] if what == "invalid_key" else _expected(fault)
        return f"{path}: {above + ': ' if above else ''}as a key, {expected}, found {found_as(fault['input'])}"
    where = ".".join(map(str, loc))
    if what == "missing":
        return f"{path}: {where}: this key is required"
    if what == "extra_forbidden":
        return f"{path}: {where}: unknown key{_near(str(loc[-1]), _card_at(kind, loc[:-1]))}"
    if what == "value_error":
        return f"{path}: {where + ': ' if where else ''}{fault['ctx']['error']}"
    return f"{path}: {where}: {_expected(fault)}, found {found_as(fault.get('input'))}"


def _card_at(kind: type[Card], loc: Sequence[object]) -> type[Card]:
    """The kind of card that lies at a place inside a card of the kind `kind`."""
    for part in loc:
        field = kind.model_fields.get(str(part))
        if field is not None:  # else a key of a table, whose values' kind is known already
            inner = (field.annotation, *get_args(field.annotation))
            kind = next((a for a in inner if isinstance(a, type) and issubclass(a, Card)), kind)
    return kind


def _near(key: str, kind: type[Card]) -> str:
    import difflib

    near = difflib.get_close_matches(key, kind.model_fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(kind.model_fields)}"


_EXPECTED = {
    "int_type": "expected a number",
    "int_parsing": "expected a number",
    "float_type": "expected a number",
    "string_type": "expected a text (quote it if it is a word such as no, or a number)",
    "bool_type": "expected true or false",
    "dict_type": "expected a table of keys",
    "model_type": "expected a table of keys",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
}


def _expected(fault: Any) -> str:
    if fault["type"] == "literal_error":
        return f"expected one of {fault['ctx']['expected']}"
    message: str = _EXPECTED.get(fault["type"], fault["msg"])
    return message


def found_as(value: Any) -> str:
    """What an error calls the value that was found: as YAML spells it, not Python."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, datetime.date):
        return f"the date {value}"
    return repr(value)
