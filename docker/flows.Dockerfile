# The scheduled flows: training, drift, recalibration, retention, reports. They run in the checkout, which is mounted at /project,
# with what `make install` installs, and with the checkout's own sources: a Bento is built of them.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements-uv.lock requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.lock \
 && uv venv /opt/smart-sentry \
 && uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/smart-sentry/bin/python requirements.lock
COPY pyproject.toml README.md ./
COPY src src
RUN uv pip install --no-cache --no-deps --python /opt/smart-sentry/bin/python .

FROM python:3.11-slim-bookworm
# DVC asks git about the checkout, which belongs to somebody of the host.
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory /project \
 && useradd --uid 1000 --create-home sentry && install -d -o sentry -g sentry /project
COPY --from=build /opt/smart-sentry /opt/smart-sentry
ENV PATH=/opt/smart-sentry/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/project/src \
    NUMBA_CACHE_DIR=/home/sentry/numba \
    SMART_SENTRY_HOME=/project
USER sentry
WORKDIR /project
STOPSIGNAL SIGTERM
CMD ["smart-sentry", "schedule"]
