"""The list of an account's allowed recipients: addresses, and domains such as `example.com`."""

from collections.abc import Iterable
from uuid import UUID

from tortoise.transactions import in_transaction

from session_graph.access.viewer import Viewer
from session_graph.errors import InvalidInput, LimitReached, PathSegment, Problem
from session_graph.parsing import check_email
from session_graph.store.models import ExportRecipient

MOST = 1000


async def list_recipients(account_id: UUID) -> list[str]:
    """Return the list in alphabetical order."""
    rows = await ExportRecipient.filter(account_id=account_id).order_by("recipient")
    return [row.recipient for row in rows]


async def change_recipients(account_id: UUID, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Add recipients to the list and remove others; both are idempotent.

    Raises InvalidInput with the path and index of every text that is neither an address nor a domain, LimitReached if
    the list would have more than MOST entries.
    """
    added = _parse(add, "addExportRecipients")
    removed = _parse(remove, "removeExportRecipients")
    async with in_transaction():
        await ExportRecipient.bulk_create(
            [ExportRecipient(account_id=account_id, recipient=recipient) for recipient in sorted(added)],
            ignore_conflicts=True,
        )
        await ExportRecipient.filter(account_id=account_id, recipient__in=removed).delete()
        if await ExportRecipient.filter(account_id=account_id).count() > MOST:
            raise LimitReached.at(f"the list has at most {MOST:,} entries", ["addExportRecipients"])


async def find_unlisted(viewer: Viewer, addresses: Iterable[str]) -> set[str]:
    """Return the addresses that are neither the viewer's own nor on the account's list, itself or by its domain."""
    allowed = set(await list_recipients(viewer.account.id))
    if viewer.email:
        allowed.add(viewer.email.lower())
    return {address for address in addresses if not {address, address.partition("@")[2]} & allowed}


def _parse(texts: Iterable[str], path: PathSegment) -> set[str]:
    recipients, problems = set(), []
    for index, text in enumerate(texts):
        recipient = text.strip().lower()
        try:
            check_email(recipient if "@" in recipient else f"somebody@{recipient}")
            if "@" not in recipient and "." not in recipient:
                raise ValueError
            recipients.add(recipient)
        except ValueError:
            problems.append(Problem((path, index), "must be an address, such as ana@example.com, or a domain"))
    if problems:
        raise InvalidInput(problems)
    return recipients
