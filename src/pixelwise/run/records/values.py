"""Types and limits of the values in records, and the check of a record against its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import PureWindowsPath
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from pixelwise.errors import RunError, shown, type_fault

MOST_EPOCHS = 1_000_000

Value = TypeVar("Value")
Count = Annotated[int, Field(ge=0, le=2**62)]
Number = Annotated[float, Field(ge=-1e100, le=1e100)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]
Byte = Annotated[int, Field(ge=0, le=255)]
Side = Annotated[int, Field(ge=1, le=1 << 20)]
Name = Annotated[str, Field(max_length=1000)]
Text = Annotated[str, Field(max_length=1 << 16)]
FileName = Annotated[str, Field(max_length=240), AfterValidator(lambda name: _plain_name(name))]
Numbers = dict[Name, Number | None]
HINT = "It may have been changed by hand, or written by another version."


def _plain_name(name: str) -> str:
    if (
        not name.isprintable() or name in ("", "..") or PureWindowsPath(name).name != name
    ):  # it has `/`, `\\` or a drive
        raise fault("which is not the name of a file or folder here")
    return name


class Part(BaseModel):
    """A part of a record. Strict: a text is not a number, and 1.0 is not a count."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


def check_record(value: Value, schema: Any, where: str) -> Value:
    """The value itself. Raises RunError, one line with the first fault, if it is not what the schema says."""
    check_all([value], schema, lambda place: where)
    return value


def check_all(values: Sequence[Any], schema: Any, where: Callable[[int], str]) -> None:
    """The same of many values of one schema; `where` tells of the place of each."""
    try:
        _adapter(schema).validate_python(values)
    except ValidationError as error:
        entries = error.errors(include_url=False)
        if any(entry["type"] == "string_unicode" for entry in entries):
            check_all([_without_bytes(value) for value in values], schema, where)  # names of files that are not UTF-8
            return
        number = int(entries[0]["loc"][0])
        own = [entry for entry in entries if entry["loc"][0] == number]
        found = {_place(values[number], entry, entry["loc"][1:]): entry for entry in reversed(own)}
        place, first = next(reversed(found.items()))
        raise RunError(_said(place, first, len(found) - 1), where=where(number), hint=HINT) from error


def _without_bytes(value: Any) -> Any:
    """The value with a sign in place of each byte of a file name that is not UTF-8, which pydantic takes for no text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_bytes(key): _without_bytes(inner) for key, inner in value.items()}
    return [_without_bytes(inner) for inner in value] if isinstance(value, list) else value


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(list[schema])


def _place(value: Any, entry: Any, location: tuple[int | str, ...]) -> str:
    """Where in the record it is, without what pydantic puts between: the names of a union's members."""
    path: list[str] = []
    for part in location:
        inside = isinstance(value, Mapping) and part in value
        if inside or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            value = value[part]
        elif entry["type"] != "missing" or part != location[-1]:
            continue
        path.append(shown(part, 60) if isinstance(part, str) and len(part) > 40 else str(part))
    return ".".join(path)


def _said(path: str, entry: Any, more: int) -> str:
    what = "is missing" if entry["type"] == "missing" else f"read {shown(entry['input'])}, {type_fault(entry)}"
    rest = f", and {more} more problem{'s' * (more > 1)} like this" if more else ""
    return f"{path}: {what}{rest}." if path else f"{what}{rest}."


def fault(message: str) -> PydanticCustomError:
    """What a validator raises. message: continues after `read VALUE, `"""
    return PydanticCustomError("disagreement", message)
