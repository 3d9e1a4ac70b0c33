"""Download with checksum, then unpack. A file that a person put into `downloads/` is used without the network."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from pixelwise.data.fetch.addresses import ADDRESSES, Archive
from pixelwise.data.fetch.archive import extract
from pixelwise.errors import DataError, did_you_mean

Progress = Callable[[str, int, int], None]  # what is being done; done; total (0 = not known)
TIMEOUT = 30  # seconds without a byte


def fetch(
    name: str, root: Path, *, progress: Progress | None = None, addresses: Mapping[str, tuple[Archive, ...]] = ADDRESSES
) -> tuple[str, ...]:
    """Bring the data set `name` under the data folder `root`; returns a line for each archive: what was done.

    An archive that is already unpacked is left alone, one that lies in `root/downloads` is checked and unpacked, any
    other is downloaded to there. What was downloaded is deleted once it is unpacked; what a person put there stays.

    Raises DataError where the name is unknown, there is no network (with the file to put where), the checksum is
    wrong, or the disk is full.
    """
    if name not in addresses:
        raise DataError(
            f"there is no address for '{name}'; there is {', '.join(addresses)}.", hint=did_you_mean(name, addresses)
        )
    report = progress or (lambda what, done, total: None)
    return tuple(_bring(name, archive, root, report) for archive in addresses[name])


def _bring(name: str, archive: Archive, root: Path, progress: Progress) -> str:
    if (root / archive.proof).is_file():
        return f"{archive.file}: already unpacked ({root / archive.proof} is there)"
    file = root / "downloads" / archive.file
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
        _check_room(archive, file)
        pooch.retrieve(archive.address, archive.checksum, fname=file.name, path=file.parent, downloader=loader)
    except requests.RequestException as error:
        raise DataError(
            f"could not be downloaded: {_reason(error)}.",
            where=archive.address,
            hint=f"Put the file {archive.file} (about {archive.mebibytes} MiB, {archive.checksum.replace(':', ' ')}) into "
            f"{file.parent} and repeat `pixelwise data fetch {name}`: it is then taken from there.",
        ) from error
    except ValueError as error:  # pooch has deleted the file
        raise DataError(
            f"what came is not what was expected ({archive.checksum}); it was deleted.",
            where=archive.address,
            hint="Repeat; if it fails again, the publisher has changed the file.",
        ) from error
    except OSError as error:
        raise DataError(
            f"could not be written: {error.strerror or error}.", where=str(file), hint="Is the disk full or read-only?"
        ) from error


def _check(archive: Archive, file: Path) -> None:
    import pooch

    algorithm, _, digest = archive.checksum.partition(":")
    if (found := pooch.file_hash(str(file), alg=algorithm)) != digest:
        raise DataError(
            f"is not the file that was expected: {algorithm} {found}, expected {digest}.",
            where=str(file),
            hint="It was left where it is. Was its download cut short? Delete it and repeat.",
        )


def _check_room(archive: Archive, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(file.parent).free // 2**20
    if free < 2 * archive.mebibytes:
        raise OSError(f"about {2 * archive.mebibytes} MiB are needed (archive and content), {free} MiB are free")


def _reason(error: Exception) -> str:
    """The innermost cause in a few words: `requests` wraps it several times."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"the server did not answer within {TIMEOUT} seconds"
    if isinstance(error, requests.ConnectionError):
        return "there is no connection to the server"
    return type(error).__name__


class _Bar:
    """What pooch expects of a progress bar."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.what, self.progress = what, progress
        self.total = 0
        self.done = 0

    def update(self, count: int) -> None:
        self.done = min(self.done + count, self.total) if self.total else self.done + count
        self.progress(self.what, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """Nothing to close: whoever shows the progress does."""
