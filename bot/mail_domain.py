"""What DNS tells the world about the town's mail: can it be answered, and is it believed. Blocks; call it in a thread.

Receivers look at the domain in From, at the one in the return path (the intake's) and at the address that the relay
sends from: MX or A, SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), and the reverse name. Servers themselves are
`bot.mail_servers`' business.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from urllib.parse import urlsplit

import dkim
import spf
from dkim.util import InvalidTagValueList, parse_tag_value

from bot import dkim_signing
from bot.outcomes import Bearing, Finding, Outcome
from bot.resolver import DnsSilent, Resolver
from envelopes.rules.addresses import domain_of
from envelopes.settings import Dkim, Settings, SettingsFaulty

Address = IPv4Address | IPv6Address

EXCHANGES: Final = "差出人のドメイン（MX・A）"
SPF: Final = "SPF"
DKIM: Final = "DKIM"
DMARC: Final = "DMARC"
REVERSE: Final = "逆引き（PTR）"

_NOBODY: Final = "240.0.0.1"  # RFC 1112 4: nobody sends from here, so the whole record is walked through
_LOOKUPS: Final = 10  # RFC 7208 4.6.4
_RSA_BITS: Final = 2048  # RFC 8301 3.2
_SILENT: Final = (
    "しばらくしてもう一度試してください。続くなら、設定の [dns] かファイアウォールを確かめてください。"
)
_SPF_FAULTS: Final = {
    "Too many DNS lookups": f"DNSの問い合わせが、許される{_LOOKUPS}回を超えます",
    "Two or more type TXT spf records found.": "SPFレコードが2つ以上あります",
    "Void lookup limit of 2 exceeded": "ない名前を3つ以上引いています",
}


def examine(settings: Settings, resolver: Resolver) -> list[Outcome]:
    """Run every check; a name server that is silent is a finding of each check that asked it."""
    checks = (
        (EXCHANGES, _exchanges),
        (SPF, _spf),
        (DKIM, _dkim),
        (DMARC, _dmarc),
        (REVERSE, _reverse),
    )
    return [_outcome(name, check, settings, resolver) for name, check in checks]


def _outcome(name: str, check: Any, settings: Settings, resolver: Resolver) -> Outcome:
    findings: list[Finding] = []
    notes: list[str] = []
    try:
        for one in check(settings, resolver):
            (findings if isinstance(one, Finding) else notes).append(one)
    except DnsSilent as silent:
        findings.append(Finding(f"DNSが {silent} に答えません", _SILENT, Bearing.SILENCE))
    return Outcome(name=name, findings=tuple(findings), notes=tuple(notes))


def from_domain(settings: Settings) -> str:
    """The domain that people see."""
    return domain_of(settings.mail.address)


def path_domain(settings: Settings) -> str:
    """The domain to which reports come back, and which SPF is asked of."""
    return domain_of(settings.mail.intake)


Said = Iterator[Finding | str]


# Can it be answered


def _exchanges(settings: Settings, resolver: Resolver) -> Said:
    own = from_domain(settings)
    for domain in dict.fromkeys((own, path_domain(settings))):
        exchanges = resolver.exchanges(domain)
        if any(one.host in {"", "."} for one in exchanges):
            yield Finding(
                f"{domain} のMXは「メールを受け取らない」という意味です（RFC 7505）", _todo_mx(domain)
            )
        elif not exchanges and not resolver.addresses(domain):
            yield Finding(f"{domain} にMXもAもありません（docomo などが受け取りません）", _todo_mx(domain))
    host = urlsplit(settings.portal.url).hostname or ""
    if host != own:
        yield f"画面（{host}）と差出人（{own}）のドメインが違います。同じだと、受け取る人が見分けやすくなります。"


def _todo_mx(domain: str) -> str:
    return f"DNSに {domain} のMXレコード（受信するサーバーの名前）を公開してください。"


# SPF


def _spf(settings: Settings, resolver: Resolver) -> Said:
    """Of the return path, as the standard says, and of From, as phone carriers do."""
    for domain in dict.fromkeys((path_domain(settings), from_domain(settings))):
        yield from _sender_policy(settings, resolver, domain)


def _sender_policy(settings: Settings, resolver: Resolver, domain: str) -> Said:
    result, why, lookups = _judge(resolver, domain, _NOBODY)
    if result == "none":
        todo = f"DNSに {domain} のTXTレコードを公開してください（例 {_example(settings, resolver)}）。"
        yield Finding(f"{domain} にSPFレコードがありません", todo)
    elif result == "permerror":
        yield Finding(f"{domain} のSPFレコードが使えません：{why}", "レコードを直してください（RFC 7208）。")
    elif result == "pass":
        yield Finding(
            f"{domain} のSPFレコードは、だれにでも送信を許します",
            "+all や広すぎる範囲をやめ、-all で終えてください。",
        )
    else:
        if result == "neutral":
            yield f"{domain} のSPFレコードは -all か ~all で終わらないので、なりすましを防げません。"
        yield f"{domain}：DNSの問い合わせ {lookups}回（{_LOOKUPS}回まで）"
        yield from _senders(settings, resolver, domain)


def _example(settings: Settings, resolver: Resolver) -> str:
    known = [f"ip{one.version}:{one}" for one in _outgoing(settings, resolver)]
    return " ".join(["v=spf1", *(known or ["include:＜中継サーバーの事業者が示す名前＞"]), "-all"])


def _senders(settings: Settings, resolver: Resolver, domain: str) -> Said:
    outgoing = _outgoing(settings, resolver)
    if not outgoing:
        yield _UNKNOWN
    for address in outgoing:
        result, why, _ = _judge(resolver, domain, str(address))
        if result != "pass":
            todo = f"SPFレコードに ip{address.version}:{address} か、事業者が示す include: を加えてください。"
            yield Finding(f"中継サーバー {address} が {domain} のSPFにありません（{result}{why}）", todo)


_UNKNOWN: Final = (
    "中継サーバーが外へ送るアドレスは、ここからは分かりません。設定の smtp.sends_from に書くと確かめます。"
)


def _outgoing(settings: Settings, resolver: Resolver) -> Sequence[Address]:
    """The addresses from which mails reach the world, as far as they are known."""
    if settings.smtp.outgoing:
        return settings.smtp.outgoing
    return tuple(one for one in resolver.addresses(settings.smtp.host) if one.is_global)


def _judge(resolver: Resolver, domain: str, address: str) -> tuple[str, str, int]:
    """Result for a mail from *address*, what is wrong with the record, and how many lookups it took."""
    query = _Query(i=address, s=f"postmaster@{domain}", h=domain, strict=True)
    query.resolver = resolver
    result, _, text = query.check()
    if query.silent is not None:
        raise query.silent
    said = str(text).removeprefix("SPF Permanent Error: ")
    why = next((words for start, words in _SPF_FAULTS.items() if said.startswith(start)), said)
    return str(result), why if result == "permerror" else "", int(query.lookups)


class _Query(spf.query):  # type: ignore[misc]  # the library has no types
    """pyspf with our own way to DNS."""

    resolver: Resolver
    silent: DnsSilent | None = None

    def dns(self, name: str, qtype: str, cnames: object = None, *, ignore_void: bool = False) -> list[Any]:  # noqa: ARG002 -- the library's signature
        try:
            found = self._found(str(name), qtype)
        except DnsSilent as silent:
            self.silent = silent
            raise spf.TempError(str(silent)) from None
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"Void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
        return found

    def _found(self, name: str, qtype: str) -> list[Any]:
        match qtype:
            case "A" | "AAAA":
                version = 4 if qtype == "A" else 6
                return [str(one) for one in self.resolver.addresses(name) if one.version == version]
            case "MX":
                return [tuple(one) for one in self.resolver.exchanges(name)]
            case "TXT":
                return [(text,) for text in self.resolver.texts(name)]
            case "PTR":
                return list(self.resolver.names(self.ipaddr))
            case _:
                return []


# DKIM


def _dkim(settings: Settings, resolver: Resolver) -> Said:
    try:
        keys = {key.name: key.record for key in dkim_signing.keys(settings)}
    except SettingsFaulty as faulty:
        keys = {}
        for line in str(faulty).splitlines():
            yield Finding(line, "設定の [[dkim]] を直してください。このままではメールを送りません。")
    if not settings.dkim:
        yield "設定に [[dkim]] がありません。中継サーバーが署名していないなら、fukan dkim new で鍵を作ってください。"
    for one in settings.dkim:
        name = f"{one.selector}._domainkey.{dkim_signing.domain_of_key(one, settings)}"
        yield from _record(one, name, resolver.texts(name), keys.get(name))


def _record(one: Dkim, name: str, texts: Sequence[bytes], own: str | None) -> Said:
    publish = (
        "fukan dkim show で表示されるレコードを公開してください。"
        if one.key_file is not None
        else "中継サーバーの事業者が示すレコードを公開してください。"
    )
    if len(texts) != 1:
        how = "がありません" if not texts else "が2つ以上あります"
        yield Finding(f"{name} のレコード{how}", publish)
        return
    try:
        tags = parse_tag_value(texts[0])
        _, bits, kind, _ = dkim.evaluate_pk(name, texts[0]) if tags.get(b"p") else (None, 0, None, None)
    except (InvalidTagValueList, dkim.KeyFormatError, ValueError, KeyError):
        yield Finding(f"{name} のレコードが読めません", publish)
        return
    if not tags.get(b"p"):
        yield Finding(f"{name} の鍵は取り消されています（p= が空です）", publish)
    elif own is not None and _public(own.encode()) != _public(texts[0]):
        yield Finding(f"{name} のレコードは、設定の鍵のものではありません", publish)
    elif kind == b"rsa" and bits < _RSA_BITS:
        todo = f"{_RSA_BITS}ビットの鍵に替えてください（RFC 8301）。"
        yield Finding(f"{name} の鍵は{bits}ビットです", todo, Bearing.NOTICE)
    else:
        yield f"{name}：{'この環境が署名します' if one.key_file else '中継サーバーが署名します'}"
        if b"y" in tags.get(b"t", b"").split(b":"):
            yield f"{name} は試験中（t=y）なので、署名がないのと同じに扱われます。"


def _public(record: bytes) -> bytes:
    """The key in *record*, without the blanks that some publish in it."""
    return b"".join(parse_tag_value(record).get(b"p", b"").split())


# DMARC


def _dmarc(settings: Settings, resolver: Resolver) -> Said:
    own = from_domain(settings)
    place, texts = _policy_record(resolver, own)
    publish = (
        f"DNSに _dmarc.{own} のTXTレコードを公開してください（例 v=DMARC1; p=quarantine; rua=mailto:…）。"
    )
    if len(texts) != 1:
        how = "がありません" if not texts else f"が2つ以上あります（{place}）"
        yield Finding(f"{own} にDMARCレコード{how}", publish)
        return
    tags = _tags(texts[0])
    wanted = tags.get("p", "") if place == own else tags.get("sp", tags.get("p", ""))
    if wanted not in {"none", "quarantine", "reject"}:
        yield Finding(f"_dmarc.{place} の p= が正しくありません", publish)
    elif wanted == "none":
        yield "p=none です。報告を見て問題がなければ、p=quarantine か p=reject にしてください。"
    if "rua" not in tags:
        yield "rua= がないので、失敗したメールの報告が届きません。"
    yield from _aligned(settings, tags)


def _policy_record(resolver: Resolver, domain: str) -> tuple[str, Sequence[bytes]]:
    """Where the policy stands, and all that stand there: at the domain itself, else at the nearest parent."""
    labels = domain.split(".")
    for cut in range(max(1, len(labels) - 1)):
        place = ".".join(labels[cut:])
        found = [text for text in resolver.texts(f"_dmarc.{place}") if text.lower().startswith(b"v=dmarc1")]
        if found:
            return place, found
    return domain, ()


def _tags(record: bytes) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in record.decode("utf-8", "replace").split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs if name.strip()}


def _aligned(settings: Settings, tags: Mapping[str, str]) -> Said:
    own, path = from_domain(settings), path_domain(settings)
    by_spf = _fits(own, path, strict=tags.get("aspf") == "s")
    signers = [dkim_signing.domain_of_key(one, settings) for one in settings.dkim]
    by_dkim = any(_fits(own, one, strict=tags.get("adkim") == "s") for one in signers)
    if not (by_spf or by_dkim):
        todo = "mail.address と mail.intake を同じドメインにするか、そのドメインの鍵で署名してください（[[dkim]]）。"
        yield Finding(f"差出人（{own}）と、戻り先（{path}）や署名のドメインが合いません", todo)
    elif not by_spf:
        yield f"戻り先（{path}）は差出人と別のドメインなので、DKIMの署名だけが頼りです。"


def _fits(own: str, other: str, *, strict: bool) -> bool:
    """RFC 7489 3.1: the same domain; relaxed, one may be below the other."""
    if own == other:
        return True
    return not strict and (own.endswith(f".{other}") or other.endswith(f".{own}"))


# The reverse name


def _reverse(settings: Settings, resolver: Resolver) -> Said:
    outgoing = _outgoing(settings, resolver)
    if not outgoing:
        yield _UNKNOWN
    for address in outgoing:
        names = resolver.names(address)
        if not any(address in resolver.addresses(name) for name in names):
            how = "がありません" if not names else f"（{'、'.join(names)}）から、元のアドレスに戻れません"
            todo = "中継サーバーの回線の事業者に、逆引きと正引きを揃えてもらってください。"
            yield Finding(f"中継サーバー {address} の逆引き{how}", todo, Bearing.NOTICE)
