# One image for the workbook, its JupyterLab and its scheduler: the lock without dev and bench, no compiler,
# no pip, nothing to be written but what is mounted. Any base with Python 3.11 or newer and its venv will do.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements.lock .ci/runtime.txt ./
# The lock's entries of the names in runtime.txt, with their hashes; flit builds akasa, and stays behind.
# hadolint ignore=SC2016
RUN entries='NR == FNR { wanted[$1]; next } /^[^ ]/ { split($1, name, /[[=]/); take = name[1] in wanted } take' \
 && awk "$entries" runtime.txt requirements.lock >runtime.lock \
 && echo flit-core >flit.txt && awk "$entries" flit.txt requirements.lock >flit.lock
ENV PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# This stage is thrown away, and pip's cache with it.
# hadolint ignore=DL3042
RUN python3 -m venv /opt/akasa && /opt/akasa/bin/pip install -r runtime.lock
# hadolint ignore=DL3042
RUN /opt/akasa/bin/pip install --target flit -r flit.lock
WORKDIR /srv/akasa
COPY pyproject.toml README.md ./
COPY akasa akasa
RUN PIP_REQUIRE_HASHES=0 PYTHONPATH=/build/flit /opt/akasa/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e . \
 && /opt/akasa/bin/python -m compileall -q akasa \
 && /opt/akasa/bin/pip uninstall -y pip setuptools
COPY notebooks notebooks

FROM ${BASE_IMAGE}
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin akasa \
 && install -d -o akasa -g akasa /srv/akasa/data /srv/akasa/outputs /srv/akasa/work
COPY --from=build /opt/akasa /opt/akasa
COPY --from=build /srv/akasa /srv/akasa
WORKDIR /srv/akasa
ENV PATH=/opt/akasa/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
HEALTHCHECK --interval=5m --timeout=60s --start-period=2m CMD ["env", "DB_WAIT=0", "akasa", "status", "--json"]
ENTRYPOINT ["akasa"]
CMD ["report"]
