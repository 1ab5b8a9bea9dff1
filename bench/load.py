"""Load by wrk on the second core: requests per second, latency, CPU time of server and database."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.cases import FRESH, Request
from bench.places import WORK
from bench.processes import cpu_seconds
from bench.servers import LOAD_CORE, Server

DRAIN_SECONDS = 20.0
QUIET_SECONDS = 0.2
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One cell of one round. CPU in milliseconds per request; None if the database is not on this machine."""

    per_second: float
    median_ms: float
    p99_ms: float
    server_cpu: float
    database_cpu: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """The number of connections and the seconds of the load."""

    connections: int = 16
    warm_seconds: float = 1.0
    seconds: float = 2.0


async def measure(server: Server, request: Request, is_fresh: bool, load: Load, database: int | None) -> Measurement:
    """Warm up, wait until everything is answered, then measure. Raises RuntimeError if requests fail.

    GraphQL errors have status 200: so the answers must together be as long as that many copies of the first one.
    """
    length = await server.read_length(request)
    script = _write_script(server.headers, request, is_fresh)
    await _push(server.url, script, load.connections, load.warm_seconds)
    await _drain(server, database)
    before = cpu_seconds(server.process.pid), cpu_seconds(database) if database else 0.0
    output = await _push(server.url, script, load.connections, load.seconds)
    # Requests that wrk did not wait for are part of the work and of its CPU time.
    unfinished = load.connections
    await _drain(server, database)
    after = cpu_seconds(server.process.pid), cpu_seconds(database) if database else 0.0
    answered, per_second, median, p99 = _read(output)
    if _bytes_read(output) < 0.95 * length * answered:
        raise RuntimeError(f"answers are shorter under load: {output[-200:]}")
    requests = max(answered + unfinished / 2, 1)
    return Measurement(
        per_second,
        median,
        p99,
        (after[0] - before[0]) * 1000 / requests,
        (after[1] - before[1]) * 1000 / requests if database else None,
    )


def _write_script(headers: Mapping[str, str], request: Request, is_fresh: bool) -> Path:
    """Write wrk's script. With `is_fresh` each request has a new operation name: the same work with a new text."""
    body = orjson.dumps({"query": request.query, "variables": dict(request.variables)}).decode()
    lines = ['wrk.method = "POST"', f"wrk.body = {_lua(body)}"]
    lines += [f"wrk.headers[ {_lua(name)} ] = {_lua(value)}" for name, value in headers.items()]
    lines.append('wrk.headers["Content-Type"] = "application/json"')
    if is_fresh:
        before, after = body.split(FRESH)
        lines += [
            f"local number = {time.time_ns() // 1000}",
            f"request = function() number = number + 1; return wrk.format(nil, nil, nil,"
            f' {_lua(before)} .. string.format("Fresh%.0f", number) .. {_lua(after)}) end',
        ]
    script = WORK / "request.lua"
    script.write_text("\n".join(lines))
    return script


def _lua(text: str) -> str:
    return f"[==[{text}]==]"


async def _push(url: str, script: Path, connections: int, seconds: float) -> str:
    duration = max(1, round(seconds))
    command = ("taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout", "60s")
    process = await asyncio.create_subprocess_exec(
        *command, "--latency", "-s", str(script), url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    if process.returncode != 0 or "Non-2xx" in output:
        raise RuntimeError(f"wrk failed: {output[-400:]}")
    return output


async def _drain(server: Server, database: int | None) -> None:
    """Wait until server and database are idle, so that unfinished requests do not count for the next measurement."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        before = cpu_seconds(server.process.pid) + (cpu_seconds(database) if database else 0.0)
        await asyncio.sleep(QUIET_SECONDS)
        if cpu_seconds(server.process.pid) + (cpu_seconds(database) if database else 0.0) - before <= 0.02:
            return


def _read(output: str) -> tuple[int, float, float, float]:
    answered = re.search(r"(\d+) requests in", output)
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert answered, output
    assert per_second, output
    return int(answered[1]), float(per_second[1]), _latency(output, "50%"), _latency(output, "99%")


def _bytes_read(output: str) -> float:
    found = re.search(r"requests in [\d.]+\w+, ([\d.]+)([KMG]?)B read", output)
    assert found, output
    return float(found[1]) * 1024.0 ** " KMG".index(found[2] or " ")


def _latency(output: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)\b", output)
    return float(found[1]) * UNITS[found[2]] if found else float("nan")
