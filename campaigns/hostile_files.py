"""Hostile pictures, archives, YAML files and file names: what the campaign `hostile` tries, and nothing that is sound."""

# ruff: noqa: E501 (tables)
from __future__ import annotations

import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

Made = tuple[str, str, bytes]  # what it is, the suffix of its file, its content
SIDES = (0, 1, 9_999, 20_000, 65_535, 2**31 - 1, 2**32 - 1)

# -- pictures --------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    head = struct.pack(">I", len(content) if length is None else length)
    return head + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, bits: int = 8, colour: int = 2, laced: int = 0, *, between: bytes = b"",
        rows: bytes = b"\0" * 100, after: bytes = b"") -> bytes:  # fmt: skip
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, laced))
    return (
        b"\x89PNG\r\n\x1a\n" + header + between + chunk(b"IDAT", zlib.compress(rows, 9)) + after + chunk(b"IEND", b"")
    )


def pngs() -> Iterator[Made]:
    for width in SIDES:
        for height in SIDES:
            yield f"PNG that claims {width}×{height}", ".png", png(width, height)
    for bits, colour in ((1, 0), (16, 0), (16, 2), (1, 3), (8, 4), (16, 6), (3, 2), (8, 7)):
        yield f"PNG of {bits} bits, colour type {colour}, without its rows", ".png", png(5000, 5000, bits, colour)
        yield f"interlaced PNG of {bits} bits, colour type {colour}", ".png", png(4000, 4000, bits, colour, 1)
    black, bomb = b"\0" * (1251 * 9999), zlib.compress(b"\0" * (1 << 27), 9)
    yield "PNG of 100 million pixels in 12 kB", ".png", png(9999, 9999, 1, 0, rows=black)
    yield "PNG with rows for ten times its height", ".png", png(9999, 999, 1, 0, rows=black)
    for kind, head in ((b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")):
        for many in (1, 40):
            extra = chunk(kind, head + bomb) * many
            yield f"PNG with {many} {kind.decode()} of 128 MiB each", ".png", png(3, 3, between=extra)
            yield f"PNG with {many} {kind.decode()} behind the pixels", ".png", png(3, 3, rows=b"\0" * 30, after=extra)
    loop = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x8769, 4, 1, 8) * 1000
    yield "PNG whose EXIF leads to itself", ".png", png(3, 3, rows=b"\0" * 30, between=chunk(b"eXIf", loop[6:]))
    for orientation in (0, 9, 65535):
        exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
        yield f"PNG turned by orientation {orientation}", ".png", png(3, 3, rows=b"\0" * 30, after=chunk(b"eXIf", exif))
    for name, between in (
        ("a chunk of 4 GiB", chunk(b"abCd", b"", 2**32 - 1)),
        ("a chunk of -1 bytes", chunk(b"PLTE", b"", 2**31)),
        ("200,000 empty chunks", chunk(b"abCd", b"") * 200_000),
        ("200,000 empty IDAT", chunk(b"IDAT", b"") * 200_000),
        ("a palette of 1 colour", chunk(b"PLTE", b"\1\2\3")),
        ("a million frames", chunk(b"acTL", struct.pack(">II", 1_000_000, 0))),
        ("a second header", chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))),
        ("no end", b"\x89PNG"),
    ):
        yield f"PNG with {name}", ".png", png(5000, 5000, 8, 3, between=between, rows=b"\0" * (5001 * 5000))
        yield f"small PNG with {name}", ".png", png(3, 3, 8, 3, between=between, rows=b"\0\1\2\xff" * 3)


def tiff(tags: dict[int, tuple[int, int, int]], tail: bytes = b"", following: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + tail


def tiffs() -> Iterator[Made]:
    sound = {256: (4, 1, 8), 257: (4, 1, 8), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 200),
             277: (3, 1, 1), 278: (4, 1, 8), 279: (4, 1, 64)}  # fmt: skip
    tail = b"\0" * 200
    for tag in sound:
        for value in (0, 65_535, 2**31 - 1, 2**32 - 1):
            yield f"TIFF whose tag {tag} is {value}", ".tif", tiff({**sound, tag: (4, 1, value)}, tail)
        yield f"TIFF with 4 billion values in tag {tag}", ".tif", tiff({**sound, tag: (4, 2**32 - 1, 8)}, tail)
        yield f"TIFF without tag {tag}", ".tif", tiff({key: sound[key] for key in sound if key != tag}, tail)
    bomb = zlib.compress(b"\0" * (1 << 28), 9)
    for side in (8, 9_999):
        big = {**sound, 256: (4, 1, side), 257: (4, 1, side), 278: (4, 1, side), 259: (3, 1, 8), 279: (4, 1, len(bomb))}
        yield f"TIFF of {side}×{side} whose strip unpacks to 256 MiB", ".tif", tiff(big, tail[: 200 - 122] + bomb)
    yield "TIFF whose next page is itself", ".tif", tiff(sound, tail, 8)
    yield "TIFF of tiles of 0×0", ".tif", tiff({**sound, 322: (4, 1, 0), 323: (4, 1, 0), 324: (4, 1, 200)}, tail)
    for kind in (2, 7, 34712, 50001, 65535):
        yield f"TIFF compressed by {kind}", ".tif", tiff({**sound, 259: (3, 1, kind)}, tail)
    yield "BigTIFF cut short", ".tif", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"


def others() -> Iterator[Made]:
    for side in (16_384, 65_535):
        head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0" * 6
        image = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\2\2D\1\0;"
        yield f"GIF of {side}×{side} called PNG", ".png", head + image
    canvas = b"VP8X" + struct.pack("<II", 10, 2) + (16_383).to_bytes(3, "little") * 2
    for frames in (0, 1, 5000):
        body = b"WEBP" + canvas + b"ANIM\6\0\0\0" + b"\0" * 6 + (b"ANMF\x10\0\0\0" + b"\xff" * 16) * frames
        yield f"WebP of 268 million pixels with {frames} frames", ".webp", b"RIFF" + struct.pack("<I", len(body)) + body
    yield "WebP whose length is 4 GiB", ".webp", b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff" + b"\0" * 40
    for width, height, bits, packed in ((65_535, 65_535, 24, 0), (5, -5, 24, 0), (2**31 - 1, 1, 1, 0), (9_999, 9_999, 8, 1),
                                        (3, 3, 0, 0), (3, 3, 32, 3), (0, 0, 24, 0), (3, -(2**31), 24, 0)):  # fmt: skip
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packed, 0, 0, 0, 0, 0)
        yield (
            f"BMP of {width}×{height}, {bits} bits, packed by {packed}",
            ".bmp",
            b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info + b"\0\1" * 60,
        )
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 65_535, 65_535) + b"\3\1\x11\0\2\x11\0\3\x11\0"
    yield "JPEG of 65535×65535", ".jpg", b"\xff\xd8" + frame + b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" + b"\0" * 99
    yield "JPEG with 60,000 comments", ".jpg", b"\xff\xd8" + b"\xff\xfe\0\2" * 60_000 + frame
    yield "JPEG with 1,000 frames", ".jpg", b"\xff\xd8" + frame.replace(b"\xff\xff\xff\xff", b"\0\5\0\5") * 1000
    profile = b"\xff\xe2\xff\xffICC_PROFILE\0\xff\xff" + b"\0" * (65_533 - 14)
    yield "JPEG with 300 profiles of 64 KiB", ".jpg", b"\xff\xd8" + profile * 300 + frame
    loop = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x8769, 4, 1, 8) * 1000
    yield (
        "JPEG whose EXIF leads to itself",
        ".jpg",
        b"\xff\xd8\xff\xe1" + struct.pack(">H", len(loop) + 2) + loop + frame,
    )
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch outside) (w) file\nshowpage\n"
    for name, content in (
        ("EPS with a program", program), ("PDF", b"%PDF-1.7\n%\xff\n1 0 obj<</OpenAction 1 0 R>>"), ("nothing", b""),
        ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
        ("zeros", b"\0" * 100_000), ("a pickle", b"\x80\4cos\nsystem\n(S'touch outside'\ntR."), ("half a header", b"\x89PNG\r"),
        ("an icon", b"\0\0\1\0\xff\xff" + b"\0" * 300), ("Fits", b"SIMPLE  =" + b" " * 3000), ("Sun raster", b"\x59\xa6\x6a\x95"),
    ):  # fmt: skip
        for suffix in (".png", ".jpg", ".tif"):
            yield f"{name} called {suffix}", suffix, content


def damaged(seed: int, count: int) -> Iterator[Made]:
    """Small sound pictures of each kind with a few bytes changed or cut off."""
    from PIL import Image

    generator = random.Random(seed)
    kinds = (
        ("PNG", ".png", "P"),
        ("PNG", ".png", "RGBA"),
        ("JPEG", ".jpg", "RGB"),
        ("TIFF", ".tif", "L"),
        ("WEBP", ".webp", "RGB"),
    )
    for number in range(count):
        kind, suffix, mode = kinds[number % len(kinds)]
        file = io.BytesIO()
        Image.new(mode, (40, 30), 7).save(file, kind)
        content = bytearray(file.getvalue())
        for _ in range(generator.randint(1, 8)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        yield f"damaged {kind}", suffix, bytes(content[: generator.randint(len(content) // 2, len(content))])


# -- archives --------------------------------------------------------------------------------------------------------

NAMES = (
    "../outside", "a/../../outside", "/tmp/outside-of-a-campaign", "a/../../../../../../tmp/outside-of-a-campaign", "..",
    "C:\\outside", "..\\outside", "a\\..\\..\\outside", "//outside", "./../outside", "~/outside", "a\nb", "a\x1b[2Jb", "a" * 256,
    "/".join("d" * 60), "/".join(["d" * 200] * 40), "-rf", "CON", "nul.txt", "a:stream", "é" * 130, "a/./b/.//c", " ", "a/ /b", ".",
)  # fmt: skip


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]], packed: str = "", kind: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{packed}", format=kind) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **headers: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.pax_headers = kind, link, headers
    return member


def tars() -> Iterator[Made]:
    good = (entry("good"), b"good")
    for name in NAMES:
        for packed in ("", "gz", "bz2"):
            yield f"tar.{packed} with {name[:30]!r}", ".tar", tar_of([good, (entry(name), b"bad")], packed)
        yield f"tar with the folder {name[:30]!r}", ".tar", tar_of([good, (entry(name, tarfile.DIRTYPE), b"")])
        yield f"tar whose PAX path is {name[:30]!r}", ".tar", tar_of([good, (entry("fine", path=name), b"bad")])
    kinds = {"symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "pipe": tarfile.FIFOTYPE, "device": tarfile.CHRTYPE,
             "block device": tarfile.BLKTYPE, "sparse file": tarfile.GNUTYPE_SPARSE, "unknown kind": b"Z"}  # fmt: skip
    for what, kind in kinds.items():
        for link in ("../outside", "/etc/passwd", "good"):
            through = (entry("link/file"), b"through")
            yield f"tar with a {what} to {link}", ".tar", tar_of([good, (entry("link", kind, link), b""), through])
    yield "tar with one name twice", ".tar", tar_of([good, good])
    yield "tar with a file that is a folder", ".tar", tar_of([good, (entry("good/inner"), b"x")])
    yield "tar with a folder that is a file", ".tar", tar_of([(entry("a/b"), b"x"), (entry("a"), b"x")])
    for size in ("-1", "-512", "99999999999999999999", "1e9", "x"):
        yield f"tar whose PAX size is {size}", ".tar", tar_of([good, (entry("b", size=size), b"x"), (entry("c"), b"y")])
    yield (
        "tar with a PAX header of 20 MB",
        ".tar.gz",
        tar_of([good, (entry("b", comment="x" * 20_000_000), b"x")], "gz"),
    )
    many = {f"key{number}": "x" for number in range(3000)}
    yield "tar with 3,000 attributes", ".tar", tar_of([good, (entry("b", **many), b"x")])
    yield "tar of 200 MB in 200 kB", ".tar.gz", tar_of([good, (entry("big"), b"\0" * 200_000_000)], "gz")
    yield "tar of 3,000 files", ".tar", tar_of([(entry(f"f{number}"), b"") for number in range(3000)])
    whole = tar_of([good, (entry("b"), b"x" * 5000)], "gz")
    for part in (1, 2, 10, 50, len(whole) - 3):
        yield f"tar.gz cut after {part} bytes", ".tar.gz", whole[:part]
    yield "xz", ".tar.xz", tar_of([good], "xz")


def zips() -> Iterator[Made]:
    for name in NAMES:
        yield f"zip with {name[:30]!r}", ".zip", zip_of([("good", b"good"), (name, b"bad")])
    for mode, what in ((0o120777, "symbolic link"), (0o010644, "pipe"), (0o060644, "device"), (0o140644, "socket")):
        yield f"zip with a {what}", ".zip", zip_of([("good", b"good"), ("link", b"../outside")], mode)
    yield "zip with one name twice", ".zip", zip_of([("good", b"1"), ("good", b"2")])
    yield "zip of 200 MB in 200 kB", ".zip", zip_of([("big", b"\0" * 200_000_000)])
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"zip compressed by {method}", ".zip", zip_of([("big", b"\0" * 1_000_000)], method=method)
    whole = bytearray(zip_of([("good", b"good" * 50), ("other", b"x" * 200)]))
    directory = whole.index(b"PK\1\2")
    for place, what in (
        (8, "flags"),
        (10, "method"),
        (24, "size"),
        (20, "compressed size"),
        (28, "length of the name"),
        (42, "offset"),
    ):
        for value in (b"\xff\xff", b"\1\0"):
            changed = bytearray(whole)
            changed[directory + place : directory + place + 2] = value
            yield f"zip that lies about its {what}", ".zip", bytes(changed)
    yield "zip whose local name differs", ".zip", bytes(whole).replace(b"good", b"../x", 1)
    yield "zip with a table of 100 MB", ".zip", zip_of([("good", b"good")], comment=60_000) * 3
    yield "zip behind a program", ".zip", b"#!/bin/sh\ntouch outside\n" + bytes(whole)
    for part in (4, 30, len(whole) - 5):
        yield f"zip cut after {part} bytes", ".zip", bytes(whole[:part])


def zip_of(
    files: list[tuple[str, bytes]], mode: int = 0, method: int = zipfile.ZIP_DEFLATED, comment: int = 0
) -> bytes:
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as made:
        warnings.simplefilter("ignore")  # a name that is there twice
        made.comment = b"c" * comment
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = (mode << 16 if name == "link" else 0), method
            made.writestr(info, content)
    return file.getvalue()


# -- YAML ------------------------------------------------------------------------------------------------------------


def yamls() -> Iterator[Made]:
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))
    texts = {
        "aliases": laughs, "an alias of itself": "a: &a [*a]", "a merge key": "<<: {task: segment}", "an anchor": "task: &t segment",
        "1 MB of text": "task: " + "x" * 1_000_000, "60 kB of text": "task: " + "x" * 60_000, "60 kB of a key": "x" * 60_000 + ": 1",
        "10,000 keys": "".join(f"k{n}: 1\n" for n in range(5000)), "a key twice": "task: segment\ntask: segment",
        "a list as key": "? [a]\n: 1", "a number of 9,000 digits": "train: " + "9" * 9000, "infinity": "train: {batch: .inf}",
        "1e999": "train: {batch: 1e999}", "a date": "train: {seed: 2020-01-01}", "half a surrogate": 'task: "\\ud800"',
        "ESC": 'task: "\\e[2J"', "ESC in a key": '"a\\e]0;x\\a": 1', "tabs": "\ttask: segment", "several documents": "a: 1\n---\nb: 2",
        "nothing": "", "a list": "- a", "a comment": "#" * 60_000, "a directive": "%YAML 9.9\n---\na: 1", "binary": "a: !!binary aGk=",
        "a block of 60 kB": "task: |\n" + " x\n" * 20_000, "a line of colons": ":" * 60_000, "quotes": '"' * 9999, "a set": "? a\n? b",
        "60 kB of spaces": " " * 60_000 + "a: 1", "lines": "\n" * 60_000, "right to left": "task: \u202esegment",
    }  # fmt: skip
    for depth in (39, 41, 1000, 30_000):
        texts |= {f"{depth} lists": "a: " + "[" * depth, f"{depth} closed lists": "a: " + "[" * depth + "]" * depth,
                  f"{depth} maps": "{a: " * (depth // 2), f"{depth} dashes": "- " * depth}  # fmt: skip
        texts[f"{depth} levels"] = "".join(" " * (n % 200) + "a:\n" for n in range(min(depth, 300)))
    for tag in (
        "python/object/apply:os.system ['touch outside']",
        "python/name:os.system",
        "python/module:os",
        "include /etc/passwd",
    ):
        texts[f"the tag {tag[:30]}"] = f"task: !!{tag}"
        texts[f"the own tag {tag[:30]}"] = f"task: !{tag}"
    for parent in (
        "/dev/zero",
        "/dev/stdin",
        "/etc/passwd",
        "../../../etc/passwd",
        ".",
        "made.yaml",
        "\\0",
        "x" * 300,
        "[a, b]",
    ):
        texts[f"extends {parent[:20]}"] = f"extends: {parent}"
    for code in ("os:system", "shutil:rmtree", "builtins:exec", "outside:run", "../outside:run", "pixelwise.cli:app"):
        texts |= {f"data by {code}": f"extends: quickstart\ndata: {{dataset: '{code}'}}",
                  f"a task by {code}": f"extends: quickstart\ntask: '{code}'"}  # fmt: skip
    for what, text in texts.items():
        yield f"YAML with {what}", ".yaml", text.encode("utf-8", "surrogatepass")
    for what, content in (("UTF-16", "task: segment".encode("utf-16")), ("Latin-1", b"task: \xe9"), ("zeros", b"\0" * 1000),
                          ("half of UTF-16", b"\xff\xfea"), ("random bytes", random.Random(0).randbytes(5000))):  # fmt: skip
        yield f"YAML in {what}", ".yaml", content


# -- names -----------------------------------------------------------------------------------------------------------

FILES = (
    b"a\nb", b"a\x1b[2Jb", b"\x1b]0;title\x07", b"\xff\xfe", b"a\xffb", b"\xed\xa0\x80", b"x" * 251, b"..", b"...", b"..a", b"-", b"--",
    b"-rf", b"--out", b"--json", b"CON", b"NUL", b"aux", b"COM1", b"a:b", b"a*b", b"*", b"?", b"[a-z]", b"{a,b}", b"a|b", b"<b>", b'a"b',
    b"<script>alert(1)<", b"=HYPERLINK(1)", b"+1", b"@a", b"$(touch outside)", b"`touch outside`", b"; touch outside", b"%s%n", b"{0}",
    b"a\tb", b"a\rb", b" ", b" a ", b"a.", b"a.png", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xf0\x9f\x90\x88", b"e\xcc\x81" * 80, b"\x7f",
    b"\xc2\x9b31m", b"\xc2\x85", b"\xe2\x80\xa8", b"[red]a", b"[link=a]a", b"~", b"~root", b"$HOME", b"\\",
    b"a\\..\\b", b"\\\\server\\share", b"#", b"a b", b"'", b"\x01\x02", b"__init__", b"classes.txt", b"0", b"1e5", b"null", b"no",
)  # fmt: skip
KINDS: dict[str, Callable[[], Iterator[Made]]] = {
    "picture": lambda: (made for part in (pngs(), tiffs(), others()) for made in part),
    "archive": lambda: (made for part in (tars(), zips()) for made in part),
    "yaml": yamls,
}
