"""Orders that want something yet: the answer went out, and its reply says the rest.

A reply belongs to an order when it bears its number in the subject (`[D-0123]`) or refers to the mails of its thread,
and only when the same person wrote both. What holds then is what was written first with what the replies say in its
place; documents need not be sent again.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.files import ASIDE
from bot.parse import Attachment, ParsedMail
from envelopes.records.models import Mail, Staff
from envelopes.rules.errors import Reason
from envelopes.rules.mails import MailStatus
from envelopes.rules.reading import Answered, Remark
from envelopes.services import Services

_NUMBER: Final = re.compile(r"\[(D-[0-9]{4,9})(?:-r[0-9]{1,4})?\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """The mails of one order so far, oldest first, and what was answered last."""

    number: str
    mails: Sequence[Mail]
    answered: Answered


async def find(services: Services, staff: Staff, parsed: ParsedMail) -> Unfinished | None:
    """The order that *parsed* completes, or None where it is an order of its own."""
    since = services.now() - timedelta(days=services.policy.unfinished_days)
    mine = (
        await Mail.filter(
            sender_look_up=staff.email_look_up, status=MailStatus.ANSWERED.value, arrived_at__gte=since
        )
        .select_related("file")
        .order_by("id")
    )
    number = _number(parsed, mine)
    mails = [mail for mail in mine if mail.draft_number and mail.draft_number == number]
    if not mails:
        return None
    return Unfinished(
        number=str(number), mails=mails, answered=Answered.from_json(json.loads(mails[-1].answer or "{}"))
    )


def _number(parsed: ParsedMail, mine: Sequence[Mail]) -> str | None:
    if named := _NUMBER.search(parsed.subject):
        return named[1]
    thread = set(parsed.references)
    return next((mail.draft_number for mail in reversed(mine) if mail.message_id in thread), None)


def together(
    earlier: Sequence[Attachment], now: Sequence[Attachment], problems: Sequence[Remark]
) -> tuple[list[Attachment], list[Remark]]:
    """The files of an order and its reply, and what to note about those that were left out.

    A reply that brings files replaces those of the same name, and those that could not be used.
    """
    if all(item.media_type.startswith(ASIDE) for item in now):
        return [*earlier, *now], []
    unfit = {str(problem.details["file"]) for problem in problems if "file" in problem.details}
    names = {item.name for item in now}
    kept = [item for item in earlier if item.name not in unfit | names]
    gone = [item.name for item in earlier if item.name in unfit - names]
    notes = [Remark(reason=Reason.DOCUMENT_REPLACED, details={"file": name}) for name in gone]
    return [*kept, *now], notes
