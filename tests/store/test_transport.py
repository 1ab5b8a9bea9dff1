"""Which addresses of the database are remarked on, and that the recommended one checks what it promises."""

import asyncio
import datetime as dt
import ipaddress
import logging
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from session_graph.settings import load_settings
from session_graph.store.connections import connect
from session_graph.store.transport import describe_transport, is_local, judge_address
from support.clusters import Cluster, new_cluster

pytestmark = pytest.mark.anyio

OPEN, UNCHECKED, ANY_HOST = "need not be encrypted", "certificate is not checked", "not whether it is of that host"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of this user says anything about connections."""
    for name in list(os.environ):
        if name.startswith("PG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


@pytest.mark.parametrize(
    ("address", "remark"),
    [
        ("postgresql://u@db/n", OPEN),
        ("postgres://u@db/n", OPEN),
        ("postgresql://u:p@db.example.com:5433/n", OPEN),
        ("postgresql://u@10.0.0.7/n", OPEN),
        ("postgresql://u@192.168.1.5/n", OPEN),
        ("postgresql://u@172.17.0.2/n", OPEN),
        ("postgresql://u@[2001:db8::7]:5432/n", OPEN),
        ("postgresql://u@[fd00::7]/n", OPEN),
        ("postgresql://u@db/n?sslmode=disable", OPEN),
        ("postgresql://u@db/n?sslmode=allow", OPEN),
        ("postgresql://u@db/n?sslmode=prefer", OPEN),
        ("postgresql://u@db/n?application_name=a&sslmode=prefer", OPEN),
        ("postgresql://u@db/n?sslmode=verify-full&sslmode=prefer", OPEN),
        ("postgresql://u@localhost,db/n", OPEN),
        ("postgresql://u@db:1,127.0.0.1:2/n", OPEN),
        ("postgresql://u@/n?host=db", OPEN),
        ("postgresql://u@/n?host=/run/postgresql,db", OPEN),
        ("postgresql://u@localhost.example.com/n", OPEN),
        ("postgresql://u@127.0.0.1.example.com/n", OPEN),
        ("postgresql://u@db/n?sslmode=require", UNCHECKED),
        ("postgresql://u@db1,db2/n?target_session_attrs=read-write&sslmode=require", UNCHECKED),
        ("postgresql://u@/n?host=db&sslmode=require", UNCHECKED),
        ("postgresql://u@db/n?sslmode=verify-ca&sslrootcert={root}", ANY_HOST),
        ("postgresql://u@db/n?sslmode=require&sslrootcert={root}", ANY_HOST),
        ("postgresql://u@db/n?sslmode=verify-full&sslrootcert={root}", None),
        ("postgresql://u@db1:1,db2:2/n?sslmode=verify-full&sslrootcert={root}", None),
        ("postgresql://u@localhost/n", None),
        ("postgresql://u@LOCALHOST./n", None),
        ("postgresql://u@127.0.0.1:5432/n", None),
        ("postgresql://u@127.8.9.10/n?sslmode=disable", None),
        ("postgresql://u@[::1]:5432/n", None),
        ("postgresql://u@[::ffff:127.0.0.1]/n", None),
        ("postgresql://u@db.localhost/n", None),
        ("postgresql://u@/n?host=/run/postgresql", None),
        ("postgresql://u@%2Frun%2Fpostgresql/n", None),
        ("postgresql://u@/n", None),
        ("postgresql://u@db/n?sslmode=nonsense", None),
        ("postgresql://u@db/n?sslmode=verify-full", None),
        ("postgresql://u@db/n?sslmode=verify-full&sslrootcert=/nowhere", None),
        ("mysql://u@db/n", None),
        ("not an address", None),
    ],
)
def test_an_address_is_remarked_on(address: str, remark: str | None, authority: "Authority") -> None:
    found = judge_address(address.replace("{root}", quote(str(authority.root))))

    assert (remark is None) == (found is None), found
    if remark and found:
        assert remark in found.text
        assert found.level == (logging.WARNING if remark == OPEN else logging.INFO)


def test_a_remark_names_the_remote_hosts_and_no_secret() -> None:
    found = judge_address("postgresql://user:secret@db1:1,localhost:2,10.0.0.7:3/name")

    assert found
    assert "the connection to db1, 10.0.0.7 need not be encrypted" in found.text
    assert "secret" not in found.text


@pytest.mark.parametrize(
    ("variables", "address", "remark"),
    [
        ({"PGSSLMODE": "require"}, "postgresql://u@db/n", UNCHECKED),
        ({"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "{root}"}, "postgresql://u@db/n", None),
        ({"PGSSLMODE": "require"}, "postgresql://u@db/n?sslmode=prefer", OPEN),
        ({"PGHOST": "db"}, "postgresql://u@/n", OPEN),
        ({"PGHOST": "db"}, "postgresql://u@localhost/n", None),
    ],
    ids=["mode", "mode and root", "address first", "host", "host of the address"],
)
def test_the_variables_that_asyncpg_reads_count(
    variables: dict[str, str],
    address: str,
    remark: str | None,
    authority: "Authority",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("{root}", str(authority.root)))

    found = judge_address(address)

    assert (remark is None) == (found is None)
    assert not remark or (found and remark in found.text)


@pytest.mark.parametrize(
    ("host", "local"),
    [("/tmp", True), ("::1", True), ("127.0.0.2", True), ("0.0.0.0", False), ("fe80::1", False), ("", False)],
)
def test_only_this_machine_is_local(host: str, local: bool) -> None:
    assert is_local(host) == local


def test_both_addresses_of_the_settings_are_judged() -> None:
    settings = load_settings(database_url="postgresql://u@pooler/n", listen_url="postgresql://u@db/n?sslmode=require")

    first, second = describe_transport(settings)

    assert first.text.startswith("SESSION_GRAPH_DATABASE_URL: the connection to pooler need not")
    assert second.text.startswith("SESSION_GRAPH_LISTEN_URL: the connection to db is encrypted, but")
    assert list(describe_transport(load_settings())) == []


@dataclass(frozen=True, slots=True)
class Authority:
    """Certificates in files: an authority's, one of 127.0.0.1, one of another host, one of the client."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.crt"

    def options(self, **others: str) -> str:
        files = {"sslrootcert": "root.crt", "sslcert": "client.crt", "sslkey": "client.key"}
        chosen = {name: quote(str(self.folder / file)) for name, file in files.items()} | others
        return "&".join(f"{name}={value}" for name, value in chosen.items() if value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = write_certificate(folder / "root", "Test root", key, None, key)
    for name, host in {"server": "127.0.0.1", "elsewhere": "127.0.0.99", "client": "postgres"}.items():
        write_certificate(folder / name, host, ec.generate_private_key(ec.SECP256R1()), issuer, key)
    other = ec.generate_private_key(ec.SECP256R1())
    write_certificate(folder / "stranger", "Another root", other, None, other)
    return Authority(folder)


def write_certificate(
    path: Path, name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name | None, signer: ec.EllipticCurvePrivateKey
) -> x509.Name:
    """Write NAME.crt and NAME.key; without an issuer, of an authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if name[0].isdigit():
        address = x509.IPAddress(ipaddress.ip_address(name))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    path.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.with_suffix(".key").write_bytes(private)
    path.with_suffix(".key").chmod(0o600)
    return subject


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[Cluster]:
    """A server that takes connections with TLS and a certificate of the client alone."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("the embedded PostgreSQL is built without TLS, and there is no other one")
    with new_cluster(programs[-1], listens=True) as cluster:
        data = cluster.folder / "data"
        use_certificate(cluster, authority, "server")
        (data / "root.crt").write_bytes(authority.root.read_bytes())
        (data / "root.crt").chmod(0o644)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write("ssl = on\nssl_ca_file = 'root.crt'\n")
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 cert\n")
        cluster.stop()
        cluster.start()
        yield cluster


def use_certificate(cluster: Cluster, authority: Authority, name: str) -> None:
    for ending in ("crt", "key"):
        file = cluster.folder / "data" / f"server.{ending}"
        file.write_bytes((authority.folder / f"{name}.{ending}").read_bytes())
        file.chmod(0o600)
        cluster.programs.user.take(file)


async def ask(cluster: Cluster, options: str) -> bool:
    url = f"postgresql://postgres@127.0.0.1:{cluster.port}/postgres?{options}"
    try:
        connection: asyncpg.Connection = await connect(url)
    except Exception:
        await asyncio.sleep(0.1)  # asyncpg's closed transport closes its socket at a later turn of the event loop
        raise
    try:
        encrypted: bool = await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        return encrypted
    finally:
        await connection.close()


async def test_the_recommended_address_connects_with_tls(encrypted: Cluster, authority: Authority) -> None:
    assert await ask(encrypted, authority.options(sslmode="verify-full"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sslmode": "verify-full", "sslrootcert": "{folder}/stranger.crt"}, "self-signed|unable to get"),
        ({"sslmode": "verify-full", "sslcert": "", "sslkey": ""}, "client certificate"),
        ({"sslmode": "disable"}, "no encryption"),
    ],
    ids=["another authority", "no client certificate", "no encryption"],
)
async def test_an_address_that_lacks_a_part_is_refused(
    encrypted: Cluster, authority: Authority, options: dict[str, str], reason: str
) -> None:
    given = {name: value.replace("{folder}", quote(str(authority.folder))) for name, value in options.items()}
    with pytest.raises((asyncpg.PostgresError, ConnectionError, ssl.SSLError, OSError), match=reason):
        await ask(encrypted, authority.options(**given))


async def test_only_verify_full_refuses_a_certificate_of_another_host(encrypted: Cluster, authority: Authority) -> None:
    use_certificate(encrypted, authority, "elsewhere")
    encrypted.run("pg_ctl", "reload", "-D", encrypted.folder / "data")

    for mode in ("require", "verify-ca"):
        assert await ask(encrypted, authority.options(sslmode=mode))
    with pytest.raises((ConnectionError, OSError), match=r"not valid for|doesn't match|mismatch"):
        await ask(encrypted, authority.options(sslmode="verify-full"))

    use_certificate(encrypted, authority, "server")
    encrypted.run("pg_ctl", "reload", "-D", encrypted.folder / "data")
