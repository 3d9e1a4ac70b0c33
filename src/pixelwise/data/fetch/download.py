"""Bringing data sets from their publishers: download with checksum, then unpack.

A file that a person put into `downloads/` is used without the network.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data.fetch.archive import extract
from pixelwise.errors import DataError, did_you_mean

Progress = Callable[[str, int, int], None]  # what is being done; done; total (0 = not known)
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
    other is downloaded to there. What was downloaded is deleted once it is unpacked; what a person put there stays.

    Raises DataError where the name is unknown, there is no network (with the file to put where), the checksum is
    wrong, or the disk is full.
    """
    if name not in addresses:
        what = f"there is no address for '{name}'; there is {', '.join(addresses)}."
        raise DataError(what, hint=did_you_mean(name, addresses))
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
        what = f"what came is not what was expected ({archive.checksum}); it was deleted."
        hint = "Repeat; if it fails again, the publisher has changed the file."
        raise DataError(what, where=archive.address, hint=hint) from error
    except OSError as error:
        what = f"could not be written: {error.strerror or error}."
        raise DataError(what, where=str(file), hint="Is the disk full or read-only?") from error


def _check(archive: Archive, file: Path) -> None:
    import pooch

    algorithm, _, digest = archive.checksum.partition(":")
    if (found := pooch.file_hash(str(file), alg=algorithm)) != digest:
        what = f"is not the file that was expected: {algorithm} {found}, expected {digest}."
        hint = "It was left where it is. Was its download cut short? Delete it and repeat."
        raise DataError(what, where=str(file), hint=hint)


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
        self.total = self.done = 0

    def update(self, count: int) -> None:
        self.done = min(self.done + count, self.total) if self.total else self.done + count
        self.progress(self.what, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """Nothing to close: whoever shows the progress does."""
