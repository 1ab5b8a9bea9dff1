"""The sender of exports, as the settings name it: an address, with or without a display name."""

import re
from dataclasses import dataclass

from session_graph.errors import SettingError
from session_graph.parsing import EMAIL_LIMIT, check_email, check_name, has_email_form
from session_graph.settings import PREFIX

_NAMED = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^()<>\[\]:;@\\,"]*))\s*<(?P<address>[^<>]*)>')


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of messages; `name` is None if it has no display name."""

    name: str | None
    address: str


def read_sender(text: str) -> Sender:
    """Read `ana@example.com`, `Ana <ana@example.com>` or `"Bistro, Inc." <ana@example.com>`.

    An encoded word in the name is kept as it is written. Raises SettingError unless the text is one such line.
    """
    try:
        named = _NAMED.fullmatch(text.strip())
        if named is None:
            return Sender(None, _check_address(text.strip()))
        quoted = named["quoted"]
        name = named["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        return Sender(check_name(name) if name.strip() else None, _check_address(named["address"]))
    except ValueError:
        raise SettingError(
            f"{PREFIX}MAIL_FROM must be one e-mail address, such as reports@example.com or"
            " Reports <reports@example.com>."
        ) from None


def _check_address(text: str) -> str:
    """Return the address. It may be at a host that only this network knows, such as `localhost`."""
    local_part, _, host = text.rpartition("@")
    if "." in host or not has_email_form(text):
        return check_email(text)
    check_email(f"{local_part}@{host}.example"[-EMAIL_LIMIT:])
    return text
