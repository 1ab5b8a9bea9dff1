"""The server's memory over 100,000 requests with 10,000 different query texts."""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import orjson

from bench import postgres
from bench.cases import PRODUCT, list_cases
from bench.dataset import prepare
from bench.processes import resident_megabytes
from bench.servers import Server, start_product

REQUESTS = 100_000
TEXTS = 10_000
SAMPLES = 10
CLIENTS = 8


async def measure_memory(arguments: argparse.Namespace) -> None:
    """Print the resident set after each tenth of the requests; after the first it should stay the same."""
    requests = REQUESTS // 10 if arguments.quick else REQUESTS
    with postgres.running(arguments.url, arguments.rows, arguments.postgresql) as url:
        data = await prepare(url, arguments.rows)
        (case,) = [case for case in list_cases(data, {}) if case.name == "small"]
        server = await start_product(data)
        try:
            request = case.requests[PRODUCT]
            print(f"at start                 {resident_megabytes(server.process.pid):8.1f} MB")
            start = time.perf_counter()
            async for done in send(server, request.query, dict(request.variables), requests):
                print(f"after {done:9,} requests {resident_megabytes(server.process.pid):8.1f} MB", flush=True)
            print(f"{requests:,} requests with {TEXTS:,} query texts in {time.perf_counter() - start:.0f} s")
        finally:
            server.stop()


async def send(server: Server, query: str, variables: dict[str, object], requests: int) -> AsyncIterator[int]:
    """Send requests from a few clients, each text several times in a row; yield the answered number at each tenth."""
    fields = query[query.index("{") :]
    share = requests // SAMPLES
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=CLIENTS)) as client:
        for sample in range(SAMPLES):
            numbers = iter(range(sample * share, (sample + 1) * share))

            async def work(numbers: Iterator[int] = numbers) -> None:
                for number in numbers:
                    text = f"query Text{number * TEXTS // requests}($first: Int!) {fields}"
                    body = orjson.dumps({"query": text, "variables": {**variables, "first": 5}})
                    headers = {**server.headers, "Content-Type": "application/json"}
                    response = await client.post(server.url, content=body, headers=headers)
                    assert response.status_code == 200, response.text
                    assert b'"errors"' not in response.content, response.text

            await asyncio.gather(*(work() for _ in range(CLIENTS)))
            yield (sample + 1) * share
