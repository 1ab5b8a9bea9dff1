"""Every setting, read once at start-up from `SESSION_GRAPH_…` variables; nothing else reads the environment.

The table in docs/settings.md is printed from this class; a test holds it complete.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from session_graph.errors import SettingError

PREFIX = "SESSION_GRAPH_"

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """One field for each variable: `pool_max_size` is `SESSION_GRAPH_POOL_MAX_SIZE`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    home: Path = Field(
        Path(".session-graph"), description="Folder of the embedded database, the demo's keys and its outbox."
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL 15 to 18 to use instead of the embedded one: `postgresql://user:password@host:5432/name`.",
    )
    listen_url: SecretStr | None = Field(
        None,
        description="The same database without a pooler between, for the one connection of a process that listens for changes; `SESSION_GRAPH_DATABASE_URL` by default. Needed behind a pooler in transaction mode.",
    )
    pool_min_size: int = Field(2, ge=0, le=1000, description="Database connections kept open for writing.")
    pool_max_size: int = Field(
        10, ge=1, le=1000, description="Database connections at most for writing, and as many again for reading."
    )
    statement_cache_size: int = Field(
        200,
        ge=0,
        description="Prepared statements kept by each connection; 0 behind a pooler in transaction mode.",
    )
    statement_timeout_ms: int = Field(
        10_000, ge=1, description="A statement that runs longer is cancelled and answered with TIMEOUT; milliseconds."
    )
    migrate_on_start: bool = Field(
        True,
        description="Bring the schema up to date when a command starts; `false` where `session-graph migrate` is a step of the deployment.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    max_body_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Longest request body; bytes.")
    max_tokens: int = Field(4000, ge=1, description="Tokens of a GraphQL document.")
    max_depth: int = Field(16, ge=1, description="Levels of a selection.")
    max_fields: int = Field(2000, ge=1, description="Fields of an operation, each fragment counted where it is spread.")
    max_aliases: int = Field(60, ge=0, description="Aliases of an operation.")
    max_directives: int = Field(60, ge=0, description="Directives of an operation.")
    max_root_fields: int = Field(20, ge=1, description="Root fields of an operation.")
    cors_origins: CommaSeparated = Field(
        (), description="Origins of browser frontends, comma-separated: `https://app.example.com`. None by default."
    )
    explorer: Path | None = Field(
        None,
        description="Folder into which `make explorer` has bundled GraphiQL: turns on `/explore`. The demo has it on; off by default.",
    )
    jwt_key: SecretStr | None = Field(
        None, description="Verifies signed tokens: a PEM public key, or a shared secret of 32 bytes or more."
    )
    jwt_jwks: str | None = Field(
        None, description="Instead of a key: the address (https) or file of a JSON Web Key Set."
    )
    jwt_issuer: str | None = Field(None, description="The `iss` a token must have. Needed with a key or key set.")
    jwt_audience: str | None = Field(None, description="The `aud` a token must have. Needed with a key or key set.")
    jwt_account_claim: str = Field("account", description="Claim that names the account.")
    jwt_role_claim: str = Field("role", description="Claim that names the role.")
    jwt_integrations_claim: str = Field("integrations", description="Claim with the integrations of a PARTNER.")
    jwt_agents_claim: str = Field(
        "agents", description="Claim with the agents (idn) that the bearer is limited to; absent for all."
    )
    public_url: str | None = Field(
        None,
        description="Where people reach this server: download links in mails begin with it. By default where it listens.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server for reports: `smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` where it asks for it.",
    )
    mail_from: str = Field("reports@localhost", description="Sender of reports.")
    outbox: Path | None = Field(
        None, description="Folder to write messages into where there is no mail server; the demo has one in its home."
    )
    exports_running: int = Field(
        3, ge=1, description="Reports of an account that are written at a time; the rest wait."
    )
    exports_per_day: int = Field(1000, ge=1, description="Reports that an account may ask for in 24 hours.")
    export_recipients: int = Field(10, ge=1, description="Recipients of a report.")
    export_days: int = Field(7, ge=1, description="How long a report's file is kept; days.")
    zip_above_bytes: int = Field(5 * 1024 * 1024, ge=0, description="A larger CSV is attached as a zip file; bytes.")
    link_above_bytes: int = Field(
        15 * 1024 * 1024, ge=0, description="A larger CSV is not attached: the mail has a link only; bytes."
    )
    live_hours: int = Field(
        24,
        ge=1,
        le=720,
        description="How long the log of live updates is kept: so long one can go on with `after`; hours.",
    )
    live_connections: int = Field(
        2000, ge=0, description="WebSockets and event streams that a process holds open at most; 0 for none."
    )
    live_subscriptions: int = Field(
        200,
        ge=1,
        description="Subscriptions, and operations over WebSockets, of a key or token at a time, in a process.",
    )
    live_keep_alive_seconds: float = Field(
        20, gt=0, description="A quiet event stream or WebSocket says so often that it is there; seconds."
    )
    live_send_seconds: float = Field(
        10, gt=0, description="Who does not take what is sent to them for so long is cut off; seconds."
    )
    live_init_seconds: float = Field(
        5, gt=0, description="A WebSocket must say within so long whose it is (`connection_init`); seconds."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severity that is logged."
    )

    @field_validator("database_url", "listen_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be an address such as postgresql://user:password@host:5432/name")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, _, rest = origin.partition("://")
            if scheme not in ("http", "https") or not rest or "/" in rest or "*" in rest:
                raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
        return value

    @model_validator(mode="after")
    def _together(self) -> "Settings":
        if self.pool_min_size > self.pool_max_size:
            raise ValueError(f"{PREFIX}POOL_MIN_SIZE is larger than {PREFIX}POOL_MAX_SIZE")
        if self.jwt_key and self.jwt_jwks:
            raise ValueError(f"{PREFIX}JWT_KEY and {PREFIX}JWT_JWKS exclude each other")
        if (self.jwt_key or self.jwt_jwks) and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError(f"tokens need {PREFIX}JWT_ISSUER and {PREFIX}JWT_AUDIENCE")
        return self


def load_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` win over it.

    Raises SettingError, whose sentence names each variable that cannot be used and never repeats a secret.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingError("Cannot start: " + "; ".join(map(_sentence, error.errors(include_input=False)))) from None


def _sentence(error: ErrorDetails) -> str:
    what = error["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {what}" if error["loc"] else what
