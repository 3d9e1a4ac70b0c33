"""Download data sets from their publishers, check their checksums, and unpack them within limits.

A file that a person put into `downloads/` is used without the network. An archive that came from elsewhere may hold plain
files and folders only, and only under the target. Refused as a whole, with nothing left behind: absolute names, `..`,
backslashes, drive letters, links of both kinds, devices, the same name twice, and everything beyond the limits below (a
small archive can unpack to terabytes, and one header can be gigabytes long).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import IO, Any, Literal

from pixelwise.errors import DataError, did_you_mean
from pixelwise.run.atomic import sync_folder
from pixelwise.run.lock import lock, unfinished_folder

Progress = Callable[[str, int, int], None]  # what is being done; done; total (0 = not known)
MAX_FILES = 500_000  # entries of an archive, folders too
MAX_BYTES = 50 * 2**30
MAX_HEADER = 16 * 2**10  # bytes of a header with a long name or attributes
MAX_HEADERS = 8  # of them before one entry
MAX_TABLE = 16 * 2**20  # bytes of a zip archive's table of contents: about 200,000 files
MAX_DEPTH = 32  # folders in a name
CHUNK = 1 << 20
Entry = tuple[str, Callable[[], IO[bytes] | None]]  # name; opens the content, None for a folder
UNFINISHED = re.compile(r"tmp[a-z0-9_]{8}")  # a download under way, as pooch names it
TIMEOUT = 30  # seconds without a byte
VOC = "https://thor.robots.ox.ac.uk/pascal/VOC"
CIFAR = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"


@dataclass(frozen=True)
class Archive:
    """One file of a publisher.

    checksum:   algorithm and hexadecimal digest, e.g. `md5:c52e…`
    mebibytes:  its size, for people who wait
    proof:      a file under the data folder that shows that it was unpacked
    """

    address: str
    checksum: str
    mebibytes: int
    proof: str

    @property
    def file(self) -> str:
        return self.address.rpartition("/")[2]


def _voc(year: int, file: str, md5: str, mebibytes: int, split: str) -> Archive:
    proof = f"VOCdevkit/VOC{year}/ImageSets/Segmentation/{split}.txt"
    return Archive(f"{VOC}/voc{year}/{file}", f"md5:{md5}", mebibytes, proof)


# The publisher gives no digests; these MD5 sums are the ones that torchvision has checked the same files with for years.
ADDRESSES: dict[str, tuple[Archive, ...]] = {
    "voc2007": (
        _voc(2007, "VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", 439, "trainval"),
        _voc(2007, "VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", 430, "test"),
    ),
    "voc2012": (_voc(2012, "VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd", 1907, "trainval"),),
    "cifar10": (Archive(CIFAR, "md5:c58f30108f718f92721af3b95e74349a", 163, "cifar-10-batches-py/test_batch"),),
}


def fetch(
    name: str, root: Path, *, progress: Progress | None = None, addresses: Mapping[str, tuple[Archive, ...]] = ADDRESSES
) -> tuple[str, ...]:
    """Bring the data set `name` under the data folder `root`; returns a line for each archive: what was done.

    An archive that is already unpacked is left alone, one that lies in `root/downloads` is checked and unpacked, any
    other is downloaded to it. A downloaded file is deleted after it was unpacked; a file that a person put there is kept.

    Raises DataError if the name is unknown, the network cannot be reached (the error names the file and where to put it), the
    checksum is wrong, or the disk is full.
    """
    if name not in addresses:
        what = f"no address is known for '{name}'; choose from {', '.join(addresses)}."
        raise DataError(what, hint=did_you_mean(name, addresses))
    report = progress or (lambda what, done, total: None)
    return tuple(_bring(name, archive, root, report) for archive in addresses[name])


def _bring(name: str, archive: Archive, root: Path, progress: Progress) -> str:
    if (root / archive.proof).is_file():
        return f"{archive.file}: already unpacked ({root / archive.proof} is there)"
    file = root / "downloads" / archive.file
    with _alone(file.parent):
        return _fetch(name, archive, root, file, progress)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder of downloads, without what a killed download left there. Raises DataError if another process does."""
    file = folder / ".lock"
    with ExitStack() as held:
        try:
            mine = held.enter_context(lock(file)) is not None
        except OSError as error:
            what = f"could not be written: {error.strerror or error}."
            raise DataError(what, where=str(folder), hint="Is the disk full or read-only?") from error
        if not mine:
            raise DataError("another process is fetching into this folder.", where=str(folder), hint="Wait for it.")
        for path in folder.iterdir():
            if UNFINISHED.fullmatch(path.name) and path.is_file():
                path.unlink()
        try:
            yield
        finally:
            with suppress(OSError):
                file.unlink()


def _fetch(name: str, archive: Archive, root: Path, file: Path, progress: Progress) -> str:
    mine = not file.exists()
    if mine:
        _download(name, archive, file, progress)
    else:
        _check(archive, file)
    count = extract(file, root, last=archive.proof, progress=lambda done: progress(f"unpack {archive.file}", done, 0))
    if not (root / archive.proof).is_file():
        raise DataError(f"was unpacked, but {archive.proof} is not in it.", where=str(file), hint="Is it another file?")
    if mine:
        file.unlink()
    return f"{archive.file}: {count:,} files unpacked"


def _download(name: str, archive: Archive, file: Path, progress: Progress) -> None:
    import pooch
    import requests

    logging.getLogger("pooch").setLevel(logging.ERROR)  # it announces each file; we show a bar
    pooch.get_logger().setLevel(logging.ERROR)
    bar = _Bar(f"download {archive.file}", progress)
    loader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 18, timeout=TIMEOUT)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(file.parent).free // 2**20) < (needed := 2 * archive.mebibytes):
            raise OSError(f"about {needed} MiB are needed (archive and content), {free} MiB are free")
        pooch.retrieve(archive.address, archive.checksum, fname=file.name, path=file.parent, downloader=loader)
    except requests.RequestException as error:
        about = f"{archive.file} (about {archive.mebibytes} MiB, {archive.checksum.replace(':', ' ')})"
        repeat = f"repeat `pixelwise data fetch {name}`: it is then taken from there."
        hint = f"Put the file {about} into {file.parent} and {repeat}"
        raise DataError(f"could not be downloaded: {_reason(error)}.", where=archive.address, hint=hint) from error
    except ValueError as error:  # pooch has deleted the file
        what = f"the downloaded file does not have the checksum that was expected ({archive.checksum}); it was deleted."
        hint = "Try again. If it fails again, the publisher has changed the file."
        raise DataError(what, where=archive.address, hint=hint) from error
    except OSError as error:
        what = f"could not be written: {error.strerror or error}."
        raise DataError(what, where=str(file), hint="Is the disk full or read-only?") from error


def _check(archive: Archive, file: Path) -> None:
    import pooch

    algorithm, _, digest = archive.checksum.partition(":")
    if (found := pooch.file_hash(str(file), alg=algorithm)) != digest:
        what = f"is not the file that was expected: {algorithm} {found}, expected {digest}."
        hint = "The file was kept. If its download was cut short, delete it and try again."
        raise DataError(what, where=str(file), hint=hint)


def _reason(error: Exception) -> str:
    """The innermost cause in a few words: `requests` wraps it several times."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"the server did not answer within {TIMEOUT} seconds"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return type(error).__name__


class _Bar:
    """What pooch expects of a progress bar."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.what, self.progress = what, progress
        self.total = self.done = 0

    def update(self, count: int) -> None:
        self.done = min(self.done + count, self.total) if self.total else self.done + count
        self.progress(self.what, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """Nothing to close: the caller that shows the progress closes it."""


# -- unpacking -------------------------------------------------------------------------------------------------------


def extract(
    archive: Path, target: Path, *, last: str = "", max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES,
    progress: Callable[[int], None] | None = None,
) -> int:  # fmt: skip
    """Unpack a tar (plain, gzip or bzip2) or zip archive under `target`; returns the number of files.

    Everything is unpacked into a temporary folder first, and moved when all of it is valid and on the disk. `last` (a name
    in the archive) is moved last, so its presence proves that the others are complete, also after a power cut. The rest of
    an unpacking that was killed is removed. Existing files of the same names are replaced. `progress(files)` is called
    after each file. Raises DataError, see the head of this module.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished_folder(target) as unpacked:
            names = _unpack(archive, unpacked, max_files, max_bytes, progress)
            _sync(unpacked / name for name in names)
            others = [name for name in names if name != last]
            for part in (others, [last] if last in names else []):
                _move(part, unpacked, target)
    except DataError:
        raise
    except Exception as error:  # damage shows in many ways: TarError, BadZipFile, EOFError, zlib.error, LZMAError, ...
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        what, hint = f"is not a readable archive: {reason}.", "Delete it and fetch it again."
        if isinstance(error, OSError) and error.errno:
            what = f"could not be unpacked into {target}: {error.strerror}."
            hint = "Is the disk full or read-only? Repeat when there is room."
        raise DataError(what, where=str(archive), hint=hint) from error
    return len(names)


def _sync(files: Iterable[Path]) -> None:
    """Flush the content of files to the disk; many at a time, which takes a fifth of the time of one after the other."""

    def sync(path: Path) -> None:
        with open(path, "rb+") as file:
            os.fsync(file.fileno())

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(sync, files))


def _move(names: Sequence[str], source: Path, target: Path) -> None:
    """Move files, and flush the lists of names of the folders that they went to."""
    folders: set[Path] = set()
    for name in names:
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source / name, file)
        folders |= {target / parent for parent in PurePath(name).parents}
    for folder in folders:
        sync_folder(folder)


def _unpack(
    archive: Path, target: Path, max_files: int, max_bytes: int, progress: Callable[[int], None] | None
) -> list[str]:
    names: dict[str, None] = {}  # in order
    room = max_bytes
    with closing((_zip_entries if zipfile.is_zipfile(archive) else _tar_entries)(archive)) as entries:
        for number, (name, open_content) in enumerate(entries, start=1):
            if number > max_files:
                raise _refused(archive, name, f"is one more than the {max_files:,} that are allowed")
            path = _safe(name, archive)
            if path in names:
                raise _refused(archive, name, "is in the archive twice")
            content = open_content()
            if content is None:
                (target / path).mkdir(parents=True, exist_ok=True)
                continue
            names[path] = None
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            with content, open(target / path, "xb") as file:
                while chunk := content.read(CHUNK):
                    room -= len(chunk)
                    if room < 0:
                        raise _refused(archive, name, f"goes beyond the {max_bytes:,} bytes that are allowed")
                    file.write(chunk)
            if progress is not None:
                progress(len(names))
    return list(names)


class _Member(tarfile.TarInfo):
    """An entry of a tar archive with bounded headers: Python reads each of them whole into memory."""

    def _proc_member(self, tar: Any) -> Any:  # the method that Python's source names for such changes
        is_header = self.type in (*tarfile.GNU_TYPES, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        before = getattr(tar, "headers", 0)
        tar.headers = before + 1 if is_header else 0
        if is_header and (self.size > MAX_HEADER or before >= MAX_HEADERS or self.type == tarfile.GNUTYPE_SPARSE):
            raise _refused(Path(tar.name), self.name, "has headers that are not allowed")
        undocumented: Any = super()
        found = undocumented._proc_member(tar)
        if found.size < 0:  # the next entry would be this one again
            raise _refused(Path(tar.name), found.name, "has a negative size")
        return found

    def _proc_gnusparse_10(self, *given: Any) -> None:
        raise tarfile.ReadError("a sparse file, whose map has no bound")


def _tar_entries(archive: Path) -> Generator[Entry, None, None]:
    with open(archive, "rb") as file:
        start = file.read(3)
    mode: Literal["r:gz", "r:bz2", "r:"]  # not xz, whose header may ask for 4 GB of memory
    mode = "r:gz" if start[:2] == b"\x1f\x8b" else "r:bz2" if start == b"BZh" else "r:"
    with tarfile.open(archive, mode, tarinfo=_Member) as tar:
        kept: Any = tar
        while (member := tar.next()) is not None:
            kept.members.clear()  # it would keep every entry
            if member.isdir():
                yield member.name, lambda: None
            elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                yield member.name, partial(tar.extractfile, member)
            else:
                kind = "a link" if member.issym() or member.islnk() else "neither a file nor a folder"
                raise _refused(archive, member.name, f"is {kind}")


def _zip_entries(archive: Path) -> Generator[Entry, None, None]:
    with open(archive, "rb") as opened:
        undocumented: Any = zipfile
        if undocumented._EndRecData(opened)[5] > MAX_TABLE:  # it would be read whole
            raise _refused(archive, archive.name, "has a table of contents that is too long")
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            mode = member.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
                raise _refused(archive, member.filename, f"is {kind}")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others have no bound
                raise _refused(archive, member.filename, "is compressed in a way that is not allowed")
            if member.is_dir():
                yield member.filename, lambda: None
            else:
                yield member.filename, partial(file.open, member)


def _safe(name: str, archive: Path) -> str:
    """The name as a relative path of plain parts."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise _refused(archive, name, "is an absolute path")
    if ".." in parts:
        raise _refused(archive, name, "leads out of its folder")
    if "\\" in name or ":" in name or any(ord(character) < 32 for character in name):
        raise _refused(archive, name, "has characters that are not allowed (\\ : or control characters)")
    if len(parts) > MAX_DEPTH or any(len(os.fsencode(part)) > 255 for part in parts):
        raise _refused(archive, name, f"has a name of more than 255 bytes, or of more than {MAX_DEPTH} folders")
    return "/".join(parts) or "."


def _refused(archive: Path, name: str, why: str) -> DataError:
    hint = "Do not trust this file; fetch it again from its publisher."
    return DataError(f"the entry {name[:200]!r} {why}; nothing was unpacked.", where=str(archive), hint=hint)
