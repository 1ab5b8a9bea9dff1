"""Where the reports of an account may go: addresses, and domains as `example.com`."""

from collections.abc import Iterable
from uuid import UUID

from tortoise.transactions import in_transaction

from session_graph.access.accounts import check_email
from session_graph.access.viewer import Viewer
from session_graph.errors import InvalidInput, LimitReached, PathSegment, Problem
from session_graph.store.models import ExportRecipient

MOST = 1000


async def list_recipients(account_id: UUID) -> list[str]:
    """In alphabetical order."""
    rows = await ExportRecipient.filter(account_id=account_id).order_by("recipient")
    return [row.recipient for row in rows]


async def change_recipients(account_id: UUID, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Put on the list and take off it; what is there already, or not, makes no difference.

    Raises InvalidInput with every text that is neither an address nor a domain, at `addExportRecipients` or
    `removeExportRecipients` and its index.
    """
    added = _check(add, "addExportRecipients")
    gone = _check(remove, "removeExportRecipients")
    async with in_transaction():
        await ExportRecipient.bulk_create(
            [ExportRecipient(account_id=account_id, recipient=recipient) for recipient in sorted(added)],
            ignore_conflicts=True,
        )
        await ExportRecipient.filter(account_id=account_id, recipient__in=gone).delete()
        if await ExportRecipient.filter(account_id=account_id).count() > MOST:
            raise LimitReached.at(f"the list has at most {MOST:,} entries", ["addExportRecipients"])


async def find_unlisted(viewer: Viewer, addresses: Iterable[str]) -> set[str]:
    """Return the addresses that the account's list does not allow: neither the viewer's own, nor listed, nor of a
    listed domain."""
    allowed = set(await list_recipients(viewer.account.id))
    if viewer.email:
        allowed.add(viewer.email.lower())
    return {address for address in addresses if not {address, address.partition("@")[2]} & allowed}


def _check(recipients: Iterable[str], *path: PathSegment) -> set[str]:
    checked, problems = set(), []
    for index, text in enumerate(recipients):
        recipient = text.strip().lower()
        try:
            check_email(recipient if "@" in recipient else f"somebody@{recipient}")
            if "@" not in recipient and "." not in recipient:
                raise ValueError
            checked.add(recipient)
        except ValueError:
            problems.append(Problem((*path, index), "must be an address, such as ana@example.com, or a domain"))
    if problems:
        raise InvalidInput(problems)
    return checked
