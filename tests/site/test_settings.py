"""Reading a node's settings: from the environment or from files; what is unsafe is refused with a sentence."""

from pathlib import Path

import pytest

from guantong.kit.settings import SettingMissing, Settings, SettingUnsafe

SECRET = "k9$Lm2!qT7#vZ4@wB8&xC1^yD5*nF3(pG6)hJ0-rS=uVaWbXcYd"
DEVELOPMENT = {"GUANTONG_NODE": "511600", "GUANTONG_HOME": "/srv/node", "GUANTONG_DEVELOPMENT": "true"}
PRODUCTION = {
    "GUANTONG_NODE": "511600",
    "GUANTONG_HOME": "/srv/node",
    "GUANTONG_SECRET_KEY": SECRET,
    "GUANTONG_WEB_URL": "https://data.example",
    "GUANTONG_GATEWAY_URL": "https://gateway.example",
    "GUANTONG_LOG_URL": "https://log.example",
    "GUANTONG_EXCHANGE_URL": "https://exchange.example",
}


def read(environ: dict[str, str]) -> Settings:
    return Settings.read(environ, lambda path: Path(path).read_text(encoding="utf-8"))


def test_the_rest_follows_from_node_and_home() -> None:
    settings = read(DEVELOPMENT)
    assert settings.name == "511600.guantong.example"
    assert settings.web_url == "http://127.0.0.1:8000"
    assert settings.key_folder == Path("/srv/node/keys")
    assert read(PRODUCTION).web_url == "https://data.example"


def test_a_value_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    environ = {**PRODUCTION, "GUANTONG_SECRET_KEY_FILE": str(tmp_path / "secret")}
    del environ["GUANTONG_SECRET_KEY"]
    assert read(environ).secret_key == SECRET


def test_a_file_that_cannot_be_read_is_told_by_the_settings_name(tmp_path: Path) -> None:
    with pytest.raises(SettingUnsafe) as refused:
        read({**PRODUCTION, "GUANTONG_SECRET_KEY_FILE": str(tmp_path / "none")})
    assert "GUANTONG_SECRET_KEY_FILE" in refused.value.sentence("en")


@pytest.mark.parametrize("name", ["GUANTONG_NODE", "GUANTONG_HOME"])
def test_what_has_no_default_must_be_given(name: str) -> None:
    with pytest.raises(SettingMissing):
        read({key: value for key, value in DEVELOPMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NODE", "5116"),
        ("NODE", "\uff15\uff11\uff11\uff16\uff10\uff10"),
        ("NAME", "two words"),
        ("NAME", "x\nwitness"),
        ("NAME", "x" * 61),
        ("TITLE", "x\ny"),
        ("TITLE", ""),
        ("SUITE", "home-made"),
        ("WEB_PORT", "0"),
        ("WEB_PORT", "70000"),
        ("WEB_PORT", "http"),
        ("LOG_URL", "ftp://x"),
        ("WEB_URL", "http://user:secret@x"),
        ("DATABASE_URL", "mysql://x/y"),
        ("GATEWAY_WORKERS", "0"),
        ("CALL_BUDGET_S", "nan"),
        ("CALL_BUDGET_S", "inf"),
        ("DEVELOPMENT", "perhaps"),
        ("HOST", "0.0.0.0"),  # noqa: S104 - with the built-in secret
    ],
)
def test_what_makes_no_sense_is_refused_even_in_development(name: str, value: str) -> None:
    with pytest.raises(SettingUnsafe) as refused:
        read({**DEVELOPMENT, f"GUANTONG_{name}": value})
    assert refused.value.sentence("zh") != refused.value.sentence("en")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 60),
        ("WEB_URL", "http://data.example"),
        ("GATEWAY_URL", "http://gateway.example"),
        ("LOG_URL", "http://log.example"),
    ],
)
def test_what_is_unsafe_is_refused_in_production(name: str, value: str) -> None:
    with pytest.raises(SettingUnsafe):
        read({**PRODUCTION, f"GUANTONG_{name}": value})


def test_a_development_node_shows_log_ins_and_so_stays_on_this_machine() -> None:
    assert read({**DEVELOPMENT, "GUANTONG_HOST": "127.0.0.1"}).development
    with pytest.raises(SettingUnsafe) as refused:
        read({**DEVELOPMENT, "GUANTONG_HOST": "0.0.0.0", "GUANTONG_SECRET_KEY": SECRET})  # noqa: S104
    assert refused.value.details["name"] == "development"
