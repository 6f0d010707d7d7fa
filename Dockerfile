# Satchel: one image, three commands: `serve`, `worker` and `scheduler`, one process per container. Settings come from the
# environment (see the README); docker-compose.yml shows all of it together.
# Images are named by version for people, and by digest for machines: what is built tomorrow stands on the same ground.

FROM node:22.22.2-bookworm-slim@sha256:9f6d5975c7dca860947d3915877f85607946403fc55349f39b4bc3688448bb6e AS graphiql
WORKDIR /graphiql
COPY app/web/graphiql/package.json app/web/graphiql/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY app/web/graphiql ./
RUN npm run build

FROM python:3.13.14-slim-trixie@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91 AS packages
COPY requirements-runtime.lock ./
RUN python -m venv /opt/satchel \
    && /opt/satchel/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary=:all: -r requirements-runtime.lock

FROM python:3.13.14-slim-trixie@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91
# /data is for local storage and the embedded database only, and nobody else reads it; with PostgreSQL and S3 nothing is kept in
# the container.
RUN groupadd --gid 10001 satchel \
    && useradd --uid 10001 --gid satchel --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin satchel \
    && install --directory --mode 0700 --owner satchel --group satchel /data
WORKDIR /srv/satchel
COPY --from=packages /opt/satchel /opt/satchel
COPY app app
COPY schema schema
COPY workers workers
COPY --from=graphiql /graphiql/dist app/web/graphiql/dist
ENV PATH=/opt/satchel/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/data
RUN python -m compileall -q app schema workers
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# For `serve`. A worker or scheduler answers on METRICS_PORT: `python -m app health --port …`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "app", "health"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
