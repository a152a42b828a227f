"""Who asks: passwords, sessions, bearer tokens, and requests that come from other sites."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import argon2
from aiohttp import web

from ivr.adapters.web.ports import Archive
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import Role
from ivr.adapters.web.throttle import Throttle

COOKIE = "ivr_session_{port}"
"""Browsers keep one jar for all ports of a host: two systems there must not take each other's cookie."""
SESSION_S = 12 * 3600
"""A session ends this long after signing in: a shift and its overtime."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is signed in. `secret` is the hash of the session or token that said so."""

    user: str
    role: Role
    agent_id: str = ""
    name: str = ""
    demonstration: bool = False
    secret: str = ""
    session: bool = False


def secret_hash(secret: str) -> str:
    """What the store keeps of a session or bearer token: they are random and long, so one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    """What the store keeps of a password. Takes some 50 ms of a core, as it should."""
    return argon2.PasswordHasher().hash(password)


def on_loopback(address: str) -> bool:
    """True for an address, or a host name, of this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def client_address(request: web.Request) -> str:
    """Where the request comes from. A proxy on this machine is believed about the last hop before it."""
    peer = request.remote or ""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if forwarded and on_loopback(peer):
        return forwarded.rpartition(",")[2].strip()
    return peer


def _by_https(request: web.Request) -> bool:
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https"


def refuse_other_sites(request: web.Request) -> None:
    """Raises Refused when a browser sent this from another site's page. Programs send no Origin."""
    origin = request.headers.get("Origin")
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    if origin is None or (request.method in SAFE_METHODS and not upgrade):
        return
    if origin.partition("://")[2].lower() != request.host.lower():
        raise Refused("foreign_origin")


class Access:
    """Signs in and out, and tells who a request comes from."""

    def __init__(self, store: Archive, *, loopback: bool, port: int, clock: Callable[[], float] = time.time) -> None:
        """`loopback` says that the server listens on this machine only, `port` where."""
        self._cookie = COOKIE.format(port=port)
        self._store = store
        self._loopback = loopback
        self._clock = clock
        self._throttle = Throttle()
        self._hasher = argon2.PasswordHasher()
        # One thread: however many people guess, passwords take one core at most.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._decoy = ""

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    async def sign_in(self, request: web.Request, user: str, password: str) -> tuple[Identity, str]:
        """The identity and the new session's cookie value. Raises Refused."""
        self._refuse_plain_http(request)
        address = client_address(request)
        wait = self._throttle.attempt(user, address, self._clock())
        if wait > 0:
            seconds = str(int(wait) + 1)
            raise Refused("too_many_attempts", seconds, {"Retry-After": seconds})
        account = await self._store.account(user)
        stored = account.password_hash if account else None
        right = await asyncio.get_running_loop().run_in_executor(self._thread, self._verify, stored, password)
        if account is None or not right:
            raise Refused("wrong_password")
        self._throttle.succeeded(user, address)
        if account.demonstration and not self._demonstration_allowed(request):
            raise Refused("demonstration_refused")
        cookie = secrets.token_urlsafe(32)
        await self._store.remove_expired(self._clock())
        await self._store.add_session(secret_hash(cookie), user, self._clock() + SESSION_S)
        return Identity(user, account.role, account.agent_id, account.name, account.demonstration), cookie

    async def sign_out(self, who: Identity) -> None:
        if who.session:
            await self._store.remove_session(who.secret)

    async def identify(self, request: web.Request) -> Identity | None:
        """Who the request comes from; None without a valid cookie. Raises Refused for a wrong bearer token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            who = await self._by_token(secret_hash(token.strip()))
            if who is None:
                raise Refused("bad_token", headers={"WWW-Authenticate": "Bearer"})
            return who
        cookie = request.cookies.get(self._cookie)
        who = await self._by_session(secret_hash(cookie)) if cookie else None
        if who and who.demonstration and not self._demonstration_allowed(request):
            return None
        return who

    async def still(self, who: Identity) -> bool:
        """True while the session or token is valid, with the same rights."""
        return who == await (self._by_session(who.secret) if who.session else self._by_token(who.secret))

    def set_cookie(self, request: web.Request, response: web.Response, cookie: str) -> None:
        """An empty cookie removes it."""
        secure = not self._loopback or _by_https(request)
        if cookie:
            response.set_cookie(
                self._cookie,
                cookie,
                max_age=SESSION_S,
                path="/",
                httponly=True,
                samesite="Strict",
                secure=secure,
            )
        else:
            response.del_cookie(self._cookie, path="/", httponly=True, samesite="Strict", secure=secure)

    async def _by_session(self, token_hash: str) -> Identity | None:
        user = await self._store.session(token_hash, self._clock())
        account = await self._store.account(user) if user else None
        if account is None:
            return None
        return Identity(
            account.user, account.role, account.agent_id, account.name, account.demonstration, token_hash, session=True
        )

    async def _by_token(self, token_hash: str) -> Identity | None:
        token = await self._store.token(token_hash)
        return Identity(token.name, token.role, name=token.name, secret=token_hash) if token else None

    def _verify(self, stored: str | None, password: str) -> bool:
        """On the passwords' thread. An unknown user takes as long as a wrong password."""
        if stored is None:
            stored = self._decoy = self._decoy or self._hasher.hash(secrets.token_hex())
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    def _demonstration_allowed(self, request: web.Request) -> bool:
        return self._loopback and on_loopback(client_address(request))

    def _refuse_plain_http(self, request: web.Request) -> None:
        # The cookie is Secure then, and a browser would drop it without a word.
        if not self._loopback and not _by_https(request) and not on_loopback(client_address(request)):
            raise Refused("https_needed")
