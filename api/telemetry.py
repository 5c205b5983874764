"""OpenTelemetry spans of every request, by FastAPI itself; off unless `JIELI_OTEL_ENDPOINT` is set.

The SDK is the extra `otel` and imported only when it is asked for. Spans carry no secret: a path is
blotted like a log line, and of a query only the names are told. Figures are Prometheus' affair
(metrics.py), and logs are ours (logs.py): both would say things twice, exceptions with their text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from opentelemetry import trace
from starlette.types import ASGIApp, Receive, Scope, Send

from api.hot import PATH as HOT_PATH
from api.logs import BLOT, blot_text
from core.config import Settings

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

QUIET = ("/healthz", "/readyz", "/metrics")  # asked every few seconds by machines
PATIENCE_SECONDS = 3  # with a collector, retries and all; a process that stops waits for it
OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def provider_of(settings: Settings, exporter: SpanExporter | None = None) -> TracerProvider | None:
    """Where spans go: to `exporter`, else to the OTLP/HTTP collector of the settings, else nowhere.

    Raises:
        RuntimeError: a collector is named and the extra is not installed.
    """
    endpoint = settings.otel_endpoint.rstrip("/")
    if exporter is None and not endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise RuntimeError(
            "JIELI_OTEL_ENDPOINT is set: install the extra, pip install 'jieli[otel]'."
        ) from missing
    resource = Resource.create({SERVICE_NAME: "jieli"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(_blotting())
    sends = exporter or OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=PATIENCE_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(sends))
    return provider


def config_of(provider: TracerProvider | None) -> TelemetryConfig:
    """What FastAPI is told; explicitly nothing when telemetry is off."""
    if provider is None:
        return OFF
    return {
        "tracer_provider": provider,
        "metrics": False,
        "logs": False,
        "exclude": lambda scope: scope.get("path") in QUIET,
    }


def _blotting() -> Any:
    """The processor that takes secrets out of a span when it begins."""
    from opentelemetry.sdk.trace import SpanProcessor

    class Blotting(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002  # theirs
            given = span.attributes or {}
            if path := given.get("url.path"):
                span.set_attribute("url.path", blot_text(path))
            if query := given.get("url.query"):
                names = [(name, BLOT) for name, _ in parse_qsl(query, keep_blank_values=True)]
                span.set_attribute("url.query", urlencode(names, safe="*"))

    return Blotting()


class Named:
    """Gives the span of the hot route its name; no router is asked there that would."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == HOT_PATH:
            span = trace.get_current_span()
            span.update_name(f"{scope['method']} {HOT_PATH}")
            span.set_attribute("http.route", HOT_PATH)
        await self.app(scope, receive, send)
