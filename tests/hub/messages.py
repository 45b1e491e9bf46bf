"""What goes to and fro between a client and the hub."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    hub: Any
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user: dict | None

    def json(self):
        return json.loads(self.body or b"{}")

    def asks(self, option):
        return self.query.get(option, "").lower() in ("true", "1")


@dataclass(frozen=True)
class Reply:
    """An answer: bytes go out as they are, anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, object] = field(default_factory=dict)


class HubError(Exception):
    """An answer that says what is wrong, with the code by which clients tell it."""

    def __init__(self, status, message, code=None, headers=None):
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | (headers or {})
