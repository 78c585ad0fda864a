# Two images from one lock: the hub, and a node for trying things out.
#   docker build --target hub -t tocsin-hub:0.1.0 .
#   docker build --target edge -t tocsin-edge:0.1.0 .

FROM python:3.12.14-slim-bookworm AS hub-build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/tocsin
COPY requirements/run.txt requirements/run.txt
RUN /opt/tocsin/bin/pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md ./
COPY hub hub
RUN /opt/tocsin/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12.14-slim-bookworm AS edge-build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/tocsin
COPY requirements/run.txt requirements/run.txt
# Of the hub's lock only what the node needs, each at its locked hash.
RUN awk '/^[^ #]/ {keep = /^(paho-mqtt|setuptools)==/} keep' requirements/run.txt > edge.txt \
 && /opt/tocsin/bin/pip install --require-hashes -r edge.txt
COPY edge edge
RUN /opt/tocsin/bin/pip install --no-deps --no-build-isolation ./edge

FROM python:3.12.14-slim-bookworm AS edge
RUN useradd --system --uid 10002 --no-create-home tocsin \
 && install -d -o 10002 -g 10002 -m 0700 /var/lib/tocsin-edge
COPY --from=edge-build /opt/tocsin /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10002:10002
VOLUME /var/lib/tocsin-edge
ENTRYPOINT ["tocsin-edge"]

FROM python:3.12.14-slim-bookworm AS hub
RUN useradd --system --uid 10001 --no-create-home tocsin \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/tocsin
COPY --from=hub-build /opt/tocsin /opt/tocsin
COPY config /etc/tocsin
ENV PATH=/opt/tocsin/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /var/lib/tocsin
EXPOSE 8470
ENTRYPOINT ["tocsin"]
CMD ["run", "--config", "/etc/tocsin/compose"]
