"""Servers and archives that mean harm: nothing endless, nothing from elsewhere, nothing written outside."""

from __future__ import annotations

import functools
import http.server
import socket
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gschnet_pyg import untrusted
from gschnet_pyg.data import qm9
from gschnet_pyg.data.download import LARGEST, download
from tests.data.test_qm9 import open_small, sdf, table, write_raw
from tests.faults.outcomes import content, must_refuse, refusal

BODY = bytes(range(256)) * 64


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the name of what is asked for."""

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name.startswith("to-") or name == "loop":
            self.send_response(302)
            self.send_header("Location", name.removeprefix("to-") if name != "loop" else "/loop")
            self.end_headers()
            return
        lengths = {"whole": len(BODY), "longer": len(BODY) + 1, "shorter": 100, "huge": 10**15, "negative": -5}
        self.send_response(200)
        if name in lengths:
            self.send_header("Content-Length", str(lengths[name]))
        if name == "words":
            self.send_header("Content-Length", "many")
        if name == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if name == "endless":
            with_everything = BODY * 16
            try:
                while True:
                    self.wfile.write(with_everything)
            except OSError:  # the client has gone
                return
        if name == "chunked":
            self.wfile.write(b"5\r\nhello\r\nFFFFFFFFFFFFFFFFFFFF\r\n")
            return
        if name != "empty":
            self.wfile.write(BODY)


@pytest.fixture
def server() -> Iterator[str]:
    """Address of a server that means harm."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def nothing_but_a_lock(path: Path) -> bool:
    return not path.exists() and {file.suffix for file in path.parent.iterdir()} <= {".lock"}


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("longer", "bytes"), ("huge", "1,000,000,000,000,000 bytes"), ("negative", "bytes"), ("words", "many"),
        ("empty", "got 0 of"), ("endless", "goes on after"), ("chunked", "cannot be downloaded"),
    ],
)  # fmt: skip
def test_answers_that_are_not_what_they_say(tmp_path: Path, server: str, name: str, fact: str) -> None:
    path = tmp_path / "qm9.zip"
    call = functools.partial(download, f"{server}/{name}", path, progress=False, largest=2**20)
    must_refuse(call, name, fact, f"put it by hand at {path}")
    assert nothing_but_a_lock(path)


def test_answers_that_are_fine(tmp_path: Path, server: str) -> None:
    """A length that is too short cuts the file: its reader then finds it damaged."""
    for name in ("whole", "without-length", "to-/whole"):
        download(f"{server}/{name}", tmp_path / name.replace("/", "-"), progress=False, largest=len(BODY))
        assert (tmp_path / name.replace("/", "-")).read_bytes() == BODY
    download(f"{server}/shorter", tmp_path / "qm9.zip", progress=False)
    assert (tmp_path / "qm9.zip").stat().st_size == 100
    must_refuse(lambda: open_small(tmp_path, remove_uncharacterised=False), "qm9.zip: damaged", "delete")
    assert LARGEST == 2**30


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,hello", "gopher://127.0.0.1/x"])
def test_other_places_than_the_web(tmp_path: Path, server: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ftp_proxy", server)  # which would fetch it
    path = tmp_path / "qm9.zip"
    must_refuse(lambda: download(target, path, progress=False), "no http or https address", "put it by hand")
    must_refuse(lambda: download(f"{server}/to-{target}", path, progress=False), "cannot be downloaded")
    assert nothing_but_a_lock(path)


@pytest.mark.parametrize(
    "url", ["", "qm9.zip", "http://", "http://[", "http://a b/\n", "HTTPX://x", "http://127.0.0.1:1"]
)
def test_addresses_that_are_none(tmp_path: Path, url: str) -> None:
    must_refuse(lambda: download(url, tmp_path / "qm9.zip", progress=False), "cannot be downloaded")


def test_redirects_without_end_and_servers_without_an_answer(tmp_path: Path, server: str) -> None:
    must_refuse(lambda: download(f"{server}/loop", tmp_path / "a", progress=False), "infinite loop", "by hand")
    with socket.socket() as listener:  # nobody answers HTTP there
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        must_refuse(lambda: download(f"http://127.0.0.1:{port}/x", tmp_path / "a", progress=False), "by hand")


def archive(folder: Path, **members: str) -> Path:
    return write_raw(folder, **members) / "qm9.zip"


def read(folder: Path) -> object:
    return open_small(folder, remove_uncharacterised=False)


def test_members_with_paths_lead_nowhere(tmp_path: Path) -> None:
    """Members are streamed by name, never unpacked."""
    folder = tmp_path / "a" / "b"
    folder.parent.mkdir()
    path = archive(folder)
    with zipfile.ZipFile(path, "a") as zipped:
        for name in ("../../evil", f"{tmp_path}/evil", "..\\..\\evil", "a/../../../evil", "gdb9.sdf/../../evil"):
            zipped.writestr(name, "evil")
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, f"{tmp_path}/evil")
        zipped.writestr("link/evil", "evil")
    before = content(tmp_path)
    assert len(read(folder)) == 5
    assert content(tmp_path).keys() == before.keys()
    assert not list(tmp_path.rglob("*evil*"))


def test_a_link_in_place_of_a_member(tmp_path: Path) -> None:
    path = archive(tmp_path / "raw")
    secret = tmp_path / "secret.csv"
    secret.write_text(table())
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("gdb9.sdf", sdf())
        link = zipfile.ZipInfo("gdb9.sdf.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, str(secret))
    must_refuse(lambda: read(tmp_path / "raw"), "qm9.zip")


@pytest.mark.parametrize("name", ["gdb9.sdf", "gdb9.sdf.csv"])
def test_a_member_that_inflates_beyond_its_stated_size(tmp_path: Path, name: str) -> None:
    """Its header says a hundred bytes, of which there are sixteen million."""
    path = archive(tmp_path / "raw", **{name: "x" * 2**24})
    whole, size = bytearray(path.read_bytes()), (2**24).to_bytes(4, "little")
    number = whole.count(size)
    assert number >= 2
    for _ in range(number):
        place = whole.find(size)
        whole[place : place + 4] = (100).to_bytes(4, "little")
    path.write_bytes(whole)
    must_refuse(lambda: read(tmp_path / "raw"), "qm9.zip", "delete")


def test_archives_that_become_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path / "raw", **{"notes": "x" * 2**24})
    monkeypatch.setattr(untrusted, "_PLENTY", 2**20)
    must_refuse(lambda: read(tmp_path / "raw"), "qm9.zip: damaged", "bytes would become", "delete")
    monkeypatch.undo()
    archive(tmp_path / "raw", **{"gdb9.sdf.csv": table() + "gdb_6,1\n" * 10**5})
    must_refuse(lambda: read(tmp_path / "raw"), "properties of more than 5 molecules")
    monkeypatch.setitem(qm9._LARGEST, "gdb9.sdf", 100)
    must_refuse(lambda: read(tmp_path / "raw"), "properties of more than 5")
    archive(tmp_path / "raw")
    must_refuse(lambda: read(tmp_path / "raw"), "gdb9.sdf would have")


def test_an_archive_inside_an_archive_stays_closed(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner").read_bytes()
    path = archive(tmp_path / "raw")
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("qm9.zip", inner)
    must_refuse(lambda: read(tmp_path / "raw"), "holds no gdb9.sdf.csv")


@pytest.mark.parametrize(("offset", "value"), [(8, 99), (8, 12), (6, 1)])
def test_methods_that_nobody_asked_for(tmp_path: Path, offset: int, value: int) -> None:
    """Compression by a method of another number, or encryption."""
    path = archive(tmp_path / "raw")
    whole = bytearray(path.read_bytes())
    for signature, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        place = whole.find(signature)
        while place >= 0:
            whole[place + offset + shift] = value
            place = whole.find(signature, place + 4)
    path.write_bytes(whole)
    must_refuse(lambda: read(tmp_path / "raw"), "qm9.zip: damaged", "delete")


def test_archives_with_a_flipped_byte(tmp_path: Path) -> None:
    path = archive(tmp_path / "raw")
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 120):
        altered = bytearray(whole)
        altered[place] ^= 0xFF
        path.write_bytes(altered)
        refusal(lambda: read(tmp_path / "raw"))


@pytest.mark.parametrize("text", ["", "x\n" * 20, "\xff" * 90, f"{'h' * 9}\n" * 9 + "9" * 30 + " x\n\n", "\x00" * 50])
def test_exclusions_of_any_content(tmp_path: Path, text: str) -> None:
    write_raw(tmp_path / "raw")
    (tmp_path / "raw" / "uncharacterized.txt").write_text(text, encoding="latin-1")
    must_refuse(lambda: open_small(tmp_path / "raw"), "uncharacterized.txt", "delete")
