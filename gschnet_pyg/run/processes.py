"""Several processes become one group, whoever has started them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as dist
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.lsf import LSFEnvironment
from lightning.fabric.plugins.environments.mpi import MPIEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.strategies.ddp import DDPStrategy
from lightning.fabric.utilities.exceptions import MisconfigurationException

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.processes import ALONE, Layout, Processes

_PATIENCE = timedelta(days=2)
"""How long processes wait for the first one, which may have molecules to download and convert."""


def must_start_others(layout: Layout, section: str = "") -> bool:
    """Whether several processes are asked for, and neither a cluster nor the user starts them.

    Args:
        layout: that is asked for.
        section: of the recipe that says so, with a dot at its end.

    Raises:
        RecipeError: if others were started than the layout says, or machines cannot find each other.
    """
    # srun, unlike torchrun, also starts commands that have nothing to do with each other
    cluster = _cluster() if layout.size > 1 or TorchElasticEnvironment.detect() else None
    if cluster is not None:
        if not isinstance(cluster, LightningEnvironment) and cluster.world_size() != layout.size:
            raise RecipeError(
                f"{section}devices: {cluster.world_size()} processes were started, but devices={layout.devices} and "
                f"nodes={layout.nodes} ask for {layout.size}; make the numbers agree"
            )
        return False
    if layout.nodes > 1 and not {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"} <= os.environ.keys():
        raise RecipeError(
            f"{section}nodes: nobody has started {layout.size} processes on {layout.nodes} machines; use srun or "
            "torchrun, or run the command on every machine with MASTER_ADDR, MASTER_PORT and NODE_RANK (from 0) set"
        )
    return layout.size > 1


@contextmanager
def joined(layout: Layout, section: str = "", between_cpus: bool = False) -> Iterator[Processes]:
    """Join the other processes of a layout, which come here too; a process alone has nobody to join.

    Args:
        layout: of all processes.
        section: as for :func:`must_start_others`.
        between_cpus: nothing is to be computed together.

    Yields:
        This process among the others, for use inside the block.

    Raises:
        RecipeError: if the processes that were started are not those of the layout.
    """
    if layout.size == 1:
        yield ALONE
        return
    cluster = _cluster()
    assert cluster is not None, "processes are started before they join"
    with quiet_lightning():
        try:
            fabric = Fabric(
                accelerator=layout.accelerator,
                devices=layout.devices,
                num_nodes=layout.nodes,
                strategy=DDPStrategy(process_group_backend="gloo" if between_cpus else None),
                plugins=[cluster],
            )
            fabric.launch()
        except (ValueError, MisconfigurationException) as error:
            raise RecipeError(f"{section}devices: {str(error).splitlines()[0]}") from error
    group = dist.new_group(backend="gloo", timeout=_PATIENCE)
    with _only_the_first_speaks(fabric.global_rank):
        yield Processes(fabric.global_rank, fabric.world_size, fabric.device, group, cluster)
    dist.destroy_process_group()  # not after an error: the others may be in the middle of something


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice from the user: what matters is said by this package."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _cluster() -> ClusterEnvironment | None:
    """Lightning's view of what has started this process as one of several; none if nobody has.

    Raises:
        RecipeError: if that was started in a way that Lightning does not know.
    """
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if "LOCAL_RANK" in os.environ:
        return LightningEnvironment()
    # a job's number of tasks says nothing of a command that is not started by srun
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        try:
            return SLURMEnvironment(auto_requeue=False)
        except RuntimeError as error:
            raise RecipeError(f"SLURM: {error}") from None
    for kind in (LSFEnvironment, MPIEnvironment):
        if kind.detect():
            return kind()
    return None


@contextmanager
def _only_the_first_speaks(rank: int) -> Iterator[None]:
    """Warnings of the other processes are those of the first again."""
    if rank:
        logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
