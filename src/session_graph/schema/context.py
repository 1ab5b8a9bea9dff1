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
    """`now` is the end of periods such as LAST_7_DAYS, unless a cursor has an earlier instant.

    `last_event_id` is the cursor of the last event that the client of an event stream has received, if it says so.
    """

    database: Database
    now: datetime
    settings: Settings
    signer: LinkSigner
    _hub: SubscriptionHub | None = None
    last_event_id: str | None = None

    @property
    def hub(self) -> SubscriptionHub:
        """Return the hub of subscriptions. Raises BadUserInput if the server serves none."""
        if self._hub is None:
            raise BadUserInput("Subscriptions are not served here.")
        return self._hub

    def renew(self) -> None:
        """Prepare for the next events of a subscription: set `now`, and drop loaded data."""
        self.now = datetime.now(UTC)
        self.clear_loaders()


Info = strawberry.Info[Context, None]
