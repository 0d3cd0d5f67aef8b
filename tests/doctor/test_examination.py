"""What is missing or broken is found, with a remedy, and never ends the examination."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gschnet_pyg import cli
from gschnet_pyg.doctor import Check, Diagnosis, examination, examine, machine, neighbor_search, software, surroundings


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str) -> None:
    """A package that comes before the installed one."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(content)
    monkeypatch.syspath_prepend(str(folder))
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ("raise ModuleNotFoundError('No module', name='torch_cluster')", "note", "not installed; an exact twin"),
        ("raise OSError('_version_cpu.so: undefined symbol: _ZN3c10')", "note", "undefined symbol: _ZN3c10"),
        ("raise RuntimeError('compiled with different CUDA versions')", "note", "different CUDA versions"),
        ("raise ImportError('no _radius_cpu')", "note", "installed, but not usable (no _radius_cpu)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "problem", "takes the process down (signal 11)"),
        (
            "import torch\n__version__ = '0'\n"
            "def radius_graph(pos, r, **more): return torch.empty(2, 0, dtype=torch.int64)",
            "problem",
            "finds other neighbours than its twin",
        ),
    ],
    ids=["missing", "other torch", "other CUDA", "incomplete", "crash", "wrong"],
)
def test_torch_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, status: str, words: str) -> None:
    install(tmp_path, monkeypatch, "torch_cluster", content)
    check = neighbor_search.torch_cluster()
    assert check.status == status
    assert words in check.found
    assert "torch-cluster" in (check.remedy or "")
    assert "--no-build-isolation" in (check.remedy or "")


@pytest.mark.parametrize(
    ("content", "found", "remedy"),
    [
        ("raise ModuleNotFoundError('No module named rdkit', name='rdkit')", "not installed", "pip install rdkit"),
        (
            "raise ModuleNotFoundError('No module named PIL', name='PIL')",
            "needs PIL, which is not installed",
            "pip install PIL",
        ),
        (
            "raise ImportError('libXrender.so.1: cannot open')",
            "is installed, but does not work: ImportError: libXrender.so.1: cannot open",
            "pip install --force-reinstall rdkit",
        ),
    ],
)
def test_packages_that_do_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, found: str, remedy: str
) -> None:
    install(tmp_path, monkeypatch, "rdkit", content)
    assert software.rdkit() == Check("RDKit", "problem", found, remedy)


def test_versions_that_are_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["numpy>=999", "nowhere-to-be-found>=1", "rich", "dreams>=1; extra == 'dev'"]
    monkeypatch.setattr("gschnet_pyg.doctor.software.metadata.requires", lambda name: needed)
    check = software.dependencies()
    assert check.status == "problem"
    assert "but >=999 is needed; nowhere-to-be-found is not installed" in check.found
    assert check.remedy == "pip install 'numpy>=999' 'nowhere-to-be-found>=1'"


def device(**more: Any) -> SimpleNamespace:
    return SimpleNamespace(name="H100", total_memory=80e9, major=9, minor=0, **more)


@pytest.fixture
def torch_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A torch that says of the GPUs what it is told to say."""

    def pretend(cuda: str | None, driver: str | None, fails: str | None = None, is_usable: bool = False) -> None:
        def ones(*shape: int, **more: Any) -> Any:
            if fails:
                raise RuntimeError(fails)
            return SimpleNamespace(sum=lambda: 3.0)

        found = SimpleNamespace(
            is_available=lambda: is_usable,
            device_count=lambda: 1,
            get_device_properties=lambda number: device(),
            get_arch_list=lambda: ["sm_70"],
        )
        torch = SimpleNamespace(cuda=found, version=SimpleNamespace(cuda=cuda), backends=SimpleNamespace(), ones=ones)
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setattr(machine, "_nvidia_driver", lambda: driver)

    return pretend


@pytest.mark.parametrize(
    ("said", "status", "found", "remedy"),
    [
        ((None, None), "ok", "none; ", None),
        ((None, "driver 535.1, H100"), "note", "NVIDIA (driver 535.1, H100), but torch is built for the CPU", "CUDA"),
        (("13.0", "driver 535.1, H100"), "note", "built for CUDA 13.0, cannot use it", "update the driver"),
        (("12.8", "driver 570.1, H100", None, True), "ok", "H100, 80 GB, capability 9.0; driver 570.1", None),
        (("12.8", None, "no kernel image", True), "problem", "does not compute: no kernel image", "capability"),
    ],
)
def test_gpus(
    torch_with: Callable[..., None], said: tuple[Any, ...], status: str, found: str, remedy: str | None
) -> None:
    torch_with(*said)
    check = machine.gpu()
    assert check.status == status
    assert found in check.found
    assert (remedy is None and check.remedy is None) or remedy in (check.remedy or "")  # type: ignore[operator]


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    check = surroundings.cache()
    assert check.status == "problem"
    assert "XDG_CACHE_HOME" in (check.remedy or "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert surroundings.cache().status == "ok"
    assert list((tmp_path / "gschnet_pyg").iterdir()) == []


def test_login_of_wandb(no_login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = surroundings.wandb()
    assert check.status == "note"
    assert "wandb login" in (check.remedy or "")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    check = surroundings.wandb()
    assert (check.status, check.remedy) == ("ok", None)
    assert check.found.endswith("logged in")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert "offline" in surroundings.wandb().found
    monkeypatch.setattr("gschnet_pyg.doctor.surroundings.util.find_spec", lambda name: None)
    assert surroundings.wandb().remedy == "pip install wandb"


def test_what_goes_wrong_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> Check:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(examination, "EXAMINERS", {"first": wrong, "second": machine.processor})
    diagnosis = examine()
    assert diagnosis.checks[0].status == "problem"
    assert "ZeroDivisionError: nobody thought of this" in diagnosis.checks[0].found
    assert diagnosis.checks[1].status == "ok"
    assert not diagnosis.is_well


WELL = Check("this", "ok", "fine")
BROKEN = Check("that", "problem", "broken [bracket]", "mend it")


@pytest.mark.parametrize(
    ("checks", "options", "code", "out"),
    [
        ([WELL], (), 0, "Everything that is needed works"),
        ([WELL, BROKEN], (), 1, "To be put right: that"),
        ([WELL, BROKEN], ("--quiet",), 1, "-> mend it"),
        ([WELL], ("--quiet",), 0, ""),
    ],
)
def test_command(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[Check],
    options: tuple[str, ...],
    code: int,
    out: str,
) -> None:
    monkeypatch.setattr("gschnet_pyg.doctor.examine", lambda: Diagnosis(tuple(checks)))
    monkeypatch.setattr("sys.argv", ["gschnet-pyg", "doctor", *options])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == code
    text = capsys.readouterr().out
    assert out in text if out else text == ""
    monkeypatch.setattr("sys.argv", ["gschnet-pyg", "doctor", "--json"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    found = json.loads(capsys.readouterr().out)
    assert exit_.value.code == code
    assert found["ok"] is (code == 0)
    assert found["checks"][0] == {"name": "this", "status": "ok", "found": "fine", "remedy": None}
