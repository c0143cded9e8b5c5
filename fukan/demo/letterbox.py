"""A person's mailbox as the tour reads it: over IMAP, like any mailer. Waits for mails and never takes one twice."""

import asyncio
import imaplib
import re
from collections.abc import Sequence
from typing import Final

from envelopes.rules.errors import FukanError
from fukan.demo.post import PASSWORD
from fukan.demo.reading import Reading, read

_SECONDS: Final = 20.0  # why: the post office is in the same process and answers at once
_PAUSE: Final = 0.15  # why: short beside everything it waits for
_HIDDEN: Final = re.compile(r"https?://\S+|\b\d{6}\b")


class NoMail(FukanError):
    """The mail that was waited for did not come; says what came instead."""


class Letter:
    """One mail that was read."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.reading: Reading = read(raw)

    @property
    def subject(self) -> str:
        return self.reading.subject

    def link(self, site: str) -> str:
        """Return the first address of *site* in the text, or raise NoMail."""
        found = re.search(re.escape(site) + r"/\S+", self.reading.text)
        if found is None:
            raise NoMail(f"メール「{self.subject}」に {site} のリンクがありません")
        return found[0]

    def code(self) -> str:
        """Return the six digits on the first line of the text, or raise NoMail."""
        found = re.match(r"\s*(\d{6})\D", self.reading.text)
        if found is None:
            raise NoMail(f"メール「{self.subject}」の1行目に確認コードがありません")
        return found[1]

    def quoted(self) -> str:
        """The text as it may be shown: without addresses of pages and without codes."""
        return _HIDDEN.sub("…", self.reading.text).strip()


class Letterbox:
    """The mailbox of *address* on the post office's IMAP *port*."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._seen: set[bytes] = set()
        self._waiting: list[Letter] = []

    async def expect(self, words: str, *, seconds: float, alarms: Sequence[str] = ()) -> Letter:
        """Return the next mail with *words* in its subject.

        Raises NoMail when it does not come within *seconds*, or at once when a mail with one of *alarms* comes.
        """
        end = asyncio.get_running_loop().time() + seconds
        while True:
            self._waiting += await self._new()
            for letter in self._waiting:
                if words in letter.subject:
                    self._waiting.remove(letter)
                    return letter
                if any(alarm in letter.subject for alarm in alarms):
                    raise NoMail(f"「{letter.subject}」が届きました：\n{letter.quoted()}")
            if asyncio.get_running_loop().time() > end:
                subjects = "、".join(f"「{letter.subject}」" for letter in self._waiting) or "なし"
                raise NoMail(
                    f"「{words}」のメールが{seconds:.0f}秒たっても届きません（届いたもの：{subjects}）"
                )
            await asyncio.sleep(_PAUSE)

    async def _new(self) -> list[Letter]:
        return [Letter(raw) for raw in await asyncio.to_thread(self._fetch)]

    def _fetch(self) -> list[bytes]:
        try:
            with imaplib.IMAP4("127.0.0.1", self._port, timeout=_SECONDS) as server:
                server.login(self._address, PASSWORD)
                server.select()
                _, found = server.uid("SEARCH", "ALL")
                fresh = [uid for uid in found[0].split() if uid not in self._seen]
                mails = [self._one(server, uid) for uid in fresh]
                self._seen.update(fresh)
                return mails
        except (imaplib.IMAP4.error, OSError) as error:
            raise NoMail(f"メールボックスが開けません（{type(error).__name__}）") from None

    def _one(self, server: imaplib.IMAP4, uid: bytes) -> bytes:
        _, parts = server.uid("FETCH", uid.decode("ascii"), "(BODY.PEEK[])")
        return next(bytes(part[1]) for part in parts if isinstance(part, tuple))
