"""The context of a request to this schema."""

from dataclasses import dataclass
from datetime import UTC, datetime

import strawberry

from session_graph.engine.context import RequestContext
from session_graph.errors import BadUserInput
from session_graph.exports.links import LinkSigner
from session_graph.schema.subscription_hub import SubscriptionHub
from session_graph.settings import Settings
from session_graph.store.database import Database


@dataclass(slots=True)
class Context(RequestContext):
    """`now` is the instant that periods count back from, unless a cursor carries an earlier one."""

    database: Database
    now: datetime
    settings: Settings
    signer: LinkSigner
    _hub: SubscriptionHub | None = None

    @property
    def hub(self) -> SubscriptionHub:
        """What subscriptions share. Raises BadUserInput if the server takes none."""
        if self._hub is None:
            raise BadUserInput("Subscriptions are not served here.")
        return self._hub

    def renew(self) -> None:
        """Prepare for the next events of a subscription: move `now`, and forget what was loaded."""
        self.now = datetime.now(UTC)
        self.clear_loaders()


Info = strawberry.Info[Context, None]
