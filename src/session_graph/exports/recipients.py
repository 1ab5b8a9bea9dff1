"""The list of an account's allowed recipients: addresses, and domains such as `example.com`."""

from collections.abc import Callable, Iterable
from uuid import UUID

from tortoise.transactions import in_transaction

from session_graph.access.viewer import Viewer
from session_graph.errors import InvalidInput, LimitReached, PathSegment, Problem
from session_graph.parsing import check_email, has_email_form
from session_graph.store.export_models import ExportRecipient

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
    added = _parse(add, "addExportRecipients", _check_recipient)
    removed = _parse(remove, "removeExportRecipients", _check_listed)
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


def _parse(texts: Iterable[str], path: PathSegment, check: Callable[[str], str]) -> set[str]:
    recipients, problems = set(), []
    for index, text in enumerate(texts):
        try:
            recipients.add(check(text.strip().lower()))
        except ValueError as problem:
            problems.append(Problem((path, index), str(problem)))
    if problems:
        raise InvalidInput(problems)
    return recipients


def _check_recipient(text: str) -> str:
    """Return the address, or the domain in ASCII. Raises ValueError if it is neither."""
    if "@" in text:
        return check_email(text)
    try:
        return check_email(f"somebody@{text}").partition("@")[2]
    except ValueError:
        raise ValueError("must be an address, such as ana@example.com, or a domain, such as example.com") from None


def _check_listed(text: str) -> str:
    """Return a text that may be on the list, also one that an earlier version accepted. Raises ValueError otherwise."""
    try:
        return _check_recipient(text)
    except ValueError:
        is_domain = "@" not in text and "." in text
        if has_email_form(f"somebody@{text}" if is_domain else text):
            return text
        raise
