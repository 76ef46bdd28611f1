"""The tables `[llm.<name>]` of a plan: checked, and written back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from datakit import registry
from datakit.errors import PlanError, did_you_mean
from datakit.llm.endpoint import EndpointSettings

NOT_SENT = "none"  # how TOML says None: temperature = "none"
_LEAST = {
    "concurrency": 1, "requests_per_minute": 1, "tokens_per_minute": 1, "timeout": 0.001,
    "max_retries": 0, "repairs": 0, "temperature": 0, "top_p": 0,
}  # fmt: skip
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def endpoints(raw: Any) -> dict[str, EndpointSettings]:
    """The endpoints of a plan by name, each checked whole.

    Raises:
        PlanError: a setting that an endpoint does not have, or a value that does not fit. Messages
            never show what may be a key.
    """
    if not isinstance(raw, Mapping):
        raise PlanError(f"plan: llm = {raw!r}: expected tables, [llm.default] and the like")
    return {str(name): _endpoint(str(name), values) for name, values in raw.items()}


def _endpoint(name: str, values: Any) -> EndpointSettings:
    where = f"[llm.{name}]"
    if not isinstance(values, Mapping):
        raise PlanError(f"plan: llm.{name} is no table: settings stand in [llm.default]")
    known = registry.settings(EndpointSettings)
    for key in values:
        if key.lower() in ("api_key", "key", "token"):
            raise PlanError(
                f"{where}: a key stands in the environment, never in a plan: api_key_env"
            )
        if key not in known:
            raise PlanError(f"{where} has no setting {key!r}{did_you_mean(key, known)}")
    _check_key_name(where, values.get("api_key_env"))
    _check_address(where, values.get("base_url", EndpointSettings.base_url))
    given = {k: None if v == NOT_SENT and k != "model" else v for k, v in values.items()}
    found: EndpointSettings = registry.checked(EndpointSettings, where, given)
    for setting, least in _LEAST.items():
        value = getattr(found, setting)
        if value is not None and value < least:
            raise PlanError(f"{where}: {setting} = {value!r}: expected {least} or more")
    return found


def _check_key_name(where: str, variable: Any) -> None:
    if variable and not (isinstance(variable, str) and _VARIABLE.fullmatch(variable)):
        raise PlanError(
            f"{where}: api_key_env is not the name of an environment variable: put the key into "
            'one, such as OPENAI_API_KEY, and write its name here ("" where no key is needed)'
        )


def _check_address(where: str, address: Any) -> None:
    try:
        url = urlsplit(str(address))
        secret, fits = (
            url.username or url.password or url.query,
            url.scheme in ("http", "https") and url.hostname,
        )
    except ValueError:
        secret, fits = None, None
    if secret:
        raise PlanError(
            f"{where}: base_url holds more than an address: a key stands in the environment, see "
            "api_key_env"
        )
    if not fits:
        raise PlanError(
            f"{where}: base_url = {address!r}: expected an http:// or https:// address, such as "
            "http://localhost:8000/v1"
        )


def plain(endpoint: EndpointSettings) -> dict[str, Any]:
    """The settings as TOML holds them: what is not sent, although it would be by default, is said.

    TOML has no null, and a setting that is left out has its default.
    """
    defaults = EndpointSettings()
    values = {name: getattr(endpoint, name) for name in registry.settings(EndpointSettings)}
    return {
        name: NOT_SENT if value is None and getattr(defaults, name) is not None else value
        for name, value in values.items()
    }
