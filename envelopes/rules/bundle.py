"""The evidence bundle (証拠一式): what is in it, and the public commands that verify it without this program.

A command is a block of shell lines whose exit status is the answer. What they work on they cut out of the signed PDF
itself, so nothing in the bundle has to be believed but the root certificate, whose fingerprint a reader compares. The
words around the commands stand in `rules.readme`; what is put in is gathered in `actions.bundling`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from envelopes.rules.findings import Of
from envelopes.rules.wording import jst_datetime

SUMS: Final = "SHA256SUMS"
_ODD: Final = re.compile(r"[^A-Za-z0-9]")
CONSENT_KEY: Final = "consents/key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One signature or document timestamp, and where its parts lie in the file.

    The bytes up to *before* and the *after* bytes from *resumes* on are what is signed. Between them stands the CMS
    structure in hexadecimal, *size* bytes of DER from *before* + 1 on. In it the signature's value is the octet string
    at *value_at* and its timestamp *token* the sequence at *token_at*; a document timestamp is the token itself.
    *checkable* and *token_checkable* are when a validator that looks at CRLs can judge each with those at hand; None
    where there is no such time. What is said of the bytes that were seen is None where nothing is.
    """

    of: Of
    field: str
    before: int
    resumes: int
    after: int
    size: int
    value_at: int
    token_at: int
    token: bytes
    at: datetime
    checkable: datetime | None
    token_checkable: datetime | None
    seen_sha256: str | None
    seen_length: int | None
    consent_sha256: str | None

    @property
    def name(self) -> str:
        """The field's name as it may stand in a command: a file must not write into the shell of who verifies it."""
        return _ODD.sub("", self.field) or "field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A signed PDF in the bundle. *name* without its folder and ending: 01, 02, …, certificate."""

    name: str
    title: str
    sha256: str
    cuts: tuple[Cut, ...]

    @property
    def path(self) -> str:
        return f"documents/{self.name}.pdf"

    @property
    def signatures(self) -> int:
        return sum(cut.of is Of.SIGNATURE for cut in self.cuts)

    @property
    def end(self) -> int:
        """Where the last of its revisions ends."""
        return max(cut.resumes + cut.after for cut in self.cuts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """A consent in the bundle. *name* without its folder and ending, a number from 1."""

    name: str
    who: str
    at: datetime
    sha256: str

    @property
    def path(self) -> str:
        return f"consents/{self.name}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A timestamp over the history. *name* without its folder and ending. *checkable* as for a `Cut`."""

    name: str
    at: datetime
    checkable: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A certificate that everything rests on; *fingerprint* is SHA-256 as openssl prints it."""

    path: str
    subject: str
    ends: datetime
    fingerprint: str
    self_signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that the README speaks of. *rows*: of the history, of which *waiting* are under no timestamp yet."""

    town: str
    number: str
    title: str
    certificate_id: str
    made_at: datetime
    papers: tuple[Paper, ...]
    agreed: tuple[Agreed, ...]
    anchored: tuple[Anchored, ...]
    roots: tuple[Root, ...]
    rows: int
    erased: int
    waiting: int
    head: str

    def consent(self, digest: str | None) -> Agreed | None:
        """The consent whose SHA-256 is *digest*."""
        return next((one for one in self.agreed if one.sha256 == digest), None)


class Step(NamedTuple):
    """What one block of commands shows, in Japanese and English, and the block."""

    ja: str
    en: str
    command: str


class Section(NamedTuple):
    """Steps under one heading."""

    ja: str
    en: str
    steps: tuple[Step, ...]


# The steps


def sections(bundle: Contents) -> Iterator[Section]:
    """All sections with their steps, in the order in which they are to be run."""
    tool = _Tool(partial=any(not one.self_signed for one in bundle.roots))
    yield Section("準備", "Preparation", tuple(_preparation(bundle)))
    for paper in bundle.papers:
        steps = (*_whole(paper), *(step for cut in paper.cuts for step in _of_cut(paper, cut, bundle, tool)))
        yield Section(f"文書「{paper.title}」", paper.path, steps)
    yield Section("同意の記録", "Consents", tuple(_consents(bundle)))
    yield Section("操作ログ", "History", tuple(_history(bundle, tool)))


@dataclass(frozen=True, slots=True)
class _Tool:
    """How openssl is called here. *partial*: a trusted certificate may be below the root of its authority."""

    partial: bool

    def judged(self, at: datetime | None, *, since: datetime) -> str:
        """Trust and time of a check: at *at* with revocation lists; where none speaks, at *since* without."""
        lists = f"-crl_check -attime {_epoch(at)}" if at else f"-attime {_epoch(since)}"
        chain = " -partial_chain" if self.partial else ""
        return f"-CAfile work/trust.pem{chain} {lists}"

    def token(self, path: str, data: str, at: datetime | None, *, since: datetime) -> str:
        judged = self.judged(at, since=since)
        return (
            f"openssl ts -verify -token_in -in {path} -data {data} \\\n"
            f"  -untrusted work/certificates.pem {judged}"
        )


def _epoch(at: datetime) -> int:
    return int(at.timestamp())


def _preparation(bundle: Contents) -> Iterator[Step]:
    yield Step(
        "ファイルが、作ったときのままそろっています。",
        "All files are there and as they were made.",
        f"sha256sum --quiet --check {SUMS}",
    )
    yield Step(
        "証明書と失効リストを、openssl が読む形にまとめます。",
        "Certificates and revocation lists are put into the form that openssl reads.",
        "mkdir -p work &&\n"
        "(for c in certificates/*.cer; do openssl x509 -inform DER -in $c || exit 1; done) > work/certificates.pem &&\n"
        "(for c in certificates/root-*.cer; do openssl x509 -inform DER -in $c || exit 1; done\n"
        " for c in crls/*.crl; do openssl crl -inform DER -in $c || exit 1; done) > work/trust.pem",
    )
    for root in bundle.roots:
        yield Step(
            f"根拠にする証明書です。別の方法で得た値と比べてください（{root.subject}）。",
            "The certificate all rests on: compare the value with one you have from elsewhere.",
            f"openssl x509 -inform DER -in {root.path} -noout -fingerprint -sha256 |\n"
            f"  grep -i {root.fingerprint}",
        )


def _whole(paper: Paper) -> Iterator[Step]:
    yield Step(
        "PDFとして壊れていません。",
        "It is sound as a PDF.",
        f"qpdf --check {paper.path}",
    )
    yield Step(
        f"pdfsig が{paper.signatures}件の署名を有効と認めます。",
        f"pdfsig finds {paper.signatures} valid signature(s).",
        f"[ $(pdfsig -nocert {paper.path} | grep -c 'Signature is Valid') -eq {paper.signatures} ]",
    )
    yield Step(
        "最後の時刻証明のあとに、何も付け足されていません。",
        "Nothing was added behind the last timestamp.",
        f"[ $(wc -c < {paper.path}) -eq {paper.end} ]",
    )


def _of_cut(paper: Paper, cut: Cut, bundle: Contents, tool: _Tool) -> Iterator[Step]:
    name = f"{paper.name}-{cut.name}"
    if cut.of is Of.TIMESTAMP:
        yield _document_timestamp(paper, cut, name, tool)
        return
    yield _signature(paper, cut, name, tool)
    yield _signature_timestamp(cut, name, tool)
    consent = bundle.consent(cut.consent_sha256)
    if cut.seen_sha256 and consent is not None:
        yield _seen(paper, cut, name, consent)


def _pieces(paper: Paper, cut: Cut, name: str, kind: str) -> str:
    """Cut the CMS structure and the signed bytes out of the PDF, by the places that the PDF itself names."""
    return (
        f"grep -a -q '/ByteRange *\\[ *0 {cut.before} {cut.resumes} {cut.after} *\\]' {paper.path} &&\n"
        f"tail -c +{cut.before + 2} {paper.path} | head -c {2 * cut.size} |\n"
        f"  tr a-f A-F | basenc --decode --base16 > work/{name}.{kind} &&\n"
        f"(head -c {cut.before} {paper.path}; tail -c +{cut.resumes + 1} {paper.path} |\n"
        f"  head -c {cut.after}) > work/{name}.signed &&\n"
    )


def _signature(paper: Paper, cut: Cut, name: str, tool: _Tool) -> Step:
    return Step(
        f"署名 {cut.name}：文書は署名したときのままで、証明書も有効でした（失効リストも見ます）。",
        f"Signature {cut.name}: the document is as it was signed, and the certificate was valid and not revoked.",
        _pieces(paper, cut, name, "p7s")
        + f"openssl cms -verify -binary -cades -inform DER -in work/{name}.p7s \\\n"
        f"  -content work/{name}.signed -certfile work/certificates.pem -purpose any \\\n"
        f"  {tool.judged(cut.checkable, since=cut.at)} -out work/{name}.out",
    )


def _signature_timestamp(cut: Cut, name: str, tool: _Tool) -> Step:
    at = jst_datetime(cut.at, seconds=True)
    cut_out = f"openssl asn1parse -inform DER -in work/{name}.p7s -noout"
    return Step(
        f"署名 {cut.name} の時刻：{at}には、この署名がありました。",
        f"Time of {cut.name}: the signature existed on {cut.at:%Y-%m-%d %H:%M:%S} UTC.",
        f"{cut_out} -strparse {cut.value_at} -out work/{name}.value &&\n"
        f"{cut_out} -strparse {cut.token_at} -out work/{name}.tst &&\n"
        f"cmp work/{name}.tst timestamps/{name}.tst &&\n"
        + tool.token(f"timestamps/{name}.tst", f"work/{name}.value", cut.token_checkable, since=cut.at),
    )


def _seen(paper: Paper, cut: Cut, name: str, consent: Agreed) -> Step:
    return Step(
        f"{consent.who} が画面で見た文書（先頭{cut.seen_length}バイト）と、同意の記録が、署名の中の値と一致します。",
        f"What the signer saw (the first {cut.seen_length} bytes) and the consent are those that the signature names.",
        f"head -c {cut.seen_length} {paper.path} > work/{name}.seen.pdf &&\n"
        f"seen=$(sha256sum < work/{name}.seen.pdf | cut -c 1-64) &&\n"
        f"grep -a -q $seen work/{name}.signed && grep -q $seen {consent.path} &&\n"
        f"grep -a -q $(sha256sum < {consent.path} | cut -c 1-64) work/{name}.signed",
    )


def _document_timestamp(paper: Paper, cut: Cut, name: str, tool: _Tool) -> Step:
    at = jst_datetime(cut.at, seconds=True)
    return Step(
        f"文書の時刻 {cut.name}：{at}には、文書と署名の全体がこの形でありました。",
        f"Time of the document {cut.name}: all of it was there on {cut.at:%Y-%m-%d %H:%M:%S} UTC.",
        _pieces(paper, cut, name, "tst")
        + f"cmp work/{name}.tst timestamps/{name}.tst &&\n"
        + tool.token(f"timestamps/{name}.tst", f"work/{name}.signed", cut.token_checkable, since=cut.at),
    )


def _consents(bundle: Contents) -> Iterator[Step]:
    for one in bundle.agreed:
        yield Step(
            f"{one.who} の同意の記録は、電子契約の画面の鍵で署名されたものです。",
            "The consent was signed with the portal's key.",
            f"openssl pkeyutl -verify -pubin -inkey {CONSENT_KEY} -rawin \\\n"
            f"  -in {one.path} -sigfile consents/{one.name}.sig",
        )
        yield Step(
            "同意したときの操作ログの先頭値が、いまの操作ログの中にあります。",
            "The head of the history that the consent names is in the history as it is now.",
            f"sha256sum history/*.row |\n"
            f"""  grep -q "$(sed 's/.*"chain_head":"\\([0-9a-f]*\\)".*/\\1/' {one.path})\"""",
        )


_CHAIN: Final = """\
(prev=$(printf '%064d' 0)
 for row in history/*.row; do
   [ "$(head -c 68 $row | tail -c 64)" = $prev ] || exit 1
   prev=$(sha256sum < $row | cut -c 1-64)
 done
 [ $prev = {head} ])"""

_DETAILS: Final = """\
(for detail in history/*.detail; do
   [ "$(sha256sum < $detail | cut -c 1-64)" = "$(tail -c 64 ${detail%.detail}.row)" ] || exit 1
 done)"""

# A leaf is 00 ‖ line, a node 01 ‖ left ‖ right (RFC 6962 2.1); the line ends with the row's hash.
_PROOFS: Final = """\
[ $(ls history/*.proof | wc -l) -eq {count} ] &&
(for proof in history/*.proof; do
   {
     read -r leaf && read -r anchor || exit 1
     [ ${leaf##* } = $(sha256sum < ${proof%.proof}.row | cut -c 1-64) ] || exit 1
     value=$(printf '\\000%s' "$leaf" | sha256sum | cut -c 1-64)
     while read -r side other; do
       [ $side = L ] && value=$other$value || value=$value$other
       value=$(printf '01%s' $value | tr a-f A-F | basenc --decode --base16 | sha256sum | cut -c 1-64)
     done
     grep -q "\\"root\\":\\"$value\\"" $anchor || exit 1
   } < $proof || exit 1
 done)"""


def _history(bundle: Contents, tool: _Tool) -> Iterator[Step]:
    yield Step(
        "操作ログの行はすべてつながり、抜けも入れ替えもありません。最後の値は、保存してあるメールの「記録の先頭値」とも比べられます。",
        "The rows form one chain without gaps. Values in saved mails (記録の先頭値) are hashes of these rows.",
        _CHAIN.replace("{head}", bundle.head),
    )
    if bundle.rows > bundle.erased:
        yield Step(
            "行の内容は、書いたときのままです（.detail の先頭16バイトは乱数、残りが内容です）。",
            "What the rows say is as it was written (the first 16 bytes of a .detail are random).",
            _DETAILS,
        )
    if not bundle.anchored:
        return
    yield Step(
        f"{bundle.rows - bundle.waiting}行は、時刻証明に含まれています。",
        f"{bundle.rows - bundle.waiting} rows are under a timestamp.",
        _PROOFS.replace("{count}", str(bundle.rows - bundle.waiting)),
    )
    for one in bundle.anchored:
        path = f"anchors/{one.name}"
        yield Step(
            f"操作ログの時刻証明 {one.name}：{jst_datetime(one.at, seconds=True)}には、これらの行がありました。",
            f"Timestamp {one.name} over the history: the rows were there on {one.at:%Y-%m-%d %H:%M:%S} UTC.",
            tool.token(f"{path}.tst", f"{path}.json", one.checkable, since=one.at),
        )


def proof_text(*, line: str, anchor: str, siblings: Sequence[str], left: Sequence[bool]) -> str:
    """Return a row's proof as the README's command reads it: the row's line, the statement's path, the siblings."""
    sides = ["L" if is_left else "R" for is_left in left]
    steps = [f"{side} {sibling}" for side, sibling in zip(sides, siblings, strict=True)]
    return "\n".join((line, anchor, *steps)) + "\n"
