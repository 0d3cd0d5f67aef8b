"""ASE databases that were cut or altered somewhere: read as they are, or refused in one line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gschnet_pyg.data.readers import read_ase_database
from gschnet_pyg.data.sources import open_dataset
from tests.faults.outcomes import assert_refused, nothing_written, refusal
from tests.integration.conftest import NO_WORKERS, TINY, Command, Outcome, write_measured

TENTHS = range(10)


def train_on(command: Command, path: str, *more: str) -> Outcome:
    return command("train", "qm9_fast", "data.kind=file", f"data.path={path}", "run.id=x", *TINY, *NO_WORKERS, *more)


@pytest.mark.parametrize("tenth", TENTHS)
def test_cut_at_every_tenth(command: Command, tmp_path: Path, tenth: int) -> None:
    write_measured(tmp_path / "whole.db")
    whole = (tmp_path / "whole.db").read_bytes()
    path = tmp_path / "a.db"
    path.write_bytes(whole[: len(whole) * tenth // 10])
    with nothing_written():
        assert_refused(train_on(command, "a.db"), "a.db", "restore it" if tenth else "is empty")
        assert_refused(command("data", "info", "a.db"), "a.db")
        assert_refused(command("report", "a.db"), "a.db")
        assert_refused(command("report", "whole.db", "--reference", "a.db"), "a.db")
        assert_refused(command("data", "import", "a.db", "-o", "new.db"), "a.db")


@pytest.mark.parametrize("tenth", TENTHS)
def test_a_flipped_byte_in_every_tenth(command: Command, tmp_path: Path, tenth: int) -> None:
    """What no reader can notice is read; everything else is one line."""
    write_measured(tmp_path / "whole.db")
    whole = (tmp_path / "whole.db").read_bytes()
    altered = bytearray(whole)
    altered[len(whole) * tenth // 10 + 21] ^= 0xFF
    (tmp_path / "a.db").write_bytes(altered)
    for words in (("data", "info", "a.db"), ("report", "a.db", "--sample", 0)):
        outcome = command(*words)
        if outcome.code:
            assert_refused(outcome, "a.db")


@pytest.mark.slow
@pytest.mark.parametrize("tenth", TENTHS)
def test_training_on_a_flipped_byte(command: Command, tmp_path: Path, tenth: int) -> None:
    write_measured(tmp_path / "a.db")
    altered = bytearray((tmp_path / "a.db").read_bytes())
    altered[len(altered) * tenth // 10 + 21] ^= 0xFF
    (tmp_path / "a.db").write_bytes(altered)
    outcome = train_on(command, "a.db", "training.max_steps=1")
    if outcome.code:
        assert_refused(outcome, "a.db")
        assert not Path("runs").exists()


def test_flipped_bytes_everywhere(tmp_path: Path) -> None:
    write_measured(tmp_path / "whole.db")
    whole = (tmp_path / "whole.db").read_bytes()
    path, refused = tmp_path / "a.db", 0
    for place in range(0, len(whole), len(whole) // 100):
        altered = bytearray(whole)
        altered[place] ^= 0xFF
        path.write_bytes(altered)
        refused += refusal(lambda: open_dataset(path, cache_dir=tmp_path / "cache", progress=False)) is not None
    assert 0 < refused < 100  # most of a database is no molecule's


@pytest.mark.parametrize(
    ("metadata", "fact"),
    [
        ('[1, 2]', "no ASE database"),
        ('{"_distance_unit": 3}', "3 as a unit"),
        ('{"_property_unit_dict": ["eV"]}', "as a unit"),
        ('{"_property_unit_dict": {"gap": 1.5}}', "1.5 as a unit"),
        ('{"_property_unit_dict": {"gap": "eV\\n\\u001b[31m"}}', None),
        ('{"gschnet_pyg": {"requested": "many", "finished": 32}}', "no count"),
        ('{"gschnet_pyg": {"requested": 1, "finished": 32}}', "more were finished than requested"),
        ('{"gschnet_pyg": {"requested": 32, "finished": 32, "conditions": [3]}}', "conditions in its metadata"),
        ('{"gschnet_pyg": {"conditions": [{"kind": "curve", "property": "x"}]}}', "curve"),
        (
            '{"gschnet_pyg": {"requested": 32, "finished": 32, "conditions": [{"kind": "scalar", "property": "gap", '
            '"minimum": 0, "maximum": 1, "spacing": 1, "computed": {"kind": "fingerprint"}}]}}',
            "a fingerprint is a vector",
        ),
        ('{"gschnet_pyg": [1]}', None),
        ("{", "no ASE database"),
    ],
)  # fmt: skip
def test_metadata_of_any_content(command: Command, tmp_path: Path, metadata: str, fact: str | None) -> None:
    write_measured(tmp_path / "a.db")
    with closing(sqlite3.connect("a.db")) as connection, connection:
        connection.execute("UPDATE information SET value = ? WHERE name = 'metadata'", (metadata,))
    outcome = command("report", "a.db", "--sample", 0)
    if fact is None:
        assert outcome.code == 0, outcome.err
    else:
        assert_refused(outcome, "a.db", fact)


@pytest.mark.parametrize("column", ["positions", "numbers"])
def test_more_atoms_than_positions(tmp_path: Path, column: str) -> None:
    write_measured(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        (blob,) = connection.execute(f"SELECT {column} FROM systems WHERE id = 7").fetchone()
        connection.execute(f"UPDATE systems SET {column} = ? WHERE id = 7", (blob[: len(blob) // 2 // 24 * 24],))
    message = refusal(lambda: read_ase_database(tmp_path / "a.db", progress=False))
    assert message is not None
    assert "row 7" in message or "no ASE database" in message
