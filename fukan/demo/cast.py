"""The people of the demo: one cast for its pages, its tour and its seeds.

Only data. The village and its companies use domains under `.example` (RFC 2606 2); free-mail and carrier
addresses need real domains to be recognised, and no mail leaves the local world. The passwords are shown on
the demo's start page, which refuses to run anywhere but on loopback.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from envelopes.rules.people import Role

TOWN: Final = "みほん村"
TOWN_ENGLISH: Final = "Mihon Village"
SECTION: Final = "建設課"
PHONE: Final = "0261-00-0000"
HOURS: Final = "平日8:30〜17:15"
STAFF_DOMAIN: Final = "vill-mihon.example"
INTAKE: Final = "uketsuke@keiyaku.vill-mihon.example"
SENDER: Final = "keiyaku@keiyaku.vill-mihon.example"

_DUTIES: Final = {
    Role.DRAFTER: "担当",
    Role.APPROVER: "承認者",
    Role.SIGNER: "署名者",
    Role.REGISTRAR: "台帳",
    Role.AUDITOR: "監査",
    Role.ADMIN: "管理",
}


class AddressClass(StrEnum):
    """What kind of address a contractor has; it decides on attachments and on warnings."""

    COMPANY = "会社のアドレス"
    FREE = "フリーメール"
    CARRIER = "携帯会社のアドレス"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """Somebody at the village office. `password` is for the demo only."""

    name: str
    section: str
    office: str
    address: str
    roles: tuple[Role, ...]
    password: str

    @property
    def duties(self) -> str:
        """The roles in the village's words."""
        return "、".join(_DUTIES[role] for role in self.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contractor:
    """Somebody with authority to contract. `reason` is why a free or carrier address was registered (備考).

    `mobile` (E.164) is where codes by SMS go.
    """

    company: str
    office: str
    name: str
    address: str
    address_class: AddressClass
    reason: str = ""
    mobile: str = ""


NAKAMURA: Final = StaffMember(
    name="中村 美咲",
    section=SECTION,
    office="主任",
    address=f"nakamura@{STAFF_DOMAIN}",
    roles=(Role.DRAFTER,),
    password="mihon-kensetsu-nakamura",  # noqa: S106 -- a made-up person, shown on the start page
)
KITAZAWA: Final = StaffMember(
    name="北沢 健",
    section="村長室",
    office="村長",
    address=f"kitazawa@{STAFF_DOMAIN}",
    roles=(Role.SIGNER,),
    password="mihon-soncho-kitazawa",  # noqa: S106 -- a made-up person, shown on the start page
)
KOBAYASHI: Final = StaffMember(
    name="小林 直樹",
    section="総務課",
    office="係長",
    address=f"kobayashi@{STAFF_DOMAIN}",
    roles=(Role.REGISTRAR,),
    password="mihon-soumu-kobayashi",  # noqa: S106 -- a made-up person, shown on the start page
)
MARUYAMA: Final = StaffMember(
    name="丸山 翔",
    section="総務課",
    office="情報担当",
    address=f"maruyama@{STAFF_DOMAIN}",
    roles=(Role.ADMIN,),
    password="mihon-joho-maruyama",  # noqa: S106 -- a made-up person, shown on the start page
)
STAFF: Final = (NAKAMURA, KITAZAWA, KOBAYASHI, MARUYAMA)

TAKAHASHI: Final = Contractor(
    company="髙橋建設株式会社",
    office="代表取締役",
    name="髙橋 一郎",
    address="ichiro@takahashi-kensetsu.example",
    address_class=AddressClass.COMPANY,
    mobile="+819012345678",
)
SATO: Final = Contractor(
    company="佐藤土木",
    office="代表",
    name="佐藤 花子",
    address="sato.doboku.mihon@yahoo.co.jp",
    address_class=AddressClass.FREE,
    reason="個人事業で、会社のアドレスがないため",
)
YAMADA: Final = Contractor(
    company="山田造園",
    office="代表",
    name="山田 太郎",
    address="yamada..zouen.@docomo.ne.jp",
    address_class=AddressClass.CARRIER,
    reason="現場にいることが多く、携帯電話でしか受け取れないため",
)
CONTRACTORS: Final = (TAKAHASHI, SATO, YAMADA)

# To each of these something goes wrong: the demo's post office refuses, puts off and returns by the local part.
NOBODY: Final = Contractor(
    company="水野設備株式会社",
    office="代表取締役",
    name="水野 恵",
    address="nobody@mizuno-setsubi.example",
    address_class=AddressClass.COMPANY,
)
LATER: Final = Contractor(
    company="小川電機有限会社",
    office="代表取締役",
    name="小川 学",
    address="later@ogawa-denki.example",
    address_class=AddressClass.COMPANY,
)
BOUNCE: Final = Contractor(
    company="森林業合同会社",
    office="代表社員",
    name="森 さくら",
    address="bounce@mori-ringyo.example",
    address_class=AddressClass.COMPANY,
)
UNREACHED: Final = (NOBODY, LATER, BOUNCE)

# Has applied for the registry, and waits to be checked and approved.
MINAMI: Final = Contractor(
    company="南アルプス電設株式会社",
    office="代表取締役",
    name="南 一郎",
    address="minami@minami-densetsu.example",
    address_class=AddressClass.COMPANY,
)
EVERYBODY: Final = (*CONTRACTORS, *UNREACHED)
