"""Passwords in addresses and settings, which are neither printed nor kept."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
WHOLE = re.compile(r"([A-Za-z][\w+.-]*://)(.+)", re.DOTALL)  # a text that is an address: it may contain spaces
WITHIN = re.compile(r"([A-Za-z][\w+.-]*://)(\S+)")
SECRET = re.compile(r"(?i)((?:\w*(?:passw|pwd|secret|api_?key|credential)\w*|\w*token)=)(?!\*\*\*)([^\s&;,'\"}]+)")
PLAIN = {"charset", "timeout", "connect_timeout", "sslmode", "ssl_mode", "application_name"}  # settings without secrets


def hide_passwords(text: str) -> str:
    """A text without the passwords of its addresses, and without their settings after `?`, which may contain one.

    >>> hide_passwords("postgresql://me:secret@host/db?sslmode=require&sslkey=k"), hide_passwords("a.token=abc")
    ('postgresql://me:***@host/db?sslmode=require&sslkey=***', 'a.token=***')
    """
    return _hide(text, [])


def hide_passwords_of(address: str, message: str) -> str:
    """A message about an address, without the address's passwords, however its author wrote them."""
    found: list[str] = []
    _hide(address, found)
    for secret in sorted({*found, *map(unquote, found)}, key=len, reverse=True):
        message = message.replace(secret, HIDDEN)
    return hide_passwords(message)


def _hide(text: str, found: list[str]) -> str:
    """The text without passwords, which are added to `found`."""

    def keep(secret: str) -> str:
        found.append(secret)
        return HIDDEN

    def setting(pair: str) -> str:
        key, equals, value = pair.partition("=")
        return pair if key.lower() in PLAIN else f"{key}={keep(value)}" if equals else keep(pair)

    def address(match: re.Match[str]) -> str:
        rest = match[2]
        head, at, host = rest.rpartition("@")
        user, colon, password = head.partition(":")
        if at and colon and not {"/", "?"} & set(user):
            rest = f"{user}:{keep(password)}@{host}"
        place, mark, query = rest.partition("?")
        return match[1] + place + mark + "&".join(setting(pair) for pair in query.split("&") if mark)

    text = (WHOLE if WHOLE.match(text) else WITHIN).sub(address, text)
    return SECRET.sub(lambda match: match[1] + keep(match[2]), text)
