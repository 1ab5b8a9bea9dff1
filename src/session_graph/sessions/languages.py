"""Language tags (BCP 47): their form, and the one spelling that is kept of each."""

import re

MAX_LENGTH = 35
"""The length that RFC 5646, section 4.4.1, says no tag in use exceeds."""

_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


def parse_language(text: str) -> str:
    """Return the tag in its usual case; `en_US` counts as `en-US`. Raises ValueError if it is no tag."""
    tag = text.strip().replace("_", "-")
    if len(tag) > MAX_LENGTH or not _TAG.fullmatch(tag):
        raise ValueError("must be a language tag of BCP 47, such as en-US")
    return set_case(tag)


def set_case(tag: str) -> str:
    """Return the tag as RFC 5646, section 2.1.1, writes it: `zh-hans-cn` → `zh-Hans-CN`."""
    first, *rest = tag.lower().split("-")
    parts = [first]
    for part in rest:
        is_extension = any(len(before) == 1 for before in parts)
        parts.append(part if is_extension else {2: part.upper(), 4: part.capitalize()}.get(len(part), part))
    return "-".join(parts)
