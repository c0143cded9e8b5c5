"""Whose token or key is this, and which CRLs speak of its chain: certificates up to a root that the operator named.

Only who issued what is looked at here, by signature. Dates, purposes and revocation are judged in `timestamps`, with
the CRLs that are named here.
"""

from collections.abc import Sequence
from typing import Final

from asn1crypto import cms, tsp  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation

from envelopes.rules.errors import FukanError
from envelopes.signing.reading import MALFORMED

_DEPTH: Final = 6  # why: authorities have three or four certificates from unit to root


class NoChain(FukanError):
    """The certificates do not lead to a root that the operator named."""


def chain_of(response: bytes, roots: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Return the chain of the token in *response* (DER TimeStampResp), the signer first and the root last.

    *roots* are DER. Raises NoChain, also where there is no token.
    """
    try:
        token = tsp.TimeStampResp.load(response)["time_stamp_token"].dump()
    except MALFORMED:
        raise NoChain from None
    return chain_of_token(token, roots)


def chain_of_token(token: bytes, roots: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Return the chain of *token* (DER ContentInfo), as `chain_of` does."""
    try:
        leaf, others = _certificates(token)
        anchors = tuple(x509.load_der_x509_certificate(root) for root in roots)
        return upwards(leaf, others, anchors)
    except MALFORMED:
        raise NoChain from None


def _certificates(token: bytes) -> tuple[x509.Certificate, list[x509.Certificate]]:
    signed = cms.ContentInfo.load(token)["content"]
    found = extract_certs_for_validation(signed)
    own, *others = (
        x509.load_der_x509_certificate(one.dump()) for one in (found.signer_cert, *found.other_certs)
    )
    return own, others


def upwards(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the chain from *leaf* over *others* to one of *roots*, or raise NoChain."""
    chain = [leaf]
    while chain[-1] not in roots:
        # The operator's own come first, so that a cross-certificate does not lead past them.
        above = [one for one in (*roots, *others) if one not in chain and _has_issued(one, chain[-1])]
        if not above or len(chain) == _DEPTH:
            raise NoChain
        chain.append(above[0])
    return tuple(chain)


def is_root(certificate: x509.Certificate) -> bool:
    """Whether the certificate has signed itself."""
    return _has_issued(certificate, certificate)


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def crl_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the http and https URLs under which the certificate's CRL is to be had (RFC 5280 4.2.1.13)."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    names = [str(name.value) for point in points for name in point.full_name or ()]
    return tuple(name for name in names if name.lower().startswith(("http://", "https://")))


def read_crl(data: bytes, issuer: x509.Certificate) -> x509.CertificateRevocationList:
    """Return the CRL in *data* (DER) if *issuer* has signed it, else raise NoChain."""
    key = issuer.public_key()
    try:
        read = x509.load_der_x509_crl(data)
        if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and read.is_signature_valid(key):
            return read
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    raise NoChain
