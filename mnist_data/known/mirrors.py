"""Where files are fetched from: the publishers' mirrors or the user's own, over HTTPS."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mnist_data.errors import WrongUse

if TYPE_CHECKING:
    import requests

MIRROR_VARIABLE = "MNIST_DATA_MIRROR"
"""Names a folder's URL to fetch from instead of the publishers' own."""


def mirrors_of(name: str, published: Sequence[str]) -> tuple[str, ...]:
    """Give the addresses to try for the files of a dataset or archive, in order, each with / at its end.

    published: those of the publishers. Where MNIST_DATA_MIRROR is set, they are its folder of that name, and itself.
    Raises WrongUse where it is neither HTTPS nor on this machine or a private network.
    """
    own = os.environ.get(MIRROR_VARIABLE, "").strip()
    if not own:
        return tuple(published)
    base = own.rstrip("/") + "/"
    if not (base.startswith("https://") or is_private_http(base)):
        raise WrongUse(
            f"{MIRROR_VARIABLE} is {own}; it must be an https:// address, or http:// on this machine (localhost, "
            "127.0.0.1) or on a private network by its IP address."
        )
    return f"{base}{name}/", base


def is_private_http(url: str) -> bool:
    """Say whether a URL is HTTP to this machine or a private network, where nobody else can alter what arrives.

    >>> is_private_http("http://localhost:8000/"), is_private_http("http://192.168.0.5/mnist/")
    (True, True)
    >>> is_private_http("http://example.org/"), is_private_http("http://127.0.0.1.example.org/")
    (False, False)
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_private
    except ValueError:
        return parts.hostname == "localhost"


def session_for(url: str) -> requests.Session:
    """Open a session that speaks HTTPS only, redirects included; HTTP only to the private address of the URL itself."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    del session.adapters["http://"]  # without an adapter a URL is refused, wherever it comes from
    if is_private_http(url):
        session.mount(f"http://{urlsplit(url).netloc}/", HTTPAdapter())
    # A server that packs once more what is packed already would change the bytes that the checksum is of.
    session.headers["Accept-Encoding"] = "identity"
    return session
