"""The whole way of everybody by the keyboard alone: Tab, Enter, Space, arrows and letters; with scripts and without."""

import secrets

import pytest

from tests.journeys import cast
from tests.journeys.cast import Company
from tests.journeys.people import SMALL, Contractor, Phone, Roles
from tests.journeys.world import World

pytestmark = pytest.mark.timeout(300)

TWO = [("一.pdf", SMALL[1]), ("二.pdf", SMALL[1])]
FAR = 80  # presses of Tab; no page has more things to press
# What a screen reader would say first of what has the focus.
NAME = """() => {
  const one = document.activeElement, label = one.labels?.[0];
  return (label ?? one).innerText?.replace(/\\s+/g, "") || one.value || one.getAttribute("aria-label") || "";
}"""


class Keys:
    """Somebody's hands on a keyboard. A page is begun where the browser begins it."""

    def __init__(self, phone: Phone) -> None:
        self._page = phone.page

    def to(self, name: str) -> None:
        """Press Tab until what is called *name* has the focus; its name may go on after that."""
        passed = []
        for _ in range(FAR):
            self._page.keyboard.press("Tab")
            passed.append(str(self._page.evaluate(NAME)))
            if passed[-1].startswith(name.replace(" ", "")):
                shown = self._page.evaluate("() => document.activeElement.matches(':focus-visible')")
                assert shown, f"nobody sees that {name} has the focus"
                return
        raise AssertionError(f"{name} is not reached on {self._page.url}; reached: {passed}")

    def press(self, name: str, *, stays: bool = False) -> None:
        """Press what is called *name*; the page that follows is waited for, unless one *stays* on this one."""
        self.to(name)
        if stays:
            self._page.keyboard.press("Enter")
            return
        with self._page.expect_navigation():
            self._page.keyboard.press("Enter")

    def write(self, name: str, text: str) -> None:
        self.to(name)
        self._page.keyboard.press("ControlOrMeta+a")
        self._page.keyboard.insert_text(text)

    def choose(self, name: str) -> None:
        """Choose among radio buttons: Tab reaches the group, arrows what is in it."""
        self._page.keyboard.press("Tab")
        for _ in range(FAR):
            if self._page.evaluate("() => document.activeElement.type") == "radio":
                break
            self._page.keyboard.press("Tab")
        self._page.keyboard.press("Space")
        for _ in range(9):
            if str(self._page.evaluate(NAME)).startswith(name):
                return
            self._page.keyboard.press("ArrowDown")
        raise AssertionError(f"{name} cannot be chosen on {self._page.url}")


def prove(contractor: Contractor, keys: Keys) -> None:
    contractor.open(contractor.link)
    keys.press("確認コードをメールで受け取る")
    keys.write("確認コード（6けたの数字）", contractor.letter("確認コード").code)
    keys.press("文書の確認へ進む")
    assert contractor.heading == "文書を確認してください", contractor.text


@pytest.mark.parametrize("scripts", [True, False])
def test_two_documents_are_read_signed_and_saved(
    world: World, roles: Roles, title: str, *, scripts: bool
) -> None:
    _, contractor = roles.out(title, scripts=scripts, kind="請書", documents=TWO)
    keys = Keys(contractor)
    prove(contractor, keys)
    keys.press("文書2")
    # With scripts the last question is a dialog, which takes the focus.
    keys.press("完了する", stays=scripts)
    keys.press("署名手続きを完了する")
    contractor.page.wait_for_url("**/done")
    assert contractor.heading == "請書の提出が完了しました"
    contractor.open(contractor.letter("電子署名完了").link)
    keys.to("一")
    with contractor.page.expect_download() as saved:
        contractor.page.keyboard.press("Enter")
    assert saved.value.suggested_filename == "一.pdf"
    assert contractor.script_errors == []


@pytest.mark.parametrize("scripts", [True, False])
def test_who_does_not_sign_says_why(world: World, roles: Roles, title: str, *, scripts: bool) -> None:
    clerk, contractor = roles.out(title, scripts=scripts)
    keys = Keys(contractor)
    prove(contractor, keys)
    keys.press("署名しない（差戻し・辞退）")
    keys.press("社内で確認中と知らせる")
    keys.write("伝えたいこと", "社長が出張中です")
    keys.press("みほん村に知らせる")
    assert contractor.heading == "みほん村に知らせました"
    assert "社長が出張中です" in clerk.letter("【申し出】").text
    contractor.open(f"{contractor.base}/decline")
    keys.choose("契約しない")
    keys.write("理由", "人手が足りません")
    keys.press("内容を確認する")
    keys.press("辞退する")
    assert contractor.heading == "辞退を受け付けました", contractor.text
    assert world.state(title) == "declined"


def test_staff_send_sign_and_look(world: World, roles: Roles, title: str) -> None:
    """Without scripts, as on an office PC that allows none."""
    clerk = roles.clerk(title, scripts=False)
    clerk.forward()
    draft = clerk.letter("受け付けました（下書き）")
    clerk.world.run("DELETE FROM limits")
    keys = Keys(clerk)
    clerk.open(draft.link)
    keys.write("メールアドレス", clerk.who.address)
    keys.write("パスワード", cast.PASSWORD)
    keys.press("次へ進む")
    keys.write("認証アプリ", clerk.digits())
    keys.press("ログインする")
    assert clerk.title in clerk.text
    keys.press("内容を確認して送信する")
    contractor = roles.contractor(title, scripts=False)
    contractor.sign()
    village = roles.clerk(title, cast.KITAZAWA, scripts=False)
    asked = village.letter("【署名待ち】")
    village.sign_in(next_to=asked.link)
    keys = Keys(village)
    keys.press("署名へ進む")
    keys.write("認証アプリ", village.digits())
    keys.press("署名手続きを完了する")
    world.wait_state(title, "completed")
    village.open("/staff")
    keys.press(title)
    assert "締結済み" in village.text


def test_a_company_registers_its_address(world: World, roles: Roles, title: str) -> None:
    world.run("DELETE FROM limits")
    mark = secrets.token_hex(3)
    company = Company(
        name=f"鍵盤{mark}電設株式会社",
        office="代表取締役",
        person="鍵盤 誠",
        address=f"makoto@{mark}.example",
    )
    contractor = roles.contractor(title, company, scripts=False)
    keys = Keys(contractor)
    contractor.open("/")
    keys.press("契約に使うメールアドレスを登録する")
    keys.press("登録をはじめる")
    keys.write("会社名", company.name)
    keys.press("次へ")
    keys.write("役職", company.office)
    keys.write("氏名", company.person)
    keys.press("次へ")
    keys.write("メールアドレス", company.address)
    keys.press("次へ")
    keys.write("携帯電話の番号", "080-1111-2222")
    keys.press("次へ")
    keys.to("契約を結ぶ権限のある者として")
    contractor.page.keyboard.press("Space")
    keys.press("次へ")
    assert contractor.heading == "この内容でよろしいですか", contractor.text
    keys.press("確認コードをメールで受け取る")
    code = world.post.wait(company.address, "メールアドレス登録の確認コード", about="").code
    keys.write("確認コード", code)
    keys.press("登録を申し込む")
    assert contractor.heading == "登録を受け付けました", contractor.text
