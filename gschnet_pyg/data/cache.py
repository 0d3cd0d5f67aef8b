"""A slow source is converted once into a directory of plain arrays, which is memory-mapped ever after."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import is_writable
from gschnet_pyg.untrusted import DAMAGE, sealed, unsealed

_FORMAT = 3  # another one whenever a file would be converted otherwise
_log = logging.getLogger(__name__)


def user_cache() -> Path:
    """Folder of this user's caches: ``$XDG_CACHE_HOME/gschnet_pyg``, by default under ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gschnet_pyg"


def short_hash(content: Any) -> str:
    """Short hash of anything that JSON can hold."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()


def stat_hash(*paths: Path) -> str:
    """Short hash of size and time of files: another one when they change."""
    stats = [path.stat() for path in paths]
    return short_hash([_FORMAT, [(stat.st_size, stat.st_mtime_ns) for stat in stats]])


def cached_beside(
    path: Path, options: Any, build: Callable[[], MoleculeArrays], cache_dir: Path | None = None
) -> MoleculeArrays:
    """Arrays of a file from ``<file>.gschnet-cache``, or from the user's cache where that cannot be written.

    Args:
        path: the file; the cache is rebuilt when its size or time changes.
        options: whatever else decides the result, as JSON.
        build: converts the file.
        cache_dir: keep the cache in this folder instead.
    """
    return cached_among(cache_roots(path, cache_dir), stat_hash(path), short_hash(options), build)


def found_beside(path: Path, options: Any, cache_dir: Path | None = None) -> MoleculeArrays | None:
    """What :func:`cached_beside` would give without converting anything; none if that is still to be done."""
    return _found_among(cache_roots(path, cache_dir), stat_hash(path), short_hash(options))


def cache_roots(path: Path, cache_dir: Path | None = None) -> list[Path]:
    """Folders where the caches of a file may lie, best first: beside it, then the user's; or only ``cache_dir``."""
    name = f"{path.name}.gschnet-cache"
    elsewhere = f"{path.stem}-{short_hash(str(path.resolve()))}.gschnet-cache"
    return [cache_dir / elsewhere] if cache_dir else [path.with_name(name), user_cache() / elsewhere]


def cached_among(roots: Sequence[Path], state: str, key: str, build: Callable[[], MoleculeArrays]) -> MoleculeArrays:
    """Arrays from whichever of some folders has them, built in the first that can be written if none has.

    Arguments and errors are those of :func:`cached`.
    """
    if (arrays := _found_among(roots, state, key)) is not None:
        return arrays
    return cached(next((root for root in roots if _is_writable(root)), roots[-1]), state, key, build)


def _found_among(roots: Sequence[Path], state: str, key: str) -> MoleculeArrays | None:
    found = (_try_load(root / f"{state}-{key}") for root in roots)
    return next((arrays for arrays in found if arrays is not None), None)


def cached(root: Path, state: str, key: str, build: Callable[[], MoleculeArrays]) -> MoleculeArrays:
    """Arrays from ``root/<state>-<key>``, built there first if they are missing or damaged.

    Args:
        root: folder of one source's caches.
        state: of the source; caches of another state are removed.
        key: of the options.
        build: makes the arrays; runs in one process at a time.

    Raises:
        DataError: if the folder cannot be written.
    """
    directory = root / f"{state}-{key}"
    if (arrays := _try_load(directory)) is not None:
        return arrays
    if not _is_writable(root):
        raise DataError(f"{root}: cannot write the cache there; name another folder with cache_dir or XDG_CACHE_HOME")
    with FileLock(root / "lock"):
        if (arrays := _try_load(directory)) is None:
            for stale in (old for old in root.iterdir() if old.is_dir() and not old.name.startswith(f"{state}-")):
                shutil.rmtree(stale, ignore_errors=True)
            arrays = build()
            try:
                _save(arrays, directory)
            except OSError as error:
                raise DataError(f"{root}: cannot write the cache there: {error}") from error
            arrays = load_arrays(directory)
    return arrays


def load_arrays(directory: Path) -> MoleculeArrays:
    """Memory-map the arrays of a cache directory."""
    meta = unsealed((directory / "meta.json").read_text(encoding="utf-8"))

    def mapped(name: str) -> np.ndarray:
        return np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False))

    properties = {
        entry["name"]: Property(mapped(f"property_{i}"), entry["unit"]) for i, entry in enumerate(meta["properties"])
    }
    arrays = MoleculeArrays(
        z=mapped("z"),
        pos=mapped("pos"),
        offsets=mapped("offsets"),
        ids=mapped("ids"),
        properties=properties,
        source=meta["source"],
        id_label=meta["id_label"],
        unusable=meta["unusable"],
        smiles=mapped("smiles") if meta["has_smiles"] else None,
        directory=directory,
        fingerprint=meta["fingerprint"],
    )
    _check_shapes(arrays)
    return arrays


def _check_shapes(arrays: MoleculeArrays) -> None:
    """Refuse arrays that are not of the same molecules.

    Raises:
        ValueError: naming one of them.
    """
    n_atoms, n_molecules = len(arrays.z), len(arrays.ids)
    expected: dict[str, tuple[np.ndarray, str, tuple[int, ...]]] = {
        "z": (arrays.z, "u", (n_atoms,)),
        "pos": (arrays.pos, "f", (n_atoms, 3)),
        "offsets": (arrays.offsets, "i", (n_molecules + 1,)),
        "ids": (arrays.ids, "i", (n_molecules,)),
        **{name: (prop.values, "f", (n_molecules, prop.values.shape[-1])) for name, prop in arrays.properties.items()},
    }
    if arrays.smiles is not None:
        expected["smiles"] = (arrays.smiles, "U", (n_molecules,))
    for name, (values, kind, shape) in expected.items():
        if values.dtype.kind != kind or values.shape != shape:
            raise ValueError(f"{name} is {values.dtype} of {values.shape}, not of {shape}")
    starts = arrays.offsets
    if starts[0] != 0 or starts[-1] != n_atoms or (np.diff(starts) < 1).any():
        raise ValueError("the molecules do not follow one another")


def _try_load(directory: Path) -> MoleculeArrays | None:
    if not directory.is_dir():
        return None
    try:
        arrays = load_arrays(directory)
        if arrays.z.min() < 1 or arrays.z.max() > 118:
            raise ValueError("holds what is no element")
        return arrays
    except DAMAGE as error:
        _log.warning("%s: damaged cache (%s), rebuilt", directory, error)
        return None


def _is_writable(root: Path) -> bool:
    """Whether a folder can be made or written."""
    if not is_writable(next(folder for folder in (root, *root.absolute().parents) if folder.exists())):
        return False
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return is_writable(root)


def _save(arrays: MoleculeArrays, directory: Path) -> None:
    """Write all arrays to a temporary folder, then put it in place at once."""
    folder = Path(tempfile.mkdtemp(dir=directory.parent, prefix="new-"))
    try:
        for name in ("z", "pos", "offsets", "ids"):
            np.save(folder / f"{name}.npy", getattr(arrays, name))
        for i, prop in enumerate(arrays.properties.values()):
            np.save(folder / f"property_{i}.npy", prop.values)
        if arrays.smiles is not None:
            np.save(folder / "smiles.npy", arrays.smiles)
        meta = {
            "source": arrays.source,
            "id_label": arrays.id_label,
            "fingerprint": arrays.hash_content(),
            "properties": [{"name": name, "unit": prop.unit} for name, prop in arrays.properties.items()],
            "unusable": dict(arrays.unusable),
            "has_smiles": arrays.smiles is not None,
        }
        (folder / "meta.json").write_text("".join(sealed(meta)), encoding="utf-8")
        folder.chmod(0o755)
        shutil.rmtree(directory, ignore_errors=True)
        os.replace(folder, directory)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
