"""Serving an ASGI application with Granian until SIGTERM or SIGINT: TLS, slow clients, proxies, the access log.

What was accepted is finished before the process ends: the server stops listening, closes idle connections, and waits for the others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from learnlake.errors import InputError
from learnlake.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTE, CREDENTIAL = "learnlake.route", "learnlake.credential"
"""What an application may note in a request's scope for the access log: the route's template, the credential's number."""
_BACKLOG = 4096
_CONNECTIONS_MAX = 20_000
"""Open connections of one process; Granian's own default is the backlog. More wait unaccepted until one is closed."""
_HSTS = (b"strict-transport-security", b"max-age=31536000")
access_logger = logging.getLogger("learnlake.access")


def serve_here(application: AsgiApplication, settings: Settings, *, host: str, port: int) -> None:
    """Serve in this process, on uvloop where there is one: it halves what a request costs."""
    options = _options(settings)
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        runner.run(_serve(wrapped(application, settings), host, port, options))


def serve_processes(factory: str, settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve in several processes. `factory` ("module:function") makes each one's application: see `worker`."""
    from granian.server import Server

    Server(factory, address=host, port=port, workers=workers, factory=True, **_options(settings)).serve()


def worker(application: AsgiApplication, settings: Settings) -> AsgiApplication:
    """What a worker process serves. It ends with its parent, even when that is killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    return wrapped(application, settings)


def wrapped(application: AsgiApplication, settings: Settings) -> AsgiApplication:
    """The application with what the settings ask for around it; what they don't ask for costs nothing."""
    if settings.tls_certificate:
        application = _with_hsts(application)
    if settings.access_log:
        application = _with_access_log(application, has_addresses=settings.access_log_addresses)
    if settings.trusted_proxies:
        from granian.utils.proxies import wrap_asgi_with_proxy_headers

        application = wrap_asgi_with_proxy_headers(application, settings.trusted_proxies.split())
    return application


async def _serve(application: AsgiApplication, host: str, port: int, options: dict[str, Any]) -> None:
    from granian.server.embed import Server

    server = Server(application, address=host, port=port, **options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "interface": Interfaces.ASGI,
        # HTTP/2 has no time-out for slow headers here, and its detection lets a silent connection stay for ever.
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=int(settings.header_timeout_seconds * 1000)),
        "websockets": False,
        "backlog": _BACKLOG,
        "backpressure": _CONNECTIONS_MAX,
        "log_enabled": False,
    }
    if settings.tls_certificate or settings.tls_key:
        options |= _tls(settings)  # 1.3 is the server's least
    return options


def _tls(settings: Settings) -> dict[str, Any]:
    certificate, key = settings.tls_certificate, settings.tls_key
    try:
        if certificate is None or key is None:
            raise OSError("a certificate and its key are needed together")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise InputError(
            f"TLS cannot be served: {error}",
            where=f"LEARNLAKE_TLS_CERTIFICATE {certificate}, LEARNLAKE_TLS_KEY {key}",
            mend="give the certificate chain and its unencrypted private key as two PEM files",
        ) from None
    return {"ssl_cert": certificate, "ssl_key": key}


def _with_hsts(application: AsgiApplication) -> AsgiApplication:
    """Whoever came by TLS shall not come without it for a year."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)

        async def send_with(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _HSTS]
            await send(message)

        await application(scope, receive, send_with)

    return serve


def _with_access_log(application: AsgiApplication, *, has_addresses: bool) -> AsgiApplication:
    """A line per answer: method, route, status, milliseconds, bytes, credential. Nothing of the query, the body or a person."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        started = time.perf_counter()
        status, size = 0, 0

        async def send_with(message: MutableMapping[str, Any]) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await application(scope, receive, send_with)
        finally:
            about = {
                "method": scope["method"],
                "route": scope.get(ROUTE) or getattr(scope.get("route"), "path", None) or "other",
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 2),
                "bytes": size,
                "credential": scope.get(CREDENTIAL, 0),
            }
            if has_addresses:
                about["address"] = (scope.get("client") or ("",))[0]
            access_logger.info("request", extra=about)

    return serve
