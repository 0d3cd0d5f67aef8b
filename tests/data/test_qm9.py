from __future__ import annotations

import csv
import functools
import http.server
import inspect
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase import units
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from gschnet_pyg.data import qm9
from gschnet_pyg.data.download import download
from gschnet_pyg.data.qm9 import UNITS, open_qm9
from gschnet_pyg.errors import DataError

SMILES = ["C", "N", "O", "C#C", "CC"]
COLUMNS = ["mol_id", "A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "u0", "u298", "h298", "g298",
           "cv", "u0_atom", "u298_atom", "h298_atom", "g298_atom"]  # fmt: skip


def sdf() -> str:
    out = io.StringIO()
    with Chem.SDWriter(out) as writer:
        for number, smiles in enumerate(SMILES, start=1):
            mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
            rdDistGeom.EmbedMolecule(mol, randomSeed=1)
            mol.SetProp("_Name", f"gdb_{number}")
            writer.write(mol)
    return out.getvalue()


def table() -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for number in range(1, len(SMILES) + 1):
        writer.writerow([f"gdb_{number}", *[number + column / 100 for column in range(len(COLUMNS) - 1)]])
    return out.getvalue()


def write_raw(folder: Path, **changes: str) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "qm9.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in {"gdb9.sdf": sdf(), "gdb9.sdf.csv": table(), **changes}.items():
            zipped.writestr(name, content)
    lines = ["header"] * 9 + ["   2  N  x", "   4  C#C  x"] + ["footer", ""]
    (folder / "uncharacterized.txt").write_text("\n".join(lines))
    return folder


open_small = functools.partial(open_qm9, n_molecules=5, n_characterised=3, progress=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of a local server of the raw files."""
    write_raw(tmp_path / "served")
    (tmp_path / "served" / "empty.zip").touch()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/short.zip":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"short")
            else:
                super().do_GET()

    handler = functools.partial(Handler, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_the_archive_is_the_one_that_pyg_names():
    datasets = pytest.importorskip("torch_geometric.datasets")
    assert datasets.QM9.raw_url == qm9.URL
    assert datasets.QM9.raw_url2 == qm9.EXCLUSIONS_URL


def test_download_then_read(tmp_path, server):
    folder = tmp_path / "data"
    options = {"url": f"{server}/qm9.zip", "exclusions_url": f"{server}/uncharacterized.txt"}
    dataset = open_small(folder, **options)
    assert dataset.ids.tolist() == [1, 3, 5]
    assert dataset.n_atoms.tolist() == [5, 3, 8]
    assert {path.name for path in folder.iterdir() if path.suffix != ".lock"} == {
        "qm9.zip", "uncharacterized.txt", "qm9.gschnet-cache",
    }  # fmt: skip
    again = open_small(folder, url="http://127.0.0.1:9/nobody", exclusions_url="http://127.0.0.1:9/nobody")
    assert again.fingerprint == dataset.fingerprint


def test_energies_are_ev_and_the_other_units_are_stated(tmp_path):
    dataset = open_small(write_raw(tmp_path / "raw"), remove_uncharacterised=False)
    assert len(dataset) == 5
    assert set(dataset.properties) == set(UNITS) == set(COLUMNS[1:])
    third = dataset[2]
    assert third.mu.item() == pytest.approx(3.03)
    assert third.A.item() == 3.0
    assert third.gap.item() == pytest.approx(3.07 * units.Hartree)
    assert third.u0_atom.item() == pytest.approx(3.15 * units.kcal / units.mol)
    stated = {name: prop.unit for name, prop in dataset.properties.items()}
    assert stated["homo"] == stated["g298_atom"] == stated["zpve"] == "eV"
    assert (stated["mu"], stated["alpha"], stated["r2"], stated["cv"]) == ("D", "a0^3", "a0^2", "cal/mol/K")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gdb9.sdf": sdf()[:-200]}, "qm9.zip"),
        ({"gdb9.sdf": sdf().split("$$$$")[0] + "$$$$\n"}, "holds 1 molecules, not 5"),
        ({"gdb9.sdf": ""}, "holds 0 molecules"),
        ({"gdb9.sdf.csv": table()[:-120]}, "a property is missing|has properties of 4"),
        ({"gdb9.sdf.csv": table().replace("gdb_3", "gdb_8")}, "do not belong together"),
        ({"gdb9.sdf.csv": table().replace("3.03", "none")}, "gdb index 3: a property is missing or no number"),
    ],
)
def test_archives_that_do_not_hold_what_they_must(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        open_small(write_raw(tmp_path / "raw", **changes))


def test_the_published_number_is_checked(tmp_path):
    with pytest.raises(DataError, match="has properties of 5 molecules, not 133,885"):
        open_qm9(write_raw(tmp_path / "raw"), progress=False)
    with pytest.raises(DataError, match="3 molecules remain in place of 4"):
        open_small(tmp_path / "raw", n_characterised=4)
    (tmp_path / "raw" / "uncharacterized.txt").write_text("\n".join(["x"] * 15))
    with pytest.raises(DataError, match=r"uncharacterized\.txt: damaged"):
        open_small(tmp_path / "raw")


def test_the_published_numbers_are_those_of_the_archive_and_of_its_list():
    defaults = inspect.signature(open_qm9).parameters
    assert defaults["n_molecules"].default - 3054 == defaults["n_characterised"].default == 130_831


def test_the_cache_can_lie_elsewhere(tmp_path):
    raw = write_raw(tmp_path / "raw")
    dataset = open_small(raw, cache_dir=tmp_path / "cache")
    assert {path.name for path in raw.iterdir()} == {"qm9.zip", "uncharacterized.txt"}
    assert dataset.arrays.directory.is_relative_to(tmp_path / "cache")


def test_a_folder_that_only_others_can_write(tmp_path, user_cache):
    raw = write_raw(tmp_path / "raw")
    raw.chmod(0o555)
    dataset = open_small(raw)
    assert {path.name for path in raw.iterdir()} == {"qm9.zip", "uncharacterized.txt"}
    assert dataset.arrays.directory.is_relative_to(user_cache)


def test_the_archive_is_read_from_a_work_directory(tmp_path, monkeypatch):
    raw, work = write_raw(tmp_path / "raw"), tmp_path / "work"
    read: list[Path] = []
    original = qm9.read_archive
    monkeypatch.setattr(qm9, "read_archive", lambda path, *rest: (read.append(path), original(path, *rest))[1])
    dataset = open_small(raw, work_directory=work)
    assert read[0].is_relative_to(work)
    assert dataset.source == str(raw / "qm9.zip")
    assert [path.name for path in work.iterdir()] == [".gschnet-work.lock"]
    assert open_small(raw, work_directory=work).fingerprint == dataset.fingerprint
    assert len(read) == 1


def test_errors_in_a_work_directory_name_the_archive(tmp_path):
    raw = write_raw(tmp_path / "raw", **{"gdb9.sdf": ""})
    archive = re.escape(str(raw / "qm9.zip"))
    with pytest.raises(DataError, match=f"^{archive}: holds 0 molecules, not 5; delete {archive} to"):
        open_small(raw, work_directory=tmp_path / "work")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_archives(tmp_path, share):
    archive = write_raw(tmp_path / "raw") / "qm9.zip"
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="to download it again"):
        open_small(tmp_path / "raw")


def test_archives_that_mean_harm(tmp_path, monkeypatch):
    write_raw(tmp_path / "raw", **{"../../evil.txt": "evil"})
    assert len(open_small(tmp_path / "raw")) == 3
    assert not list(tmp_path.rglob("evil*")) + list(tmp_path.parent.glob("evil*"))
    monkeypatch.setitem(qm9._LARGEST, "gdb9.sdf.csv", 100)
    with pytest.raises(DataError, match=r"would have .* bytes"):
        open_small(write_raw(tmp_path / "bomb"))


def test_an_archive_of_something_else(tmp_path):
    raw = write_raw(tmp_path / "raw")
    with zipfile.ZipFile(raw / "qm9.zip", "w") as zipped:
        zipped.writestr("readme", "hello")
    with pytest.raises(DataError, match=r"holds no gdb9\.sdf\.csv"):
        open_small(raw)


@pytest.mark.parametrize("name", ["empty.zip", "short.zip", "none.zip"])
def test_a_download_that_fails_leaves_nothing_and_says_what_to_do(tmp_path, server, name):
    path = tmp_path / "new" / "qm9.zip"
    with pytest.raises(DataError, match=f"{name}: cannot be downloaded .* put it by hand at {path}"):
        download(f"{server}/{name}", path, progress=False)
    assert [file.suffix for file in path.parent.iterdir()] == [".lock"]


def test_a_server_that_cannot_be_reached(tmp_path):
    with pytest.raises(DataError, match="put it by hand"):
        download("http://127.0.0.1:9/qm9.zip", tmp_path / "qm9.zip", progress=False)
