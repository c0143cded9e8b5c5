"""A draft of which a document can be neither drawn nor sealed: its drafter gets it back, with the reason."""

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.models import Document
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason
from envelopes.rules.people import WORKER
from envelopes.rules.states import By, Event
from envelopes.services import Services


async def give_back(services: Services, shot: Snapshot, document: Document, reason: Reason) -> None:
    """Back to DRAFT. What is the matter, and with which document, is what `texts.say_trouble` reads."""

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            shot.envelope,
            Event.UNSEALABLE,
            By.WORKER,
            actor=WORKER,
            now=services.now(),
            changes={"trouble": f"{reason.value} {document.position}"},
            payload={"reason": reason.value, "document": document.position},
        )

    await unit(work)
