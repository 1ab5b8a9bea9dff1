"""The context that the resolvers of one request share: viewer, authorized operation, data loaders."""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from strawberry.dataloader import DataLoader

from session_graph.access.viewer import Viewer
from session_graph.engine.operation import AuthorizedOperation
from session_graph.token_bucket import TokenBucket

Load = Callable[[list[Any]], Awaitable[list[Any]]]


class ResumableEvent:
    """An event of a subscription that can start again after it, at its cursor: the transport sends that as its id."""

    cursor: str


@dataclass(slots=True)
class RequestContext:
    """The context of one request."""

    viewer: Viewer
    operation: AuthorizedOperation = field(init=False)
    """Set by the analysis, before anything is executed."""
    budget: TokenBucket | None = field(default=None, init=False)
    """What the viewer's budget is since the operation was charged, if there are budgets."""
    _loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict, init=False)

    def clear_loaders(self) -> None:
        """Drop all loaders, so that the next event of a subscription reads its data again."""
        self._loaders.clear()

    def loader(self, key: Hashable, load: Load, *, cache: bool = True) -> DataLoader[Any, Any]:
        """Return the request's data loader of this name; it calls `load` once for each turn of the event loop.

        With `cache`, the keys to load must be hashable.
        """
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load_fn=load, cache=cache)
        return self._loaders[key]

    async def load_all(self, key: Hashable, load: Load, ids: Iterable[Any]) -> dict[Any, Any]:
        """Return the values by id: one call of `load` for the ids that the loader has not loaded before."""
        loader = self.loader(key, load)
        found = {id_: loader.load(id_) for id_ in set(ids)}
        return {id_: await value for id_, value in found.items()}
