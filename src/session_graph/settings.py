"""All settings, read once at start-up from `SESSION_GRAPH_…` variables. Nothing else reads the environment.

The table in docs/settings.md is generated from this class; a test fails if they differ.
"""

import re
from collections.abc import Collection
from ipaddress import ip_network
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
        description="PostgreSQL 15 to 18, instead of the embedded one: `postgresql://user:password@host:5432/name`.",
    )
    listen_url: SecretStr | None = Field(
        None,
        description="Address of the same database that bypasses the pooler: each process listens for notifications over one such connection. `SESSION_GRAPH_DATABASE_URL` by default; needed behind a pooler in transaction mode.",
    )
    pool_min_size: int = Field(
        2, ge=0, le=1000, description="Database connections for transactions that are opened at the start."
    )
    pool_max_size: int = Field(
        10, ge=1, le=1000, description="Most database connections for transactions, and again for single statements."
    )
    pool_idle_seconds: float = Field(
        45,
        gt=0,
        description="A database connection that was idle for so long is closed: firewalls and load balancers forget idle connections without a word; seconds.",
    )
    statement_cache_size: int = Field(
        200,
        ge=0,
        description="Prepared statements that each connection keeps; 0 behind a pooler in transaction mode.",
    )
    statement_timeout_ms: int = Field(
        10_000, ge=1, description="Longest run of a statement, which then fails with TIMEOUT; milliseconds."
    )
    migrate_on_start: bool = Field(
        True,
        description="Bring the schema up to date when a command starts; `false` if `session-graph migrate` is a step of the deployment.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    trusted_proxies: CommaSeparated = Field(
        (),
        description="Addresses and networks of the proxies in front of this server, comma-separated: `10.0.0.7,192.168.4.0/24`. Only they may name the client, by `X-Forwarded-For` or `Forwarded`. Behind a proxy that is not named here, all clients count as one. None by default.",
    )
    connections_per_address: int = Field(
        1000,
        ge=1,
        description="Most connections of one address, or IPv6 network of 64 bits, that a process keeps open; trusted proxies may have any number.",
    )
    refusals_per_second: float = Field(
        50,
        gt=0,
        description="Requests without a valid key that one address may send each second; those of ten seconds may come at once. Beyond that they are refused without a look-up, with RATE_LIMITED.",
    )
    max_body_bytes: int = Field(
        1024 * 1024,
        ge=1024,
        description="Largest body of a request, except one that records sessions; bytes.",
    )
    max_record_body_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        description="Largest body of a request to `recordSessions`, by a key that may record, and to an inlet; bytes, no fewer than `SESSION_GRAPH_MAX_BODY_BYTES`. `POST /records` has no such limit.",
    )
    max_bodies_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024,
        description="Most bytes of request bodies that a process holds at a time for one key or token; more are refused with RATE_LIMITED. One body of the largest size always fits.",
    )
    body_seconds: float = Field(
        20,
        gt=0,
        description="A client must send the body of a request within this time, and a second more for each `SESSION_GRAPH_BODY_BYTES_PER_SECOND`; seconds. `POST /records` has `SESSION_GRAPH_RECORD_IDLE_SECONDS` instead.",
    )
    body_bytes_per_second: int = Field(
        32 * 1024, ge=1, description="Slowest pace at which a client may send a body after that time; bytes a second."
    )
    max_tokens: int = Field(4000, ge=1, description="Most tokens in a GraphQL document.")
    max_depth: int = Field(16, ge=1, description="Most levels in a selection.")
    max_fields: int = Field(2000, ge=1, description="Most fields in an operation; a fragment counts at each spread.")
    max_aliases: int = Field(60, ge=0, description="Most aliases in an operation.")
    max_directives: int = Field(60, ge=0, description="Most directives in an operation.")
    max_root_fields: int = Field(20, ge=1, description="Most root fields in an operation.")
    max_cost: int = Field(
        30_000, ge=1, description="Most that an operation may cost, by the [weights](costs.md) of the schema."
    )
    budget_capacity: int = Field(
        300_000,
        ge=1,
        le=10**12,
        description="What one key or token may take at once of a process, in units of [cost](costs.md).",
    )
    budget_per_second: float = Field(
        20_000, ge=0.01, le=10**12, description="How much of that comes back each second, in the same units."
    )
    heavy_running: int = Field(
        3,
        ge=1,
        description="Heavy queries of an account that a process runs at a time, such as dashboards; the others wait.",
    )
    heavy_waiting: int = Field(50, ge=0, description="Heavy queries of an account that wait; more are refused.")
    heavy_wait_seconds: float = Field(
        5, gt=0, description="A heavy query that has waited for this long is refused; seconds."
    )
    max_answer_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest answer to an operation; bytes.")
    query_timeout_ms: int = Field(
        12_000,
        ge=1,
        description="Longest run of a query with all its statements, which then fails with TIMEOUT; milliseconds.",
    )
    cors_origins: CommaSeparated = Field(
        (), description="Origins of browser frontends, comma-separated: `https://app.example.com`. None by default."
    )
    explorer: Path | None = Field(
        None,
        description="Folder that `make explorer` bundled GraphiQL into; setting it turns on `/explore`. Off by default, on in the demo.",
    )
    jwt_key: SecretStr | None = Field(
        None, description="Key that verifies tokens: a PEM public key, or a shared secret of at least 32 bytes."
    )
    jwt_jwks: str | None = Field(None, description="JSON Web Key Set instead of a key: its address (https) or file.")
    jwt_issuer: str | None = Field(None, description="The `iss` of every token. Needed with a key or key set.")
    jwt_audience: str | None = Field(None, description="The `aud` of every token. Needed with a key or key set.")
    jwt_account_claim: str = Field("account", description="Claim with the idn of the account.")
    jwt_role_claim: str = Field("role", description="Claim with the role.")
    jwt_integrations_claim: str = Field("integrations", description="Claim with the integrations of a PARTNER.")
    jwt_agents_claim: str = Field(
        "agents", description="Claim with the agents (idn) that the token is limited to; without the claim, all."
    )
    jwt_types: CommaSeparated = Field(
        ("at+jwt", "JWT"),
        min_length=1,
        description="Accepted types (`typ`) of tokens, comma-separated; a token without one is a `JWT`. Set it to `at+jwt` if the issuer writes it (RFC 9068): then no other kind of token of that issuer can pass as an access token.",
    )
    public_url: str | None = Field(
        None,
        description="Address at which people reach this server; download links in mails begin with it. By default its host and port.",
    )
    hsts_seconds: int = Field(
        0,
        ge=0,
        description="How long browsers shall reach this host by https alone (`Strict-Transport-Security`); seconds. 0 sends no such header; behind a proxy that ends TLS, a year is `31536000`.",
    )
    security_contact: str | None = Field(
        None,
        description="Where to report a vulnerability, shown by `/.well-known/security.txt`: `mailto:security@example.com`, or an `https://` address. Without it there is no such file.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server that sends exports: `smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` if it requires a login. `smtp://` encrypts if the server offers it, and takes a password for this machine only.",
    )
    smtp_ca_file: Path | None = Field(
        None,
        description="File with the certificates (PEM) of the authorities that the mail server's certificate may come from, instead of those that the operating system trusts.",
    )
    mail_from: str = Field(
        "reports@localhost",
        description="Sender of exports: one address, also with a name, such as `Reports <reports@example.com>`.",
    )
    mail: bool = Field(
        True,
        description="`off` sends no mail, for a copy of a database: exports are written and can be downloaded.",
    )
    outbox: Path | None = Field(
        None,
        description="Folder that messages are written to if there is no mail server; in the demo, a folder in its home.",
    )
    exports_running: int = Field(3, ge=1, description="Exports of an account written at a time; the others wait.")
    exports_per_day: int = Field(
        1000, ge=1, description="Exports that an account may request in 24 hours; a retry counts like a request."
    )
    exports_per_key_per_day: int = Field(
        250,
        ge=1,
        description="The same for one key, or for one subject of tokens: fewer than for the account, so that one key cannot use up what all share.",
    )
    export_retries_per_day: int = Field(10, ge=1, description="Retries of one export in 24 hours.")
    export_recipients: int = Field(10, ge=1, description="Most recipients of an export.")
    export_days: int = Field(7, ge=1, description="How long the file of an export is kept; days.")
    export_link_seconds: int = Field(
        300,
        ge=10,
        le=3600,
        description="How long a `downloadUrl` works; seconds. It ends earlier with the key or token that asked for it. The link in a mail works as long as the file is kept.",
    )
    export_record_days: int = Field(
        90,
        ge=1,
        description="How long the record of an export that has ended is kept, with its deliveries, its downloads and its idempotency key; days, no fewer than `SESSION_GRAPH_EXPORT_DAYS`.",
    )
    zip_above_bytes: int = Field(
        5 * 1024 * 1024, ge=0, description="A larger CSV file is attached as a zip file; bytes."
    )
    link_above_bytes: int = Field(
        15 * 1024 * 1024, ge=0, description="A larger CSV file is not attached, the mail only links to it; bytes."
    )
    event_hours: int = Field(
        24,
        ge=1,
        le=8760,
        description="How long the event log keeps every change of a session; after that only the newest, for good. Hours.",
    )
    live_connections: int = Field(
        2000, ge=0, description="Most WebSockets and event streams that a process keeps open; 0 for none."
    )
    live_connections_per_account: int = Field(
        1000, ge=1, description="Most WebSockets and event streams of one account that a process keeps open."
    )
    live_connections_per_key: int = Field(
        500, ge=1, description="Most WebSockets and event streams of one key or token that a process keeps open."
    )
    live_pending: int = Field(
        500,
        ge=1,
        description="Most WebSockets that have not sent a valid `connection_init` yet. They take no place of others; beyond this number, the one that has waited longest is closed.",
    )
    live_pending_per_address: int = Field(
        200, ge=1, description="Most of them from one address, unless it is a trusted proxy's."
    )
    live_message_bytes: int = Field(
        1024 * 1024, ge=1024, description="Largest message over a WebSocket; larger requests go by POST. Bytes."
    )
    live_subscriptions: int = Field(
        200,
        ge=1,
        description="Most subscriptions, and operations over WebSockets, that one key or token has open in a process.",
    )
    live_keep_alive_seconds: float = Field(
        20, gt=0, description="Interval of the keep-alive message on an idle event stream or WebSocket; seconds."
    )
    live_checkpoint_seconds: float = Field(
        60, gt=0, description="Interval at which a subscription to events says where it stands; seconds."
    )
    live_send_seconds: float = Field(
        10,
        gt=0,
        description="A client that accepts nothing of what is sent to it for this long is disconnected; seconds.",
    )
    live_init_seconds: float = Field(
        5, gt=0, description="A WebSocket must send `connection_init` within this time; seconds."
    )
    request_head_seconds: float = Field(
        10,
        gt=0,
        description="A client must send the head of a request, from the first byte to the last, within this time after it connects; seconds.",
    )
    record_idle_seconds: float = Field(
        60, gt=0, description="A client of `POST /records` that sends nothing for this long is ended; seconds."
    )
    inlet_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="How long what an inlet was delivered is kept, as it came; a repeat is recognised for as long. Days.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest severity that is logged."
    )

    @field_validator("database_url", "listen_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be an address such as postgresql://user:password@host:5432/name")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[!-~]+", value):
            raise ValueError("must be an address such as https://sessions.example.com")
        return value

    @field_validator("cors_origins", "jwt_types", "trusted_proxies", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is neither an address nor a network such as 192.168.4.0/24") from None
        return value

    @field_validator("security_contact")
    @classmethod
    def _check_contact(cls, value: str | None) -> str | None:
        if value and (not value.startswith(("mailto:", "https://")) or not value.isprintable() or " " in value):
            raise ValueError("must be an address such as mailto:security@example.com or https://example.com/report")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, _, rest = origin.partition("://")
            if scheme not in ("http", "https") or not rest or "/" in rest or "*" in rest:
                raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
        return value

    @model_validator(mode="after")
    def _check_combinations(self) -> "Settings":
        if self.pool_min_size > self.pool_max_size:
            raise ValueError(f"{PREFIX}POOL_MIN_SIZE is larger than {PREFIX}POOL_MAX_SIZE")
        if self.max_record_body_bytes < self.max_body_bytes:
            raise ValueError(f"{PREFIX}MAX_RECORD_BODY_BYTES is smaller than {PREFIX}MAX_BODY_BYTES")
        if self.export_record_days < self.export_days:
            raise ValueError(f"{PREFIX}EXPORT_RECORD_DAYS is smaller than {PREFIX}EXPORT_DAYS")
        if self.jwt_key and self.jwt_jwks:
            raise ValueError(f"{PREFIX}JWT_KEY and {PREFIX}JWT_JWKS exclude each other")
        if (self.jwt_key or self.jwt_jwks) and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError(f"tokens need {PREFIX}JWT_ISSUER and {PREFIX}JWT_AUDIENCE")
        return self


def load_settings(flags: Collection[str] = (), /, **overrides: object) -> Settings:
    """Read the environment; `overrides` take precedence. `flags` are the fields that the command also has a flag for.

    Raises SettingError, whose message names each invalid variable and never repeats a secret.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = [_describe(problem, flags) for problem in error.errors(include_input=False)]
        raise SettingError("Cannot start: " + "; ".join(problems)) from None


def _describe(error: ErrorDetails, flags: Collection[str]) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    return f"{PREFIX}{name.upper()}{f' (or --{name})' if name in flags else ''}: {message}"
