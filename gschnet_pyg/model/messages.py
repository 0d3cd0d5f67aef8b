"""The sum of filtered neighbours, for all steps of a batch at once: one batched product, or gathered pairs.

Both are written with their own derivatives. The filter of two sites is the same in both directions, so
the sum is a symmetric map of the features: its derivative by them is the same sum over the gradients,
and no index needs to be turned around.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gschnet_pyg.contracts import PairList, PairTable

PIECE = 2**19
"""Numbers that are gathered at a time."""


def messages(h: Tensor, filters: Tensor, zero: Tensor, focus_node: Tensor, pairs: PairTable | PairList) -> Tensor:
    """Sum the filtered features of all neighbours, for every node and focus token.

    The focus token hears and is heard like the site that it sits on: it is added to its site before the sum,
    and reads the site's sum after it. Between the two of them stands the filter at distance zero.

    Args:
        h: ``[n_nodes + n_steps, F]`` features, nodes first, then the focus token of every step.
        filters: ``[n_filters, F]`` filters of the pairs.
        zero: ``[F]`` filter at distance zero.
        focus_node: ``[n_steps]`` node that carries the focus token.
        pairs: who hears whom.

    Returns:
        ``[n_nodes + n_steps, F]``.
    """
    kind = _Product if isinstance(pairs, PairTable) else _Gathered
    summed: Tensor = kind.apply(h, filters, zero.to(h.dtype), focus_node, pairs)  # type: ignore[no-untyped-call]
    return summed


def _with_tokens(h: Tensor, focus_node: Tensor, n_spare: int = 0) -> Tensor:
    """Features of the nodes with those of the focus tokens added to their sites; some empty rows at the end."""
    n_nodes = len(h) - len(focus_node)
    loaded = h.new_empty(n_nodes + n_spare, h.shape[1])
    loaded[:n_nodes] = h[:n_nodes]
    loaded[n_nodes:] = 0.0
    return loaded.index_add_(0, focus_node, h[n_nodes:])


def _add_zero_distance(summed: Tensor, h: Tensor, zero: Tensor, focus_node: Tensor) -> Tensor:
    """The sums of nodes and tokens, with the messages between each token and its site."""
    n_nodes = len(h) - len(focus_node)
    of_token = summed.index_select(0, focus_node) + h.index_select(0, focus_node) * zero
    summed = torch.cat([summed, of_token])
    return summed.index_add_(0, focus_node, h[n_nodes:] * zero)


def _zero_gradient(h: Tensor, grad: Tensor, focus_node: Tensor) -> Tensor:
    """Gradient ``[F]`` of the filter at distance zero."""
    n_nodes = len(h) - len(focus_node)
    to_site = h[n_nodes:] * grad.index_select(0, focus_node)
    to_token = h.index_select(0, focus_node) * grad[n_nodes:]
    return (to_site + to_token).sum(0)


def columns(table: Tensor, column: Tensor) -> Tensor:
    """Columns of a table; on a CPU its cores share the work, as they do not for ``index_select``."""
    return table.gather(1, column.expand(len(table), -1))


class _Product(torch.autograd.Function):
    """One batched product for every feature and molecule: ``[steps, sites] x [sites, sites]``."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, filters: Tensor, zero: Tensor, focus_node: Tensor, table: PairTable) -> Tensor:
        n_features = h.shape[1]
        turned = filters.new_empty(n_features, len(filters) + 1)
        turned[:, :-1] = filters.t()
        turned[:, -1] = 0.0
        weights = columns(turned, table.filter_row.flatten()).to(h.dtype)
        weights = weights.view(-1, table.max_sites, table.max_sites)
        padded = _padded(_with_tokens(h, focus_node, n_spare=1), table)
        ctx.save_for_backward(h, zero, focus_node, weights, padded)
        ctx.table, ctx.filter_dtype = table, filters.dtype
        return _add_zero_distance(_compact(torch.bmm(padded, weights), table), h, zero, focus_node)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, zero, focus_node, weights, padded = ctx.saved_tensors
        table = ctx.table
        padded_grad = _padded(_with_tokens(grad, focus_node, n_spare=1), table)
        grad_h = _add_zero_distance(_compact(torch.bmm(padded_grad, weights), table), grad, zero, focus_node)
        by_slot = torch.bmm(padded.transpose(1, 2), padded_grad).view(h.shape[1], -1).to(ctx.filter_dtype)
        both = columns(by_slot, table.pair_slot[0]) + columns(by_slot, table.pair_slot[1])
        return grad_h, both.t(), _zero_gradient(h, grad, focus_node), None, None


def _padded(features: Tensor, table: PairTable) -> Tensor:
    """Rows of nodes (the last one is empty) as ``[F x molecules, steps, sites]``."""
    turned = features.index_select(0, table.slot_node).t().contiguous()
    return turned.view(-1, table.max_steps, table.max_sites)


def _compact(product: Tensor, table: PairTable) -> Tensor:
    """``[F x molecules, steps, sites]`` as rows of nodes."""
    n_slots = len(table.slot_node)
    return product.view(-1, n_slots).t().contiguous().index_select(0, table.node_slot)


class _Gathered(torch.autograd.Function):
    """One row for every pair of every step, in pieces that stay in the cache."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, filters: Tensor, zero: Tensor, focus_node: Tensor, pairs: PairList) -> Tensor:
        dtype = filters.dtype
        loaded, filters = _with_tokens(h, focus_node), filters.to(h.dtype)
        ctx.save_for_backward(h, filters, zero, focus_node, loaded)
        ctx.pairs, ctx.filter_dtype = pairs, dtype
        summed, space = torch.zeros_like(loaded), _Workspace(pairs, loaded, 2)
        for first, second, row in space.pieces():
            weights = space.rows(0, filters, row)
            summed.index_add_(0, second, space.rows(1, loaded, first).mul_(weights))
            summed.index_add_(0, first, space.rows(1, loaded, second).mul_(weights))
        return _add_zero_distance(summed, h, zero, focus_node)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, filters, zero, focus_node, loaded = ctx.saved_tensors
        loaded_grad = _with_tokens(grad, focus_node)
        summed, grad_filters = torch.zeros_like(loaded), torch.zeros_like(filters)
        space = _Workspace(ctx.pairs, loaded, 4)
        for first, second, row in space.pieces():
            of_first, of_second = space.rows(0, loaded_grad, first), space.rows(1, loaded_grad, second)
            share = space.rows(2, loaded, first).mul_(of_second)
            grad_filters.index_add_(0, row, share.addcmul_(space.rows(3, loaded, second), of_first))
            weights = space.rows(2, filters, row)
            summed.index_add_(0, second, of_first.mul_(weights))
            summed.index_add_(0, first, of_second.mul_(weights))
        grad_h = _add_zero_distance(summed, grad, zero, focus_node)
        return grad_h, grad_filters.to(ctx.filter_dtype), _zero_gradient(h, grad, focus_node), None, None


class _Workspace:
    """Room for the rows of some pairs at a time, used again for the next ones while it is in the cache."""

    def __init__(self, pairs: PairList, like: Tensor, n_rooms: int) -> None:
        self.pairs = pairs
        self.n_rows = max(1, PIECE // like.shape[1])
        self.room = like.new_empty(n_rooms, min(self.n_rows, len(pairs.first)), like.shape[1])

    def pieces(self) -> Iterator[tuple[Tensor, ...]]:
        """Nodes and filter rows of the pairs, some at a time."""
        return zip(*(torch.split(column, self.n_rows) for column in self.pairs), strict=True)

    def rows(self, room: int, table: Tensor, index: Tensor) -> Tensor:
        """Rows of a table, in one of the rooms."""
        return torch.index_select(table, 0, index, out=self.room[room, : len(index)])
