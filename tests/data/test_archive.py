import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from pixelwise.data import fetch
from pixelwise.data.fetch import extract
from pixelwise.errors import DataError


def tar(path: Path, *members: tuple[str, object], mode: str = "w") -> Path:
    """A tar of (name, bytes or a TarInfo type)."""
    with tarfile.open(path, mode) as file:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.size = len(content)
                file.addfile(member, io.BytesIO(content.encode()))
            else:
                member.type = content
                member.linkname = "/etc/passwd"
                file.addfile(member)
    return path


GOOD = (("set", tarfile.DIRTYPE), ("set/a.txt", "alpha"), ("./set/deep/b.txt", "beta"), ("set/empty", ""))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_tar_of_every_compression(tmp_path, mode):
    done = []
    archive = tar(tmp_path / "x.bin", *GOOD, mode=mode)
    assert extract(archive, tmp_path / "out", progress=done.append) == 3
    assert done == [1, 2, 3]
    assert (tmp_path / "out/set/a.txt").read_text() == "alpha"
    assert (tmp_path / "out/set/deep/b.txt").read_text() == "beta"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["set"]


def test_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("set/", "")
        file.writestr("set/a.txt", "alpha")
    assert extract(tmp_path / "x.zip", tmp_path / "out") == 1
    assert (tmp_path / "out/set/a.txt").read_text() == "alpha"


def test_unpacking_adds_to_what_is_there_and_runs_nothing(tmp_path):
    (tmp_path / "out/set").mkdir(parents=True)
    (tmp_path / "out/set/mine.txt").write_text("mine")
    archive = tar(tmp_path / "x.tar", *GOOD)
    extract(archive, tmp_path / "out")
    extract(archive, tmp_path / "out", last="set/a.txt")
    assert (tmp_path / "out/set/mine.txt").read_text() == "mine"
    assert not (tmp_path / "out/set/a.txt").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID)


HOSTILE = [
    (("/etc/cron.d/x", "evil"), "is an absolute path"),
    (("set/../../x", "evil"), "leads out of its folder"),
    (("..", tarfile.DIRTYPE), "leads out of its folder"),
    (("..\\x", "evil"), "characters that are not allowed"),
    (("C:/x", "evil"), "characters that are not allowed"),
    (("a\nb", "evil"), "characters that are not allowed"),
    (("x", tarfile.SYMTYPE), "is a link"),
    (("x", tarfile.LNKTYPE), "is a link"),
    (("x", tarfile.CHRTYPE), "is neither a file nor a folder"),
    (("x", tarfile.BLKTYPE), "is neither a file nor a folder"),
    (("x", tarfile.FIFOTYPE), "is neither a file nor a folder"),
    (("set/a.txt", "again"), "is in the archive twice"),
]


@pytest.mark.parametrize(("member", "why"), HOSTILE)
def test_hostile_tars_are_refused_as_a_whole(tmp_path, member, why):
    (tmp_path / "out").mkdir()
    archive = tar(tmp_path / "x.tar", *GOOD, member)
    with pytest.raises(
        DataError, match=rf"x\.tar: the entry .* {why}.*; nothing was unpacked\. Do not trust this file"
    ):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.tar"]


@pytest.mark.parametrize(
    ("name", "mode", "why"),
    [
        ("/x", 0, "is an absolute path"),
        ("a/../../x", 0, "leads out of its folder"),
        ("x", stat.S_IFLNK | 0o777, "is a link"),
        ("x", stat.S_IFIFO, "is neither a file nor a folder"),
    ],
)
def test_hostile_zips_are_refused(tmp_path, name, mode, why):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("good.txt", "good")
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        file.writestr(member, "/etc/passwd")
    with pytest.raises(DataError, match=why):
        extract(tmp_path / "x.zip", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_limits_hold_for_what_is_unpacked(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "tar":
        tar(path, ("a", "0" * 600_000), ("b", "0" * 600_000), mode="w:gz")
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a", "0" * 600_000)
            file.writestr("b", "0" * 600_000)
    assert path.stat().st_size < 20_000
    with pytest.raises(DataError, match="'b' goes beyond the 1,000,000 bytes that are allowed"):
        extract(path, tmp_path / "out", max_bytes=1_000_000)
    with pytest.raises(DataError, match="'b' is one more than the 1 that are allowed"):
        extract(path, tmp_path / "out", max_files=1)
    assert list((tmp_path / "out").iterdir()) == []
    assert extract(path, tmp_path / "out", max_files=2, max_bytes=1_200_000) == 2


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_cut_short_is_refused(tmp_path, mode):
    import random

    noise = "".join(random.Random(0).choices("abcdefghij", k=50_000))
    archive = tar(tmp_path / "x.tar", ("a", "first"), ("b", noise), mode=mode)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(DataError, match=r"x\.tar: (is not a readable archive|could not be unpacked)"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_no_archive(tmp_path):
    (tmp_path / "x.tar").write_text("<html>404</html>" * 100)
    with pytest.raises(DataError, match=r"x\.tar: is not a readable archive: .* Delete it and fetch it again"):
        extract(tmp_path / "x.tar", tmp_path / "out")


def test_a_full_disk(tmp_path, monkeypatch):
    import errno
    import os

    archive = tar(tmp_path / "x.tar", *GOOD)

    def full(*a):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DataError, match=r"could not be unpacked into .*: No space left on device"):
        extract(archive, tmp_path / "out")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


# -- headers and tables, which Python reads whole before anything of them is seen --


def headers(kind: bytes, size: int, *, count: int = 1, mode: str = "wb") -> bytes:
    """Tar headers of a kind that say they are `size` bytes long, before an empty file; compressed well, where they are long."""
    one = tarfile.TarInfo("long")
    one.type, one.size = kind, size
    content = b"x" * min(size, 2000) if size > 0 else b""
    block = one.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)
    return block * count + tarfile.TarInfo("a").tobuf() + bytes(1024)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_gigabytes_is_not_read(tmp_path, kind, monkeypatch):
    (tmp_path / "x.tar").write_bytes(headers(kind, 4_300_000_000))
    asked = []
    read = tarfile.bltn_open

    def opened(*given):
        file = read(*given)
        return type(
            "File",
            (),
            {
                "__getattr__": lambda self, name: getattr(file, name),
                "read": lambda self, n=-1: (asked.append(n), file.read(min(n, 10**6)))[1],
            },
        )()

    monkeypatch.setattr(tarfile, "bltn_open", opened)
    with pytest.raises(
        DataError, match=r"x\.tar: the entry 'long' has headers that are not allowed; nothing was unpacked"
    ):
        extract(tmp_path / "x.tar", tmp_path / "out")
    assert max(asked) <= 512


def test_a_chain_of_headers_is_refused(tmp_path):
    (tmp_path / "x.tar").write_bytes(headers(tarfile.GNUTYPE_LONGNAME, 10, count=1500))
    with pytest.raises(DataError, match="has headers that are not allowed"):
        extract(tmp_path / "x.tar", tmp_path / "out")


@pytest.mark.parametrize("size", [-512, -1024])
def test_a_negative_size_is_refused(tmp_path, size):
    one = tarfile.TarInfo("a")
    block = bytearray(one.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size.to_bytes(12, "big", signed=True)
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "x.tar").write_bytes(bytes(block) * 3 + bytes(1024))
    with pytest.raises(DataError, match="has a negative size"):
        extract(tmp_path / "x.tar", tmp_path / "out")


@pytest.mark.parametrize("keys", [{"size": "-512"}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}])
def test_attributes_that_make_an_archive_endless_are_refused(tmp_path, keys):
    one = tarfile.TarInfo("a")
    one.pax_headers = keys
    (tmp_path / "x.tar").write_bytes(one.tobuf(tarfile.PAX_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=r"has a negative size|sparse"):
        extract(tmp_path / "x.tar", tmp_path / "out")


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "a/" * 33 + "b"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_that_no_disk_takes_are_refused(tmp_path, name, kind):
    if kind == "tar":
        tar(tmp_path / "x", (name, "content"))
    else:
        with zipfile.ZipFile(tmp_path / "x", "w") as file:
            file.writestr(name, "content")
    with pytest.raises(DataError, match="more than 255 bytes, or of more than 32 folders"):
        extract(tmp_path / "x", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_folders_count_too(tmp_path):
    archive = tar(tmp_path / "x.tar", *((f"folder{number}", tarfile.DIRTYPE) for number in range(9)), mode="w:gz")
    with pytest.raises(DataError, match="'folder5' is one more than the 5 that are allowed"):
        extract(archive, tmp_path / "out", max_files=5)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_entry_that_unpacks_without_a_bound_is_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as file:
        file.writestr("a", "0" * 10_000)
    with pytest.raises(DataError, match="is compressed in a way that is not allowed"):
        extract(tmp_path / "x.zip", tmp_path / "out")


def test_a_zip_with_a_long_table_is_not_read(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for number in range(50):
            file.writestr(f"{number}", "")
    monkeypatch.setattr(fetch, "MAX_TABLE", 1000)
    with pytest.raises(DataError, match="has a table of contents that is too long"):
        extract(tmp_path / "x.zip", tmp_path / "out")


def test_xz_is_no_archive_here(tmp_path):
    """Its header may ask for 4 GB of memory."""
    tar(tmp_path / "x.tar.xz", *GOOD, mode="w:xz")
    with pytest.raises(DataError, match="is not a readable archive"):
        extract(tmp_path / "x.tar.xz", tmp_path / "out")


def test_the_proof_is_moved_when_everything_else_is_on_the_disk(tmp_path, monkeypatch):
    done = []

    def told(name, original):
        def call(first, *rest):
            what = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(rest[0])
            done.append((name, Path(what).name))
            return original(first, *rest)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, told(name, getattr(os, name)))
    extract(tar(tmp_path / "x.tar", *GOOD), tmp_path / "out", last="set/a.txt")
    proof = done.index(("replace", "a.txt"))
    assert {("fsync", name) for name in ("a.txt", "b.txt", "empty", "set", "deep", "out")} <= set(done[:proof])
    assert {("replace", "b.txt"), ("replace", "empty")} <= set(done[:proof])
    assert set(done[proof + 1 :]) == {("fsync", "set"), ("fsync", "out")}


def test_what_a_killed_unpacking_left_is_removed_and_what_a_living_one_unpacks_is_not(tmp_path):
    from pixelwise.run.lock import unfinished_folder

    dead = tmp_path / "out" / f".{'a' * 32}.part"
    dead.mkdir(parents=True)
    (dead / "half").write_text("half")
    dead.with_suffix(".lock").touch()
    with unfinished_folder(tmp_path / "out") as living:
        (living / "mine").touch()
        extract(tar(tmp_path / "x.tar", *GOOD), tmp_path / "out")
        assert (living / "mine").exists()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["set"]
