"""Mail domains as data: phone carriers and free mail. Lists only; how they are used stands in addresses.py.

A pattern is a whole domain in lower case; `*` stands for anything and `[abc]` for one letter of these.
"""

from collections.abc import Mapping
from typing import Final

CARRIER_DOMAINS: Final[tuple[str, ...]] = (
    # NTT docomo
    "docomo.ne.jp",
    # KDDI: au, UQ mobile
    "au.com",
    "ezweb.ne.jp",
    "*.ezweb.ne.jp",
    "biz.au.com",
    "biz.ezweb.ne.jp",
    "uqmobile.jp",
    # SoftBank and what it was before
    "softbank.ne.jp",
    "i.softbank.jp",
    "disney.ne.jp",
    "*.vodafone.ne.jp",
    "jp-[cdhknqrst].ne.jp",
    # Y!mobile, WILLCOM, EMOBILE
    "ymobile.ne.jp",
    "y-mobile.ne.jp",
    "willcom.com",
    "pdx.ne.jp",
    "*.pdx.ne.jp",
    "emnet.ne.jp",
    # Rakuten Mobile
    "rakumail.jp",
    "rakuten.jp",
    # mineo
    "mineo.jp",
)

FREE_DOMAINS: Final[frozenset[str]] = frozenset(
    """
    gmail.com googlemail.com

    yahoo.co.jp ymail.ne.jp ybb.ne.jp yahoo.ne.jp geocities.co.jp
    yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.ca
    yahoo.com.au yahoo.com.br yahoo.com.tw yahoo.com.hk yahoo.com.sg yahoo.com.vn yahoo.com.ph yahoo.co.kr
    yahoo.co.in yahoo.co.id yahoo.cn yahoo.com.cn

    outlook.com outlook.jp outlook.co.jp hotmail.com hotmail.co.jp hotmail.jp live.com live.jp live.co.jp
    msn.com passport.com windowslive.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es
    outlook.fr outlook.de outlook.es outlook.it outlook.kr live.cn live.co.uk live.fr

    icloud.com me.com mac.com privaterelay.appleid.com

    goo.jp mail.goo.ne.jp goo.ne.jp auone.jp excite.co.jp infoseek.jp infoseek.to mail.infoseek.co.jp
    livedoor.com livedoor.jp freeml.com freemail.ne.jp inter7.jp inet-shibata.or.jp zoho.jp nifmail.jp
    aol.jp jp.aol.com csc.jp kobej.zzn.com lycos.jp lycos.ne.jp mail.fresheye.com fresheye.com
    hanmail.jp walla.jp tok2.com xmail.jp post.jp mbg.nifty.com sannet.jp
    eay.jp fuwari.be macr2.com instaddr.com kpost.be

    aol.com aim.com mail.com email.com usa.com gmx.com gmx.net gmx.de gmx.at gmx.ch web.de zoho.com zohomail.com
    fastmail.com fastmail.fm hushmail.com inbox.com lycos.com excite.com rediffmail.com
    proton.me protonmail.com protonmail.ch pm.me tuta.com tutanota.com tutanota.de tuta.io mailbox.org
    posteo.de posteo.net runbox.com disroot.org riseup.net hey.com duck.com mailfence.com startmail.com

    qq.com foxmail.com vip.qq.com 163.com 126.com yeah.net vip.163.com sina.com sina.cn sohu.com tom.com
    aliyun.com 139.com 189.cn wo.cn 21cn.com naver.com daum.net hanmail.net nate.com kakao.com
    mail.ru bk.ru list.ru inbox.ru internet.ru yandex.com yandex.ru ya.ru rambler.ru ukr.net seznam.cz
    wp.pl o2.pl onet.pl interia.pl libero.it virgilio.it laposte.net orange.fr free.fr wanadoo.fr t-online.de
    uol.com.br bol.com.br terra.com.br

    mailinator.com guerrillamail.com 10minutemail.com yopmail.com temp-mail.org sharklasers.com trashmail.com
    """.split()  # noqa: SIM905 -- words in groups are easier to keep up than quoted strings
)

# What people mean when one letter is wrong: the domains that most private and small companies' addresses have.
COMMON_DOMAINS: Final[tuple[str, ...]] = (
    "gmail.com",
    "yahoo.co.jp",
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "au.com",
    "softbank.ne.jp",
    "i.softbank.jp",
    "ymobile.ne.jp",
    "icloud.com",
    "outlook.jp",
    "outlook.com",
    "hotmail.com",
    "hotmail.co.jp",
    "nifty.com",
    "biglobe.ne.jp",
    "plala.or.jp",
    "so-net.ne.jp",
    "dion.ne.jp",
)

# Ends that no domain has, and what was meant.
SLIPS: Final[Mapping[str, str]] = {
    ".co.jo": ".co.jp",
    ".co.jpp": ".co.jp",
    ".co.jq": ".co.jp",
    ".cojp": ".co.jp",
    ".co.p": ".co.jp",
    ".ne.jo": ".ne.jp",
    ".nejp": ".ne.jp",
    ".or.jo": ".or.jp",
    ".orjp": ".or.jp",
    ".con": ".com",
    ".cpm": ".com",
    ".comm": ".com",
    ".ocm": ".com",
}
