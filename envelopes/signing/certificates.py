"""What a certificate and a CRL of the embedded authority contain: the X.509 profile.

Where certificates, keys and CRLs are kept is `authority`'s business. Sources: RFC 5280, RFC 3161 2.3,
RFC 9336 (documentSigning), ETSI EN 319 412-2.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
    ObjectIdentifier,
)

# RFC 9336. Not yet among the names that the cryptography package knows.
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")

YEAR = dt.timedelta(days=365.25)
CRL_LIFE = dt.timedelta(days=7)

# A process knows a handful of certificates, and uses each of them thousands of times.
KEPT = 32

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyType(StrEnum):
    """Kinds of key. Ed25519 is left out because NSS, and so pdfsig, refuses it."""

    RSA3072 = "rsa3072"
    P256 = "p256"


class Role(StrEnum):
    """What a certificate is for; also the first half of its file names."""

    ROOT = "root"
    SIGNER = "signer"
    TSA = "tsa"


# The root outlives every contract it may have to prove (ten years) several times. The TSA outlives the
# ten years between two archive timestamps. The signer is short: its key is used most.
LIFE = {Role.ROOT: 40 * YEAR, Role.SIGNER: 5 * YEAR, Role.TSA: 11 * YEAR}

# So long before its end a certificate gets a successor. The signer: half a year in which somebody can notice that
# it has failed. The TSA: archive timestamps are renewed in the last years of the one before, by its successor.
LEAD = {Role.SIGNER: dt.timedelta(days=180), Role.TSA: 2 * YEAR}

# A successor begins so long before it is made: the clocks of two bots differ, and none may sign before the beginning.
SKEW = dt.timedelta(hours=1)

# documentSigning alone fails in pdfsig and in `openssl cms`, so emailProtection stands beside it.
# RFC 3161 2.3 wants timeStamping alone and critical.
_EXTENDED = {
    Role.SIGNER: (x509.ExtendedKeyUsage([DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
    Role.TSA: (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A certificate to be made, good from `now` on.

    `name` is its file name without an ending, `base` the URL it is served under, `qualifier` what tells this
    authority from every other (PrintableString).
    """

    role: Role
    name: str
    organization: str
    common_name: str
    qualifier: str
    base: str
    now: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A certificate and its key that sign other certificates. `name` is its file name without an ending."""

    certificate: x509.Certificate
    key: PrivateKey
    name: str


@lru_cache(maxsize=KEPT)
def parsed(certificate: bytes) -> x509.Certificate:
    """Return the DER *certificate* taken apart. Raises ValueError."""
    return x509.load_der_x509_certificate(certificate)


def stamps_time(certificate: x509.Certificate) -> bool:
    """Whether it is the certificate of a time stamping authority (RFC 3161 2.3)."""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in purposes


def common_name(certificate: bytes) -> str:
    """Return what people call the owner of *certificate* (DER); empty where it does not say."""
    names = parsed(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def new_key(key_type: KeyType) -> PrivateKey:
    """Return a fresh private key."""
    if key_type is KeyType.RSA3072:
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP256R1())


def root_certificate(order: Order, key: PrivateKey) -> x509.Certificate:
    """Return a self-signed root for *key*. It signs end certificates only (path length 0)."""
    builder = _common(order, key, issuer=_subject(order), until=order.now + LIFE[order.role])
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(key, hashes.SHA256())


def end_certificate(order: Order, key: PrivateKey, issuer: Issuer) -> x509.Certificate:
    """Return the signer's or the TSA's certificate for *key*, issued by *issuer*, which it does not outlive."""
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage, critical = _EXTENDED[order.role]
    until = min(order.now + LIFE[order.role], issuer.certificate.not_valid_after_utc)
    builder = _common(order, key, issuer=issuer.certificate.subject, until=until)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=critical)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .add_extension(_distribution_point(f"{order.base}/{order.name}.crl"), critical=False)
        .add_extension(_issuer_address(f"{order.base}/{issuer.name}.cer"), critical=False)
    )
    return builder.sign(issuer.key, hashes.SHA256())


def crl(certificate: x509.Certificate, issuer: Issuer, *, number: int, now: dt.datetime) -> bytes:
    """Return the DER of the CRL that speaks of *certificate*'s generation only, good for seven days.

    Its IssuingDistributionPoint is the certificate's own distribution point (RFC 5280 5.2.5). With one CRL
    for the whole authority, validators would no longer accept old signatures once the signer's certificate
    has ended.
    """
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + CRL_LIFE)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .add_extension(_scope(crl_address(certificate)), critical=True)
    )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def crl_address(certificate: x509.Certificate) -> str:
    """Return the URL of the certificate's CRL, as the certificate itself says."""
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    names = next(iter(points)).full_name or []
    return str(names[0].value)


def _common(
    order: Order, key: PrivateKey, *, issuer: x509.Name, until: dt.datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(order))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(order.now)
        .not_valid_after(until)
        .add_extension(_usage(order.role), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _subject(order: Order) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, order.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, order.common_name),
            # Two authorities of one town never share a name: validators find issuers by name and go astray.
            x509.NameAttribute(NameOID.DN_QUALIFIER, order.qualifier),
        ]
    )


def _usage(role: Role) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=role is not Role.ROOT,
        content_commitment=role is Role.SIGNER,
        key_cert_sign=role is Role.ROOT,
        crl_sign=role is Role.ROOT,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _distribution_point(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint(full_name=[name], relative_name=None, reasons=None, crl_issuer=None)]
    )


def _issuer_address(url: str) -> x509.AuthorityInformationAccess:
    name = x509.UniformResourceIdentifier(url)
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, name)]
    )


def _scope(url: str) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
