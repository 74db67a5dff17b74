# stocktracker in a container: no root, nothing to write to but its store. `docker compose` starts
# several of them: see deploy/README.md.

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY app.py ./
COPY .streamlit/config.toml .streamlit/
COPY pages pages
COPY assets assets
COPY stocktracker stocktracker
# Now, as nothing can be written later.
RUN .venv/bin/python -m compileall -q app.py pages stocktracker

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/stocktracker --create-home stocktracker \
    && chmod 0700 /var/lib/stocktracker
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
ENV HOME=/var/lib/stocktracker \
    PYTHONDONTWRITEBYTECODE=1 \
    STOCKTRACKER_STORE=/var/lib/stocktracker/store
VOLUME /var/lib/stocktracker
EXPOSE 8501
# 200 also for one that follows another server, 503 where nobody would poll.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/app/.venv/bin/python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
CMD ["/app/.venv/bin/streamlit", "run", "app.py", "--server.address=0.0.0.0"]
