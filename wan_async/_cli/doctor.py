"""`wan-async doctor`: whether everything that a batch needs is there, and what to do where it is not."""

from __future__ import annotations

import asyncio
import enum
import importlib.metadata
import os
import secrets
import sys
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import click
import msgspec

from .._client import WanClient
from .._journal import Journal
from .._limits.shared import account_limits
from .._limits.storage import StorageAwayError, place
from .._policy.limiter import LimitState
from ..emulator._callbacks import signed_headers
from ..errors import AuthenticationError, ConfigurationError, WanError
from .client import client, settings_of
from .exits import Exit
from .options import account_options, json_option, limit_storage_option, number
from .running import looped

_CLOCK_OFF = 60.0
"""Seconds by which a clock may be wrong: signatures and expiries of links are counted in minutes."""
_PATIENCE = 15.0
"""Seconds for an answer: as long as the provider gives a callback's receiver."""
_STORAGE_PATIENCE = 5.0
"""Seconds for a server of limits to say its version."""
_OLDEST_POSTGRES = 12
_OLDEST_REDIS = 6
_PACKAGES = ("wan-async", "aiohttp", "msgspec", "anyio")


class Health(enum.Enum):
    """The health of what was checked, by the mark of its line."""

    GOOD = "ok"
    BAD = "NO"
    UNCHECKED = "--"


class Finding(msgspec.Struct, frozen=True):
    """One thing that a batch needs: its health, what that means, what to do."""

    what: str
    health: Health
    means: str
    do: str = ""


@click.command()
@click.option("--callback-url", metavar="URL", help="Post a signed trial there, as the provider would.")
@click.option("--webhook-key", metavar="KEY", envvar="APIKLEY_WEBHOOK_KEY", show_envvar=True, help="Sign it with this.")
@click.option("--journal", metavar="PATH|URL", help="Check this journal too: RUN.db or postgresql://…#name.")
@limit_storage_option("Check the limits that are shared there")
@json_option("what", "good", "means", "do")
@account_options
@looped
async def doctor_command(
    *,
    callback_url: str | None,
    webhook_key: str | None,
    journal: str | None,
    limit_storage: str | None,
    as_json: bool,
) -> int:
    """Check key, credits, base URL, clock, upload host, callbacks, limits, journal and versions; nothing is paid.

    Exit code 3 if anything is found that keeps a batch from running.
    """
    os.environ.pop("WAN_ASYNC_LIMIT_STORAGE", None)  # while it is away, whoever shares limits waits
    findings = await _findings(callback_url, webhook_key, journal, limit_storage)
    for finding in findings:
        click.echo(_json(finding) if as_json else _line(finding))
    return Exit.REFUSED if any(finding.health is Health.BAD for finding in findings) else Exit.OK


async def _findings(
    callback_url: str | None, webhook_key: str | None, journal: str | None, limit_storage: str | None
) -> list[Finding]:
    found = [_versions(), _unchecked("journal", "--journal") if journal is None else _journal(journal)]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_PATIENCE)) as session:
        if callback_url is None:
            found.append(_unchecked("callback", "--callback-url"))
        else:
            found.append(await _callback(session, callback_url, webhook_key))
        try:
            wan = client()
        except WanError as error:
            return [*found, Finding("key", Health.BAD, str(error), "wan-async login, or set APIKLEY_API_KEY")]
        async with wan:
            found.append(await _credits(wan))
        found.append(await _limit_storage(limit_storage, wan))
        found.append(await _clock(session, settings_of(wan).base_url))
        found.append(await _upload_host(session, settings_of(wan).upload_url))
    return found


def _versions() -> Finding:
    python = ".".join(map(str, sys.version_info[:3]))
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    return Finding("versions", Health.GOOD, f"Python {python}, {', '.join(versions)}")


async def _credits(wan: WanClient) -> Finding:
    """The key and the base URL, by the one call that costs nothing."""
    try:
        left = await wan.credits()
    except AuthenticationError as error:
        return Finding("key", Health.BAD, str(error), "check the key and that it belongs to this base URL")
    except WanError as error:
        return Finding(
            "base URL",
            Health.BAD,
            f"{settings_of(wan).base_url}: {error}",
            "check --base-url, the network, and any proxy",
        )
    do = "" if left else "buy credits: submissions are refused with 402"
    return Finding("key", _health(left > 0), f"good at {settings_of(wan).base_url}, with {number(left)} credits", do)


async def _clock(session: aiohttp.ClientSession, url: str) -> Finding:
    """Compare this computer's clock with the service's."""
    try:
        async with session.get(url, allow_redirects=False) as answer:
            theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return Finding("clock", Health.UNCHECKED, "the service does not give its time")
    off = time.time() - theirs
    means = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the service's"
    good = abs(off) <= _CLOCK_OFF
    return Finding("clock", _health(good), means, "" if good else "set it: callbacks are refused when they seem stale")


async def _upload_host(session: aiohttp.ClientSession, url: str | None) -> Finding:
    if url is None:
        return Finding("upload host", Health.UNCHECKED, "none is known", "set APIKLEY_UPLOAD_URL to send local files")
    try:
        async with session.get(url, allow_redirects=False) as answer:
            return Finding("upload host", Health.GOOD, f"{url} answers ({answer.status})")
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding("upload host", Health.BAD, f"{url}: {error or 'no answer'}", "check APIKLEY_UPLOAD_URL")


async def _callback(session: aiohttp.ClientSession, url: str, key: str | None) -> Finding:
    """Post a trial, signed as the provider signs: its task does not exist, so it wakes nobody."""
    task_id = f"trial-{secrets.token_hex(8)}"
    body = {"code": 200, "data": {"taskId": task_id, "state": "success"}}
    try:
        headers = signed_headers(key, task_id, time.time())
        async with session.post(url, json=body, headers=headers, allow_redirects=False) as answer:
            return _of_answer(url, answer.status, signed=key is not None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        do = "start the receiver (wan-async listen, or your application), and check the tunnel or proxy before it"
        return Finding("callback", Health.BAD, f"{url}: {error or 'no answer'}", do)


def _of_answer(url: str, status: int, *, signed: bool) -> Finding:
    answer = f"{url} answers {status}"
    if status < 300 or status == 409:
        return Finding("callback", Health.GOOD, f"{answer}: callbacks arrive there")
    if status < 400:
        return Finding(
            "callback", Health.BAD, f"{answer}: a redirect, which the provider does not follow", "mind the slash"
        )
    if status in {401, 403}:
        do = "give the receiver this webhook key, or set its clock" if signed else "give --webhook-key"
        return Finding("callback", Health.BAD, f"{answer}: the signature is refused", do)
    return Finding("callback", Health.BAD, answer, "check the path, and that POST may go there")


async def _limit_storage(url: str | None, wan: WanClient) -> Finding:
    """Reach a storage, and read its version and the account's windows; takes no slot."""
    what = "limit storage"
    if url is None:
        return _unchecked(what, "--limit-storage", "none: each process has windows of its own")
    try:
        windows = await account_limits(url, settings_of(wan).base_url, settings_of(wan).api_key)
        version, do = await asyncio.wait_for(asyncio.to_thread(_version, url), 2 * _STORAGE_PATIENCE)
    except (StorageAwayError, TimeoutError) as error:
        why = str(error) or "no answer"
        do = "start it, or check host, port and network: calls wait"
        return Finding(what, Health.BAD, f"{place(url)} is away: {why}", do)
    except WanError as error:
        do = "check the URL, and that this user may use it" if isinstance(error, ConfigurationError) else ""
        return Finding(what, Health.BAD, str(error), do)
    used = ", ".join(_words(window, state) for window, state in windows.items())
    return Finding(what, _health(not do), f"{place(url)}, {version}: {used}", do)


def _words(window: str, state: LimitState | None) -> str:
    if state is None:
        return f"no {window} yet"
    learnt = f", {state.learnt} learnt" if state.learnt < state.limit.n else ""
    brake = f", braked for {state.brake:.1f} s" if state.brake else ""
    return f"{state.used} of {state.limit.n} {window} in {state.limit.per:g} s{learnt}{brake}"


def _version(url: str) -> tuple[str, str]:
    """The server's name and version, and what to do about it."""
    match urlsplit(url).scheme.lower():
        case "file":
            return "a file of this machine", ""
        case "redis" | "rediss" | "unix":
            return _redis(url)
        case _:
            return _postgres(url)


def _postgres(url: str) -> tuple[str, str]:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=int(_STORAGE_PATIENCE), autocommit=True) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise StorageAwayError(type(error).__name__) from None
    do = "" if version // 10_000 >= _OLDEST_POSTGRES else f"PostgreSQL {_OLDEST_POSTGRES} or newer is needed"
    return f"PostgreSQL {version // 10_000}.{version % 10_000}", do


def _redis(url: str) -> tuple[str, str]:
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_timeout=_STORAGE_PATIENCE) as server:  # pyright: ignore[reportUnknownMemberType]
            facts: dict[str, Any] = server.info()  # pyright: ignore[reportUnknownMemberType]
    except RedisError as error:
        raise StorageAwayError(type(error).__name__) from None
    if facts.get("valkey_version"):
        return f"Valkey {facts['valkey_version']}", _of_memory(facts)
    version = str(facts.get("redis_version", "?"))
    major = version.partition(".")[0]
    do = f"Redis {_OLDEST_REDIS} or newer is needed" if major.isdecimal() and int(major) < _OLDEST_REDIS else ""
    return f"Redis {version}", do or _of_memory(facts)


def _of_memory(facts: dict[str, Any]) -> str:
    """Advice where the server may forget an account's window."""
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    return "" if policy == "noeviction" else f"set maxmemory-policy noeviction: {policy} may forget a window"


def _unchecked(what: str, option: str, means: str = "not checked") -> Finding:
    return Finding(what, Health.UNCHECKED, means, f"{option} checks one")


def _journal(path: str) -> Finding:
    try:
        with Journal.open_readonly(path) as journal:
            counts, path = journal.counts(), journal.path
    except WanError as error:
        return Finding("journal", Health.BAD, str(error), "check the path, or the URL's host, database and #name")
    states = ", ".join(f"{number(count)} {name}" for name, count in msgspec.structs.asdict(counts).items() if count)
    return Finding("journal", Health.GOOD, f"{path}: {states or 'empty'}")


def _health(good: bool) -> Health:
    return Health.GOOD if good else Health.BAD


def _line(finding: Finding) -> str:
    return f"{finding.health.value}  {finding.what}: {finding.means}" + (f"; {finding.do}" if finding.do else "")


def _json(finding: Finding) -> bytes:
    """The finding as one line of JSON, where `good` is true, false, or null for what was not checked."""
    good = None if finding.health is Health.UNCHECKED else finding.health is Health.GOOD
    return msgspec.json.encode({"what": finding.what, "good": good, "means": finding.means, "do": finding.do})
