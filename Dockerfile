# One image for the workbook, its JupyterLab and its scheduler: the lock without dev and bench, no compiler,
# no pip, nothing to be written but what is mounted. Any base with Python 3.11 or newer and its venv will do.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS lock
WORKDIR /build
COPY requirements.lock .ci/entries .ci/sets ./
# flit builds akasa, and stays behind.
RUN awk -f entries report.txt aws.txt flow.txt lab.txt requirements.lock >runtime.lock \
 && echo flit-core >flit.txt && awk -f entries flit.txt requirements.lock >flit.lock
RUN python3 -m venv /opt/akasa \
 && /opt/akasa/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: --target flit -r flit.lock

FROM lock AS build
WORKDIR /build/akasa
COPY pyproject.toml README.md .env.example ./
COPY data/customers.csv data/orders.xml data/
COPY notebooks notebooks
COPY akasa akasa
RUN PYTHONPATH=/build/flit /opt/akasa/bin/pip install --no-cache-dir --no-deps --no-build-isolation --root=/installed .

FROM ${BASE_IMAGE}
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin akasa \
 && install -d -o akasa -g akasa /srv/akasa/data /srv/akasa/outputs /srv/akasa/work
COPY --from=lock /build/runtime.lock /opt/akasa/runtime.lock
RUN --mount=type=cache,target=/root/.cache/pip python3 -m venv /opt/akasa \
 && /opt/akasa/bin/pip install --require-hashes --only-binary=:all: -r /opt/akasa/runtime.lock \
 && /opt/akasa/bin/pip uninstall -y pip setuptools
COPY --from=build /installed /
COPY notebooks /srv/akasa/notebooks
WORKDIR /srv/akasa
ENV PATH=/opt/akasa/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
HEALTHCHECK --interval=5m --timeout=60s --start-period=2m CMD ["env", "DB_WAIT=0", "akasa", "status", "--json"]
ENTRYPOINT ["akasa"]
CMD ["report"]
