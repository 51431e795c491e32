"""`wan-async doctor`: each thing that can be wrong is found, told, and with what to do."""

from __future__ import annotations

from pathlib import Path

import aiohttp.test_utils
import aiohttp.web
import msgspec
import pytest

from wan_async import Callbacks
from wan_async.integrations.receiver import receiving

from ..databases import PostgresServer
from .shell import MODEL, Shell, shell


def found(output: str) -> dict[str, tuple[bool | None, str]]:
    findings = [msgspec.json.decode(line) for line in output.splitlines()]
    return {finding["what"]: (finding["good"], f"{finding['means']}; {finding['do']}") for finding in findings}


async def test_where_all_is_well_it_says_so(tmp_path: Path) -> None:
    async with shell(tmp_path) as (_, wan), receiving(Callbacks("http://localhost", "w"), 0, path="/wan") as url:
        wan.environment["APIKLEY_UPLOAD_URL"] = wan.environment["APIKLEY_BASE_URL"]
        callback = ("--callback-url", url, "--webhook-key", "w")
        code, output, errors = await wan("doctor", "--json", *callback)
        assert code == 0, output + errors
        assert {what: good for what, (good, _) in found(output).items()} == {
            "versions": True,
            "key": True,
            "clock": True,
            "upload host": True,
            "callback": True,
            "journal": None,
            "limit storage": None,
        }
        assert "ok  key: good at http://127.0.0.1:" in (await wan("doctor"))[1]


async def test_a_wrong_key_none_and_an_empty_account_are_told(tmp_path: Path) -> None:
    async with shell(tmp_path, credits=0) as (_, wan):
        code, output, _ = await wan("doctor", "--json", key="wrong")
        assert (code, found(output)["key"][0]) == (3, False)
        assert "belongs to this base URL" in found(output)["key"][1]
        code, output, _ = await wan("doctor", "--json", key=None)
        assert "wan-async login" in found(output)["key"][1]
        code, output, _ = await wan("doctor", "--json")
        assert "buy credits" in found(output)["key"][1]


async def test_a_service_that_is_not_there_is_told(tmp_path: Path) -> None:
    code, output, _ = await Shell("http://127.0.0.1:9", tmp_path)("doctor", "--json", "--retry", "0")
    assert code == 3
    assert found(output)["base URL"][0] is False
    assert found(output)["clock"][0] is None


@pytest.mark.parametrize(
    ("path", "key", "told"),
    [
        ("/wan", "other", "the signature is refused"),
        ("/elsewhere", "w", "check the path"),
        ("/slash", "w", "mind the slash"),
    ],
)
async def test_a_callback_that_would_not_arrive_is_told(tmp_path: Path, path: str, key: str, told: str) -> None:
    callbacks = Callbacks("http://localhost", "w")
    app = aiohttp.web.Application()
    app.router.add_post("/wan", callbacks.aiohttp_handler)
    app.router.add_post("/slash", redirected)
    async with shell(tmp_path) as (_, wan), aiohttp.test_utils.TestServer(app) as server:
        url = str(server.make_url(path))
        _, output, _ = await wan("doctor", "--json", "--callback-url", url, "--webhook-key", key)
    assert found(output)["callback"][0] is False
    assert told in found(output)["callback"][1]


@pytest.mark.parametrize("kind", ["file", "redis", "postgresql"])
async def test_a_limit_storage_is_reached_and_told_with_the_account_s_window(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    url, named = {
        "file": lambda: (f"file://{tmp_path}/wan.limits", "a file of this machine"),
        "redis": lambda: (request.getfixturevalue("shared_redis").url, "Redis "),
        "postgresql": lambda: (request.getfixturevalue("shared_postgres").database(), "PostgreSQL "),
    }[kind]()
    (tmp_path / "a.csv").write_text("prompt\n" + "a fox\n" * 3)
    async with shell(tmp_path) as (_, wan):
        _, output, _ = await wan("doctor", "--json", "--limit-storage", url)
        assert found(output)["limit storage"][0] is True
        assert "no submissions yet" in found(output)["limit storage"][1]
        await wan("batch", "a.csv", "--model", MODEL, "--limit", "20/60", "--no-progress", "--limit-storage", url)
        wan.environment["WAN_ASYNC_LIMIT_STORAGE"] = url
        code, output, errors = await wan("doctor", "--json")
        good, words = found(output)["limit storage"]
        assert (code, good) == (0, True), output + errors
        assert named in words
        assert "3 of 20 submissions in 60 s" in words


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://user:pass-w0rd@127.0.0.1:9/0", "is away"),
        ("postgresql://user:pass-w0rd@127.0.0.1:9/clips", "is away"),
        ("ftp://user:pass-w0rd@127.0.0.1/x", "allowed: file://"),
        ("file:///nowhere/at/all/wan.limits", "is not there"),
    ],
)
async def test_a_limit_storage_that_is_away_or_never_will_do_is_told(tmp_path: Path, url: str, told: str) -> None:
    async with shell(tmp_path) as (_, wan):
        wan.environment["WAN_ASYNC_LIMIT_STORAGE"] = url
        code, output, errors = await wan("doctor", "--json")
        good, words = found(output)["limit storage"]
        assert (code, good) == (3, False), output + errors
        assert told in words
        assert found(output)["key"][0] is True
        assert "pass-w0rd" not in output + errors


async def test_a_journal_in_a_database_is_checked(tmp_path: Path, shared_postgres: PostgresServer) -> None:
    url = shared_postgres.database().replace("postgres@", "postgres:pass-w0rd@")
    async with shell(tmp_path) as (_, wan):
        _, output, errors = await wan("doctor", "--json", "--journal", f"{url}#clips")
        assert found(output)["journal"][0] is False
        assert "there are no tables of one" in found(output)["journal"][1]
        assert "pass-w0rd" not in output + errors


async def redirected(request: aiohttp.web.Request) -> aiohttp.web.Response:
    raise aiohttp.web.HTTPTemporaryRedirect("/slash/")
