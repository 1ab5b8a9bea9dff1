"""The sender of exports, as the settings name it: an address, with or without a display name."""

from email.headerregistry import Address
from email.message import EmailMessage

from session_graph.errors import SettingError
from session_graph.parsing import check_email, check_text
from session_graph.settings import PREFIX


def read_sender(text: str) -> str:
    """Return the address of `ana@example.com` or `Ana <ana@example.com>`.

    Raises SettingError unless the text is one line with exactly one address.
    """
    try:
        (address,) = _read_addresses(text)
        return check_email(address.addr_spec)
    except ValueError:
        raise SettingError(
            f"{PREFIX}MAIL_FROM must be one e-mail address, such as reports@example.com or"
            " Reports <reports@example.com>."
        ) from None


def _read_addresses(text: str) -> tuple[Address, ...]:
    message = EmailMessage()
    message["From"] = check_text(text)  # raises ValueError on a line break
    header = message["From"]
    if header.defects:
        raise ValueError
    addresses: tuple[Address, ...] = header.addresses
    return addresses
