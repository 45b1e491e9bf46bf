"""What the hub answers: one function per route, from a `Request` to a `Reply`."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import yaml

from tests.hub.repo_api import VERBS, WRITE_VERBS
from tests.hub.repo_page import describe
from tests.hub.repository import HubError, Repo, front_matter
