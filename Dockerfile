# The service without the embedded PostgreSQL. `docker compose up --build` runs it with a PostgreSQL of its own.
FROM python:3.13-slim
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements-server.txt ./
RUN pip install --require-hashes --only-binary :all: -r requirements-server.txt
COPY pyproject.toml README.md ./
COPY src src
RUN pip install --no-index --no-deps --no-build-isolation . \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/session-graph session-graph
USER session-graph
WORKDIR /var/lib/session-graph
EXPOSE 8000
CMD ["session-graph", "serve", "--host", "0.0.0.0"]
