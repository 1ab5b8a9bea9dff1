"""The composition of containers gives no service more rights, networks or resources than it needs."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from session_graph.cli.serve import MOST_STOP_SECONDS
from store.embedded.conftest import PYTHONPATH, find_python, only_root
from support.clusters import new_cluster
from support.processes import comes_true
from support.smtp import free_port

TEXT = (Path(__file__).parents[1] / "docker-compose.yml").read_text("utf-8")
COMPOSITION: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSITION["services"]
NETWORKS: dict[str, dict[str, Any] | None] = COMPOSITION["networks"]
IMAGE_USER = 10001
"""The user of the Dockerfile."""

# Stricter than the containers: no file can be written, not even in /tmp, and no right is left.
CONFINE = """
mount -o remount,bind,ro / && mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp || exit 77
exec setpriv --reuid={uid} --regid={uid} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_neither_write_to_its_image_nor_gain_rights(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.keys() & {"cap_add", "privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"} == set()
    assert "build" in service or service["user"] not in ("root", "0", "")
    assert [mount for mount in service.get("volumes", []) if mount.startswith((".", "/", "~"))] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_of_memory_processes_and_temporary_files(name: str) -> None:
    service = SERVICES[name]

    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 500
    assert "/tmp" in {mount.partition(":")[0] for mount in service["tmpfs"]}
    assert [mount for mount in service["tmpfs"] if not re.fullmatch(r"/[\w/]+:size=\d+m", mount)] == []


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_service_is_not_killed_before_it_has_stopped(name: str) -> None:
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > MOST_STOP_SECONDS


def test_no_password_has_a_default() -> None:
    substituted = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
    secret = [(name, rest) for name, rest in substituted if re.search("PASSWORD|SECRET|KEY|TOKEN", name)]

    assert {name for name, _ in secret} == {"POSTGRES_PASSWORD"}
    assert [rest for _, rest in secret if not re.match(r":\?\w+( [\w.,-]+){5,}$", rest)] == []
    assert [value for value in re.findall(r"://\w+:([^@\s]+)@", TEXT) if not value.startswith("${")] == []
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert "POSTGRES_HOST_AUTH_METHOD" not in TEXT


def test_the_database_is_reached_by_the_services_that_need_it_alone() -> None:
    postgres = SERVICES["postgres"]
    neighbours = {name for name, service in SERVICES.items() if set(service["networks"]) & set(postgres["networks"])}

    assert neighbours == {"postgres", "api", "worker"}
    assert [name for name in postgres["networks"] if not (NETWORKS[name] or {}).get("internal")] == []
    assert postgres.keys() & {"ports", "expose"} == set()


def test_only_services_with_a_port_for_people_have_a_network_that_leads_outside() -> None:
    outside = {name for name, network in NETWORKS.items() if not (network or {}).get("internal")}

    assert {name for name, service in SERVICES.items() if set(service["networks"]) & outside} == {
        name for name, service in SERVICES.items() if "ports" in service
    }


def test_the_comments_write_a_password_that_fits_into_an_address(tmp_path: Path) -> None:
    (command,) = re.findall(r"^# +(echo .*>\.env)$", TEXT, re.MULTILINE)
    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)

    assert re.fullmatch(r"POSTGRES_PASSWORD=[0-9a-f]{32}\n", (tmp_path / ".env").read_text())


@only_root
@pytest.mark.skipif(shutil.which("unshare") is None or shutil.which("setpriv") is None, reason="Linux alone has them")
@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_service_runs_where_nothing_can_be_written_and_without_rights(name: str) -> None:
    port = free_port()
    python = find_python(IMAGE_USER)
    command = SERVICES[name]["command"]
    words = [word.replace("session-graph", f"{python} -m session_graph.cli.main") for word in command[2:]]
    line = words[0] if command[0] == "sh" else " ".join([f"exec {python} -m session_graph.cli.main", *command[1:]])
    confined = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONFINE.format(uid=IMAGE_USER), "sh"]
    with new_cluster(listens=True) as cluster:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": PYTHONPATH,
            "PYTHONDONTWRITEBYTECODE": "1",
            "SESSION_GRAPH_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{cluster.port}/postgres",
            "SESSION_GRAPH_PORT": str(port),
            "SESSION_GRAPH_SMTP_URL": "smtp://127.0.0.1:1",
        }
        with subprocess.Popen(
            [*confined, "sh", "-c", line],
            cwd="/",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as service:
            try:
                wait_until_it_works(name, service, port)
                service.send_signal(signal.SIGTERM)
                said, _ = service.communicate(timeout=MOST_STOP_SECONDS + 5)
            finally:
                service.kill()
    if service.returncode == 77:
        pytest.skip("this system lets nobody make the root file system read-only")
    assert (service.returncode, "Read-only" in said, "Traceback" in said) == (0, False, False), said


def wait_until_it_works(name: str, service: "subprocess.Popen[str]", port: int) -> None:
    if name == "api":
        assert comes_true(lambda: service.poll() is not None or is_ready(port), 60)
    else:
        assert service.stdout
        assert service.stdout.readline() in ("Writing and sending exports\n", "")


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
