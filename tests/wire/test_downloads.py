"""Downloads: whole or not at all, in constant memory, and the connection is given back."""

import gc
import os
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
from chatsdk.arguslm import ArgusLMError

from .answers import FRAMINGS, framed, head, json_reply, reply
from .server import SILENCE

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
    with pytest.raises(APIError, match="before"):
        _ = download.content


def test_silence(export, tmp_path):
    download, _ = export([head(200, "Content-Length: 100"), CSV, SILENCE], timeout=0.2)
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


def test_a_target_that_is_a_folder(export, tmp_path):
    (tmp_path / "folder").mkdir()
    download, _ = export(reply(CSV))
    with pytest.raises((IsADirectoryError, PermissionError)):
        download.save(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


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


def test_total_timeout(export, tmp_path):
    gate = threading.Event()
    download, _ = export([head(200, "Content-Length: 100"), CSV, gate], total_timeout=0.3)
    with pytest.raises(APITimeoutError):
        download.save(tmp_path / "a.csv")
    gate.set()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="uptime.csv"', "uptime.csv"),
        ("attachment; filename=uptime.csv", "uptime.csv"),
        ("attachment; filename*=UTF-8''na%C3%AFve.csv", "naïve.csv"),
        ('attachment; filename="größe.csv"', "größe.csv"),
        ('attachment; filename="\u6a21.csv"'.encode("utf-8").decode("latin-1"), "\u6a21.csv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\evil\\\\x.csv"', "x.csv"),
        ('attachment; filename=".."', None),
        ('attachment; filename=""', None),
        ("attachment", None),
        (None, None),
    ],
)
def test_filename(export, header, name):
    lines = [f"Content-Disposition: {header}"] if header else []
    download, _ = export(reply(CSV, 200, *lines))
    assert download.filename == name
