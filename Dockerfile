# One image for both doors and the command line. Python packages are installed by hash, the service runs as nobody.
FROM python:3.11-slim-bookworm AS built

WORKDIR /src
COPY requirements/ requirements/
# What comes as sources only is built with what came by hash too, not with whatever is newest.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip wheel --no-cache-dir --require-hashes --no-build-isolation --wheel-dir /wheels \
        -r requirements/run.txt \
    && python -m venv /opt/fukan \
    && /opt/fukan/bin/pip install --no-cache-dir --no-index --no-deps /wheels/*.whl
COPY pyproject.toml README.md LICENSE ./
COPY bot/ bot/
COPY portal/ portal/
COPY envelopes/ envelopes/
COPY fukan/ fukan/
COPY templates/ templates/
COPY mail_templates/ mail_templates/
COPY locale/ locale/
# Built without network: everything the build needs came with the hashes above.
RUN /opt/build/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/fukan/bin/pip install --no-cache-dir --no-index --no-deps /wheel/*.whl

FROM python:3.11-slim-bookworm AS service

# The completion certificate is set in these, and pages of PDF files that bring no fonts of their own are drawn with them.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends fonts-noto-cjk fonts-ipaexfont \
    && rm -rf /var/lib/apt/lists/*
# New volumes take owner and mode from these folders.
RUN useradd --uid 10001 --home-dir /var/lib/fukan --create-home --shell /usr/sbin/nologin fukan \
    && install -d -o fukan -g fukan -m 0700 /keys /keys/shared /keys/portal /keys/bot /var/lib/fukan/public /run/office
COPY --from=built /opt/fukan /opt/fukan
ENV PATH=/opt/fukan/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    FUKAN_DIRECTORY=/var/lib/fukan \
    FUKAN_KEYS=/keys
USER fukan
WORKDIR /var/lib/fukan
ENTRYPOINT ["fukan"]
CMD ["--help"]

# The same with LibreOffice, for the one container that makes PDFs of Word and Excel files.
FROM service AS office
USER root
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends \
        libreoffice-writer-nogui libreoffice-calc-nogui fonts-liberation fonts-crosextra-carlito \
    && rm -rf /var/lib/apt/lists/*
USER fukan

# What is built when no target is named.
FROM service
