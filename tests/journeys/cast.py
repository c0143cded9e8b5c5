"""One cast for all stories: staff, contractors who sign in turn, and outsiders who must see nothing."""

from dataclasses import dataclass

from envelopes.rules.people import Role

STAFF_DOMAIN = "vill-mihon.example"
INTAKE = "uketsuke@keiyaku.vill-mihon.example"
SENDER = "keiyaku@keiyaku.vill-mihon.example"
PASSWORD = "yama-to-kawa-no-mura"


@dataclass(frozen=True, kw_only=True)
class Clerk:
    """Somebody at the village office."""

    name: str
    office: str
    address: str
    section: tuple[str, str]
    roles: frozenset[Role]


@dataclass(frozen=True, kw_only=True)
class Company:
    """Somebody who may contract for a company; `reason` is why an address that is not the company's will do."""

    name: str
    office: str
    person: str
    address: str
    reason: str = ""
    language: str = "ja"
    mobile: str = ""

    @property
    def line(self) -> str:
        """As staff write it into the mail."""
        return f"{self.name} {self.office} {self.person} 様 <{self.address}>"


def _clerk(name: str, office: str, local: str, section: tuple[str, str], *roles: Role) -> Clerk:
    address = f"{local}@{STAFF_DOMAIN}"
    return Clerk(name=name, office=office, address=address, section=section, roles=frozenset(roles))


WORKS, OFFICE, GENERAL, TAX = (
    ("kensetsu", "建設課"),
    ("soncho", "村長室"),
    ("soumu", "総務課"),
    ("zeimu", "税務課"),
)
NAKAMURA = _clerk("中村 美咲", "主任", "nakamura", WORKS, Role.DRAFTER)
KITAZAWA = _clerk("北沢 健", "村長", "kitazawa", OFFICE, Role.SIGNER)
KOBAYASHI = _clerk("小林 直樹", "係長", "kobayashi", GENERAL, Role.REGISTRAR)
MARUYAMA = _clerk("丸山 翔", "情報担当", "maruyama", GENERAL, Role.ADMIN)
TANAKA = _clerk("田中 実", "主事", "tanaka", TAX, Role.DRAFTER)
"""Works in another section: sees none of the others' envelopes."""

CLERKS = (NAKAMURA, KITAZAWA, KOBAYASHI, MARUYAMA, TANAKA)

TAKAHASHI = Company(
    name="髙橋建設株式会社",
    office="代表取締役",
    person="髙橋 一郎",
    address="ichiro@takahashi-kensetsu.example",
)
MINAMI = Company(
    name="南沢工業株式会社",
    office="代表取締役",
    person="南沢 誠",
    address="makoto@minamisawa.example",
    mobile="+818012345678",
)
YAMADA = Company(
    name="山田造園",
    office="代表",
    person="山田 太郎",
    address="yamada..zouen.@docomo.ne.jp",
    reason="現場が多く、携帯電話でしか受け取れないため",
)
YOSO = Company(name="よその組合株式会社", office="専務", person="余所 守", address="mamoru@yoso.example")
"""Is in the registry and has contracts of his own, but is asked in none of the others' envelopes."""

SMITH = Company(
    name="スミス設計株式会社",
    office="代表取締役",
    person="ジェーン・スミス",
    address="jane@smith-sekkei.example",
    language="en",
)
TAKASAKI = Company(
    name="特定建設工事共同企業体みほん・北アルプス山麓地域総合開発髙﨑建設株式会社",
    office="代表取締役社長執行役員兼北信越統括本部長",
    person="髙﨑 龍之介左衛門",
    address="ryunosuke-zaemon.takasaki.keiyaku-tantou@kita-alps-sanroku-kaihatsu-takasaki.example",
)
"""No line of a phone holds what this company is called."""

COMPANIES = (TAKAHASHI, MINAMI, YAMADA, YOSO, SMITH, TAKASAKI)
