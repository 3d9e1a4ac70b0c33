"""Damage done to copies of run folders, drawn from a seeded generator: to their bytes, values, names and kinds of files."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

ODD: tuple[Any, ...] = (  # values in place of sound ones
    *(None, True, False, -1, 0, 1, 2**31, 2**63, -(10**400), 10**400, 0.5, -0.5, 1e-300, 1e30, 1e308),
    *("", "x", "-1", "nan", "../../outside/secret", "/dev/zero", "..", "shutil:rmtree", "a\x1b[2Jb", "\x00", "\ud800"),
    *("x" * 100_000, "é" * 300, [], {}, [[]], {"": None}, [1, 2, 3], ["a"] * 3, {"name": "unet"}),
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{n}: &{n} [{', '.join([f'*{b}'] * 9)}]\n" for b, n in zip("abcdefgh", "bcdefghi", strict=True)
)


def damage_run(run: Path, outside: Path, draw: random.Random) -> str:
    """Damage one thing in a run, a sweep or a search; in words what was done. `outside` is what links lead to."""
    files = sorted(path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
    weights = [6 if path.suffix in (".json", ".yaml", ".jsonl") else 1 for path in files]
    file = draw.choices(files, weights)[0]
    name = file.relative_to(run).as_posix()
    kinds: list[Callable[[Path, Path, random.Random], str]] = [damage_bytes, replace_file]
    if file.suffix == ".json":
        kinds += [damage_json] * 6
    elif file.suffix == ".jsonl":
        kinds += [damage_lines] * 4
    elif file.suffix in (".yaml", ".yml"):
        kinds += [damage_yaml] * 3
    return f"{name}: {draw.choice(kinds)(file, outside, draw)}"


# -- bytes and files


def damage_bytes(file: Path, outside: Path, draw: random.Random) -> str:
    content = bytearray(file.read_bytes())
    place = draw.randrange(len(content) + 1)
    match draw.randrange(9):
        case 0:
            for _ in range(draw.choice((1, 1, 3, 30))):
                if content:
                    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            what = "bits flipped"
        case 1:
            del content[place:]
            what = f"cut to {place} bytes"
        case 2:
            del content[place : place + draw.choice((1, 2, 10, 100))]
            what = "bytes removed"
        case 3:
            content[place:place] = bytes(draw.randrange(256) for _ in range(draw.choice((1, 2, 40))))
            what = "bytes inserted"
        case 4:
            content[place:place] = content[: draw.randrange(2000)]
            what = "a part repeated"
        case 5:
            content[place:place] = b"\xe9"
            what = "a Latin-1 byte"
        case 6:
            content = bytearray(content.decode("utf-8", "replace").encode("utf-16"))
            what = "as UTF-16"
        case 7:
            content[place:place] = b"\0" * draw.choice((1, 100, 100_000))
            what = "zeros inserted"
        case _:
            opening = draw.choice((b"[", b'{"a":', b"[{"))
            content = bytearray(opening * draw.choice((100, 990, 50_000)))
            what = "deep brackets"
    file.write_bytes(content)
    return what


def replace_file(file: Path, outside: Path, draw: random.Random) -> str:
    """Something that is not a plain file in place of a file, or of the folder that it lies in."""
    target = file if draw.random() < 0.7 or file.parent.name in ("run", "sweep", "search") else file.parent
    is_folder = target.is_dir()
    moved = outside / "moved"
    os.rename(target, moved)
    kind = draw.choice(("link", "link", "link inside", "dangling", "loop", "pipe", "socket", "device", "other", "gone"))
    if kind == "link":
        os.symlink(moved, target)  # to the same content, outside
    elif kind == "link inside":
        os.symlink(next(iter(sorted(target.parent.iterdir())), outside), target)
    elif kind == "dangling":
        os.symlink(outside / "not there", target)
    elif kind == "loop":
        os.symlink(target, target)
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind == "socket":
        with suppress(OSError), socket.socket(socket.AF_UNIX) as made:  # its name may be too long
            made.bind(os.path.relpath(target))
    elif kind == "device":
        os.symlink(draw.choice(("/dev/zero", "/dev/full", "/proc/self/mem", "/etc/passwd")), target)
    elif kind == "other" and is_folder:
        target.write_bytes(b"a file")
    elif kind == "other":
        target.mkdir()
    return f"{'folder' if is_folder else 'file'} replaced: {kind}"


# -- values


def damage_json(file: Path, outside: Path, draw: random.Random) -> str:
    tree = json.loads(file.read_text(encoding="utf-8"))
    tree, what, text = _damaged(tree, draw)
    file.write_bytes((text or _dumped(tree)).encode("utf-8", "surrogatepass"))
    return what


def damage_lines(file: Path, outside: Path, draw: random.Random) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    number = draw.randrange(len(lines))
    match draw.randrange(6):
        case 0:
            lines.insert(draw.randrange(len(lines)), lines[number])
            what = "a line repeated"
        case 1:
            del lines[number]
            what = "a line removed"
        case _:
            tree, what, text = _damaged(json.loads(lines[number]), draw)
            lines[number] = (text or _dumped(tree)).replace("\n", " ")
    file.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    return f"line {number + 1}: {what}"


def damage_yaml(file: Path, outside: Path, draw: random.Random) -> str:
    import yaml

    match draw.randrange(12):
        case 0:
            text, what = BOMB + file.read_text(encoding="utf-8"), "aliases"
        case 1:
            text, what = (
                file.read_text(encoding="utf-8") + "x: " + "[" * draw.choice((50, 5000)) + "\n",
                "deep brackets",
            )
        case 2:
            text, what = "title: !!python/object/apply:os.system [id]\n" + file.read_text(encoding="utf-8"), "a tag"
        case 3:
            text, what = file.read_text(encoding="utf-8") + "title: twice\n", "a key twice"
        case 4:
            text, what = f"about: {'x' * 100_000}\n" + file.read_text(encoding="utf-8"), "a huge text"
        case 5:
            text, what = "extends: ../../outside/secret\n" + file.read_text(encoding="utf-8"), "extends"
        case _:
            tree, what, _ = _damaged(yaml.safe_load(file.read_text(encoding="utf-8")), draw)
            text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    return what


def _damaged(tree: Any, draw: random.Random) -> tuple[Any, str, str]:
    """The tree with one value, key or list changed; in words what; and a text where no tree can say it."""
    places = list(_places(tree))
    if not places:
        return draw.choice(ODD), "another value", ""
    path = draw.choice(places)
    holder, key = _holder(tree, path)
    where = ".".join(map(str, path))
    match draw.randrange(12):
        case 0 | 1:
            del holder[key]
            return tree, f"{where} removed", ""
        case 2:
            deep: Any = draw.choice(ODD[:8])
            for _ in range(draw.choice((45, 300))):
                deep = [deep] if draw.random() < 0.5 else {"a": deep}
            holder[key] = deep
            return tree, f"{where} nested deeply", ""
        case 3:
            token = draw.choice(("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, '"\\ud800"'))
            holder[key] = "\x01token\x01"
            return tree, f"{where} = {token[:9]}", _dumped(tree).replace('"\\u0001token\\u0001"', token)
        case 4:
            text = json.dumps(tree)
            twice = json.dumps(str(key)) + ":"
            return tree, f"{where} twice", text.replace("{", "{" + f"{twice} {draw.choice(('1', 'null', '[]'))}, ", 1)
        case 5:
            value = holder[key]
            holder[key] = [value] if draw.random() < 0.5 else {"value": value}
            return tree, f"{where} wrapped", ""
        case 6:
            holder[key] = str(holder[key])
            return tree, f"{where} as text", ""
        case 7 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = draw.choice((-holder[key], holder[key] + 1, holder[key] * 1000, float(holder[key])))
            return tree, f"{where} = {holder[key]}", ""
        case 8 if isinstance(holder, list):
            holder += [holder[key]] * draw.choice((1, 3, 2000))
            return tree, f"{where} repeated", ""
        case 9 if isinstance(holder[key], list):
            holder[key] = holder[key][: draw.randrange(len(holder[key]) + 1)]
            return tree, f"{where} shortened", ""
        case _:
            holder[key] = draw.choice(ODD)
            return tree, f"{where} = {str(holder[key])[:20]!r}", ""


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in a tree; of long lists only the first elements, so that no matrix takes all the damage."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree[:4]) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _holder(tree: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    for key in path[:-1]:
        tree = tree[key]
    return tree, path[-1]


def _dumped(tree: Any) -> str:
    import sys

    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(tree, indent=2)
    finally:
        sys.set_int_max_str_digits(before)


# -- checkpoints whose digests are made to match the damage


def damage_checkpoint(run: Path, outside: Path, draw: random.Random) -> str:
    """Damage state or arrays of one checkpoint, and write the SHA-256 sums that belong to them."""
    folders = [path.parent for path in sorted(run.rglob("state.json"))]
    folder = draw.choice(folders)
    record = json.loads((folder / "state.json").read_text())
    part = draw.choice(sorted(record["files"]))
    file = folder / record["files"][part]["file"]
    if draw.random() < 0.4:
        record.pop("sha256")
        record, what, text = _damaged(record, draw)
        what = f"{folder.name}/state.json: {what}"
        if text:
            (folder / "state.json").write_bytes(text.encode("utf-8", "surrogatepass"))
            return what
    else:
        content, what = _damaged_arrays(file.read_bytes(), draw)
        file.write_bytes(content)
        record["files"][part]["sha256"] = hashlib.sha256(content).hexdigest()
        what = f"{folder.name}/{part}: {what}"
    if isinstance(record, dict):
        record.pop("sha256", None)
        text = _dumped(record)
        with suppress(ValueError):  # numbers that Python does not write
            record["sha256"] = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
            text = _dumped(record)
    else:
        text = _dumped(record)
    (folder / "state.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    return what


def _damaged_arrays(content: bytes, draw: random.Random) -> tuple[bytes, str]:
    import numpy as np

    length = int.from_bytes(content[:8], "little")
    index, data = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    names = sorted(name for name in index if name != "__metadata__") or ["none"]
    name = draw.choice(names)
    entry = index.get(name, {})
    begin, end = entry.get("data_offsets", (0, 0))
    match draw.randrange(14):
        case 0 | 1 | 2 | 3:  # a value that is not finite, or far too large
            value = draw.choice((np.nan, np.inf, -np.inf, 1e38, -1e38, 3e38))
            if end > begin and entry["dtype"] == "F32":
                place = begin + 4 * draw.randrange((end - begin) // 4)
                count = draw.choice((1, 1, (end - place) // 4))
                data[place : place + 4 * count] = np.full(count, value, "<f4").tobytes()
            return _packed(index, data), f"{name} has {value}"
        case 4:
            entry["dtype"] = draw.choice(("F64", "F16", "BF16", "F8_E4M3", "I64", "U8", "BOOL", "F128", "", None, 3))
            return _packed(index, data), f"{name} is {entry['dtype']}"
        case 5:
            entry["shape"] = draw.choice(
                ([], [-1], [2**62], [2**31, 2**31, 4], None, "x", [1.5], [0], [*entry.get("shape", []), 1])
            )
            return _packed(index, data), f"{name} has the shape {entry['shape']}"
        case 6:
            entry["data_offsets"] = draw.choice(
                ([0, 0], [0, 2**62], [-4, 0], [end, begin], [begin], None, [begin, end + 4])
            )
            return _packed(index, data), f"{name} lies at {entry['data_offsets']}"
        case 7:
            index.pop(name, None)
            return _packed(index, data), f"{name} removed"
        case 8:
            index[draw.choice(("new", "", "x" * 5000, "0000.exp_avg", "99.step", "é", "../x"))] = index.pop(name, {})
            return _packed(index, data), f"{name} renamed"
        case 9:
            index = _damaged(index, draw)[0]
            return _packed(index, data), "index changed"
        case 10:
            head = draw.choice((0, 1, 2**20, 2**40, 2**64 - 1)).to_bytes(8, "little")
            return head + content[8:], "another length of the index"
        case 11:
            return content[: draw.randrange(len(content))], "cut short"
        case 12:
            changed = bytearray(content)
            for _ in range(draw.choice((1, 3, 30))):
                changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
            return bytes(changed), "bits flipped"
        case _:
            text = b"[" * draw.choice((100, 100_000))
            return len(text).to_bytes(8, "little") + text + bytes(data), "deep brackets"


def _packed(index: Any, data: bytes | bytearray) -> bytes:
    text = json.dumps(index).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)
