"""Settings: what is read from the environment, and the message that start-up ends with if one is invalid."""

from pathlib import Path

import pytest

from session_graph.errors import SettingError
from session_graph.settings import PREFIX, Settings, load_settings

SECRET = "hunter2-the-very-long-secret-of-ours"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


WITH_SECRETS = {
    "database_url": f"postgresql://user:{SECRET}@example.com/name",
    "listen_url": f"postgresql://user:{SECRET}@example.com/name",
    "smtp_url": f"smtps://user:{SECRET}@example.com",
    "jwt_key": SECRET,
}


def refuse(**overrides: object) -> str:
    """Return the message that start-up ends with."""
    with pytest.raises(SettingError) as refusal:
        load_settings(**overrides)
    return refusal.value.message


def test_without_any_variable_it_listens_on_this_machine_only() -> None:
    settings = load_settings()

    assert (settings.host, settings.port, settings.home) == ("127.0.0.1", 8000, Path(".session-graph"))
    assert (settings.database_url, settings.cors_origins, settings.jwt_key) == (None, (), None)


def test_every_setting_is_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_GRAPH_PORT", "9000")
    monkeypatch.setenv("SESSION_GRAPH_MIGRATE_ON_START", "false")
    monkeypatch.setenv("SESSION_GRAPH_CORS_ORIGINS", " https://a.example , http://localhost:3000,")

    settings = load_settings()

    assert (settings.port, settings.migrate_on_start) == (9000, False)
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")


def test_an_override_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_GRAPH_PORT", "9000")

    assert load_settings(port=9001).port == 9001


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_GRAPH_DATABASE_URL", "")
    monkeypatch.setenv("SESSION_GRAPH_PORT", "")

    assert (load_settings().database_url, load_settings().port) == (None, 8000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", value) for value in ("http", "-1", "65536", "80.5")),
        *(("POOL_MAX_SIZE", value) for value in ("0", "1001", "many")),
        *(("POOL_MIN_SIZE", value) for value in ("-1", "1001")),
        *((f"{name}", "0") for name in ("STATEMENT_TIMEOUT_MS", "MAX_TOKENS", "MAX_DEPTH", "MAX_FIELDS")),
        *((f"{name}", "-1") for name in ("STATEMENT_CACHE_SIZE", "MAX_ALIASES", "MAX_DIRECTIVES", "MAX_ROOT_FIELDS")),
        *(("MAX_BODY_BYTES", value) for value in ("1023", "1e9")),
        *(("MIGRATE_ON_START", value) for value in ("perhaps", "2")),
        *(("MAIL", value) for value in ("perhaps", "2")),
        *(
            ("PUBLIC_URL", value)
            for value in ("example.com", "ftp://a.com", "https://a.com\n", "https://a.com/ b", "https://")
        ),
        *(("LOG_LEVEL", value) for value in ("LOUD", "info")),
        *(
            ("CORS_ORIGINS", value)
            for value in ("*", "example.com", "https://*.a.com", "https://a.com/", "ftp://a.com")
        ),
    ],
)
def test_the_message_of_an_invalid_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SESSION_GRAPH_{name}", value)

    message = refuse()

    assert message.startswith(f"Cannot start: SESSION_GRAPH_{name}: ")
    assert "\n" not in message
    assert message.count("SESSION_GRAPH_") == 1


def test_the_message_names_every_invalid_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_GRAPH_PORT", "http")
    monkeypatch.setenv("SESSION_GRAPH_MAX_DEPTH", "deep")

    message = refuse()

    assert "SESSION_GRAPH_PORT: " in message
    assert "SESSION_GRAPH_MAX_DEPTH: " in message


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ({"pool_min_size": 11}, ["SESSION_GRAPH_POOL_MIN_SIZE", "SESSION_GRAPH_POOL_MAX_SIZE"]),
        ({"jwt_key": SECRET, "jwt_jwks": "keys.json"}, ["SESSION_GRAPH_JWT_KEY", "SESSION_GRAPH_JWT_JWKS"]),
        ({"jwt_key": SECRET}, ["SESSION_GRAPH_JWT_ISSUER", "SESSION_GRAPH_JWT_AUDIENCE"]),
        ({"jwt_jwks": "keys.json", "jwt_issuer": "us"}, ["SESSION_GRAPH_JWT_ISSUER", "SESSION_GRAPH_JWT_AUDIENCE"]),
    ],
)
def test_the_message_names_settings_that_contradict_each_other(overrides: dict[str, object], names: list[str]) -> None:
    message = refuse(**overrides)

    assert message.startswith("Cannot start: ")
    assert all(name in message for name in names)
    assert SECRET not in message


def test_a_secret_is_never_shown() -> None:
    secrets = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secrets == set(WITH_SECRETS)

    shown = load_settings(**WITH_SECRETS, jwt_issuer="us", jwt_audience="them")

    assert SECRET not in repr(shown)
    assert SECRET not in str(shown)
    assert SECRET not in str(shown.model_dump())
    assert SECRET not in shown.model_dump_json()


@pytest.mark.parametrize("wrong", [{"port": SECRET}, {"home": 7}, {"pool_min_size": 99}, {"log_level": SECRET}])
def test_no_message_repeats_a_secret_or_the_value(wrong: dict[str, object]) -> None:
    message = refuse(database_url=f"postgresql://u:{SECRET}@h/d", **wrong)

    assert SECRET not in message


@pytest.mark.parametrize("name", WITH_SECRETS)
@pytest.mark.parametrize("wrong", [[SECRET], {"secret": SECRET}, SECRET.encode() + b"\xff"])
def test_a_secret_of_the_wrong_type_is_not_repeated(name: str, wrong: object) -> None:
    message = refuse(**{name: wrong})

    assert f"SESSION_GRAPH_{name.upper()}" in message
    assert SECRET not in message


def test_settings_are_immutable() -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_every_setting_has_a_description() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]

    assert undescribed == []


@pytest.mark.parametrize("address", [SECRET, f"mysql://u:{SECRET}@h/d", f"http://{SECRET}", f"postgresql:{SECRET}"])
def test_an_address_that_is_not_postgresql_is_refused_and_not_repeated(address: str) -> None:
    message = refuse(database_url=address)

    assert "SESSION_GRAPH_DATABASE_URL" in message
    assert SECRET not in message


@pytest.mark.parametrize(("value", "is_on"), [("off", False), ("on", True), ("false", False), ("", True)])
def test_mail_is_switched_off_by_a_word(monkeypatch: pytest.MonkeyPatch, value: str, is_on: bool) -> None:
    monkeypatch.setenv("SESSION_GRAPH_MAIL", value)

    assert load_settings().mail is is_on
