"""Reading of TOML in which every number has a source: the one way data enters the project.

A table of data carries its own provenance::

    [w-2140b]
    cores = 8
    base_ghz = 3.2
    tdp_w = 120
    source = { default = "lscpu-w2140b", tdp_w = "acpi-w2140b" }
    assumed = { pl2_w = "no dump of the power registers exists; 1.2 times the TDP is Intel's usual setting" }

``source`` maps a key to an entry of ``sources.bib`` (``default`` speaks for every key not named); a plain string
speaks for the whole table. ``assumed`` maps a key to the reason why its value is believed without a source.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spacegrey.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CATALOG = Path(__file__).parent / "catalog"

_TABLE = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*((?:\"[^\"]*\"|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:\"[^\"]*\"|[A-Za-z0-9_-]+))*)\s*=")
_BIB_ENTRY = re.compile(r"^@\w+\{\s*([^,\s]+)\s*,(.*?)^\}", re.MULTILINE | re.DOTALL)
_BIB_FIELD = re.compile(r"(\w+)\s*=\s*\{(.*?)\}\s*,?\s*$", re.MULTILINE | re.DOTALL)

LONGEST_SHOWN = 60
"""An error quotes a value that is shorter than this."""

Table: TypeAlias = dict[str, Any]


LARGEST = 1e12
"""No number of a data sheet, in the units that they use, comes near it."""


class Spec(BaseModel):
    """A frozen data sheet: unknown keys, NaN and infinities are refused, and every number has its provenance."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    source: dict[str, str] = Field(default_factory=dict, description="key of sources.bib by field, or 'default'")
    assumed: dict[str, str] = Field(default_factory=dict, description="why a value without a source is believed")

    @model_validator(mode="before")
    @classmethod
    def _one_source_for_all(cls, data: object) -> object:
        if isinstance(data, dict):
            table = cast("Table", data)
            if isinstance(table.get("source"), str):
                return {**table, "source": {"default": table["source"]}}
        return cast("object", data)

    @model_validator(mode="after")
    def _not_absurd(self) -> Self:
        for name, value in self.__dict__.items():
            # A sweep makes sheets by the million: the plain number, which most are, is looked at without a call.
            size = abs(value) if type(value) is float else _largest(value)
            if size > LARGEST:
                raise ValueError(f"{name} is beyond anything real: at most {LARGEST:g}")
        return self


S = TypeVar("S", bound=Spec)
M = TypeVar("M", bound=BaseModel)


def _largest(value: object) -> float:
    """Return the largest magnitude of the numbers in a value; 0 if it holds none."""
    if isinstance(value, (int, float)):
        return 0.0 if isinstance(value, bool) else abs(value)
    if isinstance(value, (list, tuple)):
        return max((_largest(item) for item in cast("Sequence[object]", value)), default=0.0)
    return 0.0


@dataclass(frozen=True)
class Document:
    """One TOML file: its tables, and its text to find lines in."""

    path: Path
    text: str
    data: Table

    def line_of(self, keys: Sequence[str | int]) -> int:
        """Return the line (from 1) where a key, or the nearest table above it, stands.

        A number after the first key picks the table of a list: ``["offer", 2, "price"]`` is in the third ``[[offer]]``.
        """
        wanted = [str(key) for key in keys if not isinstance(key, int)]
        place = keys[1] if len(keys) > 1 and isinstance(keys[1], int) else None
        best, best_depth, table, element = 1, 0, list[str](), -1
        for number, line in enumerate(self.text.splitlines(), start=1):
            header = _TABLE.match(line)
            pair = None if header else _KEY.match(line)
            if header:
                table = _split(header[1])
                here = table
                element += line.lstrip().startswith("[[") and table == wanted[:1]
            elif pair:
                here = table + _split(pair[1])
            else:
                continue
            if place is not None and element >= 0 and here[0] == wanted[0] and element != place:
                continue
            depth = _common(here, wanted)
            if depth in (len(here), len(wanted)) and depth > best_depth:
                best, best_depth = number, depth
        return best

    def place(self, keys: Sequence[str | int] = ()) -> str:
        """Return ``file:line`` of a key, as errors print it; the name alone where there is no text to find lines in."""
        return f"{self.path.name}:{self.line_of(keys)}" if self.text else self.path.name


def named_file(reference: str, kind: str) -> Path:
    """Return the file that a name stands for: one of the catalog, or the user's own, with or without its ending.

    Parameters
    ----------
    reference : str
        A name of the catalog, a path that ends in ``.toml``, or that path without its ending. The catalog comes first.
    kind : str
        ``"machine"`` or ``"workload"``.

    Raises
    ------
    InputError
        The catalog has none of that name, and no such file is there.

    Examples
    --------
    >>> named_file("imac-pro", "machine").parent.name, named_file("mine.toml", "machine").name
    ('machines', 'mine.toml')
    """
    path, folder = Path(reference), CATALOG / f"{kind}s"
    if path.suffix == ".toml":
        return path
    known = {one.stem: one for one in folder.glob("*.toml")}
    if reference in known:
        return known[reference]
    own = Path(f"{reference}.toml")
    try:
        if path.name and own.is_file():
            return own
    except (OSError, ValueError):
        pass
    raise unknown(kind, reference, known)


def read_toml(path: Path) -> Document:
    """Read one TOML file.

    Raises
    ------
    InputError
        The file is missing, not text, or not TOML; the line says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {_one_line(error)}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {_one_line(error)}") from None
    except RecursionError:
        raise InputError(f"{path}: not TOML: nested too deeply") from None
    return Document(path, text, data)


def read_spec(kind: type[S], table: object, document: Document, keys: Sequence[str | int]) -> S:
    """Validate one table of a document as a data sheet, every number of which has a source.

    Parameters
    ----------
    kind : type
        The data sheet's class.
    table : object
        What stands at ``keys`` in the document.
    document : Document
        Where it came from, for file and line in errors.
    keys : sequence of str
        The path of the table in the document.

    Returns
    -------
    Spec
        The frozen data sheet.

    Raises
    ------
    InputError
        A key is unknown, missing, of the wrong type, out of range, or a number has no source.
    """
    spec = read_settings(kind, table, document, keys)
    check_sources(cast("Table", table), document, keys)
    return spec


def read_settings(kind: type[S], table: object, document: Document, keys: Sequence[str | int]) -> S:
    """Validate one table of a document whose numbers are wishes and need no source; else as `read_spec`.

    Raises
    ------
    InputError
        A key is unknown, missing, of the wrong type, or out of range.
    """
    if not isinstance(table, dict):
        raise InputError(f"{document.place(keys)}: [{'.'.join(map(str, keys))}] is not a table")
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise InputError(_explain(error, kind, document, keys)) from None


def check_sources(table: Table, document: Document, keys: Sequence[str | int], *, inherited: bool = False) -> None:
    """Raise `InputError` where a number of a table has neither a source nor a reason.

    ``inherited`` tells that a parent has a default source, which speaks for its nested tables too.
    """
    given: object = table.get("source", {})
    source = cast("dict[str, str]", given) if isinstance(given, dict) else {"default": str(given)}
    assumed = cast("dict[str, str]", table.get("assumed", {}))
    known = sources()
    for field, key in source.items():
        if key not in known:
            raise InputError(f"{document.place([*keys, 'source'])}: source {key!r} of {field!r} is not in sources.bib")
    covered = inherited or "default" in source
    for field, value in table.items():
        if field in {"source", "assumed"} or field in source or field in assumed:
            continue
        if isinstance(value, dict):
            check_sources(cast("Table", value), document, [*keys, field], inherited=covered)
        elif _has_numbers(value) and not covered:
            raise InputError(
                f"{document.place([*keys, field])}: {field} has no source: name a key of sources.bib in 'source', "
                "or say why in 'assumed'"
            )


@functools.cache
def sources() -> Mapping[str, dict[str, str]]:
    """Return the bibliography: source key to its fields (title, url, note)."""
    text = (CATALOG / "sources.bib").read_text(encoding="utf-8")
    entries: dict[str, dict[str, str]] = {}
    for key, body in _BIB_ENTRY.findall(text):
        if key in entries:
            raise InputError(f"sources.bib: {key!r} is defined twice")
        entries[key] = {name.lower(): " ".join(value.split()) for name, value in _BIB_FIELD.findall(body)}
    return entries


def _explain(error: ValidationError, kind: type[BaseModel], document: Document, keys: Sequence[str | int]) -> str:
    first = error.errors(include_url=False)[0]
    location = [*keys, *(part for part in first["loc"] if part != "[key]")]
    name = ".".join(str(part) for part in first["loc"]) or ".".join(str(key) for key in keys)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = sorted(field.alias or key for key, field in kind.model_fields.items())
        choices = ", ".join(known) if len(first["loc"]) == 1 else ""
        reason = f"unknown key {name!r}" + (f"; choose from: {choices}" if choices else "")
    elif first["type"] == "missing":
        reason = f"{name!r} is missing"
    else:
        message = first["msg"].removeprefix("Value error, ")
        given = repr(first.get("input"))
        reason = f"{name}: {message[0].lower() + message[1:]}" + (
            f", not {given}" if len(given) < LONGEST_SHOWN else ""
        )
    return f"{document.place(location)}: {reason}{more}"


def _has_numbers(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return True
    if isinstance(value, list):
        return any(_has_numbers(item) for item in cast("list[object]", value))
    if isinstance(value, dict):
        return any(_has_numbers(item) for item in cast("Table", value).values())
    return False


def _split(dotted: str) -> list[str]:
    return [part.strip().strip('"') for part in re.findall(r'"[^"]*"|[^.\s]+', dotted)]


def _common(here: Sequence[str], wanted: Sequence[str]) -> int:
    depth = 0
    for one, other in zip(here, wanted, strict=False):
        if one != other:
            break
        depth += 1
    return depth


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
