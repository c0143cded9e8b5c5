"""What the worker has beyond the services: the seal and the tools for paper."""

from dataclasses import dataclass

from envelopes.papers.desk import Papers
from envelopes.services import Services
from envelopes.signing.seal import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What the worker has beyond the services: the seal and the tools for paper."""

    services: Services
    seal: Seal
    papers: Papers
