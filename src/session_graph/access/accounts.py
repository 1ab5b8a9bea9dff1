"""Accounts, created on first use and changed within their rules.

An account with sessions cannot change its currency: `change_account` locks the account's row `for update` and looks for
sessions; recording reads `money_scale` under a `for key share` lock of the row, or a stronger one, until the commit.
"""

import re

from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from session_graph.access.authentication_cache import is_in_transaction, wait_until_expired_everywhere
from session_graph.access.countries import check_country
from session_graph.access.currencies import money_scale_of
from session_graph.access.viewer import AccountFacts
from session_graph.errors import InvalidInput, Problem
from session_graph.parsing import check_name, gather_problems
from session_graph.store.models import Account, Session
from session_graph.zones import check_time_zone

IDN_RULE = "must be 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen; the first a letter or a digit"

_IDN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_FACTS = "select a.id, a.idn, a.name, a.currency, a.money_scale, a.time_zone, a.country from account a where a.idn = $1"


async def find_or_create_account(idn: str) -> Account:
    """Return the account with this idn; the first call creates it, in USD and UTC, with its idn as its name.

    Concurrent calls return the same account. Raises InvalidInput if the idn breaks IDN_RULE.
    """
    if not _IDN.fullmatch(idn):
        raise InvalidInput.at(IDN_RULE, ["account"])
    if account := await Account.get_or_none(idn=idn):
        return account
    await Account.bulk_create([Account(idn=idn, name=idn)], ignore_conflicts=True)
    return await Account.get(idn=idn)


async def find_facts(idn: str) -> AccountFacts | None:
    """Return what requests need of the account with this idn, in one statement; None if there is none."""
    rows = await get_connection("default").execute_query_dict(_FACTS, [idn])
    return AccountFacts(**rows[0]) if rows else None


def facts_of(account: Account) -> AccountFacts:
    return AccountFacts(**{name: getattr(account, name) for name in AccountFacts.__slots__})


async def change_account(
    account: Account,
    *,
    name: str | None = None,
    currency: str | None = None,
    time_zone: str | None = None,
    country: str | None = None,
) -> Account:
    """Change the arguments that are not None, all or none of them, and return the account as it is then.

    An empty `country` removes it.

    Returns when every process uses the new values, a second after the commit. In a transaction of the caller it returns
    at once, and the caller awaits `wait_until_expired_everywhere` after its commit.
    Raises InvalidInput with all problems, each at `name`, `currency`, `timeZone` or `country`.
    """
    changes, problems = _check_changes(name, currency, time_zone, country)
    async with in_transaction():
        current = await Account.filter(id=account.id).select_for_update(no_key=currency is None).get()
        is_new_currency = changes.get("currency", current.currency) != current.currency
        if is_new_currency and await Session.filter(account_id=account.id).exists():
            problems.append(Problem(("currency",), "cannot change once the account has sessions"))
        if problems:
            raise InvalidInput(problems)
        if changes:
            await current.update_from_dict(changes).save(update_fields=changes)
    if changes and not is_in_transaction():
        await wait_until_expired_everywhere()
    return current


def _check_changes(
    name: str | None, currency: str | None, time_zone: str | None, country: str | None
) -> tuple[dict[str, object], list[Problem]]:
    changes: dict[str, object] = {}
    problems: list[Problem] = []
    if name is not None:
        with gather_problems(problems, "name"):
            changes["name"] = check_name(name)
    if currency is not None:
        with gather_problems(problems, "currency"):
            changes |= {"money_scale": money_scale_of(currency), "currency": currency}
    if time_zone is not None:
        with gather_problems(problems, "timeZone"):
            changes["time_zone"] = check_time_zone(time_zone)
    if country is not None:
        with gather_problems(problems, "country"):
            changes["country"] = check_country(country) if country.strip() else None
    return changes, problems
