"""Downloads: whole or not at all, in constant memory, and the connection is given back."""

import errno
import gc
import gzip
import io
import os
import stat
import sys
import threading
import tracemalloc

import pytest

from chatsdk import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    Client,
    NotFoundError,
    Service,
)
from chatsdk._core import replace_file as file_module
from chatsdk.arguslm import ArgusLMError

from .answers import FRAMINGS, framed, head, json_reply, reply
from .server import CLOSE, SILENCE

CSV = 'model_name,status\r\n"a, b\u2028c",up\r\n'.encode()
NAMED = 'Content-Disposition: attachment; filename="uptime_history.csv"'


@pytest.fixture
def export(serve):
    """Ask for a download of the given answers; keywords are settings of the service."""
    clients = []

    def ask(*answers, **settings):
        server = serve(*answers)
        clients.append(Client(arguslm=Service(server.url, **settings)))
        return clients[-1].arguslm.export_uptime_history(format="csv"), server

    yield ask
    for client in clients:
        client.close()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_content(export, framing):
    download, _ = export(framed(framing, [CSV[:7], CSV[7:]], NAMED, kind="text/csv; charset=utf-8"))
    assert download.content == CSV
    assert download.text == CSV.decode()
    assert download.content is download.content
    assert download.headers["content-type"] == "text/csv; charset=utf-8"
    assert download.filename == "uptime_history.csv"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_save(export, tmp_path, framing):
    download, _ = export(framed(framing, [CSV[:7], CSV[7:]], kind="text/csv"))
    seen = []
    download.save(tmp_path / "a.csv", progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "a.csv").read_bytes() == CSV
    assert os.listdir(tmp_path) == ["a.csv"]
    assert seen[-1] == (len(CSV), len(CSV) if framing == "length" else None)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_bar(export, tmp_path, monkeypatch, capsys, framing):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    download, _ = export(framed(framing, [CSV[:7], CSV[7:]], kind="text/csv"))
    download.save(tmp_path / "a.csv", progress=True)
    assert (tmp_path / "a.csv").read_bytes() == CSV
    total = f"/{len(CSV)}" if framing == "length" else ""
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"{len(CSV)}{total} B, ")


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_save_to_a_relative_path(export, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    download, _ = export(reply(CSV))
    download.save(kind("a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == CSV


def test_the_length_is_known_because_no_compression_is_asked_for(export):
    download, server = export(reply(CSV))
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert download.content == CSV


def test_the_connection_is_used_again(serve, tmp_path):
    server = serve(reply(CSV))
    with Client(arguslm=server.url) as client:
        for name in "ab":
            client.arguslm.export_uptime_history(format="csv").save(tmp_path / name)
    assert len(server.requests) == 2
    assert len(server.connections) == 1


@pytest.mark.parametrize("framing", FRAMINGS[:3])
def test_a_cut_download_leaves_nothing_behind(export, tmp_path, framing):
    target = tmp_path / "a.csv"
    target.write_bytes(b"what was there")
    download, _ = export(framed(framing, [CSV], cut=True, kind="text/csv"))
    with pytest.raises(APIConnectionError) as caught:
        download.save(target)
    assert isinstance(caught.value, ArgusLMError)
    assert target.read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("framing", FRAMINGS[:3])
def test_a_cut_download_has_no_content(export, framing):
    download, _ = export(framed(framing, [CSV], cut=True, kind="text/csv"))
    with pytest.raises(APIConnectionError):
        _ = download.content
    with pytest.raises(APIError, match="already"):
        _ = download.content


def test_an_encoding_that_nobody_asked_for(export, tmp_path):
    download, _ = export(reply(bytes(range(256)), 200, "Content-Encoding: br"))
    with pytest.raises(APIResponseError, match="br"):
        download.save(tmp_path / "a.csv")
    assert os.listdir(tmp_path) == []


def test_silence(export, tmp_path):
    download, _ = export([head(200, "Content-Length: 100"), CSV, SILENCE], timeout=0.1)
    with pytest.raises(APITimeoutError):
        download.save(tmp_path / "a.csv")
    assert os.listdir(tmp_path) == []


def test_a_callback_that_raises_ends_it_cleanly(export, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    download, server = export([head(200, "Content-Length: 100"), CSV, SILENCE])
    with pytest.raises(KeyboardInterrupt):
        download.save(tmp_path / "a.csv", progress=stop)
    assert os.listdir(tmp_path) == []
    assert server.connections[0].closed.wait(5)


def test_a_folder_that_is_not_there_costs_nothing(export, tmp_path):
    download, _ = export(reply(CSV))
    with pytest.raises(FileNotFoundError):
        download.save(tmp_path / "no" / "a.csv")
    download.save(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == CSV


def test_a_target_that_is_a_folder_costs_nothing(export, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    download, _ = export(reply(CSV))
    for target in (tmp_path / "folder", "folder", b"folder/", "new/", "new/.", "file/", ".", "..", ""):
        with pytest.raises(IsADirectoryError, match="folder"):
            download.save(target)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert download.content == CSV


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no symbolic links")
def test_a_link_stays_a_link(export, tmp_path):
    (tmp_path / "real.csv").write_bytes(b"")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    download, _ = export(reply(CSV))
    download.save(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == CSV


def test_first_into_memory_then_to_disk(export, tmp_path):
    download, server = export(reply(CSV))
    assert download.text
    download.save(tmp_path / "a.csv")
    download.save(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == CSV
    assert len(server.requests) == 1


def test_saved_once(export, tmp_path):
    download, _ = export(reply(CSV))
    download.save(tmp_path / "a.csv")
    for again in (lambda: download.save(tmp_path / "b.csv"), lambda: download.content, lambda: download.text):
        with pytest.raises(APIError, match="saved"):
            again()
    assert os.listdir(tmp_path) == ["a.csv"]


def test_content_is_bounded_and_a_file_is_not(export, tmp_path):
    body = b"x" * 300_000
    download, _ = export(reply(body), max_response_bytes=1000)
    with pytest.raises(APIResponseError, match="more than 1000 bytes"):
        _ = download.content
    download, _ = export(reply(body), max_response_bytes=1000)
    download.save(tmp_path / "a")
    assert (tmp_path / "a").stat().st_size == 300_000


def test_constant_memory(export, tmp_path):
    piece = b"x" * 65536
    pieces = [piece] * 256  # 16 MiB
    download, _ = export(framed("chunked", pieces, kind="text/csv"))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        download.save(tmp_path / "a")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert (tmp_path / "a").stat().st_size == 256 * 65536
    assert peak < 4 * 2**20


def test_a_refusal_is_raised_by_the_call(export):
    with pytest.raises(NotFoundError, match="no such run"):
        export(json_reply({"detail": "no such run"}, 404))


def test_closed_by_another_thread_while_it_is_read(export, monkeypatch):
    download, _ = export([head(200), CSV, SILENCE])  # its end is that of the connection
    read_body = download._exchange.read_body

    def read_and_close(*args):
        closing = threading.Thread(target=download.close)
        closing.start()
        try:
            read_body(*args)
        finally:
            closing.join(5)

    monkeypatch.setattr(download._exchange, "read_body", read_and_close)
    with pytest.raises(APIConnectionError, match="was called"):
        _ = download.content


@pytest.mark.parametrize("leave", ["close", "with", "drop"])
def test_leaving_it_frees_the_connection(export, leave):
    download, server = export([head(200, "Content-Length: 100"), CSV, SILENCE])
    if leave == "close":
        download.close()
        download.close()
    elif leave == "with":
        with download:
            pass
    else:
        del download
        gc.collect()
    assert server.connections[0].closed.wait(5)
    if leave != "drop":
        with pytest.raises(APIError, match="closed"):
            _ = download.content


def test_total_timeout(export, tmp_path):
    gate = threading.Event()
    download, _ = export([head(200, "Content-Length: 100"), CSV, gate], total_timeout=0.2)
    with pytest.raises(APITimeoutError):
        download.save(tmp_path / "a.csv")
    gate.set()
    assert os.listdir(tmp_path) == []


def test_filename(export):
    download, _ = export(reply(CSV, 200, "Content-Disposition: attachment; filename=gr\u00f6\u00dfe.csv:s"))
    assert download.filename == "gr\u00f6\u00dfe.csv_s"
    assert download.filename is download.filename
    download, _ = export(reply(CSV))
    assert download.filename is None


@pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "none"])
def test_a_length_that_is_no_number(export, tmp_path, length):
    download, _ = export([head(200, f"Content-Length: {length}"), CSV, CLOSE])
    totals = set()
    download.save(tmp_path / "a.csv", progress=lambda done, total: totals.add(total))
    assert (tmp_path / "a.csv").read_bytes() == CSV
    assert totals == {None}


def test_the_total_of_a_compressed_file_is_unknown(export, tmp_path):
    """Its length is that of the compressed bytes; progress counts those of the file."""
    download, _ = export(reply(gzip.compress(CSV * 100), 200, "Content-Encoding: gzip"))
    seen = []
    download.save(tmp_path / "a.csv", progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "a.csv").read_bytes() == CSV * 100
    assert seen[-1] == (len(CSV) * 100, None)


class FullDisk(io.FileIO):
    """A file on a disk without room: every write fails, the one in close() too."""

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_nothing_behind(export, tmp_path, monkeypatch):
    opened = []

    def open_on_full_disk(path, mode):
        opened.append(io.BufferedWriter(FullDisk(path, mode.replace("b", ""))))
        return opened[-1]

    monkeypatch.setattr(file_module, "open", open_on_full_disk, raising=False)
    (tmp_path / "a.csv").write_bytes(b"what was there")
    download, _ = export(framed("length", [CSV]))
    with pytest.raises(OSError, match="No space left"):
        download.save(tmp_path / "a.csv")
    assert opened[0].closed
    assert os.listdir(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"what was there"


def test_the_first_error_is_the_one_that_is_raised(export, tmp_path, monkeypatch):
    """Whatever fails while cleaning up, on a full disk or one that was pulled out."""

    def fail(*_):
        raise PermissionError("cleaning up")

    monkeypatch.setattr(os, "remove", fail)
    monkeypatch.setattr(
        file_module, "open", lambda path, mode: io.BufferedWriter(FullDisk(path, "x")), raising=False
    )
    download, server = export([head(200, "Content-Length: 100"), CSV, SILENCE])

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.save(tmp_path / "a.csv", progress=stop)
    assert server.connections[0].closed.wait(5)


def test_the_file_is_on_the_disk_before_it_gets_its_name(export, tmp_path, monkeypatch):
    """After a power cut there is the old file or the whole new one."""
    target = tmp_path / "a.csv"
    synced = []

    def fsync(number):
        synced.append((os.fstat(number).st_size, target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    download, _ = export(reply(CSV))
    download.save(target)
    assert synced == [(len(CSV), False)]
    assert target.read_bytes() == CSV


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_system_call_that_fails(export, tmp_path, monkeypatch, name):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, fail)
    download, _ = export(reply(CSV))
    with pytest.raises(OSError, match="Input/output error"):
        download.save(tmp_path / "a.csv")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="modes and pipes are those of POSIX")
class TestWhatStandsThere:
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o700])
    def test_a_file_keeps_its_mode(self, export, tmp_path, mode):
        target = tmp_path / "a.csv"
        target.touch()
        target.chmod(mode)
        export(reply(CSV))[0].save(target)
        assert target.read_bytes() == CSV
        assert target.stat().st_mode & 0o777 == mode

    def test_nobody_reads_along(self, export, tmp_path):
        (tmp_path / "a.csv").touch(0o600)
        modes = set()

        def look(done, total):
            modes.update(path.stat().st_mode & 0o777 for path in tmp_path.iterdir())

        export(reply(CSV))[0].save(tmp_path / "a.csv", progress=look)
        assert modes == {0o600}

    def test_a_new_file_has_the_mode_of_the_umask(self, export, tmp_path):
        before = os.umask(0o027)
        try:
            export(reply(CSV))[0].save(tmp_path / "a.csv")
        finally:
            os.umask(before)
        assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640

    def test_a_pipe_or_a_device_stays(self, export, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        download, _ = export(reply(CSV))
        for target in (tmp_path / "pipe", tmp_path / "link", tmp_path / "loop", os.devnull):
            with pytest.raises(OSError, match="not a regular file"):
                download.save(target)
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
        assert sorted(os.listdir(tmp_path)) == ["link", "loop", "pipe"]
        assert download.content == CSV
