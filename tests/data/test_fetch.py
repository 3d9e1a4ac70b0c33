import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pixelwise.data import fetch as downloads
from pixelwise.data.fetch import ADDRESSES, Archive, fetch
from pixelwise.errors import DataError


def content(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 300_000
            file.addfile(member, io.BytesIO(b"x" * 300_000))
    return buffer.getvalue()


GOOD = content("set/list.txt", "set/a.jpg")


@pytest.fixture
def server():
    """A local publisher: /good.tar is whole, /short.tar breaks off, all else is not found. Counts what it was asked."""
    asked = []

    class Publisher(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path not in ("/good.tar", "/short.tar"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD if self.path == "/good.tar" else GOOD[: len(GOOD) // 2])

        def log_message(self, *a: object) -> None:
            """Silent."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", asked
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def sets(address: str, file: str = "good.tar", data: bytes = GOOD) -> dict[str, tuple[Archive, ...]]:
    checksum = f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}"
    return {"toy": (Archive(f"{address}/{file}", checksum, 1, "set/list.txt"),)}


def test_download_check_unpack(tmp_path, server):
    address, asked = server
    calls = []
    lines = fetch("toy", tmp_path, addresses=sets(address), progress=lambda *a: calls.append(a))
    assert lines == ("good.tar: 2 files unpacked",)
    assert (tmp_path / "set/a.jpg").stat().st_size == 300_000
    assert list((tmp_path / "downloads").iterdir()) == []
    bar = [(done, total) for what, done, total in calls if what == "download good.tar"]
    assert bar[-1] == (len(GOOD), len(GOOD))
    assert bar == sorted(bar)
    assert ("unpack good.tar", 2, 0) in calls
    again = fetch("toy", tmp_path, addresses=sets(address))
    assert again[0].startswith("good.tar: already unpacked")
    assert asked == ["/good.tar"]


def test_without_network_it_says_which_file_to_put_where(tmp_path, server):
    offline = sets("http://127.0.0.1:9")
    with pytest.raises(DataError) as caught:
        fetch("toy", tmp_path, addresses=offline)
    message = str(caught.value)
    assert "http://127.0.0.1:9/good.tar: could not be downloaded: the server cannot be reached." in message
    assert "Put the file good.tar (about 1 MiB, md5 " in message
    assert f"into {tmp_path}/downloads and repeat `pixelwise data fetch toy`" in message
    (tmp_path / "downloads/good.tar").write_bytes(GOOD)
    assert fetch("toy", tmp_path, addresses=offline) == ("good.tar: 2 files unpacked",)
    assert (tmp_path / "downloads/good.tar").exists()  # it is theirs


def test_a_file_of_theirs_that_is_another_stays(tmp_path, server):
    address, asked = server
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/good.tar").write_bytes(GOOD[:1000])
    with pytest.raises(
        DataError, match=r"good\.tar: is not the file that was expected: md5 \w+, expected \w+\. The file was kept"
    ):
        fetch("toy", tmp_path, addresses=sets(address))
    assert (tmp_path / "downloads/good.tar").read_bytes() == GOOD[:1000]
    assert asked == []


def test_a_wrong_checksum_is_refused_and_deleted(tmp_path, server):
    with pytest.raises(
        DataError, match=r"the downloaded file does not have the checksum that was expected .*; it was deleted"
    ):
        fetch("toy", tmp_path, addresses=sets(server[0], data=b"other"))
    assert list((tmp_path / "downloads").iterdir()) == []
    assert not (tmp_path / "set").exists()


def test_a_download_cut_short_is_no_file(tmp_path, server):
    with pytest.raises(DataError, match=r"could not be downloaded|checksum that was expected"):
        fetch("toy", tmp_path, addresses=sets(server[0], file="short.tar"))
    assert list((tmp_path / "downloads").iterdir()) == []


def test_an_address_that_is_gone(tmp_path, server):
    with pytest.raises(DataError, match="could not be downloaded: the server answers 404 Not Found"):
        fetch("toy", tmp_path, addresses=sets(server[0], file="gone.tar"))


def test_no_room(tmp_path, server, monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    with pytest.raises(DataError, match=r"about 2 MiB are needed .archive and content., 1 MiB are free"):
        fetch("toy", tmp_path, addresses=sets(server[0]))
    assert server[1] == []


def test_an_archive_without_its_proof(tmp_path, server):
    other = {"toy": (Archive(f"{server[0]}/good.tar", sets(server[0])["toy"][0].checksum, 1, "set/other.txt"),)}
    with pytest.raises(DataError, match=r"was unpacked, but set/other\.txt is not in it"):
        fetch("toy", tmp_path, addresses=other)


def test_an_unknown_name(tmp_path):
    with pytest.raises(
        DataError, match=r"no address is known for 'voc207'; choose from voc2007, voc2012, cifar10\. Did you mean"
    ):
        fetch("voc207", tmp_path)


def test_addresses_are_whole():
    for archives in ADDRESSES.values():
        for archive in archives:
            algorithm, _, digest = archive.checksum.partition(":")
            assert len(digest) == hashlib.new(algorithm, usedforsecurity=False).digest_size * 2
            assert archive.address.startswith("https://")
            assert archive.file.endswith((".tar", ".tar.gz"))


@pytest.mark.parametrize("proxy", ["http://user:SECRET@[bad", "http://user:SECRET@127.0.0.1:9"])
def test_a_proxy_s_password_is_in_no_message(tmp_path, monkeypatch, proxy):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(DataError, match="could not be downloaded") as refused:
        fetch("voc2007", tmp_path)
    assert "SECRET" not in str(refused.value)
