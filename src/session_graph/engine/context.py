"""What the resolvers of one request share: the viewer, what the operation selects, and loaders."""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from strawberry.dataloader import DataLoader

from session_graph.access.viewer import Viewer
from session_graph.engine.operation import AuthorizedOperation
from session_graph.engine.selection import Selection

Load = Callable[[list[Any]], Awaitable[list[Any]]]


@dataclass(slots=True)
class RequestContext:
    """The context of one request. It is bound to its operation by the analysis, before anything is executed."""

    viewer: Viewer
    _operation: AuthorizedOperation | None = field(default=None, init=False)
    _loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict, init=False)

    @property
    def operation(self) -> AuthorizedOperation:
        """The operation that may be executed."""
        assert self._operation is not None, "no operation is executed before it is analysed"
        return self._operation

    @property
    def selection(self) -> Selection:
        """What the operation selects."""
        return self.operation.selection

    def bind(self, operation: AuthorizedOperation) -> None:
        """Allow the operation to be executed in this context."""
        self._operation = operation

    def forget_loaded(self) -> None:
        """Drop what was loaded, so that the next event of a subscription reads it again."""
        self._loaders.clear()

    def loader(self, key: Hashable, load: Load, *, cache: bool = True) -> DataLoader[Any, Any]:
        """Return the request's loader of this key. What is asked of it in one turn of the loop is one call of `load`.

        With `cache`, keys must be hashable.
        """
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load_fn=load, cache=cache)
        return self._loaders[key]

    async def load_all(self, key: Hashable, load: Load, wanted: Iterable[Any]) -> dict[Any, Any]:
        """Load each of `wanted` by the loader of this key: one call for those that it has not loaded before."""
        loader = self.loader(key, load)
        found = {each: loader.load(each) for each in set(wanted)}
        return {each: await value for each, value in found.items()}
