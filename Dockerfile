# vidproc in containers: one image for the coordinator, one for the worker daemons (`--target worker`), alike but for
# the program they start. `docker-compose.yml` builds and runs both.
#
# The base is pinned by its tag. To pin the very bytes, append the digest that
# `docker buildx imagetools inspect python:3.12-slim-bookworm` prints (`@sha256:...`) to both lines that name it.

FROM python:3.12-slim-bookworm AS packages
COPY requirements-core.lock /
# Wheels only: the image has no compiler, and each wheel must have the hash that the lock names.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /requirements-core.lock

FROM python:3.12-slim-bookworm AS runtime
# A user without a shell or a home. /data is made here so that a new volume mounted there belongs to that user.
RUN groupadd --system --gid 10001 vidproc \
    && useradd --system --uid 10001 --gid vidproc --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vidproc \
    && install --directory --owner vidproc --group vidproc --mode 0700 /data
COPY --from=packages /opt/venv /opt/venv
COPY LICENSE /opt/vidproc/LICENSE
COPY bin /opt/vidproc/bin
COPY vidproc /opt/vidproc/vidproc
ENV PATH=/opt/venv/bin:/opt/vidproc/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# The root file system may be read-only later, so the compiled modules are made now.
RUN python -m compileall -q /opt/vidproc/vidproc
USER vidproc
WORKDIR /data
STOPSIGNAL SIGTERM

FROM runtime AS worker
# Healthy means connected: the daemon listens nowhere, it dials the coordinator's port.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import psutil, sys; sys.exit(not any(c.status == 'ESTABLISHED' and c.raddr.port == 9090 for c in psutil.net_connections('tcp')))"]
ENTRYPOINT ["vidproc-worker"]
CMD ["--host", "coordinator", "--port", "9090", "--token-file", "/run/secrets/token"]

FROM runtime AS coordinator
VOLUME /data
EXPOSE 9090 8080
# Healthy means that the port takes connections.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import socket; socket.create_connection(('localhost', 9090), 3).close()"]
ENTRYPOINT ["vidproc-coordinator"]
CMD ["--bind", "::", "--port", "9090", "--data-dir", "/data", "--token-file", "/run/secrets/token"]
