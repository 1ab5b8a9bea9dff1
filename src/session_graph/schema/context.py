"""What the resolvers of one request share: who asks, the database, the moment, and what is loaded in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import strawberry
from graphql import FieldNode
from strawberry.dataloader import DataLoader

from session_graph.access.viewer import Viewer
from session_graph.engine.selection import Selection
from session_graph.errors import BadUserInput
from session_graph.exports.links import LinkSigner
from session_graph.schema.subscription_hub import SubscriptionHub
from session_graph.settings import Settings
from session_graph.store.database import Database

Load = Callable[[list[Any]], Awaitable[list[Any]]]


@dataclass(frozen=True, slots=True)
class AuthorizedOperation:
    """A request whose fields are readable and whose arguments are well formed.

    `arguments` has what was read of them, by the identity of the field's node.
    """

    selection: Selection
    arguments: Mapping[int, Any]


@dataclass(slots=True)
class Context:
    """`now` is what periods count back from where no cursor says otherwise."""

    viewer: Viewer
    database: Database
    now: datetime
    settings: Settings
    signer: LinkSigner
    _hub: SubscriptionHub | None = None
    _authorized: AuthorizedOperation | None = None
    _loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """What the operation selects."""
        assert self._authorized is not None, "no request is executed before it is authorized"
        return self._authorized.selection

    def arguments(self, info: Info) -> Any:
        """What the arguments of the field that is being resolved were read as."""
        assert self._authorized is not None
        return self._authorized.arguments[id(nodes_of(info)[0])]

    def bind(self, authorized: AuthorizedOperation) -> None:
        """From here on the request may be executed."""
        self._authorized = authorized

    @property
    def hub(self) -> SubscriptionHub:
        """What subscriptions share. Raises BadUserInput where none are served."""
        if self._hub is None:
            raise BadUserInput("Subscriptions are not served here.")
        return self._hub

    def renew(self) -> None:
        """Before the next events of a subscription: it is later now, and what was loaded may have changed."""
        self.now = datetime.now(UTC)
        self._loaders.clear()

    def loader(self, key: Hashable, load: Load, *, keeps: bool = True) -> DataLoader[Any, Any]:
        """The request's one loader of this key; what is asked of it in the same turn is one statement.

        One that keeps what it loaded is asked by values that have a hash.
        """
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load_fn=load, cache=keeps)
        return self._loaders[key]

    async def load_all(self, key: Hashable, load: Load, wanted: Iterable[Any]) -> dict[Any, Any]:
        """What the loader of this key finds for each; in one statement, and none for what the request had before."""
        loader = self.loader(key, load)
        found = {each: loader.load(each) for each in set(wanted)}
        return {each: await value for each, value in found.items()}


Info = strawberry.Info[Context, None]


def nodes_of(info: Info) -> list[FieldNode]:
    """The nodes of the document that the field is resolved for: more than one where it is selected repeatedly."""
    return info._raw_info.field_nodes


def place_of(info: Info) -> Hashable:
    """The same for fields that select the same: what their loaders are told apart by."""
    return tuple(map(id, nodes_of(info)))
