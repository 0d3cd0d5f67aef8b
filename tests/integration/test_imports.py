"""What commands do without, since it takes seconds to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gschnet_pyg import contracts, run

REPORT = """
import sys
from pathlib import Path
from gschnet_pyg import run
report = run.report(Path(sys.argv[1]), sys.argv[2], measurements=run.Measurements(sample=3), progress=False)
print(report.rdkit["valid"].count, *{"torch", "lightning", "matplotlib", "pandas"} & set(sys.modules))
"""


@pytest.mark.parametrize("reference", ["a run", "a file"])
def test_a_report_needs_no_torch(database: Path, conditioned: Path, reference: str) -> None:
    known = database if reference == "a file" else conditioned
    arguments = [sys.executable, "-c", REPORT, str(database), str(known)]
    found = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert found == "32\n"


@pytest.mark.parametrize("room", [run, contracts])
def test_every_name_of_a_room_is_there(room: object) -> None:
    names = room.__all__  # type: ignore[attr-defined]
    assert all(getattr(room, name) is not None for name in names)
    assert set(names) <= set(dir(room))
    with pytest.raises(AttributeError, match="tarin"):
        room.tarin  # type: ignore[attr-defined]  # noqa: B018
