"""The root of subscriptions. Each has begun when its resolver returns: it misses no event from then on."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

import strawberry

from session_graph.engine.fields import subscription
from session_graph.errors import BadUserInput
from session_graph.exports.progress import follow_export
from session_graph.exports.requests import find_export
from session_graph.schema.arguments import read_id
from session_graph.schema.context import Context, Info
from session_graph.schema.events import EventArguments, SessionEvent, make_event, read_subscription, telling_of_loss
from session_graph.schema.exports import SessionExport
from session_graph.schema.sessions import load_parts
from session_graph.sessions.event_history import LogPosition
from session_graph.sessions.event_log import current_position, read_events
from session_graph.sessions.feed import Change, Following, follow_sessions
from session_graph.store.database import Row


@strawberry.type(description="The live updates.")
class Subscription:
    @subscription(
        "Sessions that are recorded, change, or no longer match the filter. With after, starts with all events since"
        " that cursor. A CHECKPOINT comes at once and every minute.",
        reads=read_subscription,
    )
    async def session_events(self, info: Info, events: EventArguments) -> AsyncGenerator[SessionEvent, None]:
        context, following = info.context, events.following(info.context)
        if events.after is None:
            return _session_events(context, following, await current_position(context.database))
        with telling_of_loss(following.viewer.account.id):
            await read_events(context.database, following.viewer.account.id, events.after, 1)
        return _session_events(context, following, events.after)

    @subscription("An export as it is now, and after every change, until it ends.", reads=read_id)
    async def export_progress(self, info: Info, export_id: UUID) -> AsyncGenerator[SessionExport, None]:
        context = info.context
        if await find_export(context.database, context.viewer, export_id) is None:
            raise BadUserInput("is not the id of an export that you may see", ["id"])
        return _progress_events(
            context, follow_export(context.database, context.hub.listener, context.viewer, export_id)
        )


async def _session_events(
    context: Context, following: Following, position: LogPosition
) -> AsyncGenerator[SessionEvent, None]:
    async def prepare(changes: Sequence[Change]) -> None:
        context.renew()
        await load_parts(context, following.columns, [change.session for change in changes if change.session])

    account_id, seconds = following.viewer.account.id, context.settings.live_checkpoint_seconds
    source = follow_sessions(context.hub.feeds, following, position, prepare, seconds)
    with telling_of_loss(account_id):
        async with aclosing(source):
            async for changes in source:
                for change in changes:
                    yield make_event(change, account_id)


async def _progress_events(context: Context, rows: AsyncGenerator[Row, None]) -> AsyncGenerator[SessionExport, None]:
    async with aclosing(rows):
        async for row in rows:
            context.renew()
            yield SessionExport(row=row)
