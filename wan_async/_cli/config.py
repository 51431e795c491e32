"""Key and base URL from files: `.env` in the working directory, then the user's `config.toml`."""

from __future__ import annotations

import contextlib
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from ..errors import ConfigurationError

_ENV = Path(".env")
_NAMES = {"APIKLEY_API_KEY": "api_key", "APIKLEY_BASE_URL": "base_url", "APIKLEY_UPLOAD_URL": "upload_url"}


class Saved(msgspec.Struct, frozen=True):
    """The settings of one file, and its path."""

    source: str = ""
    api_key: str | None = None
    base_url: str | None = None
    upload_url: str | None = None


def config_file() -> Path | None:
    """The path of the user's configuration, which need not exist; None where there is no home."""
    with contextlib.suppress(RuntimeError):
        if os.name == "nt":
            return Path(os.environ.get("APPDATA") or Path.home()) / "wan-async" / "config.toml"
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "wan-async" / "config.toml"
    return None


def saved(environment: Mapping[str, str] = os.environ) -> Saved:
    """Settings of the files that the environment does not give already.

    A host is taken from a file only together with the key: a folder of somebody else's must not get ours sent to it.

    Raises:
        ConfigurationError: a file cannot be read, or `.env` names a host and no key.
    """
    for found in (_of_env(), _of_config()):
        if found is None:
            continue
        if found.api_key is None and (found.base_url or found.upload_url):
            raise ConfigurationError(
                f"{found.source} names a host, but no key of its own: give both there, or --base-url"
            )
        if found.api_key is not None and "APIKLEY_API_KEY" not in environment:
            return found
    return Saved()


def write(key: str, base_url: str | None) -> Path:
    """Save the key, readable by its owner alone.

    Raises:
        ConfigurationError: there is no home to save it in, or it cannot be written.
    """
    path = config_file()
    if path is None:
        raise ConfigurationError("there is no home folder to save the key in; set APIKLEY_API_KEY instead")
    lines = [f"api_key = {msgspec.json.encode(key).decode()}"]
    lines += [] if base_url is None else [f"base_url = {msgspec.json.encode(base_url).decode()}"]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    part.replace(path)
    return path


def _of_env() -> Saved | None:
    if not _ENV.is_file():
        return None
    from dotenv import dotenv_values

    values = {_NAMES[name]: value for name, value in dotenv_values(_ENV).items() if name in _NAMES and value}
    return Saved(str(_ENV), **values) if values else None


def _of_config() -> Saved | None:
    path = config_file()
    if path is None or not path.is_file():
        return None
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert({**given, "source": str(path)}, Saved)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}; allowed: api_key, base_url and upload_url as text") from None
    if os.name != "nt" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        click.echo(f"wan-async: {path} can be read by others: chmod 600 {path}", err=True)
    return found
