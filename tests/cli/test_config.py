"""Keys from files: which file counts, what is refused, and that nobody else can read what is saved."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wan_async import ConfigurationError
from wan_async._cli import config

from .shell import shell


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_without_files_nothing_is_said() -> None:
    assert config.saved({}) == config.Saved()


def test_the_nearest_file_counts_and_the_environment_before_it(home: Path) -> None:
    config.write("of-config", "https://other.example")
    assert config.saved({}).api_key == "of-config"
    assert config.saved({}).base_url == "https://other.example"
    (home / ".env").write_text("OTHER=1\nAPIKLEY_API_KEY='of-env'\n")
    assert (config.saved({}).api_key, config.saved({}).base_url) == ("of-env", None)
    assert config.saved({"APIKLEY_API_KEY": "of-environment"}) == config.Saved()


def test_what_is_saved_is_for_its_owner_alone(home: Path) -> None:
    path = config.write('a "key"\\', None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert config.write("another", None) == path
    assert config.saved({}).api_key == "another"


def test_a_file_that_others_can_read_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config.write("k", None)
    path.chmod(0o644)
    assert config.saved({}).api_key == "k"
    assert f"chmod 600 {path}" in capsys.readouterr().err


def test_a_folder_of_somebody_else_does_not_get_our_key_sent_to_it(home: Path) -> None:
    config.write("ours", None)
    (home / ".env").write_text("APIKLEY_BASE_URL=https://theirs.example\n")
    with pytest.raises(ConfigurationError, match=r"\.env names a host, but no key"):
        config.saved({})


@pytest.mark.parametrize("text", ["api_key = 7\n", "api_key = \n", "api_key = 'k'\nbase_url = false"])
def test_a_broken_file_is_named(home: Path, text: str) -> None:
    path = config.write("k", None)
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"config\.toml"):
        config.saved({})


def test_without_a_home_there_is_no_file_and_login_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", none)
    assert config.saved({}) == config.Saved()
    with pytest.raises(ConfigurationError, match="APIKLEY_API_KEY"):
        config.write("k", None)


async def test_login_checks_the_key_and_the_commands_that_follow_have_it(tmp_path: Path) -> None:
    async with shell(tmp_path, credits=1e9) as (_, wan):
        url = wan.environment.pop("APIKLEY_BASE_URL")
        code, _, errors = await wan("credits", key=None)
        assert (code, errors.count("\n")) == (2, 1)
        assert "wan-async login" in errors
        assert (await wan("login", "--base-url", url, key=None, stdin="wrong\n"))[0] == 3
        code, output, errors = await wan("login", "--base-url", url, key=None, stdin="k\n")
        assert (code, output.strip()) == (0, str(tmp_path / "config" / "wan-async" / "config.toml")), errors
        assert errors == "The key is good: 1,000,000,000 credits.\n"  # no word of a terminal
        code, _, errors = await wan("login", "--no-check", key=None, stdin="")
        assert (code, "nothing was saved" in errors) == (2, True)
        assert (await wan("credits", key=None))[1] == "1,000,000,000\n"
        assert (await wan("credits", "--json", key=None))[1] == '{"credits":1000000000.0}\n'
