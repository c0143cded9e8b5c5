"""Reason code → what to say and what to do next, in Japanese (the source) and English.

Both doors use these sentences, so there is no markup in them and no name of a button that only one door has. A
`{placeholder}` is filled from the details of the refusal; where a detail is not known, a neutral word stands in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from envelopes.rules.errors import Reason
from envelopes.rules.exclusions import WORDS
from envelopes.rules.provenance import Why
from envelopes.rules.reading import Remark
from envelopes.rules.replies import Verb


class Text(NamedTuple):
    """One sentence or two: what is the matter, and what to do."""

    ja: str
    en: str

    def in_(self, language: str) -> str:
        """The sentence in *language*; Japanese where it is neither."""
        return self.en if language == "en" else self.ja


_MB: Final = 1_000_000  # the town's limits are decimal: 6 MB is 6,000,000 bytes

# How a clerk makes a PDF anew: from Word, or from any program that prints. The names of menus are Microsoft's.
_WORD_JA: Final = "Wordの「名前を付けて保存」で、種類に「PDF」を選びます"
_WORD_EN: Final = "in Word: Save As, type PDF"
_PRINT_JA: Final = (
    "PDFを開いて「印刷」を選び、プリンターを「Microsoft Print to PDF」にして保存し、できたPDFを送ってください"
)
_PRINT_EN: Final = "Open it, choose Print, take “Microsoft Print to PDF” as printer, and send the new PDF"

# fmt: off
TEXTS: Final[Mapping[Reason, Text]] = {
    # What came in by mail
    Reason.NO_DOCUMENT: Text(
        "文書が添付されていません。PDFを添付して、もう一度送ってください。",
        "No document was attached. Attach a PDF and send it again."),
    Reason.TOO_MANY_DOCUMENTS: Text(
        "文書が{actual}件あります。1つの封筒に入れられるのは{limit}件までです。PDFをまとめるか、封筒を分けてください。",
        "There are {actual} documents; one envelope takes {limit}. Combine the PDFs or send several envelopes."),
    Reason.MAIL_TOO_BIG: Text(
        "メールが大きすぎて読み取れません。1通で送れる添付ファイルは、合わせて{room}までです。図面や写真は解像度を"
        "下げてPDFにし（スキャンは200dpi程度）、それでも大きいときは封筒を分けて、もう一度送ってください。",
        "The mail is too big to be read. The files of one mail may have {room} together: lower the resolution "
        "of pictures (200 dpi for scans), or make several envelopes of them, and send it again."),
    Reason.MAILS_TOO_BIG: Text(
        "1日に受け付けられるメールの量を超えたため、読み取っていません。明日、もう一度送ってください。",
        "You have mailed more in a day than is taken, so this was not read. Send it again tomorrow."),
    Reason.MAIL_UNREADABLE: Text(
        "メールの形が複雑で読み取れません。新しいメールを作り、文書を直接添付して送ってください。",
        "The mail cannot be read. Write a new one and attach the documents directly."),
    Reason.FILE_TYPE: Text(
        "「{file}」はPDFでもWord・Excelの文書でもありません。PDFにして送ってください。",
        "“{file}” is neither a PDF nor a Word or Excel file. Save it as a PDF and send it again."),
    Reason.ARCHIVE_ENCRYPTED: Text(
        "「{file}」はパスワード付きのZIPです。中身を確かめられないため受け付けていません。PDFをそのまま添付してください。",
        "“{file}” is a ZIP with a password, which cannot be checked. Attach the PDF itself."),
    Reason.ARCHIVE_BROKEN: Text(
        "「{file}」を開けません（壊れているか、対応していない形式の圧縮ファイルです）。"
        "圧縮せず、PDFをそのまま添付してください。",
        "“{file}” cannot be opened: it is damaged or packed in an unknown way. Attach the PDF itself."),
    Reason.ARCHIVE_TOO_BIG: Text(
        "「{file}」は中のファイルが多すぎるか、広げると大きすぎるため開いていません。"
        "必要なPDFだけを、圧縮せずに添付してください。",
        "“{file}” holds too many files, or too much once unpacked. Attach only the PDFs, not packed."),
    Reason.FILE_LEFT_OUT: Text(
        "「{file}」はPDFではないため、封筒に入れていません。入れるときは、PDFにしてもう一度送ってください。",
        "“{file}” is not a PDF and was left out. If it belongs in the envelope, send all again with it as a PDF."),
    Reason.FILE_MESSAGE: Text(
        "「{file}」はOutlookで保存したメールです。中の文書を取り出して、PDFをそのまま添付してください。",
        "“{file}” is a mail saved by Outlook. Take the documents out of it and attach the PDFs themselves."),
    Reason.OFFICE_ENCRYPTED: Text(
        "「{file}」はパスワードで保護されています。パスワードを外すか、PDFにして送ってください。",
        "“{file}” is protected by a password. Remove it, or save the file as a PDF, and send it again."),
    Reason.OFFICE_BROKEN: Text(
        "「{file}」をPDFに変換できません（ファイルが壊れているか、中身が名前と違います）。"
        "元のソフトで開いて、PDFとして保存したものを送ってください。",
        "“{file}” cannot be made into a PDF: it is damaged, or not what its name says. "
        "Open it where it was made and save it as a PDF."),
    Reason.OFFICE_TOOK_TOO_LONG: Text(
        "「{file}」はPDFへの変換に時間がかかりすぎました。PDFとして保存したものを送ってください。",
        "Making “{file}” into a PDF took too long. Save it as a PDF and send that."),
    Reason.OFFICE_UNAVAILABLE: Text(
        "「{file}」はWordやExcelのファイルです。ここでは変換できません。PDFにして送ってください。",
        "“{file}” is a Word or Excel file, which cannot be converted here. Save it as a PDF and send that."),
    Reason.OFFICE_CONVERTED: Text(
        "WordやExcelのファイルからPDFを作りました。"
        "文字の欠け、改行、ページの切れ目、数式の結果が元の文書のとおりか確かめてください。",
        "The PDF was made from a Word or Excel file. "
        "Please check the layout: characters, lines, pages and results of formulas."),
    Reason.OFFICE_CHANGES: Text(
        "変更履歴が残っています（文書に色や取り消し線が出ます）。不要なら、承諾してから送り直してください。",
        "Tracked changes are still in it and are drawn in colour. Accept them and send it again if unwanted."),
    Reason.MAIL_ENCRYPTED: Text(
        "メールが暗号化されているため読み取れません。暗号化せずに送ってください。",
        "The mail is encrypted and cannot be read. Send it without encryption."),
    Reason.NOT_STAFF: Text(
        "差出人が職員の名簿にありません。登録は情報担当に依頼してください。",
        "The sender is not on the staff list. Ask the administrator to be added."),
    Reason.DNS_SILENT: Text(
        "DNSサーバーが応答しないため、差出人を確かめられません。自動でもう一度試みます。",
        "No DNS server answers, so the sender cannot be verified. It is tried again by itself."),

    # What was written in the mail
    Reason.TITLE_MISSING: Text(
        "封筒名がありません。封筒名を書いてください。",
        "The title is missing. Write a line with the title."),
    Reason.TITLE_CUT: Text(
        "封筒名のすぐ下の行は、封筒名に入れていません。続きなら、封筒名を1行に書き直してください。",
        "The line right below the title was not taken into it. If it belongs there, write the title in one line."),
    Reason.TITLE_TOO_LONG: Text(
        "封筒名が{actual}字あります。{limit}字以内で書いてください。",
        "The title has {actual} characters. Use {limit} or fewer."),
    Reason.RECIPIENT_MISSING: Text(
        "宛先がありません。台帳に登録した会社名かメールアドレスを書いてください。",
        "The recipient is missing. Write the registered company or e-mail address."),
    Reason.RECIPIENT_UNREADABLE: Text(
        "宛先を読み取れません。「会社名 役職 氏名 様 <アドレス>」の形で書いてください。",
        "The recipient cannot be read. Write company, office, name and <address>."),
    Reason.IDENTITY_UNREADABLE: Text(
        "本人確認の方法を読み取れません。「メール」「アクセスコード」「認証アプリ」「SMS」のどれか1つを書いてください。",
        "The way to prove oneself cannot be read. Write one of メール, アクセスコード, 認証アプリ, SMS."),
    Reason.IDENTITY_NOT_HERE: Text(
        "本人確認の方法「{method}」は、ここではまだ使えません。別の方法を書いてください。",
        "The way to prove oneself “{method}” cannot be used here yet. Write another one."),
    Reason.IDENTITY_SAME: Text(
        "いまとは別の方法を選んでください。",
        "Choose another way than the one that is asked for now."),
    Reason.IDENTITY_SAME_PERSON: Text(
        "この変更は、申し出た職員とは別の職員が承認します。",
        "Somebody other than the person who proposed this change has to approve it."),
    Reason.RECIPIENT_UNKNOWN: Text(
        "この宛先は台帳にありません。台帳の担当に登録を依頼するか、登録した会社名またはアドレスを書いてください。{suggestion:ja}",
        "This recipient is not in the registry. Have it registered, or write it as it was registered. {suggestion:en}"),
    Reason.RECIPIENT_SEVERAL: Text(
        "この会社は台帳に{n}件のアドレスがあります。宛先の行に、送る先のアドレスも書いてください（{choices}）。",
        "This company has {n} addresses in the registry. Write one of them in the line too ({choices})."),
    Reason.RECIPIENT_ELSEWHERE: Text(
        "宛先には「{said}」とありますが、そのアドレスは台帳では「{known}」のものです。会社名かアドレスを書き直してください。",
        "The line names “{said}”, but the address is registered for “{known}”. Correct the name or the address."),
    Reason.RECIPIENT_OTHERWISE: Text(
        "宛先には「{said}」とありますが、台帳にあるのは「{known}」です。送る前に、この相手でよいか確かめてください。",
        "The line names “{said}”, but “{known}” is registered. Make sure before sending that this is who is meant."),
    Reason.RECIPIENT_NOT_READY: Text(
        "この宛先はまだ使えません。登録の確認期間が終わる{date}以降に、もう一度送ってください。",
        "This recipient cannot be used yet. Send the mail again after {date}."),
    Reason.RECIPIENT_DEAD: Text(
        "この宛先のアドレスには、前に送ったメールが届いていません。電話で正しいアドレスを確かめ、台帳を直してください。"
        "直るまでは、ほかの宛先を書いてください。",
        "Mail to this address came back. Ask for the right one by telephone and have the registry corrected; "
        "until then, name another recipient."),
    Reason.KIND_MISSING: Text(
        "種別がありません。契約書か請書のどちらかを書いてください。",
        "The kind is missing. Write 契約書 (contract) or 請書 (acceptance)."),
    Reason.KIND_UNREADABLE: Text(
        "種別を読み取れません。契約書か請書のどちらかを書いてください。",
        "The kind cannot be read. Write 契約書 (contract) or 請書 (acceptance)."),
    Reason.AMOUNT_MISSING: Text(
        "金額がありません。金額と税込か税抜かを書いてください。単価契約のときは「なし」と書いてください。",
        "The amount is missing. Write it with 税込 or 税抜, or なし where none is agreed."),
    Reason.AMOUNT_UNREADABLE: Text(
        "金額を読み取れません。総額だけを、算用数字で書いてください。月額や増減などの説明は備考に書けます。",
        "The amount cannot be read. Write the total alone, in digits; what else there is to say goes into 備考."),
    Reason.AMOUNT_NONE_UNSURE: Text(
        "金額を決めない契約かどうかが分かりません。単価契約などで金額がないときは「なし」とだけ、"
        "あるときは算用数字で書いてください。",
        "It is not clear whether an amount is agreed. Write なし alone where none is, else the amount in digits."),
    Reason.AMOUNT_TAX_UNSAID: Text(
        "税込か税抜かが分かりません。金額のあとに（税込）か（税抜）と書いてください。",
        "Tax is not mentioned. Write （税込） or （税抜） after the amount."),
    Reason.DEADLINE_UNREADABLE: Text(
        "日付を読み取れません。年月日で書いてください（例：2026年8月31日、令和8年8月31日、8月31日）。",
        "The date cannot be read. Write year, month and day (for example 2026-08-31)."),
    Reason.DEADLINE_TIME: Text(
        "時刻は決められません。期限は、その日の23時59分までです。日付だけを書いてください（例：8月31日）。",
        "A time of day cannot be set: a deadline ends at 23:59 of its day. "
        "Write the day alone (for example 2026-08-31)."),
    Reason.DEADLINE_TOO_FAR: Text(
        "期限は{limit}日以内の日付にしてください。年を書き間違えていないか確かめてください。",
        "The deadline must be within {limit} days. Check the year."),
    Reason.DEADLINE_PAST: Text(
        "期限が過ぎた日付、または今の期限より前になっています。それより後の日付を書いてください。",
        "The deadline is in the past or before the present one. Write a later date."),
    Reason.DEADLINE_NOT_A_DATE: Text(
        "暦にない日付です。月と日を確かめて、書き直してください。",
        "No calendar has this date. Check month and day."),
    Reason.WEEKDAY_MISMATCH: Text(
        "{date}は{right}曜日です（{said}曜日と書かれています）。日付を確かめてください。",
        "{date} is not the weekday that was written. Check the date."),
    Reason.START_UNREADABLE: Text(
        "履行開始日を日付として読み取れません。署名期限が開始日より後でないか、ご自分で確かめてください。",
        "The first day of the work cannot be read. Check yourself that the deadline is not after it."),
    Reason.SPAN_UNREADABLE: Text(
        "履行期間を読み取れません（{where}）。{years}年を超える契約は、電子契約の対象外です。ご自分で確かめてください。",
        "The term cannot be read ({where}). Contracts of more than {years} years are not made electronically: "
        "check it yourself."),
    Reason.NOTE_TOO_LONG: Text(
        "備考が{actual}字あります。{limit}字以内で書いてください。",
        "The note has {actual} characters. Use {limit} or fewer."),
    Reason.HAND_OVER_UNREADABLE: Text(
        "引継ぎを読み取れません。「可」か「不可」と書いてください。この行は使っていません。",
        "Whether the request may be handed over cannot be read. Write 可 (yes) or 不可 (no). This line is not used."),
    Reason.SECTION_UNKNOWN: Text(
        "「{said}」という課は登録されていません。差出人の課の契約として扱います。",
        "There is no section “{said}”. The contract is taken for one of your own section."),
    Reason.SECTION_ELSEWHERE: Text(
        "{section}の契約です。内容の確認と送信は{section}の職員が行います。直すことと破棄は、あなたにもできます。",
        "This is a contract of {section}, whose staff check and send it. You can still correct or discard it."),
    Reason.INTAKE_UNKNOWN: Text(
        "「{said}」という受付アドレスは設定されていません。ふつうの受付アドレスに届いたものとして読みました。",
        "No intake is set up at {said}. The mail was read as one to the plain intake."),
    Reason.VILLAGE_SIGNER_UNKNOWN: Text(
        "署名者「{said}」を職員の名簿から1人に決められません。送る前に、署名者を選んでください。",
        "“{said}” is not exactly one signer on the staff list. Choose the signer before sending."),
    Reason.COPY_UNKNOWN: Text(
        "写し「{said}」は職員の名簿にありません。写しは職員だけに送れるため、この行は使っていません。",
        "“{said}” is not on the staff list. Copies go to staff only, so the line was not used."),
    Reason.DOCUMENT_UNKNOWN: Text(
        "「{said}」という添付ファイルがありません。添付ファイルの名前のとおりに書いてください。",
        "No attachment is called “{said}”. Write the name of the file as it is."),
    Reason.DOCUMENT_REPLACED: Text(
        "前のメールの「{file}」は使わず、返信に添付された文書を使いました。文書がそろっているか確かめてください。",
        "“{file}” of the earlier mail was not used, but what came with the reply. Check that all documents are here."),
    Reason.LINE_CUT: Text(
        "「{key}」の下の、ここから次の項目か空の行までは使っていません。続きなら、「{key}」の行に1行で書き直してください。",
        "What stands below “{key}” from here to the next item or empty line was not used. If it belongs there, "
        "write it in the line of “{key}”."),
    Reason.LINE_REPEATED: Text(
        "「{key}」が2回以上書かれています。最初のものを使いました。",
        "“{key}” is written more than once. The first was used."),
    Reason.LINE_SEVERAL: Text(
        "「{key}」の行に「{other}」も書かれています。1行に1項目で書いてください。",
        "The line of “{key}” has “{other}” in it too. Write one item a line."),
    Reason.LINE_UNKNOWN: Text(
        "「{key}」という項目はありません。この行は使っていません。",
        "There is no item “{key}”. The line was not used."),
    Reason.LINE_TYPO: Text(
        "「{key}」は「{suggestion}」の書き間違いではありませんか。この行は使っていません。",
        "Did you mean “{suggestion}” by “{key}”? The line was not used."),
    Reason.LINE_UNPARTED: Text(
        "「{key}」のあとに「：」がないため、この行は使っていません。「{key}：」で始めて書き直してください。",
        "“{key}” has no colon behind it, so the line was not used. Write it again, beginning with “{key}：”."),
    Reason.ORDERS_SEVERAL: Text(
        "この行から、2件目の依頼があるようです。ここから下は読んでいません。1通に1件ずつ、文書を添付して送ってください。",
        "A second order seems to begin here. Nothing from here on was read. Send each order, with its documents, in a "
        "mail of its own."),
    Reason.LINES_BELOW: Text(
        "この行から下は、転送された文や署名とみなして、読んでいません。下に書かれた「{key}」なども必要なら、この行より上に書いてください。",
        "From this line on it was taken for a forwarded mail or a signature, and not read. If “{key}” and more below "
        "is wanted, write it above this line."),
    Reason.LINES_QUOTED: Text(
        "引用（>）の行にも項目がありますが、引用でない行だけを読みました。引用のことも必要なら、引用でない行に書いてください。",
        "Quoted lines have items too, but only what is not quoted was read. Write what is wanted without the mark."),
    Reason.LINES_GARBLED: Text(
        "ここから、文字化けなどで読めない行があります。読めない行は使っていません。大切な行は、書き直して送ってください。",
        "From here on there are lines that cannot be read as text. They were not used; write what matters again."),

    # 対象外の確認
    Reason.EXCLUDED_TERM: Text(
        "契約の期間または効力が{years}年を超えるようです（{where}）。{years}年を超える契約は、電子契約の対象外です。",
        "The term seems longer than {years} years ({where}). Such contracts are not made electronically."),
    Reason.EXCLUDED_RENEWAL: Text(
        "契約が自動で更新されるようです（{where}）。自動更新の条項がある契約は、電子契約の対象外です。",
        "The contract seems to renew itself ({where}). Such contracts are not made electronically."),
    Reason.EXCLUDED_PAPER: Text(
        "「{found}」のようです（{where}）。法令などで書面が必要な契約は、電子契約の対象外です。",
        "This seems to be a {found} ({where}), which has to be made on paper."),
    Reason.EXCLUDED_START: Text(
        "署名期限の{deadline}が、履行開始日の{start}より後です。開始日より前に締結できる期限にしてください。",
        "The deadline ({deadline}) is later than the first day of the work ({start}). Set an earlier one."),
    Reason.QUESTIONS_OPEN: Text(
        "対象外の確認に、まだ答えていないものがあります：{questions:questions}。1つずつ確かめて、答えてください。",
        "Not yet answered: {questions:questions-en}. Check each question and answer it."),

    # What is wrong with a PDF
    Reason.PDF_ENCRYPTED: Text(
        "開くときにパスワードが要ります。Wordなどの元のファイルからパスワードなしのPDFを作るか"
        "（「名前を付けて保存」→種類「PDF」→「オプション」で「ドキュメントをパスワードで暗号化する」を選ばない）、"
        "パスワードで開いて「印刷」を選び、プリンターを「Microsoft Print to PDF」にして保存したPDFを送ってください。",
        "A password is needed to open the PDF. Make it again without one "
        "(in Word: Save As, type PDF, Options, do not encrypt with a password), or open it, choose Print, take "
        "“Microsoft Print to PDF” as printer, and send the new PDF."),
    Reason.PDF_RESTRICTED: Text(
        "印刷や編集を制限するパスワードが付いています。Acrobatで「文書のプロパティ」→「セキュリティ」を"
        f"「セキュリティなし」に変えて保存するか、元のファイルからPDFを作り直して送ってください（{_WORD_JA}）。",
        "Printing or editing is restricted. In Acrobat set Document Properties, Security to “No Security”, "
        f"or make the PDF again ({_WORD_EN})."),
    Reason.PDF_BROKEN: Text(
        "読み取れません。途中で切れているか、壊れています。一度開いてすべてのページが見えるか確かめ、"
        f"元のファイルからPDFを作り直して送ってください（{_WORD_JA}）。",
        f"The PDF cannot be read; it is cut off or damaged. Make it again ({_WORD_EN})."),
    Reason.PDF_NO_PAGES: Text(
        f"ページが1枚もありません。元のファイルからPDFを作り直して送ってください（{_WORD_JA}）。",
        f"The PDF has no pages. Make it again ({_WORD_EN})."),
    Reason.PDF_SIGNED: Text(
        "すでに電子署名があります。署名する前のPDFを送ってください（署名のあるPDFに、あとから署名を重ねることはできません）。",
        "The PDF is already signed. Send the one from before it was signed."),
    Reason.PDF_SIGNATURE_FIELDS: Text(
        f"署名欄（電子署名のフィールド）があります。{_PRINT_JA}。欄がなくなります。",
        f"The PDF has signature fields. {_PRINT_EN}; the fields are gone then."),
    Reason.PDF_XFA: Text(
        f"XFAという形式の入力フォームです。{_PRINT_JA}。",
        f"The PDF is an XFA form. {_PRINT_EN}."),
    Reason.PDF_FORM: Text(
        f"入力欄の内容が、見る人のソフトによって変わります。{_PRINT_JA}。",
        f"What is filled in looks different in each program. {_PRINT_EN}."),
    Reason.PDF_SCRIPT: Text(
        f"プログラム（JavaScript）が入っています。{_PRINT_JA}。",
        f"The PDF contains programs (JavaScript). {_PRINT_EN}."),
    Reason.PDF_ACTIVE: Text(
        f"ほかのソフトを動かしたり、データを送ったりするボタンやリンクが入っています。{_PRINT_JA}。",
        f"The PDF has buttons or links that start programs or send data. {_PRINT_EN}."),
    Reason.PDF_PORTFOLIO: Text(
        "複数のファイルをまとめたPDFポートフォリオです。開いて中のファイルを1つずつ保存し、"
        "それぞれPDFにして、まとめてメールに添付してください。",
        "The PDF is a portfolio. Save the files in it one by one, make each a PDF and attach them all."),
    Reason.PDF_EMBEDDED_FILES: Text(
        "中に別のファイルが添付されています。Acrobatの「添付ファイル」の欄で取り出して保存し、添付を削除したPDFと"
        "一緒に送ってください（取り出したファイルもPDFにします）。",
        "Files are attached inside the PDF. Save them from the Attachments pane, delete them there, and send "
        "each as a PDF of its own."),
    Reason.PDF_MEDIA: Text(
        f"動画、音声または立体図が入っています。元のファイルから取り除くか、{_PRINT_JA}。",
        f"The PDF contains video, sound or 3D. Remove it from the original. Or: {_PRINT_EN}."),
    Reason.PDF_TOO_BIG: Text(
        "{bytes:MB}MBあります。{most:MB}MB以下にしてください。図面や写真は解像度を下げてPDFにする（スキャンは200dpi程度）か、"
        "複数のPDFに分けます。",
        "The PDF has {bytes:MB} MB. It must be {most:MB} MB or less: lower the resolution of pictures "
        "(200 dpi for scans), or split it."),
    Reason.PDF_TOO_MANY_PAGES: Text(
        "{pages}ページあります。{most}ページ以下のPDFに分けて送ってください（印刷の画面でページの範囲を指定すると分けられます）。",
        "The PDF has {pages} pages. Split it into files of {most} or fewer (print ranges of pages to PDF)."),
    Reason.PDF_TINY_PAGE: Text(
        "{page}ページ目が小さすぎて、締結証明書IDを印字できません。用紙をA4などにして、PDFを作り直して送ってください。",
        "Page {page} is too small for the certificate id. Set the paper to A4 or so and make the PDF again."),
    Reason.PDF_UNSTAMPABLE: Text(
        "1ページ目の左下に印字する締結証明書IDが、見えなくなります。左下に図や付せんが重なっていれば動かしてください。"
        f"それでも受け付けられないときは、{_PRINT_JA}。",
        "The certificate id at the bottom left of page 1 would not be seen. Move what lies there. "
        f"If that does not help: {_PRINT_EN}."),
    Reason.PDF_UNSEALABLE: Text(
        f"このPDFには電子署名を付けられません。{_PRINT_JA}。",
        f"This PDF cannot be signed. {_PRINT_EN}."),
    Reason.PDF_TOOK_TOO_LONG: Text(
        "中身が複雑で、決めた時間のうちに読み取れません。ページを分けるか、図面を画像にして、PDFを作り直して送ってください。",
        "The PDF is too complex to be read in the time allowed. Split it, or turn drawings into pictures."),
    Reason.PDF_NO_TEXT: Text(
        "文字の情報がないページがあります（スキャンした画像など）。画面読み上げでは読めません。"
        f"できれば元のファイルから作ったPDFを使ってください（{_WORD_JA}）。",
        "Some pages hold no text (scans, for example), so screen readers cannot read them. Use a PDF made from "
        "the original if you can."),
    Reason.PDF_LAYERS: Text(
        "表示と非表示を切り替えられるレイヤーがあります。見る人によって内容が変わらないよう、下書きの画面のとおりで"
        "よいか確かめてください。違うときは、元のソフトでレイヤーを結合（統合）して送り直してください。",
        "The PDF has layers that can be shown or hidden. Check that the draft shows all that counts; if not, "
        "merge the layers and send it again."),
    Reason.PDF_DAMAGED: Text(
        "ファイルが傷んでいたため、直して取り込みました。下書きの画面で、すべてのページが元の文書と同じに見えるか確かめてください。"
        "違うときは、PDFを作り直して送ってください。",
        "The file was damaged and has been repaired. Check that all pages look like the original; if not, make "
        "the PDF again."),

    # What a person may not do, or not now
    Reason.NOT_PERMITTED: Text(
        "いまの状態では、この操作はできません。画面を開き直して、状況を確かめてください。",
        "This cannot be done in the present state. Reload the page to see where things stand."),
    Reason.STALE: Text(
        "ほかの人か、あなたの前の操作で、先に変更されています。最新の内容を確かめ、必要なときだけ、もう一度操作してください。",
        "This was changed first, by someone else or by your own last step. Look at the latest; do it again only if it "
        "is still needed."),
    Reason.NOT_YOUR_TURN: Text(
        "ほかの方の署名を待っています。順番が来たらメールでお知らせします。",
        "Waiting for another signer. We will write when it is your turn."),
    Reason.PAUSED: Text(
        "宛先や担当者の変更の申し出があり、依頼を止めています。申し出への対応が済むと、続けられます。",
        "The request is on hold because a change of contact was reported. It can go on once that is settled."),
    Reason.CHANGE_DECIDED: Text(
        "この変更はもう承認されています。取りやめるときは、担当の課へご連絡ください（{tel}）。",
        "This change has been approved already. To stop it, call the section in charge ({tel})."),
    Reason.CHANGE_GONE: Text(
        "変更の申し出は、もう済んでいるか、取り下げられています。最新の内容を確かめてください。",
        "The reported change has been settled or taken back. Look at the latest."),
    Reason.DEADLINE_OVER: Text(
        "署名期限（{date}）が過ぎました。延長については担当の課へご連絡ください。",
        "The deadline ({date}) has passed. Ask the section for more time."),
    Reason.DOCUMENTS_UNREAD: Text(
        "まだ表示していない文書があります：{positions:documents}。すべて表示してから進んでください。",
        "You have not opened: {positions:documents-en}. Open every document first."),
    Reason.OFFER_CHANGED: Text(
        "確認のあいだに内容が変わりました。新しい内容をもう一度確かめてください。",
        "The content changed meanwhile. Please look at it again."),
    Reason.PAGES_NOT_READY: Text(
        "文書の画面を準備しています。1分ほどたってから開き直してください。",
        "The pages are being prepared. Reload in about a minute."),
    Reason.REASON_MISSING: Text(
        "理由を入力してください。",
        "Enter a reason."),
    Reason.REASON_TOO_LONG: Text(
        "{limit}字以内で入力してください。",
        "Use {limit} characters or fewer."),
    Reason.ROLE_MISSING: Text(
        "この操作をする権限がありません。必要なときは情報担当に依頼してください。",
        "You do not have permission. Ask the administrator if you need it."),
    Reason.SELF_APPROVAL: Text(
        "下書きを作った人や、相手方のアドレスを確認した人は署名者になれません。ほかの署名者を選んでください。",
        "Whoever drafted this or approved the address cannot sign it. Choose another signer."),
    Reason.SIGNER_MISSING: Text(
        "自庁の署名者を選んでください。",
        "Choose who signs for the town."),
    Reason.PROOF_MISSING: Text(
        "時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。",
        "Please confirm it is you again. You can continue where you left off."),
    Reason.SIGNED_OUT: Text(
        "ログインの時間が切れたため、受け付けていません。もう一度ログインして、送り直してください。",
        "Your sign-in has run out, so nothing was done. Sign in again, and send it once more."),
    Reason.REMINDER_DAY: Text(
        "明日から署名期限までの日を選んでください。",
        "Choose a day from tomorrow to the deadline."),
    Reason.LIMIT_REACHED: Text(
        "操作が続いたため、受け付けを止めています。少し時間をおいてください。",
        "Too many requests. Please wait a while."),
    Reason.NOTES_SPENT: Text(
        "このお知らせは届いていません。この依頼についてのお知らせは1日に{n}件までで、きょうはもう届いています。"
        "お急ぎのときは {tel} へお電話ください。",
        "This was not passed on: {n} such messages a day are taken about a request, and today’s have come. "
        "If it is urgent, please call {tel}."),
    Reason.ANSWERED_ALREADY: Text(
        "同じ内容の誤りには、少し前にお返事しています。前の返信をご覧ください。",
        "The same mistake was answered a while ago. Please see that answer."),
    Reason.ANSWERS_STOPPED: Text(
        "誤りへの返信が短い間に続いたため、返信を止めています。受付アドレスに届いたメールを確かめてください。",
        "Too many mistakes came in, so answering them has stopped. Look at what reaches the intake."),

    # Links, codes, sign-in
    Reason.LINK_UNKNOWN: Text(
        "このリンクは使えません。メールのアドレスが途中で切れていないか確かめてください。",
        "This link does not work. Check that it was not cut off."),
    Reason.LINK_EXPIRED: Text(
        "このリンクの期限が切れました。担当の課へご連絡ください。",
        "This link has expired. Please contact the section."),
    Reason.PROVED_ELSEWHERE: Text(
        "この画面は、本人確認を済ませたブラウザーでだけ開けます。メールのリンクから、もう一度開いてください。",
        "This page opens only in the browser in which you confirmed who you are. Open the link in the mail again."),
    Reason.LINK_REPLACED: Text(
        "このリンクは新しいものに替わりました。いちばん新しいメールから開いてください。",
        "There is a newer link. Open the newest e-mail."),
    Reason.CODE_EMPTY: Text(
        "確認コードを入力してください。",
        "Enter the code."),
    Reason.CODE_FORMAT: Text(
        "確認コードは6けたの数字で入力してください。",
        "The code must be 6 numbers."),
    Reason.CODE_WRONG: Text(
        "確認コードが違います。もう一度入力してください（残り{n}回）。",
        "That code is not right. Try again ({n} left)."),
    Reason.CODE_LATE: Text(
        "確認コードの有効時間が過ぎたため、新しいコードを送りました。届いたコードを入力してください。",
        "The code had expired, so we sent a new one. Please enter that."),
    Reason.CODE_SPENT: Text(
        "間違いが続いたため、このコードは使えません。コードを再送してください。",
        "Too many tries. Send a new code."),
    Reason.CODE_USED: Text(
        "最後に送った確認コードは使用済みです。コードを再送して、新しいコードを入力してください。",
        "The code that was sent last has been used. Send a new code and enter that."),
    Reason.ACCESS_CODE_EMPTY: Text(
        "アクセスコードを入力してください。",
        "Enter the access code."),
    Reason.ACCESS_CODE_FORMAT: Text(
        "アクセスコードは8けたの数字で入力してください。メールで届いた6けたの確認コードとは別のものです。",
        "The access code must be 8 numbers. It is not the 6-digit code that came by e-mail."),
    Reason.ACCESS_CODE_WRONG: Text(
        "アクセスコードが違います。もう一度入力してください（残り{n}回）。",
        "That access code is not right. Try again ({n} left)."),
    Reason.ACCESS_CODE_SPENT: Text(
        "間違いが続いたため、このアクセスコードは使えません。担当の課（電話 {tel}）へご連絡ください。"
        "新しいコードをお伝えします。",
        "Too many tries: this access code no longer works. Call the section ({tel}) to be told a new one."),
    Reason.SMS_NOT_SENT: Text(
        "SMSを送れませんでした。少したってから「SMSを送る」を押すか、担当の課（電話 {tel}）へご連絡ください。",
        "The SMS could not be sent. Press “Send the SMS” in a while, or call the section ({tel})."),
    Reason.SMS_CAP: Text(
        "SMSを送る回数の上限に達しました。時間をおくか、担当の課（電話 {tel}）へご連絡ください。",
        "No more SMS can be sent for now. Wait, or call the section ({tel})."),
    Reason.SMS_LATE: Text(
        "確認コードの有効時間が過ぎました。「SMSを送る」を押し、新しいSMSの数字を入力してください。",
        "The code has expired. Press “Send the SMS” and enter the digits of the new one."),
    Reason.SMS_NO_NUMBER: Text(
        "SMSを送る携帯電話の番号が登録されていません。担当の課（電話 {tel}）へご連絡ください。",
        "No mobile number is registered for you. Call the section ({tel})."),
    Reason.SMS_SPENT: Text(
        "間違いが続いたため、この確認コードは使えません。「SMSを送る」を押し、新しいSMSの数字を入力してください。",
        "Too many tries: this code no longer works. Press “Send the SMS” and enter the digits of the new one."),
    Reason.SMS_OVER: Text(
        "SMSの確認コードの間違いが続いたため、このリンクは使えません。"
        "担当の課（電話 {tel}）へご連絡ください。新しいリンクをお送りします。",
        "Too many wrong codes by SMS: this link takes no more. Call the section ({tel}) to be sent a new link."),
    Reason.CODE_UNREACHED: Text(
        "確認コードのメールは、登録されたアドレスに届きませんでした。{tel} へご連絡ください。",
        "The mail with the code did not reach the registered address. Please call {tel}."),
    Reason.CODE_UNREACHED_HERE: Text(
        "確認コードのメールは、このアドレスに届きませんでした。アドレスを確かめてください。"
        "分からないときは {tel} へご連絡ください。",
        "The mail with the code did not reach this address. Check the address, or call {tel}."),
    Reason.CODE_UNDER_WAY: Text(
        "確認コードのメールを、まだ届けられていません。数分待っても届かないときは、コードを再送してください。",
        "The mail with the code is held up on its way. If it has not come in a few minutes, send a new code."),
    Reason.AUTHENTICATOR_FORMAT: Text(
        "認証アプリに表示されている6けたの数字を入力してください。",
        "Enter the 6 numbers that the authenticator app shows."),
    Reason.AUTHENTICATOR_WRONG: Text(
        "数字が違います。認証アプリに今表示されている6けたの数字を入力してください。"
        "合わないときは、スマートフォンの時刻を自動に合わせてください。",
        "That is not right. Enter the 6 numbers that the app shows now, and let the phone set its clock by itself."),
    Reason.AUTHENTICATOR_LOCKED: Text(
        "入力が続いたため、しばらく受け付けません。時間をおいて、もう一度お試しください。"
        "お急ぎのときは担当の課（電話 {tel}）へご連絡ください。",
        "There were too many tries. Try again later, or call the section ({tel})."),
    Reason.AUTHENTICATOR_LOST: Text(
        "この認証アプリは、なくしたとの届け出があったため使えません。担当の課（電話 {tel}）へご連絡ください。",
        "This authenticator app was reported lost and cannot be used. Call the section ({tel})."),
    Reason.AUTHENTICATOR_THERE: Text(
        "認証アプリはもう登録されています。次の依頼からお使いください。",
        "An authenticator app is set up already. Use it from the next request on."),
    Reason.LINK_DEAD: Text(
        "入力の間違いが続いたため、このリンクは使えなくなりました。登録済みのアドレスに新しいリンクを送りました。",
        "Too many wrong codes. This link no longer works; we sent a new one to the registered address."),
    Reason.RESEND_EARLY: Text(
        "前の送信から間がありません。あと{seconds}秒お待ちください。",
        "Please wait {seconds} seconds before asking again."),
    Reason.RESEND_CAP: Text(
        "送信回数の上限に達しました。時間をおくか、担当の課へお電話ください。",
        "The limit of e-mails is reached. Wait, or call the section."),
    Reason.SIGN_IN_WRONG: Text(
        "メールアドレスまたはパスワードが違います。もう一度入力してください。",
        "Wrong address or password. Try again."),
    Reason.SIGN_IN_LOCKED: Text(
        "間違いが続いたため、しばらく受け付けません。{minutes}分ほどたってから、もう一度お試しください。",
        "Too many tries. Wait about {minutes} minutes and try again."),
    Reason.TOTP_WRONG: Text(
        "認証コードが違います。端末の時刻がずれていないか確かめ、次の6けたの数字を入力してください。",
        "Wrong code. Check your device's clock and enter the next six digits."),
    Reason.PASSWORD_WEAK: Text(
        "パスワードは{characters}文字以上にしてください。",
        "Use at least {characters} characters for the password."),
    Reason.WINDOW_OVER: Text(
        "この文書は、締結からダウンロード期間の終わりまで受け取れます。そのあとは、封筒の画面の「証拠一式」から受け取ってください。",
        "This document can be had from the conclusion until the download period ends. "
        "Afterwards take it from the evidence bundle on the envelope's page."),
    Reason.REQUEST_FORGED: Text(
        "操作を受け付けられませんでした。画面を開き直して（署名の手続きはメールのリンクから）、もう一度操作してください。",
        "The request was not accepted. Open the page anew (to sign, by the link in the mail) and try again."),

    # Commands by reply
    Reason.REPLY_OFF: Text(
        "返信での指示は使わない設定です。画面で操作してください。",
        "Orders by reply are switched off here. Use the pages."),
    Reason.REPLY_UNSOUND: Text(
        "メールの設定の点検が済んでいないため、返信での指示はまだ使えません。画面で操作してください。"
        "情報担当は、fukan doctor を実行してください。",
        "Orders by reply are off until the mail settings are found sound. Use the pages, and ask the operator to run"
        " fukan doctor."),
    Reason.REPLY_NOT_ENROLLED: Text(
        "返信での指示に使う認証アプリが登録されていません。ログインして「返信での指示」の画面で登録するか、画面で操作してください。",
        "No authenticator is set up for orders by reply. Sign in and set it up, or use the pages."),
    Reason.REPLY_CLOSED: Text(
        "数字の間違いが続いたため、返信での指示を止めています。画面にログインすると、また使えます。",
        "Too many wrong codes: orders by reply are off until you sign in on the portal."),
    Reason.REPLY_LATE: Text(
        "メールが届いてから読み取るまでに時間がかかったため、指示を実行していません。新しい6けたの数字で、もう一度返信してください。",
        "The mail was read too long after it arrived, so nothing was done. Reply again with new digits."),
    Reason.REPLY_CODE_MISSING: Text(
        "認証アプリ（返信用）の6けたの数字がありません。数字を付けて、もう一度返信してください。",
        "The six digits from your authenticator (for replies) are missing. Reply again with them."),
    Reason.REPLY_CODE_WRONG: Text(
        "6けたの数字が違います。認証アプリの「返信用」の、いま出ている数字で、もう一度返信してください（本日はあと{n}回）。",
        "The six digits are not right. Reply again with those your authenticator shows for replies ({n} left today)."),
    Reason.REPLY_CODE_SPENT: Text(
        "この6けたの数字は使用済みです。次の数字に変わってから、もう一度返信してください。",
        "These digits were used already. Wait for the next ones and reply again."),
    Reason.COMMAND_SEVERAL: Text(
        "1通のメールに2つ以上の指示があります。1通に1つずつ書いてください。",
        "There are several orders in one mail. Write one a mail."),
    Reason.COMMAND_UNREAD: Text(
        "返信から指示を読み取れませんでした。指示と6けたの数字だけを、1行に書いてください（例：送信 123456）。",
        "No order could be read. Write only the order and the six digits on one line (for example 送信 123456)."),
    Reason.COMMAND_WORDS: Text(
        "「{said}」を読み取れないため、止めています。指示と関係がなければ、そこを消して、もう一度返信してください。"
        "下書きを直すときは、先に「修正」で返信してください。",
        "“{said}” is not understood, so nothing was done. If it has nothing to do with the order, leave it out and "
        "reply again. Corrections go first: 修正."),
    Reason.LINE_UNREAD: Text(
        "読み取れないため、この行は使っていません。直すことなら、「期限：9月10日」のように項目で書いてください。",
        "The line is not understood and was not used. If it corrects something, write it as an item (期限：9月10日)."),
    Reason.COMMAND_DOCUMENTS: Text(
        "返信に文書が付いています。この指示で送るのは下書きの文書で、付いている文書ではありません。"
        "下書きのまま送るときは、文書を付けずに返信してください。差し替えるときは、新しいメールで送ってください。",
        "A document came with the order, but the draft's own documents would be sent. To send the draft as it is, "
        "reply without it; to use other documents, send a new mail."),
    Reason.COMMAND_ABOUT_NOTHING: Text(
        "どの封筒についての指示か分かりません。封筒についてのメールに返信するか、題名に番号（例：[D-0123]）を書いてください。",
        "It is not clear which envelope is meant. Reply to a mail about it, or put its number in the subject."),
    Reason.COMMAND_EMPTY: Text(
        "直す行がありません。「修正」の次の行に、直す項目を書いてください（例：期限：9月10日）。",
        "There is no line to correct. Write the corrected lines below."),
    Reason.COMMAND_NOT_DONE: Text(
        "書かれた内容では直せないため、下書きは元のままです。次の点を直して、もう一度返信してください。",
        "The draft cannot be corrected like that and is as before. Mend what follows and reply again."),
    Reason.DRAFT_CHANGED: Text(
        "返信の元のメールが、いまの下書きの内容ではありません。下のいまの内容を確かめて、このメールに返信してください。",
        "That mail does not show the draft as it is now. Check it below and reply to this mail."),
    Reason.REMINDED_TODAY: Text(
        "きょうは、もうお知らせを送っています。あすになってから、もう一度お試しください。",
        "A reminder went out today already. Try again tomorrow."),

    # The registry of contractors' addresses
    Reason.ADDRESS_FORM: Text(
        "メールアドレスの形が正しくありません。例のように書いてください（例：taro@example.co.jp）。",
        "Check the e-mail address (for example taro@example.co.jp)."),
    Reason.ADDRESS_TAKEN: Text(
        "このアドレスはすでに登録されています。ほかのアドレスを使うか、台帳の担当へ確かめてください。",
        "This address is already registered. Use another, or ask the registrar."),
    Reason.ADDRESS_UNCHANGED: Text(
        "今のアドレスと同じです。新しいアドレスを入力してください。",
        "This is the present address. Enter the new one."),
    Reason.ADDRESS_UNKNOWN: Text(
        "このアドレスは台帳にありません。台帳の一覧で確かめてください。",
        "This address is not in the registry. Look it up in the list."),
    Reason.ADDRESS_REASON_MISSING: Text(
        "フリーメールや携帯会社のアドレスの登録には理由が必要です。理由を書いてください。",
        "A reason is needed for a free or mobile-carrier address. Write one."),
    Reason.CALL_BACK_MISSING: Text(
        "折り返し確かめた電話番号と、その番号の出どころを書いてください。",
        "Note the number you called back and where you found it."),
    Reason.REGISTRAR_SAME_PERSON: Text(
        "登録や確認をした職員は、承認できません。別の職員が承認します。",
        "Whoever registered or checked this cannot approve it. Somebody else on the staff has to."),
    Reason.SIGNS_FOR_VILLAGE: Text(
        "このアドレスに続く依頼（{number}）の自庁の署名者は、アドレスを届け出ることも承認することもできません。"
        "署名者とは別の職員が行ってください。",
        "The town's signer of a request that will go to this address ({number}) can neither enter nor approve it. "
        "Somebody else has to do that."),
    Reason.CALLED_OFF: Text(
        "もとになった申し出が取り下げられたか、断られたため、登録を取りやめました。",
        "The reported change behind this was taken back or refused, so the registration was called off."),
    Reason.TAKEN_BACK: Text(
        "台帳の担当が、この申請を取り下げました。",
        "The keeper of the registry took this application back."),
    Reason.RECIPIENT_WITHDRAWN: Text(
        "この宛先は、電子契約の承諾を取りやめています。紙で契約するか、台帳の担当に、あらためて承諾を得られるか確かめてもらってください。",
        "This recipient has withdrawn the consent to electronic contracts. Use paper, or have it asked for again."),

    Reason.MOBILE_MISSING: Text(
        "携帯電話の番号を入力してください（例：090-1234-5678）。",
        "Enter a mobile phone number (for example 090-1234-5678)."),
    Reason.MOBILE_FORM: Text(
        "SMSを受け取れる日本の携帯電話の番号（060・070・080・090で始まる11けた）を入力してください（例：090-1234-5678）。",
        "Enter a Japanese mobile number: 11 digits from 060, 070, 080 or 090 (for example 090-1234-5678)."),

    Reason.MOBILE_SOURCE_MISSING: Text(
        "番号をどこで知ったかを書いてください（例：4月2日の来庁時に本人から）。",
        "Note where the number comes from (for example: told in person on 2 April)."),
    Reason.MOBILE_UNCHANGED: Text(
        "いま登録されている番号と同じです。新しい番号を入力してください。",
        "This is the number that is registered already. Enter the new one."),
    Reason.MOBILE_NONE: Text(
        "{who}には、SMSに使える携帯電話の番号が登録されていません。台帳の担当に登録を依頼するか、別の本人確認の方法を選んでください。",
        "No mobile number for SMS is registered for {who}. Have it registered, or choose another way."),

    # Staff and their lists
    Reason.NETWORK_ELSEWHERE: Text(
        "職員の画面は、この場所からは利用できません（接続元 {ip}）。庁内のネットワークから開くか、"
        "情報担当へ連絡してください。",
        "The staff's pages cannot be used from here ({ip}). Open them from the town's own network, or tell IT staff."),

    Reason.RANGE_BACKWARDS: Text(
        "「から」は「まで」より前の日付にしてください。",
        "“From” must be a day before “to”."),
    Reason.AMOUNTS_BACKWARDS: Text(
        "「から」は「まで」より小さい金額にしてください。",
        "“From” must be less than “to”."),
    Reason.SEARCH_DAY: Text(
        "日付を読み取れません。2026-08-31 のように入力してください。",
        "The date cannot be read. Write it as 2026-08-31."),
    Reason.SEARCH_AMOUNT: Text(
        "金額は、1,000,000 のように数字で入力してください。",
        "Write the amount in digits, as 1,000,000."),
    Reason.EXPORT_TOO_BIG: Text(
        "{n}件は一度に出力できません（上限{max}件）。期間を分けてください。",
        "{n} envelopes cannot be exported at once (at most {max}). Narrow the period."),

    # Applications for the registry
    Reason.COMPANY_MISSING: Text(
        "会社名（屋号）を入力してください。",
        "Enter the name of the company."),
    Reason.PERSON_MISSING: Text(
        "契約を結ぶ権限のある方の氏名を入力してください。",
        "Enter the name of the person with authority to contract."),
    Reason.ENTRY_TOO_LONG: Text(
        "{limit}字以内で入力してください。",
        "Use {limit} characters or fewer."),
    Reason.ADDRESS_EMPTY: Text(
        "メールアドレスを入力してください。",
        "Enter the e-mail address."),
    Reason.ADDRESS_FULL_WIDTH: Text(
        "全角文字が入っています。半角で入力してください。",
        "Use half-width characters."),
    Reason.ADDRESS_TYPO: Text(
        "もしかして {suggestion} ですか。違うときは、このまま次へ進んでください。",
        "Did you mean {suggestion}? If not, go on as it is."),
    Reason.ADDRESS_DOMAIN: Text(
        "このドメインはメールを受け取れません。＠から後ろを確かめてください。",
        "This domain cannot receive e-mail. Check what stands after the @."),
    Reason.ADDRESS_FREE: Text(
        "フリーメールの登録には理由が必要です。会社のアドレスがあれば、そちらを登録してください。",
        "A reason is needed for a free e-mail address. Use the company's own address if there is one."),
    Reason.ADDRESS_CARRIER: Text(
        "携帯会社のアドレスの登録には理由が必要です。大きな契約書は添付されず、ダウンロードになります。",
        "A reason is needed for a mobile-carrier address. Large contracts are not attached but downloaded."),
    Reason.ADDRESS_ELSEWHERE: Text(
        "このアドレスは別の事業者が登録しています。{tel} へご連絡ください。",
        "This address is registered by another company. Call {tel}."),
    Reason.TERMS_UNTICKED: Text(
        "同意の欄にチェックを入れてください。",
        "Tick the box to agree."),
    Reason.TERMS_CHANGED: Text(
        "承諾していただく内容が新しくなりました。もう一度お読みください。",
        "The terms have been renewed. Please read them again."),
    Reason.APPLICATION_GONE: Text(
        "登録の手続きが途中で終わっています。はじめからもう一度入力してください。",
        "This registration has ended. Please begin again."),
    Reason.INVITATION_OVER: Text(
        "この登録のお願いは、取りやめになりました。あなたが行うことはありません。ご不明の点は {tel} へどうぞ。",
        "This request to register was called off. There is nothing for you to do. For questions call {tel}."),
    Reason.LIST_FAULTY: Text(
        "一覧に誤りがあるため、何も登録していません。直して、もう一度選んでください。",
        "There are faults in the list, so nothing was registered. Mend them and choose the file again."),
    Reason.ADDRESS_ASKED: Text(
        "このアドレスの申請（{number}）が進んでいます。この行を消すか、その申請を取り下げてください。",
        "An application for this address ({number}) is under way. Leave the line out, or take that one back."),
    Reason.ENTRY_KNOWN: Text(
        "同じ内容で、すでに台帳にあります。この行を消してください。",
        "The registry has exactly this already. Leave the line out."),

    # A file that a form brings, and verifying in public
    Reason.UPLOAD_MISSING: Text(
        "ファイルを選んでください。空のファイルは使えません。",
        "Choose a file that is not empty."),
    Reason.UPLOAD_TOO_BIG: Text(
        "ファイルが大きすぎます。{most:MB}MB以下のファイルを選んでください。",
        "The file is too big. Choose one of {most:MB} MB or less."),
    Reason.UPLOADS_WAITING: Text(
        "ただいま混み合っています。数分たってから、もう一度お試しください。",
        "Many files are waiting. Please try again in a few minutes."),
    Reason.UPLOAD_GONE: Text(
        "確認の結果は消去しました。もう一度ファイルを選んでください。",
        "The result has been deleted. Please choose the file again."),
    Reason.CERTIFICATE_ID_UNKNOWN: Text(
        "この締結証明書IDの契約は見つかりません。文字を確かめて、もう一度入力してください。",
        "No contract with this certificate id was found. Check it and enter it again."),

    # Evidence bundles
    Reason.EVIDENCE_GONE: Text(
        "証拠一式を受け取れる期間が終わりました。もう一度用意してください。",
        "The evidence bundle is gone. Have it made again."),

    # Work of the service itself
    Reason.RECORD_ALTERED: Text(
        "この契約の記録に、このサービス以外による変更が見つかったため、手続きを止めました。情報担当へ連絡してください。",
        "The records of this contract were changed by something else than this service. Tell your IT staff."),
    Reason.CONSENT_INVALID: Text(
        "同意の記録が確かめられないため、署名していません。運用者は記録が書き換えられていないか調べてください。",
        "The consent does not verify, so nothing was signed. The operator has to look for altered records."),
    Reason.BYTES_DIFFER: Text(
        "文書が署名者の確認したものと違うため、署名していません。運用者はファイルが書き換えられていないか調べてください。",
        "The file differs from what the signer saw, so nothing was signed. The operator has to look into it."),
    Reason.TSA_UNAVAILABLE: Text(
        "時刻を証明するサービスから応答がありません。つながりしだい、自動で続けます。",
        "The timestamp service does not answer. Work goes on by itself once it does."),
    Reason.KEY_UNAVAILABLE: Text(
        "署名の鍵を使えません。運用者は鍵の置き場所とパスフレーズを確かめてください。",
        "The signing key cannot be used. The operator has to check where the keys are."),
    Reason.CERTIFICATE_ENDED: Text(
        "署名の証明書の有効期間が終わりました。運用者は証明書を更新してください。",
        "The signing certificate has ended. The operator has to renew it."),
    Reason.CERTIFICATE_REVOKED: Text(
        "署名の証明書が失効しているため、署名していません。運用者は新しい証明書に替えてください。待っている署名は自動で続きます。",
        "The signing certificate has been revoked, so nothing was signed. The operator has to replace it."),
    Reason.CRL_UNAVAILABLE: Text(
        "署名の証明書の失効リスト（CRL）を取得できないため、署名を待っています。取得できしだい、自動で続けます。"
        "続くときは、運用者は認証局への通信を確かめてください。",
        "The CRL of the signing certificate cannot be fetched. Work goes on by itself once it can; the operator has to "
        "check the way to the certificate authority if it does not."),
    Reason.VERIFICATION_FAILED: Text(
        "できた文書の署名を確かめられないため、送っていません。運用者は証明書と時刻の設定を確かめてください。",
        "The finished file does not validate, so it was not sent. The operator has to check certificates and clock."),
    Reason.RENEWAL_FAILED: Text(
        "時刻証明を延長できない文書があります。運用者は fukan renew で文書と理由を確かめてください。",
        "Some documents could not get their next timestamp. The operator sees which and why with fukan renew."),
    Reason.TSA_ENDS_AS_SOON: Text(
        "いま使っている時刻認証局の証明書は、文書にあるものより長く続きません。運用者は、新しい証明書の認証局に替えてください。",
        "The timestamp authority in use ends no later than what the documents have. The operator has to change to one"
        " with a newer certificate."),
    Reason.CERTIFICATE_NOT_MADE: Text(
        "締結証明書を作れないため、完了していません。運用者は日本語の書体（fonts-noto-cjk）があるか確かめてください。",
        "The certificate cannot be made, so nothing was completed. Check that the Japanese fonts are installed."),
}

# Why a mail led to nothing, for the operator: what was found, and what can be done.
ASIDES: Final[Mapping[str, Text]] = {
    Why.NOT_ONE_SENDER: Text(
        "差出人（From）が1人に決まりません。何もする必要はありません。",
        "From does not name exactly one sender. There is nothing to do."),
    Why.NO_TRUSTED_RESULTS: Text(
        "差出人が証明されていません（送信ドメイン認証の結果がありません）。自庁のメールなら、設定の "
        "trusted_authserv_ids か verify_dkim を確かめてください。",
        "The sender is not proven: there are no authentication results. If it is the town's mail, look at the settings"
        " trusted_authserv_ids and verify_dkim."),
    Why.MALFORMED_RESULTS: Text(
        "送信ドメイン認証の結果（Authentication-Results）を読み取れません。偽装の疑いがあります。続くときは、"
        "メールサーバーの担当に伝えてください。",
        "The authentication results cannot be read; it may be a forgery. If it goes on, tell who runs mail."),
    Why.PARTLY_SIGNED: Text(
        "DKIM署名が本文の一部にしか及びません（l= の指定）。自庁のメールなら、送信側で l= を外してください。",
        "The DKIM signature covers a part of the body (l=). If it is the town's mail, take l= out where it is signed."),
    Why.NOT_ALIGNED: Text(
        "差出人のドメインと、DKIM署名または認証に通ったドメインが違います。なりすましの疑いがあります。",
        "The domain that was authenticated is not the sender's. It may be a forgery."),
    Why.NOT_PASSED: Text(
        "中継サーバーの送信ドメイン認証に通っていません。なりすましの疑いがあります。",
        "The relay says that authentication was not passed. It may be a forgery."),
    Why.NOT_SIGNED: Text(
        "差出人が証明されていません（DKIM署名も、信頼する中継サーバーの判定もありません）。自庁のメールなら、送信サーバーで"
        "DKIM署名を付けるか、設定の trusted_authserv_ids を確かめてください。",
        "The sender is not proven: no DKIM signature, no word of a trusted relay. If it is the town's mail, sign it"
        " where it is sent, or look at the setting trusted_authserv_ids."),
    Why.TWO_READINGS: Text(
        "メールの見出し（ヘッダー）が、読む人によって違って見える形です。偽装の疑いがあります。",
        "The mail's header can be read in two ways. It may be a forgery."),
    Why.DOUBLE_FIELD: Text(
        "件名や差出人などの見出しが二重にあります。偽装の疑いがあります。",
        "A field such as Subject or From is there twice. It may be a forgery."),
    Why.UNSIGNED_FIELD: Text(
        "差出人または件名にDKIM署名が及んでいません。自庁のメールなら、送信側で署名する見出しに加えてください。",
        "The DKIM signature leaves out From or Subject. If it is the town's mail, add them where it is signed."),
    Why.SIGNATURE_MALFORMED: Text(
        "DKIM署名を読み取れません。自庁のメールなら、メールサーバーの担当に伝えてください。",
        "The DKIM signature cannot be read. If it is the town's mail, tell who runs the mail server."),
    Why.SIGNATURE_WEAK: Text(
        "DKIM署名の方式が古く、証明になりません。自庁のメールなら、送信側で rsa-sha256 に変えてください。",
        "The DKIM signature is of an old kind that proves nothing. Let the town's mail be signed with rsa-sha256."),
    Why.SIGNATURE_EXPIRED: Text(
        "DKIM署名の期限が過ぎてから届きました。必要なメールなら、送り直してもらってください。",
        "The DKIM signature had expired when the mail came. If it is needed, have it sent again."),
    Why.SIGNATURE_BROKEN: Text(
        "DKIM署名が合いません。途中で書き換えられたか、なりすましです。必要なメールなら、送り直してもらってください。",
        "The DKIM signature is not good: the mail was changed on the way or is a forgery. If it is needed, have it sent"
        " again."),
    Why.KEY_MISSING: Text(
        "DKIM署名の公開鍵がDNSにありません。自庁のメールなら、DNSのTXTレコードを確かめてから、読み直してください。",
        "The key of the DKIM signature is not in DNS. If it is the town's, mend the TXT record and read it again."),
    Why.KEY_UNUSABLE: Text(
        "DKIM署名の公開鍵が使えません（短い、試験用、重複など）。自庁のメールなら、DNSのTXTレコードを直してから、"
        "読み直してください。",
        "The key of the DKIM signature cannot be used (short, for trial, several). If it is the town's mail, mend the"
        " TXT record and read it again."),
    Why.DNS_SILENT: Text(
        "DNSサーバーが応答せず、差出人を確かめられませんでした。DNSが直ったら、読み直してください。",
        "No DNS server answered, so the sender was not verified. Read it again once DNS works."),
    Why.AUTOMATIC: Text(
        "自動で送られたメールです（自動返信、配送の通知、メーリングリストなど）。何もする必要はありません。",
        "Sent by a program: an automatic reply, a notice, a mailing list. There is nothing to do."),
    Why.OWN_ADDRESS: Text(
        "このシステム自身のアドレスから届いた形のメールです。返信すると堂々巡りになるため、保留しました。",
        "It says to come from this service itself; an answer would go round for ever."),
    Reason.NOT_STAFF: Text(
        "差出人が職員の名簿にありません。職員なら、名簿に登録してから、読み直してください。",
        "The sender is not on the staff list. If he is of the staff, add him and read it again."),
    Reason.ANSWERED_ALREADY: Text(
        "同じ誤りにはすでに返信したため、もう返信していません。何もする必要はありません。",
        "The same mistake was answered before, so it was not answered again. There is nothing to do."),
    Reason.LIMIT_REACHED: Text(
        "この職員への返信が1日の上限に達したため、返信していません。職員に知らせ、翌日に読み直してください。",
        "This person has got a day's number of answers. Tell him, and read it again tomorrow."),
    Reason.ANSWERS_STOPPED: Text(
        "返信が全体の上限に達したため、返信していません。原因を調べ、落ち着いたら読み直してください。",
        "All answers together reached their limit. Look for the cause, and read it again afterwards."),
    Reason.MAIL_UNREADABLE: Text(
        "メールの形が複雑で読み取れず、差出人も分かりません。更新のあと、読み直すと読めることがあります。",
        "The mail cannot be read, not even by whom it is. After an update it may be worth another try."),
    "not-taken-in": Text(
        "受け取りに5回失敗しました。受付のメールボックスの、失敗したメールのフォルダーにあります。"
        "メールサーバーの担当に見てもらってください。",
        "Taking it in failed five times. It lies in the intake mailbox's folder for failed mails; have somebody look."),
}
# fmt: on

# What staff say when they answer a question of 対象外の確認. It is kept in the history with their name.
ANSWERS: Final[Mapping[Reason, Text]] = {
    Reason.EXCLUDED_TERM: Text(
        "期間も効力も、その年数を超えないことを確かめました",
        "I checked that neither term nor effect is longer than that",
    ),
    Reason.SPAN_UNREADABLE: Text(
        "履行期間が対象の年数を超えないことを確かめました",
        "I checked that the term is not longer than allowed",
    ),
    Reason.EXCLUDED_RENEWAL: Text(
        "自動更新の条項がないことを確かめました", "I checked that no clause renews the contract by itself"
    ),
    Reason.EXCLUDED_PAPER: Text(
        "書面が必要な契約ではないことを確かめました", "I checked that the contract need not be on paper"
    ),
    Reason.EXCLUDED_START: Text(
        "期限が履行開始日より後で差し支えないことを確かめました",
        "I checked that the late deadline does no harm",
    ),
}

# What each command by reply does, beside how it is written.
ORDERS: Final[Mapping[Verb, Text]] = {
    Verb.SEND: Text("相手方に署名依頼を送る", "sends the request to the other party"),
    Verb.REVISE: Text("次の行に書いた項目を直す", "corrects what the lines below say"),
    Verb.REMIND: Text("相手方に、同じリンクでお知らせを送る", "reminds the other party, by the same link"),
    Verb.EXTEND: Text("署名期限を延ばす", "moves the deadline"),
    Verb.CANCEL: Text(
        "署名依頼を取り消す（理由は相手方にも伝わります）",
        "cancels the request (the other party is told the reason)",
    ),
    Verb.STATUS: Text(
        "経過を返信で受け取る（数字は要りません）", "answers with the history (no digits needed)"
    ),
}

# What stands in where a refusal does not carry the detail.
_UNSAID: Final[Mapping[str, Text]] = {
    "actual": Text("多数", "many"),
    "limit": Text("定めた数", "the permitted number"),
    "room": Text("定めた大きさ", "the permitted size"),
    "file": Text("添付ファイル", "the attachment"),
    "key": Text("項目", "the item"),
    "suggestion": Text("", ""),
    "date": Text("期日", "the due date"),
    "seconds": Text("60", "60"),
    "minutes": Text("15", "15"),
    "years": Text("10", "10"),
    "positions": Text("文書", "documents"),
    "questions": Text("質問", "questions"),
    "choices": Text("台帳で確かめられます", "see the registry"),
    "said": Text("この行", "this line"),
    "characters": Text("12", "12"),
}


# What the questions of 対象外の確認 are called among others.
_QUESTIONS: Final[Mapping[str, Text]] = {
    Reason.EXCLUDED_TERM: Text(WORDS[Reason.EXCLUDED_TERM][0], "the term"),
    Reason.SPAN_UNREADABLE: Text(WORDS[Reason.SPAN_UNREADABLE][0], "the unreadable term"),
    Reason.EXCLUDED_RENEWAL: Text(WORDS[Reason.EXCLUDED_RENEWAL][0], "renewal by itself"),
    Reason.EXCLUDED_PAPER: Text(WORDS[Reason.EXCLUDED_PAPER][0], "paper by law"),
    Reason.EXCLUDED_START: Text(WORDS[Reason.EXCLUDED_START][0], "the first day of the work"),
}
_UNCALLED: Final = Text("質問", "a question")


def _megabytes(count: str) -> str:
    return f"{int(count) / _MB:.1f}".removesuffix(".0") if count.isdecimal() else count


def _documents(positions: str, one: str, between: str) -> str:
    return between.join(one.format(said) if said.isdecimal() else said for said in positions.split())


def _questions(reasons: str, language: str, between: str) -> str:
    return between.join(_QUESTIONS.get(one, _UNCALLED).in_(language) for one in reasons.split())


_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "MB": _megabytes,
    "ja": lambda said: said and f"もしかして「{said}」ですか。",
    "en": lambda said: said and f"Did you mean “{said}”?",
    "documents": lambda said: _documents(said, "文書{}", "、"),
    "documents-en": lambda said: _documents(said, "document {}", ", "),
    "questions": lambda said: _questions(said, "ja", "、"),
    "questions-en": lambda said: _questions(said, "en", ", "),
}


class _Detail(str):
    """A detail in a sentence. Its form says what it is: bytes as megabytes, a suggestion if there is one, and lists."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        return _FORMS[form](str(self)) if form in _FORMS else str(self)


class _Details(dict[str, Any]):
    """The details of a refusal; for one that is missing, a neutral word in *language*."""

    def __init__(self, language: str, details: Mapping[str, str | int]) -> None:
        super().__init__({name: _Detail(value) for name, value in details.items()})
        self._language = language

    def __missing__(self, name: str) -> _Detail:
        return _Detail(_UNSAID.get(name, Text("…", "…")).in_(self._language))


def say(reason: Reason, /, language: str = "ja", **details: str | int) -> str:
    """Return what to tell a person about *reason*. Never raises for details that are missing or too many."""
    return TEXTS[reason].in_(language).format_map(_Details(language, details)).strip()


_ABOUT: Final = Text("文書{position}：{text}", "Document {position}: {text}")
_NAMED: Final = Text("文書{position}「{file}」：{text}", "Document {position} “{file}”: {text}")
_AT: Final = Text("{where}：{text}", "{where}: {text}")


def say_aside(reason: str, language: str = "ja") -> str:
    """Return why a mail led to nothing, and what can be done, for the operator."""
    known = ASIDES.get(reason)
    return known.in_(language) if known else say(Reason(reason), language)


def say_trouble(trouble: str, language: str = "ja") -> str:
    """Return why a draft came back: a reason, and the position of the document it is about."""
    reason, _, position = trouble.partition(" ")
    text = say(Reason(reason), language)
    return _ABOUT.in_(language).format(position=position, text=text) if position else text


def say_remark(remark: Remark, language: str = "ja") -> str:
    """Return a remark with the line or the document it is about."""
    text, details = say(remark.reason, language, **remark.details), remark.details
    if "position" not in details:
        where = remark.place(language)
        return _AT.in_(language).format(where=where, text=text) if where else text
    file = details.get("file", "")
    return _NAMED.in_(language).format(position=details["position"], file=file, text=text)
