"""Access codes (アクセスコード): eight digits that staff tell a contractor by telephone, one for a signer in a request.

A code is HOTP (RFC 4226) over a key derived from the server's, like a code by mail: it is made when somebody needs it
and stored nowhere. It is never mailed. Whoever looks at it stands in the history. It works, also more than once, until
the request is over, a newer one ends it, or it was mistyped too often; the tries are counted in the database.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.actions import notes
from envelopes.records import store
from envelopes.records.database import is_sqlite, unit
from envelopes.records.models import Code, Signer
from envelopes.rules import codes
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import ACCESS_CODE_DIGITS, Method
from envelopes.rules.notes import About
from envelopes.rules.people import Actor
from envelopes.services import Services

PURPOSE: Final = Method.ACCESS_CODE.value


async def issue(connection: BaseDBAsyncClient, signer: Signer, *, now: datetime) -> Code:
    """A new code for *signer*, which ends the one before. The envelope's row is locked by the caller."""
    last = await Code.filter(signer_id=signer.id).using_db(connection).order_by("-serial").first()
    return await Code.create(
        signer_id=signer.id,
        purpose=PURPOSE,
        generation=signer.generation,
        serial=last.serial + 1 if last else 1,
        sent_at=now,
        using_db=connection,
    )


async def newest(signer: Signer, connection: BaseDBAsyncClient | None = None) -> Code | None:
    """The code in force, or None where none was issued. A new link leaves it as it is."""
    query = Code.filter(signer_id=signer.id, purpose=PURPOSE)
    if connection is not None:
        query = query.using_db(connection)
        query = query if is_sqlite() else query.select_for_update()
    return await query.order_by("-serial").first()


async def left(services: Services, signer: Signer) -> int:
    """How many tries the code in force has left; 0 where there is none."""
    row = await newest(signer)
    return 0 if row is None else max(0, services.policy.access_code_tries - row.wrong)


async def spent(services: Services, signers: Sequence[Signer]) -> set[int]:
    """The ids of those of *signers* whose code in force was mistyped too often."""
    ids = [one.id for one in signers]
    rows = await Code.filter(signer_id__in=ids, purpose=PURPOSE).order_by("serial")
    newest_of = {row.signer_id: row for row in rows}
    return {id_ for id_, row in newest_of.items() if row.wrong >= services.policy.access_code_tries}


async def tell(services: Services, actor: Actor, signer: Signer) -> str:
    """The digits in force, for a member of staff at the telephone; that they were looked at stands in the history.

    Who may see the envelope's signers is decided by the caller. Raises Refused(ACCESS_CODE_SPENT).
    """

    async def work(connection: BaseDBAsyncClient) -> Code:
        row = await newest(signer, connection)
        if row is None or row.wrong >= services.policy.access_code_tries:
            raise Refused(Reason.ACCESS_CODE_SPENT)
        await _note(services, connection, signer, "access code shown", actor)
        return row

    return _digits(services.code_key, signer, await unit(work))


async def renew(services: Services, actor: Actor, signer: Signer) -> None:
    """End the code in force and have a new one, with all its tries."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.lock(connection, signer.envelope_id)
        await issue(connection, signer, now=now)
        await _note(services, connection, signer, "access code renewed", actor)

    await unit(work)


async def check(services: Services, signer: Signer, typed: str) -> tuple[Verdict, int]:
    """Judge what was typed and count it in the database; with the verdict, how many tries are left.

    Staff are told by mail when the last one is gone: nobody else can issue a new code.
    Raises Refused: ACCESS_CODE_EMPTY and ACCESS_CODE_FORMAT, which count nothing.
    """
    given = codes.tidy(
        typed,
        digits=ACCESS_CODE_DIGITS,
        empty=Reason.ACCESS_CODE_EMPTY,
        form=Reason.ACCESS_CODE_FORMAT,
    )
    tries = services.policy.access_code_tries

    async def work(connection: BaseDBAsyncClient) -> tuple[Verdict, int]:
        await store.lock(connection, signer.envelope_id)
        row = await newest(signer, connection)
        if row is None or row.wrong >= tries:
            return Verdict.SPENT, 0
        # A key that is on its way out still made the digits that somebody has on paper.
        if any(hmac.compare_digest(_digits(key, signer, row), given) for key in tuple(services.keyring.code)):
            return Verdict.OK, tries - row.wrong
        await Code.filter(id=row.id).using_db(connection).update(wrong=F("wrong") + 1)
        if row.wrong + 1 >= tries:
            payload: dict[str, str | bool] = {"signer": signer.ref, "note": "", "proved": True}
            await notes.write(services, connection, signer, About.CODE_SPENT, payload)
        return Verdict.WRONG, tries - row.wrong - 1

    return await unit(work)


def _digits(key: bytes, signer: Signer, row: Code) -> str:
    return codes.make(key, f"{PURPOSE}:{signer.ref}", row.serial, digits=ACCESS_CODE_DIGITS)


async def _note(
    services: Services, connection: BaseDBAsyncClient, signer: Signer, kind: str, actor: Actor
) -> None:
    await store.note(
        connection,
        signer.envelope_id,
        kind,
        actor=actor,
        now=services.now(),
        payload={"signer": signer.ref},
    )
