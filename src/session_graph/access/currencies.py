"""The currencies that an account may have, with their official number of decimals.

They come from list one of ISO 4217, as the library `iso4217` ships it. Only money that people pay with counts: no
metals, test codes, funds or units of account.
"""

from functools import cache
from xml.etree.ElementTree import Element

from iso4217 import raw_xml

UNITS_OF_ACCOUNT = frozenset({"UYW", "XAD"})
"""Uruguay's Unidad Previsional and the Arab Accounting Dinar: nobody pays with them, but the list marks neither."""


def money_scale_of(currency: str) -> int:
    """Return the currency's number of decimals: 2 for USD, 0 for JPY, 3 for KWD. Raises ValueError if it is unknown."""
    try:
        return _money_scales()[currency]
    except KeyError:
        raise ValueError("must be a currency of ISO 4217, such as USD") from None


@cache
def _money_scales() -> dict[str, int]:
    return {
        entry.findtext("Ccy", ""): int(entry.findtext("CcyMnrUnts", ""))
        for entry in raw_xml.iter("CcyNtry")
        if _is_money(entry)
    }


def _is_money(entry: Element) -> bool:
    """Metals and test codes have no minor unit, funds are marked, and places without a currency have no code."""
    name = entry.find("CcyNm")
    is_fund = name is not None and name.get("IsFund") == "true"
    has_minor_unit = entry.findtext("CcyMnrUnts", "").isdigit()
    return has_minor_unit and not is_fund and entry.findtext("Ccy") not in UNITS_OF_ACCOUNT
