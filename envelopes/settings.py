"""fukan.toml and the environment → frozen Settings. All faults are reported at once.

A value comes from the environment (`FUKAN_SMTP__PORT=25`), else from the file, else from the default here. Passwords
may be given as `…_file` with the path of a file that holds them, so that they need not stand in the environment.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from envelopes.rules import colours, networks
from envelopes.rules.addresses import domain_of
from envelopes.rules.errors import FukanError
from envelopes.rules.kinds import Kind
from envelopes.rules.policy import Policy
from envelopes.rules.wording import Dates

PREFIX: Final = "FUKAN_"
POLICY: Final = TypeAdapter(Policy)  # why: to make it takes 16 ms, and every order needs it
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SECRET_CHARACTERS: Final = (
    32  # why: RFC 2104 3: a key for HMAC-SHA256 has 32 octets; shorter ones can be guessed
)


class SettingsFaulty(FukanError):
    """The settings cannot be used; the message lists every fault with its place."""


class Tls(StrEnum):
    """How a mail connection is protected. Never decided by what the other side happens to offer."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


def _split(value: object) -> object:
    """The environment knows no lists: names with commas between them."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _bare(value: object) -> object:
    """A fingerprint as programs print it: with colons or blanks, in capitals."""
    return value.replace(":", "").replace(" ", "").lower() if isinstance(value, str) else value


def _of_a_kind(value: object) -> object:
    """Without a kind the key is the embedded authority's."""
    return {"kind": "embedded", **value} if isinstance(value, dict) else value


def _readable(value: str) -> str:
    colour = colours.Colour.read(value)
    if not colours.is_readable(colour):
        instead = colours.readable(colour)
        raise ValueError(
            f"{value} は薄すぎて、文字が読めません（明暗の比は{colours.READABLE}以上）。{instead} ならば使えます。 / "
            f"{value} is too light to be read (the contrast must be {colours.READABLE}); {instead} would do."
        )
    return str(colour)


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(networks.normalise(one) for one in value)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Town(_Part):
    """The town's own face, as pages and mails show it.

    `dates`: with western years, in 和暦, or with both. `mark` is an SVG or PNG file, checked when the portal starts.
    """

    name: str = "みほん村"
    name_english: str = ""
    prefix: str = Field(default="MHN", pattern=r"^[A-Z]{2,6}$")
    phone: str = "0261-00-0000"
    hours: str = "平日 8時30分〜17時15分"
    hours_english: str = ""
    section: str = "総務課 電子契約担当"
    section_english: str = ""
    dates: Dates = Dates.WESTERN
    colour: Annotated[str, AfterValidator(_readable)] = "#0017c1"
    mark: Path | None = None

    @property
    def in_english(self) -> str:
        """The name on English pages; the Japanese one where no other is set."""
        return self.name_english or self.name

    @property
    def hours_in_english(self) -> str:
        """The hours on English pages."""
        return self.hours_english or self.hours


class Operator(_Part):
    """Who runs the service and holds the signing key; the signature's Reason names him."""

    name: str = "みほん村 電子契約サービス"
    party: bool = True


class Smtp(_Part):
    """The relay that takes mail from the bot.

    `ca_file` (PEM) may vouch for it where that is not one of the system's authorities. `sends_from` are the addresses
    from which it sends into the world, where they are not those of `host`; only `fukan doctor` uses them.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=25, ge=1, le=65535)
    tls: Tls = Tls.STARTTLS
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ca_file: Path | None = None
    sends_from: Words = ()

    @property
    def outgoing(self) -> tuple[IPv4Address | IPv6Address, ...]:
        return tuple(map(ip_address, self.sends_from))

    @model_validator(mode="after")
    def _sends_from_addresses(self) -> Self:
        assert self.outgoing is not None
        return self


class Imap(_Part):
    """The mailbox of the intake address. TLS is implicit or off; aioimaplib has no STARTTLS.

    `ca_file` is as for `[smtp]`.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=993, ge=1, le=65535)
    tls: bool = True
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ca_file: Path | None = None
    mailbox: str = "INBOX"
    done: str = "Processed"
    failed: str = "Failed"


class Office(_Part):
    """Where Word and Excel files become PDFs: the socket of a container that does it, or empty for this machine."""

    socket: Path | None = None


class Intake(_Part):
    """What a sub-address of the intake chooses for mails that do not say it themselves.

    `kind` is 契約書 or 請書, `section` the name of a section.
    """

    kind: Kind | None = None
    section: str = ""


class Mail(_Part):
    """Addresses, and whose word about a sender counts.

    `sub_addresses` by what stands behind the plus: `[mail.sub_addresses.ukesho]` is for uketsuke+ukesho@….
    `verify_dkim`: where no relay named in `trusted_authserv_ids` says who sent a mail, its DKIM signature is verified
    here, with a question to DNS.
    """

    address: str = "keiyaku@localhost.example"
    intake: str = "uketsuke@localhost.example"
    sub_addresses: dict[str, Intake] = {}
    trusted_authserv_ids: Words = ()
    verify_dkim: bool = True


class DkimAlgorithm(StrEnum):
    """Kinds of DKIM key that `fukan dkim new` makes."""

    RSA2048 = "rsa2048"
    ED25519 = "ed25519"


class Dkim(_Part):
    """A DKIM key whose record is in DNS. Without `key_file` the relay signs with it, and it is only looked for there.

    `key_file` is PEM: RSA of at least 2048 bits, or Ed25519. `domain` is that of the address in From or a parent of it;
    empty: the same.
    """

    selector: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*$", max_length=63
    )
    domain: str = ""
    key_file: Path | None = None


class Clock(_Part):
    """A time server (SNTP, RFC 4330) that `fukan doctor` and the bot compare the clock with; empty: none."""

    server: str = ""
    port: int = Field(default=123, ge=1, le=65535)


class DnsPlace(NamedTuple):
    """Where a name server listens."""

    address: IPv4Address | IPv6Address
    port: int


_DNS_PORT: Final = 53


class Dns(_Part):
    """Name servers to ask, as addresses with or without a port (`192.0.2.53`, `[2001:db8::53]:5353`).

    Empty: the system's. A network whose own servers see another zone than the world does names one that sees the world.
    `check_registrations`: the registration form asks whether an address's domain takes mail.
    """

    servers: Words = ()
    check_registrations: bool = True

    @property
    def places(self) -> tuple[DnsPlace, ...]:
        return tuple(map(_dns_place, self.servers))

    @model_validator(mode="after")
    def _servers_are_places(self) -> Self:
        assert self.places is not None
        return self


def _dns_place(text: str) -> DnsPlace:
    parts = urlsplit(f"//[{text}]" if text.count(":") > 1 and "[" not in text else f"//{text}")
    try:
        return DnsPlace(ip_address(parts.hostname or ""), parts.port or _DNS_PORT)
    except ValueError:
        raise ValueError(f"servers: {text} is no address of a name server") from None


class S3(_Part):
    """A bucket for the files, instead of the folder."""

    bucket: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: SecretStr = SecretStr("")
    secret_key: SecretStr = SecretStr("")
    plain_http: bool = False


class Portal(_Part):
    """Where the pages are served, and under which address people reach them.

    `staff_networks`: from where the staff's pages can be reached, as `10.20.0.0/16`; from everywhere if none is named.
    Behind a proxy it needs `trusted_proxies`.
    """

    url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: Words = ()
    staff_networks: Annotated[Words, AfterValidator(_networks)] = ()


class Algorithm(StrEnum):
    """Kinds of key that the embedded authority makes."""

    RSA3072 = "rsa3072"
    P256 = "p256"


def _known_to_viewers(value: object) -> object:
    if isinstance(value, str) and value.lower().startswith("ed"):
        raise ValueError(f"{value}: NSS, and so pdfsig and others, refuses it; use rsa3072 or p256")
    return value


class EmbeddedKey(_Part):
    """The signing key is made, kept and renewed by the embedded authority. `algorithm` goes for keys to be made."""

    kind: Literal["embedded"] = "embedded"
    algorithm: Annotated[Algorithm, BeforeValidator(_known_to_viewers)] = Algorithm.RSA3072


class FileKey(_Part):
    """The signing key in an encrypted file: PKCS#8 in PEM form, or PKCS#12 with its certificate in it.

    `certificate_file` and `chain_file` (up to the root, in any order) are PEM or DER.
    """

    kind: Literal["file"]
    key_file: Path
    passphrase_file: Path
    certificate_file: Path | None = None
    chain_file: Path | None = None


class Pkcs11Key(_Part):
    """The signing key in an HSM. `module` is the maker's PKCS#11 library, `key_id` hexadecimal.

    Where several keys fit label and id, the one that belongs to the certificate is taken.
    """

    kind: Literal["pkcs11"]
    module: Path
    token_label: str = Field(min_length=1)
    key_label: str = ""
    key_id: Annotated[str, BeforeValidator(_bare), Field(pattern=r"^([0-9a-f]{2})*$")] = ""
    pin_file: Path
    certificate_file: Path
    chain_file: Path

    @model_validator(mode="after")
    def _names_a_key(self) -> Self:
        if not (self.key_label or self.key_id):
            raise ValueError("key_label or key_id: one of them has to name the key")
        return self


SigningKey = Annotated[
    Annotated[EmbeddedKey | FileKey | Pkcs11Key, Field(discriminator="kind")], BeforeValidator(_of_a_kind)
]


class Accreditation(_Part):
    """総務大臣の認定 of a time stamping service: for which certificate, under which number, from and to which day.

    `fingerprint` is the SHA-256 of the certificate that signs the tokens; days are Japan's, both included.
    """

    fingerprint: Annotated[str, BeforeValidator(_bare), Field(pattern=r"^[0-9a-f]{64}$")]
    number: str = Field(min_length=1)
    since: date
    until: date


class Tsa(_Part):
    """A time stamping authority that is asked over HTTP (RFC 3161 3.4), in the order of the list.

    `ca_file` (PEM) is what the chain of its tokens must end in, `tls_ca_file` who may vouch for an https server
    where that is not one of the system's own authorities. One that is `retired` is not asked any more, but goes on
    being believed: its timestamps stand in files.
    """

    name: str = ""
    url: str = Field(pattern=r"^https?://[^/]+")
    ca_file: Path
    tls_ca_file: Path | None = None
    policy: str | None = Field(default=None, pattern=r"^[0-2](\.[0-9]+)+$")
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    client_key_password: SecretStr = SecretStr("")
    client_key_password_file: Path | None = None
    timeout: float = Field(default=10.0, gt=0, le=60)  # seconds
    accreditation: tuple[Accreditation, ...] = ()
    retired: bool = False

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or urlsplit(self.url).netloc.rpartition("@")[2]

    @model_validator(mode="after")
    def _secrets_stay_secret(self) -> Self:
        parts = urlsplit(self.url)
        if parts.username is not None:
            raise ValueError("url: name and password belong in user and password_file")
        if self.user and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("user: a password would be sent in the clear; use https")
        if self.client_certificate is not None and parts.scheme == "http":
            raise ValueError("client_certificate: needs https")
        return self


class Sms(_Part):
    """The HTTP hook that sends SMS (docs/sms.md says what it is sent). Without this part there is no SMS.

    `secret` signs what is sent. `sender` is passed on for gateways that show a name or number of one's own.
    `allow_private`: the hook may be on this machine or in a private network, and there also without TLS. `ca_file`
    (PEM) may vouch for it where that is not one of the system's authorities.
    """

    url: str = Field(pattern=r"^https?://[^/\s]+")
    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    sender: str = Field(default="", max_length=40)
    timeout: float = Field(default=10.0, gt=0, le=60)  # seconds
    allow_private: bool = False
    ca_file: Path | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @model_validator(mode="after")
    def _can_be_believed(self) -> Self:
        parts = urlsplit(self.url)
        if parts.username is not None:
            raise ValueError(
                "url: a name or password does not belong there; the hook knows us by the signature"
            )
        if parts.scheme == "http" and not self.allow_private:
            raise ValueError(
                "url: codes would be sent in the clear; use https, or allow_private for a hook nearby"
            )
        if len(self.secret.get_secret_value()) < SECRET_CHARACTERS:
            raise ValueError(f"secret_file: a secret of at least {SECRET_CHARACTERS} characters is needed")
        return self


class Settings(_Part):
    """Everything an operator sets."""

    directory: Path
    demo: bool = False
    database: str = Field(default="", repr=False)  # a URL may hold a password
    town: Town = Town()
    operator: Operator = Operator()
    portal: Portal = Portal()
    smtp: Smtp = Smtp()
    imap: Imap = Imap()
    office: Office = Office()
    mail: Mail = Mail()
    dns: Dns = Dns()
    clock: Clock = Clock()
    dkim: tuple[Dkim, ...] = ()  # empty: nothing is known of a signature; the relay may add one
    signing_key: SigningKey = EmbeddedKey()
    tsa: tuple[Tsa, ...] = ()  # empty: the embedded authority
    sms: Sms | None = None
    s3: S3 | None = None
    keys: Path | None = None
    policy: dict[str, Any] = Field(default_factory=dict)

    @property
    def keys_directory(self) -> Path:
        return self.keys or self.directory / "keys"

    @property
    def algorithm(self) -> str:
        """The kind of key that the embedded authority makes, also where it only gives time."""
        return self.signing_key.algorithm if isinstance(self.signing_key, EmbeddedKey) else Algorithm.RSA3072

    @property
    def files_directory(self) -> Path:
        return self.directory / "files"

    @property
    def public_directory(self) -> Path:
        """CRLs and the CA certificate: made by the bot, served by the portal."""
        return self.directory / "public"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{(self.directory / 'fukan.sqlite3').absolute()}"

    @model_validator(mode="after")
    def _demo_stays_home(self) -> Self:
        if self.demo and self.portal.host not in LOOPBACK:
            raise ValueError("demo: everyone counts as authenticated, so it only runs on 127.0.0.1")
        return self

    @model_validator(mode="after")
    def _dkim_is_aligned(self) -> Self:
        own = domain_of(self.mail.address)
        for one in self.dkim:
            # RFC 7489 3.1.1: another domain's signature says nothing about the address in From.
            if one.domain and own != one.domain.lower() and not own.endswith(f".{one.domain.lower()}"):
                raise ValueError(f"dkim.domain: {one.domain} is neither {own} nor a parent of it")
        return self

    @model_validator(mode="after")
    def _policy_fits(self) -> Self:
        build_policy(self.policy)
        return self


def build_policy(changed: Mapping[str, Any]) -> Policy:
    """Return the policy with what the operator changed. Raises ValueError for unknown names and wrong values."""
    known = set(Policy.__dataclass_fields__)
    if unknown := sorted(set(changed) - known):
        raise ValueError(f"unknown rules: {', '.join(unknown)}")
    return POLICY.validate_python(dict(changed))


def load(directory: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read `fukan.toml` in *directory* and the environment. Raises SettingsFaulty with every fault."""
    environment = os.environ if environment is None else environment
    values = _merge(_from_file(directory / "fukan.toml"), _from_environment(environment))
    try:
        return Settings.model_validate({"directory": directory, **_with_secrets(values)})
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'fukan'}: {fault['msg']}" for fault in error.errors()
        ]
        raise SettingsFaulty("\n".join(faults)) from None


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsFaulty(f"{path}: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name == f"{PREFIX}DIRECTORY":
            continue
        *outer, last = name.removeprefix(PREFIX).lower().split("__")
        place = values
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise SettingsFaulty(f"{name}: {PREFIX}{part.upper()} is set to a text already")
        if isinstance(place.get(last), dict):
            raise SettingsFaulty(f"{name}: a text where single settings are given too")
        place[last] = value
    return values


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        inner = merged.get(name)
        both = isinstance(value, dict) and isinstance(inner, dict)
        merged[name] = _merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged


def _with_secrets(values: dict[str, Any]) -> dict[str, Any]:
    """Read what is given as the path of a file; a password that stands there counts more than one beside it."""
    for name, part in _with_passwords(values):
        for secret in ("password", "client_key_password", "secret"):
            if place := part.get(f"{secret}_file"):
                part[secret] = _secret(Path(place), f"{name}.{secret}_file")
    return values


def _with_passwords(values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("smtp", "imap", "sms"):
        if isinstance(part := values.get(name), dict):
            yield name, part
    listed = values.get("tsa")
    for number, part in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(part, dict):
            yield f"tsa.{number}", part


def _secret(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsFaulty(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsFaulty(f"{name}: not UTF-8") from None
