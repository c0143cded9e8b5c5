"""What an action needs, in one frozen dataclass. Signing and papers are here only as Protocols: the portal has none."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from obstore.store import LocalStore, S3Store

from envelopes.keyring import Keyring
from envelopes.records.blobs import Blobs
from envelopes.records.fields import look_up, unlock
from envelopes.rules import tokens
from envelopes.rules.addresses import comparable
from envelopes.rules.factors import Method
from envelopes.rules.policy import Policy
from envelopes.rules.tokens import Purpose, Ticket, ref_from
from envelopes.settings import POLICY, Settings, build_policy


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Clock, policy, keys and files of one process."""

    settings: Settings
    policy: Policy
    keyring: Keyring
    blobs: Blobs
    clock: Callable[[], datetime] = field(default=_now)
    receives: Callable[[str], Awaitable[bool]] | None = None
    """Whether a domain takes mail, where somebody asks DNS."""

    def now(self) -> datetime:
        """The current instant. Nobody else reads the clock."""
        return self.clock()

    def ref(self) -> str:
        """A new random reference."""
        return ref_from(secrets.token_bytes(tokens.REF_BYTES))

    def address_look_up(self, address: str) -> str:
        """The hash by which an e-mail address is found again. Raises Refused(ADDRESS_FORM)."""
        return look_up(self.keyring.look_up, "address", comparable(address))

    def link(self, purpose: Purpose, ref: str, generation: int) -> str:
        """Return a signed token for *ref*; the database, not its outer bound, decides what it still opens."""
        expires = self.now() + self.policy.link_outer
        ticket = Ticket(ref=ref, generation=generation, expires=expires)
        return tokens.seal(ticket, purpose, tuple(self.keyring.token))

    def ticket(self, purpose: Purpose, token: str) -> Ticket:
        """Read a signed token. Raises Refused(LINK_UNKNOWN | LINK_EXPIRED)."""
        return tokens.unseal(token, purpose, tuple(self.keyring.token), self.now())

    def policy_text(self) -> str:
        """The policy as JSON, kept with an envelope: the numbers that were in force when it was opened."""
        return POLICY.dump_json(self.policy).decode()

    @property
    def methods(self) -> tuple[Method, ...]:
        """By what staff may let a contractor prove who he is, here."""
        sms = (Method.SMS,) if self.settings.sms is not None else ()
        return (Method.MAIL, Method.ACCESS_CODE, Method.AUTHENTICATOR, *sms)

    @property
    def code_key(self) -> bytes:
        """The key that confirmation codes are derived from."""
        return self.keyring.code.newest[1]

    def url(self, *parts: str) -> str:
        """Return the public address of a page."""
        return "/".join((self.settings.portal.url.rstrip("/"), *parts))


def build(settings: Settings, *, portal: bool, bot: bool, clock: Callable[[], datetime] = _now) -> Services:
    """Open keys and files for a process that is the portal, the bot, or both. Unlocks the sealed columns."""
    keyring = Keyring.open(settings.keys_directory, portal=portal, bot=bot)
    unlock(keyring.field)
    return Services(
        settings=settings,
        policy=build_policy(settings.policy),
        keyring=keyring,
        blobs=Blobs(_store(settings), keyring),
        clock=clock,
    )


def _store(settings: Settings) -> LocalStore | S3Store:
    if settings.s3 is None:
        return LocalStore(settings.files_directory, mkdir=True)
    bucket = settings.s3
    return S3Store(
        bucket.bucket,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key.get_secret_value(),
        secret_access_key=bucket.secret_key.get_secret_value(),
        virtual_hosted_style_request=False,
        client_options={"allow_http": bucket.plain_http, "timeout": "20s", "connect_timeout": "5s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
    )
