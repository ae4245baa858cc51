"""Asks an ASGI app without a server: quick, and with nothing else in between."""

import asyncio
from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp

__all__ = ["AppClient"]


class AppClient:
    """Sends requests to ``app``, below ``prefix``."""

    def __init__(self, app: ASGIApp, *, prefix: str = "") -> None:
        self._app = app
        self._prefix = prefix

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The answer to a GET."""
        return self.ask("GET", path, headers=headers)

    def post(
        self,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a POST of ``json``, or of ``content`` as it stands."""
        return self.ask("POST", path, json=json, content=content, headers=headers)

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to any request; a fault of the app is an answer with status 500."""

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                url = f"{self._prefix}{path}"
                return await client.request(
                    method, url, json=json, content=content, headers=headers
                )

        return asyncio.run(exchange())
