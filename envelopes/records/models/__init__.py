"""Tables, no behaviour.

Keys inside are BigInt; what the outside sees is a random `ref`. In the clear: ids, states, instants, kinds, titles,
company names with their search form, amounts, dates. `Sealed`: persons' names, addresses, phones, reasons, notes,
seeds. One town per installation.
"""

from envelopes.records.models.consents import Access, Code, Consent, Proof, Sms, Viewing
from envelopes.records.models.envelopes import CERTIFICATE, Document, Envelope, Image, Segment, Signer
from envelopes.records.models.evidence import Anchor, CertificateUse, Fact, FactDetail, KeyUse, Verification
from envelopes.records.models.mails import File, Mail, MailVerdict, Sighting
from envelopes.records.models.registry import Application, Authenticator, Contact, Mobile
from envelopes.records.models.sizes import REF, SHA256
from envelopes.records.models.town import Credential, Section, Session, Staff
from envelopes.records.models.work import Delivery, Lease, Limit, Number, Task

__all__ = [
    "CERTIFICATE",
    "REF",
    "SHA256",
    "Access",
    "Anchor",
    "Application",
    "Authenticator",
    "CertificateUse",
    "Code",
    "Consent",
    "Contact",
    "Credential",
    "Delivery",
    "Document",
    "Envelope",
    "Fact",
    "FactDetail",
    "File",
    "Image",
    "KeyUse",
    "Lease",
    "Limit",
    "Mail",
    "MailVerdict",
    "Mobile",
    "Number",
    "Proof",
    "Section",
    "Segment",
    "Session",
    "Sighting",
    "Signer",
    "Sms",
    "Staff",
    "Task",
    "Verification",
    "Viewing",
]
