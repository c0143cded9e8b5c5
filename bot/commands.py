"""Commands by reply: a mail in an envelope's thread → the verb that the pages use, and what came of it as an answer.

Decides in this order: which envelope, may the writer see it, what does he order, is that in force for him, are the
digits right; the verb itself asks for roles, section and state once more. A command and its answer are written in one
transaction. Nothing here signs, and nothing changes the registry.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from tortoise.backends.base.client import BaseDBAsyncClient

from bot import threads, unfinished
from bot.files import ASIDE
from bot.parse import ParsedMail
from bot.threads import Thread
from envelopes.actions import replying, revising
from envelopes.actions import staff as act
from envelopes.actions.replying import Arrival
from envelopes.actions.worker import mails
from envelopes.actions.worker.mails import MailFacts, Told
from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.models import Mail, Staff
from envelopes.records.store import Snapshot
from envelopes.rules import answers, exclusions, replies
from envelopes.rules.courtesies import Writer
from envelopes.rules.dates import parse_deadline
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.keys import Key
from envelopes.rules.lines import Scan, scan
from envelopes.rules.people import Actor
from envelopes.rules.quoting import own_words
from envelopes.rules.reading import Record, Remark
from envelopes.rules.replies import Command, Outcome, Reply, Verb
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Event, Task, permits
from envelopes.services import Services
from envelopes.texts import say_remark

log = logging.getLogger(__name__)

ORDERED: Final = "ordered by reply"
_QUOTED: Final = 40  # characters of a line that an answer quotes: enough to find it again


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A mail of a member of staff, read."""

    mail: Mail
    staff: Staff
    parsed: ParsedMail
    sent_to: Sequence[str]
    facts: MailFacts


class Unfit(Refused):
    """A correction that leaves something to mend: nothing was changed."""

    def __init__(self, problems: Sequence[Remark]) -> None:
        super().__init__(Reason.COMMAND_NOT_DONE)
        self.problems = tuple(say_remark(problem) for problem in problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """A mail with its commands, and the envelope that it is about."""

    said: Said
    writer: Writer
    reply: Reply
    thread: Thread
    shot: Snapshot

    @property
    def record(self) -> Record:
        return Record.from_json(json.loads(self.shot.envelope.reading))

    @property
    def lines(self) -> Scan:
        """The lines of the reply that say something about the draft, or seem to."""
        return _lines(self.said, self.reply, mail=self.record.revision)

    @property
    def objection(self) -> str:
        """The first words beside the order that may mean something else."""
        return replies.objection(self.reply, self.lines, self.writer)


async def taken(services: Services, said: Said) -> bool:
    """Deal with *said* if it is a command, or a reply about an envelope that should be one; else False."""
    writer = await _writer(services, said.staff)
    reply = replies.read(said.parsed.text, writer)
    try:
        about = await _about(services, said, writer, reply)
    except Refused as refused:
        if not reply.commands or await _is_order(services, said, reply):
            return False
        await _refuse(services, said, None, None, refused)
        return True
    if not reply.commands and _has_documents(said):
        return False  # another document in an old thread is another order
    await _obey(services, about)
    return True


async def _writer(services: Services, staff: Staff) -> Writer:
    """Whose signature may stand below the order."""
    section = await staff.section
    return Writer(
        name=staff.name,
        office=staff.office,
        section=section.name,
        town=services.settings.town.name,
        address=staff.email,
    )


async def _about(services: Services, said: Said, writer: Writer, reply: Reply) -> _About:
    """The envelope that is meant, if the writer may see it: to others there is none."""
    thread = await threads.find(services, said.sent_to, said.parsed)
    if thread is not None:
        shot = await store.snapshot(ref=thread.ref)
        if act.sees(said.staff, shot):
            return _About(said=said, writer=writer, reply=reply, thread=thread, shot=shot)
    raise Refused(Reason.COMMAND_ABOUT_NOTHING)


async def _is_order(services: Services, said: Said, reply: Reply) -> bool:
    """Whether the mail is an order of its own, or completes one, though it says 送信 or the like."""
    if _has_documents(said) or _lines(said, reply, mail=0).statements:
        return True
    return await unfinished.find(services, said.staff, said.parsed) is not None


def _has_documents(said: Said) -> bool:
    return not all(item.media_type.startswith(ASIDE) for item in said.parsed.attachments)


def _lines(said: Said, reply: Reply, *, mail: int) -> Scan:
    return scan(reply.text, day=jst_day(said.mail.arrived_at), mail=mail, quoted=False)


# What is ordered


async def _obey(services: Services, about: _About) -> None:
    said, commands = about.said, about.reply.commands
    try:
        command = _only(commands)
        if command.verb is Verb.STATUS:
            await _answer(services, said, about.shot, Outcome(verb=Verb.STATUS), task=Task.STATUS_MAIL)
            return
        await _prove(services, about, command)
        await _carry_out(services, about, command)
    except Refused as refused:
        await _refuse(services, said, commands[0] if len(commands) == 1 else None, about.shot, refused)


def _only(commands: Sequence[Command]) -> Command:
    if not commands:
        raise Refused(Reason.COMMAND_UNREAD)
    if len(commands) > 1:
        raise Refused(Reason.COMMAND_SEVERAL)
    return commands[0]


async def _prove(services: Services, about: _About, command: Command) -> None:
    """See that the second channel says the same. Digits are spent only on a command that can be read."""
    said = about.said
    if hindrance := await replying.hindrance(services, said.staff):
        raise Refused(hindrance)
    if not replies.is_code(command):
        raise Refused(Reason.REPLY_CODE_MISSING)
    if command.verb is Verb.SEND and _has_documents(said):
        raise Refused(Reason.COMMAND_DOCUMENTS)
    other = command.words if command.verb is Verb.REVISE else about.objection
    if other:
        raise Refused(Reason.COMMAND_WORDS, said=replies.blackened(other[:_QUOTED]))
    if command.verb is Verb.CANCEL and not command.words:
        raise Refused(Reason.REASON_MISSING)
    if command.verb is Verb.EXTEND:
        parse_deadline(command.words, today=jst_day(said.mail.arrived_at))
    mail = await Mail.filter(id=said.mail.id).select_related("file").get()
    arrival = Arrival(mail_id=mail.id, at=mail.arrived_at, seen_at=mail.file.created_at)
    await replying.prove(services, said.staff, command.code, arrival)


async def _carry_out(services: Services, about: _About, command: Command) -> None:
    """Let the verb happen and say so, both or neither."""

    async def work(connection: BaseDBAsyncClient) -> None:
        odd = await _act(services, about, command)
        await _note(services, connection, about, command)
        problems = tuple(say_remark(remark) for remark in odd)
        await _answer(services, about.said, about.shot, Outcome(verb=command.verb, problems=problems))

    await unit(work)


async def _note(services: Services, connection: BaseDBAsyncClient, about: _About, command: Command) -> None:
    """Say in the history that it came by a reply, and by which mail: its bytes are kept."""
    actor, payload = act.actor_of(about.said.staff), {"verb": command.verb.value, "mail": about.said.mail.ref}
    envelope_id, now = about.shot.envelope.id, services.now()
    await store.note(connection, envelope_id, ORDERED, actor=actor, now=now, payload=payload)


async def _act(services: Services, about: _About, command: Command) -> Sequence[Remark]:
    """Let the verb happen; returns what was odd about the lines that came with it."""
    envelope, actor = about.shot.envelope, act.actor_of(about.said.staff)
    ref, version = envelope.ref, envelope.version
    match command.verb:
        case Verb.SEND:
            await _send(services, about, actor)
        case Verb.REVISE:
            return await _revise(services, about, actor)
        case Verb.CANCEL:
            await act.cancel(services, actor, ref, version=version, reason=command.words)
        case Verb.REMIND:
            await act.remind(services, actor, ref)
        case Verb.EXTEND:
            day = parse_deadline(command.words, today=jst_day(about.said.mail.arrived_at))
            await act.extend(services, actor, ref, version=version, deadline_on=day)
        case Verb.STATUS:
            raise AssertionError("unreachable")
        case _:
            assert_never(command.verb)
    return ()


async def _send(services: Services, about: _About, actor: Actor) -> None:
    """Send the draft that the writer has seen, with his answers to what it asks."""
    record, shot = about.record, about.shot
    if permits(shot.state, Event.CONFIRMED) and about.thread.revisions != {record.revision}:
        raise Refused(Reason.DRAFT_CHANGED)
    said = [one.value for one in (*record.statements, *about.lines.statements) if one.key is Key.ANSWERED]
    signer = await act.proposed_signer(services, shot)
    await act.confirm(
        services,
        actor,
        shot.envelope.ref,
        version=shot.envelope.version,
        village_signer=signer.ref if signer else "",
        answered={reason for words in said for reason in exclusions.answered(words)},
    )


async def _revise(services: Services, about: _About, actor: Actor) -> Sequence[Remark]:
    """Correct the draft by the lines of the reply; returns those that say nothing that can be corrected."""
    statements = [one for one in about.lines.statements if one.value]
    unread = replies.unread(about.reply, about.lines, about.writer, mail=about.record.revision)
    odd = [Remark.of(replies.to_be_told(problem)) for problem in (*about.lines.warnings, *unread)]
    if not statements:
        raise Unfit(odd) if odd else Refused(Reason.COMMAND_EMPTY)
    envelope = about.shot.envelope
    problems = await revising.revise(
        services, actor, envelope.ref, version=envelope.version, statements=statements
    )
    if problems:
        raise Unfit([*problems, *odd])
    return odd


# What is answered


async def _refuse(
    services: Services, said: Said, command: Command | None, shot: Snapshot | None, refused: Refused
) -> None:
    """Say why nothing was done, as often as mistakes are answered."""
    outcome = Outcome(
        verb=command.verb if command else None,
        reason=refused.reason,
        details=refused.details,
        problems=refused.problems if isinstance(refused, Unfit) else (),
    )
    words = own_words(said.parsed.text)
    kind = answers.kind_of([refused.reason], subject=said.parsed.topic, said=words)
    try:
        await _answer(services, said, shot, outcome, kind=kind)
    except Refused:
        log.info("mail %s has been dealt with meanwhile", said.mail.ref)


async def _answer(
    services: Services,
    said: Said,
    shot: Snapshot | None,
    outcome: Outcome,
    *,
    task: Task = Task.COMMAND_MAIL,
    kind: str = "",
) -> None:
    envelope_id = shot.envelope.id if shot else None
    told = Told(said=outcome.to_json(), envelope_id=envelope_id, task=task, kind=kind)
    await mails.answer_command(services, said.mail, said.staff, told, said.facts)
