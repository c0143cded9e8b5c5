"""The README of an evidence bundle: Japanese, then English, then the commands with a line in both languages each.

Under the last heading blocks of commands are indented by four spaces, and nothing else is: so a person copies them, and
a test reads and runs them. What they are is `rules.bundle`'s business.
"""

from typing import Final

from envelopes.rules.bundle import CONSENT_KEY, SUMS, Contents, Section, Step, sections
from envelopes.rules.wording import jst_datetime

NAME: Final = "README.txt"
_HEADING: Final = "確かめかた / HOW TO VERIFY"
_RULE: Final = "-" * 72


def readme(bundle: Contents) -> str:
    """Return the text."""
    parts = [_japanese(bundle), _RULE, _english(bundle), _RULE, _before_commands()]
    parts += [_section(number, one) for number, one in enumerate(sections(bundle), 1)]
    return "\n\n".join(parts) + "\n"


def _japanese(bundle: Contents) -> str:
    papers = "\n".join(f"  {one.path}　{one.title}" for one in bundle.papers)
    agreed = "\n".join(
        f"  {one.path}　{one.who}　{jst_datetime(one.at, seconds=True)}" for one in bundle.agreed
    )
    roots = "\n".join(f"  {one.path}　{one.subject}\n    {one.fingerprint}" for one in bundle.roots)
    waiting = (
        f"\n    このうち{bundle.waiting}行には、まだ時刻証明が付いていません。" if bundle.waiting else ""
    )
    erased = f"\n    {bundle.erased}行は、個人に関する内容が消去されています。" if bundle.erased else ""
    return f"""\
証拠一式　{bundle.number}　{bundle.title}

締結証明書ID　{bundle.certificate_id}
作成　{jst_datetime(bundle.made_at, seconds=True)}　{bundle.town}

ここにあるファイルだけで、契約の文書、電子署名、同意、時刻、操作ログを確かめられます。インターネットも
{bundle.town}のシステムも要りません。使うのは、だれでも手に入れられる openssl（3.0以上）、pdfsig、qpdf、
GNU coreutils だけです。

取り扱いのお願い
  氏名や、署名した方のIPアドレスなど、個人に関する情報が入っています。必要な人だけに渡し、使い終わったら
  消してください。職員のIPアドレスは入っていません。

入っているもの
{papers}
    署名した文書です。署名者が画面で見た文書は、その先頭から決まった長さまでで、head コマンドで切り出せます。
{agreed}
    同意の記録と、電子契約の画面がそれに付けた署名（.sig、Ed25519）です。公開鍵は {CONSENT_KEY} です。
  history/
    操作ログ{bundle.rows}行です。history.csv は読むための一覧です。.row と .detail はハッシュを計算し直すための
    元のバイト列、.proof はその行が時刻証明に含まれることの証明（RFC 6962 のハッシュ木）です。{waiting}{erased}
  anchors/　操作ログの時刻証明です。.json は証明された文、.tst はトークン（RFC 3161）です。
  timestamps/　文書の中にある時刻証明のトークン（RFC 3161）を取り出したものです。
  certificates/　証明書（DER）です。
  crls/　失効リスト（DER）です。
  {SUMS}　この一式のファイルのSHA-256です。

何を根拠にしているか
{roots}
    この値（SHA-256）を、この一式とは別の方法で得た値と比べてください。役場の窓口や電話で確かめられます。
    計算では確かめられないのは、ここだけです。

この一式から言えないこと
  組み込みの認証局による時刻は、総務大臣の認定を受けたものではなく、独立した第三者の証明でもありません。
  電子署名法3条の推定を保証するものではありません。"""


def _english(bundle: Contents) -> str:
    return f"""\
EVIDENCE BUNDLE {bundle.certificate_id}, made {bundle.made_at:%Y-%m-%d %H:%M:%S} UTC

With these files alone, and offline, anybody can verify the documents of one contract, their signatures, the
consents, the times and the log. No program of the municipality is needed: openssl (3.0 or newer), pdfsig, qpdf
and GNU coreutils, which everybody can get.

It holds personal data, such as names and a contractor's IP address (none of staff). Hand it only to those who
need it, and delete it afterwards.

  documents/     the signed PDFs. What a signer saw is the first N bytes of each, cut out with head below
  consents/      what each signer agreed to, and the portal's signature over it (Ed25519, {CONSENT_KEY})
  history/       the log: {bundle.rows} rows, {bundle.waiting} of them not timestamped yet. history.csv is to be read;
                 .row and .detail are the very bytes that are hashed; a .proof shows that a row is under a
                 timestamp (RFC 6962)
  anchors/       timestamps over the log: the statements (.json) and their tokens (.tst, RFC 3161)
  timestamps/    the tokens in the documents (RFC 3161)
  certificates/  certificates (DER)
  crls/          revocation lists (DER)

All rests on certificates/root-*.cer: compare the values above with what you have from elsewhere. Times given by
the embedded authority are not accredited, and not those of an independent third party."""


def _before_commands() -> str:
    return f"""\
{_HEADING}

一式を空のフォルダーに展開し、そのフォルダーで、字下げした行をひとかたまりずつ上から順に実行します。
どのかたまりも、正しければ終了コードが0、何かが変わっていれば0以外です（直後の echo $? で分かります）。
Unpack into an empty folder, and run the indented blocks there one by one, from the top. Each ends with status 0
if all is well, and with another if anything was changed (echo $? shows it)."""


def _section(number: int, section: Section) -> str:
    return "\n\n".join((f"{number}. {section.ja} / {section.en}", *map(_step, section.steps)))


def _step(step: Step) -> str:
    lines = "\n".join(f"    {line}" for line in step.command.splitlines())
    return f"{step.ja}\n{step.en}\n\n{lines}"


def commands(text: str) -> tuple[str, ...]:
    """Return the blocks of commands in the text of a README, in their order."""
    blocks: list[list[str]] = [[]]
    for line in text.partition(_HEADING)[2].splitlines():
        if line.startswith("    "):
            blocks[-1].append(line.removeprefix("    "))
        elif blocks[-1]:
            blocks.append([])
    return tuple("\n".join(block) for block in blocks if block)
