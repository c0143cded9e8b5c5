"""What proves who somebody is, in words, and what a consent must show."""

import pytest

from envelopes.rules import factors
from envelopes.rules.consent import Grant
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method


def grants(*levels: str) -> list[Grant]:
    return [Grant(method=one, level=one, issuer="みほん村", at="2026-04-01T00:00:00Z") for one in levels]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (("mail",), "メール1経路"),
        (("mail", "access-code"), "メール＋アクセスコード（電話でお伝え）"),
        (("mail", "authenticator"), "メール＋認証アプリ"),
        (("mail", "sms"), "メール＋SMSの確認コード"),
        (("staff", "authenticator"), "職員のパスワード、認証アプリ"),
    ],
)
def test_a_level_is_said_with_all_its_parts(levels: tuple[str, ...], words: str) -> None:
    assert factors.together(grants(*levels)) == words


@pytest.mark.parametrize("method", Method)
def test_the_level_chosen_is_called_as_the_level_used(method: Method) -> None:
    levels = ("mail",) if method is Method.MAIL else ("mail", method.value)
    assert factors.called(method) == factors.together(grants(*levels))
    assert factors.called(method, "en").isascii()


@pytest.mark.parametrize("method", [one for one in Method if one is not Method.MAIL])
def test_the_mail_alone_is_not_enough_where_more_is_asked_for(method: Method) -> None:
    assert not factors.suffice(method, grants("mail"))
    assert not factors.suffice(method, grants(method))
    assert factors.suffice(method, grants("mail", method))
    other = Method.SMS if method is not Method.SMS else Method.ACCESS_CODE
    assert not factors.suffice(method, grants("mail", other))


def test_nothing_and_what_nobody_knows_never_suffices() -> None:
    assert factors.suffice("mail", grants("mail"))
    assert factors.suffice("staff", grants("staff", "authenticator"))
    for proof in ("mail", "staff", "access-code"):
        assert not factors.suffice(proof, [])
        assert not factors.suffice(proof, grants("mail", "access-code", "stars"))


@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("アクセスコード", Method.ACCESS_CODE),
        ("メール＋アクセスコード（電話でお伝え）", Method.ACCESS_CODE),
        ("電話でアクセス コード", Method.ACCESS_CODE),
        ("認証アプリ", Method.AUTHENTICATOR),
        ("ＳＭＳ", Method.SMS),
        ("メールのみ", Method.MAIL),
        ("メール1経路", Method.MAIL),
        ("メールのみ（SMS不可）", Method.MAIL),
        ("メール（アクセスコードは不要）", Method.MAIL),
        ("SMSは使えないのでアクセスコード", Method.ACCESS_CODE),
        ("アクセスコードをやめてメール", Method.MAIL),
        ("アクセスコードは使わずメール", Method.MAIL),
        ("メール（アクセスコードから変更）", Method.MAIL),
        ("メールからアクセスコードに", Method.ACCESS_CODE),
        ("アクセスコードの代わりにSMS", Method.SMS),
        ("アクセスコードに代えて認証アプリ", Method.AUTHENTICATOR),
        ("電話からアクセスコードを伝えます", Method.ACCESS_CODE),
    ],
)
def test_a_line_of_an_order_is_read(written: str, method: Method) -> None:
    assert factors.read(written) is method


@pytest.mark.parametrize(
    "written",
    ["", "印鑑証明", "アクセスコードか認証アプリ", "アクセスコードは不要", "認証アプリなし", "SMSをやめる"],
)
def test_a_line_that_says_none_or_two_is_asked_about(written: str) -> None:
    with pytest.raises(Refused) as error:
        factors.read(written)
    assert error.value.reason is Reason.IDENTITY_UNREADABLE


def test_one_line_is_for_all_and_several_go_in_turn() -> None:
    app, code = Method.AUTHENTICATOR, Method.ACCESS_CODE
    assert factors.spread((), 2) == (Method.MAIL, Method.MAIL)
    assert factors.spread((code,), 3) == (code, code, code)
    assert factors.spread((app, Method.MAIL), 3) == (app, Method.MAIL, Method.MAIL)
    assert factors.spread((app, code), 1) == (app,)


@pytest.mark.parametrize(
    ("before", "more"),
    [
        (Method.MAIL, {Method.ACCESS_CODE, Method.AUTHENTICATOR, Method.SMS}),
        (Method.ACCESS_CODE, {Method.AUTHENTICATOR, Method.SMS}),
        (Method.AUTHENTICATOR, set()),
        (Method.SMS, set()),
    ],
)
def test_only_what_one_person_cannot_give_away_is_more(before: Method, more: set[Method]) -> None:
    assert {after for after in Method if factors.raises(before, after)} == more
