"""Reason code → what to say and what to do next, in Japanese (the source) and English.

Both doors use these sentences, so there is no markup in them and no name of a button that only one door has. A
`{placeholder}` is filled from the details of the refusal; where a detail is not known, a neutral word stands in.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from envelopes.rules.errors import Reason
from envelopes.rules.reading import Remark


class Text(NamedTuple):
    """One sentence or two: what is the matter, and what to do."""

    ja: str
    en: str


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
        "メールが大きすぎて読み取れません。添付ファイルを減らすか小さくして、もう一度送ってください。",
        "The mail is too big to be read. Attach fewer or smaller files and send it again."),
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

    # What was written in the mail
    Reason.TITLE_MISSING: Text(
        "封筒名がありません。封筒名を書いてください。",
        "The title is missing. Write a line with the title."),
    Reason.TITLE_TOO_LONG: Text(
        "封筒名が{actual}字あります。{limit}字以内で書いてください。",
        "The title has {actual} characters. Use {limit} or fewer."),
    Reason.RECIPIENT_MISSING: Text(
        "宛先がありません。台帳に登録した会社名かメールアドレスを書いてください。",
        "The recipient is missing. Write the registered company or e-mail address."),
    Reason.RECIPIENT_UNREADABLE: Text(
        "宛先を読み取れません。「会社名 役職 氏名 様 <アドレス>」の形で書いてください。",
        "The recipient cannot be read. Write company, office, name and <address>."),
    Reason.RECIPIENT_UNKNOWN: Text(
        "この宛先は台帳にありません。台帳の担当に登録を依頼するか、登録した会社名またはアドレスを書いてください。{suggestion:ja}",
        "This recipient is not in the registry. Have it registered, or write it as it was registered. {suggestion:en}"),
    Reason.RECIPIENT_SEVERAL: Text(
        "この会社は台帳に{n}件のアドレスがあります。宛先の行に、送る先のアドレスも書いてください（{choices}）。",
        "This company has {n} addresses in the registry. Write one of them in the line too ({choices})."),
    Reason.RECIPIENT_NOT_READY: Text(
        "この宛先はまだ使えません。登録の確認期間が終わる{date}以降に、もう一度送ってください。",
        "This recipient cannot be used yet. Send the mail again after {date}."),
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
        "金額を読み取れません。算用数字で書いてください。",
        "The amount cannot be read. Write it in digits."),
    Reason.AMOUNT_TAX_UNSAID: Text(
        "税込か税抜かが分かりません。金額のあとに（税込）か（税抜）と書いてください。",
        "Tax is not mentioned. Write （税込） or （税抜） after the amount."),
    Reason.DEADLINE_UNREADABLE: Text(
        "日付を読み取れません。年月日で書いてください（例：2026年8月31日、令和8年8月31日、8月31日）。",
        "The date cannot be read. Write year, month and day (for example 2026-08-31)."),
    Reason.DEADLINE_TOO_FAR: Text(
        "期限は1年以内の日付にしてください。年を書き間違えていないか確かめてください。",
        "The deadline must be within a year. Check the year."),
    Reason.DEADLINE_PAST: Text(
        "期限が過ぎた日付、または今の期限より前になっています。それより後の日付を書いてください。",
        "The deadline is in the past or before the present one. Write a later date."),
    Reason.DEADLINE_NOT_A_DATE: Text(
        "暦にない日付です。月と日を確かめて、書き直してください。",
        "No calendar has this date. Check month and day."),
    Reason.WEEKDAY_MISMATCH: Text(
        "{date}は{right}曜日です（メールには{said}曜日とあります）。日付を確かめてください。",
        "{date} is not the weekday that was written. Check the date."),
    Reason.START_UNREADABLE: Text(
        "履行開始日を日付として読み取れません。署名期限が開始日より後でないか、ご自分で確かめてください。",
        "The first day of the work cannot be read. Check yourself that the deadline is not after it."),
    Reason.SPAN_UNREADABLE: Text(
        "履行期間を読み取れません。10年を超えないか、ご自分で確かめてください。",
        "The term cannot be read. Check yourself that it is not longer than ten years."),
    Reason.NOTE_TOO_LONG: Text(
        "備考が{actual}字あります。{limit}字以内で書いてください。",
        "The note has {actual} characters. Use {limit} or fewer."),
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
        "署名者「{said}」を職員の名簿から1人に決められません。送る前に、村側署名者を選んでください。",
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
    Reason.LINE_REPEATED: Text(
        "「{key}」が2回以上書かれています。最初のものを使いました。",
        "“{key}” is written more than once. The first was used."),
    Reason.LINE_UNKNOWN: Text(
        "「{key}」という項目はありません。この行は使っていません。",
        "There is no item “{key}”. The line was not used."),
    Reason.LINE_TYPO: Text(
        "「{key}」は「{suggestion}」の書き間違いではありませんか。この行は使っていません。",
        "Did you mean “{suggestion}” by “{key}”? The line was not used."),

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
        "対象外の確認に、まだ答えていないものがあります：{list}。1つずつ確かめて、答えてください。",
        "Not yet answered: {list}. Check each question and answer it."),

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
        "ほかの職員が先に変更しました。最新の内容を確かめて、もう一度操作してください。",
        "Someone else changed this first. Look at the latest and try again."),
    Reason.NOT_YOUR_TURN: Text(
        "ほかの方の署名を待っています。順番が来たらメールでお知らせします。",
        "Waiting for another signer. We will write when it is your turn."),
    Reason.DEADLINE_OVER: Text(
        "署名期限（{date}）が過ぎました。延長については担当の課へご連絡ください。",
        "The deadline ({date}) has passed. Ask the section for more time."),
    Reason.DOCUMENTS_UNREAD: Text(
        "まだ表示していない文書があります：{list}。すべて表示してから進んでください。",
        "You have not opened: {list}. Open every document first."),
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
        "理由は{limit}字以内で入力してください。",
        "Use {limit} characters or fewer for the reason."),
    Reason.ROLE_MISSING: Text(
        "この操作をする権限がありません。必要なときは情報担当に依頼してください。",
        "You do not have permission. Ask the administrator if you need it."),
    Reason.SELF_APPROVAL: Text(
        "下書きを作った人や、相手方のアドレスを確認した人は署名者になれません。ほかの署名者を選んでください。",
        "Whoever drafted this or approved the address cannot sign it. Choose another signer."),
    Reason.SIGNER_MISSING: Text(
        "村側の署名者を選んでください。",
        "Choose who signs for the village."),
    Reason.PROOF_MISSING: Text(
        "時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。",
        "Please confirm it is you again. You can continue where you left off."),
    Reason.LIMIT_REACHED: Text(
        "操作が続いたため、受け付けを止めています。少し時間をおいてください。",
        "Too many requests. Please wait a while."),

    # Links, codes, sign-in
    Reason.LINK_UNKNOWN: Text(
        "このリンクは使えません。メールのアドレスが途中で切れていないか確かめてください。",
        "This link does not work. Check that it was not cut off."),
    Reason.LINK_EXPIRED: Text(
        "このリンクの期限が切れました。担当の課へご連絡ください。",
        "This link has expired. Please contact the section."),
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
        "確認コードの有効時間が過ぎました。新しいコードを入力してください。",
        "The code has expired. Enter a new one."),
    Reason.CODE_SPENT: Text(
        "間違いが続いたため、このコードは使えません。コードを再送してください。",
        "Too many tries. Send a new code."),
    Reason.LINK_DEAD: Text(
        "入力の間違いが続いたため、このリンクは使えなくなりました。登録済みのアドレスに新しいリンクを送りました。",
        "Too many wrong codes. This link no longer works; we sent a new one to the registered address."),
    Reason.RESEND_EARLY: Text(
        "前の送信から1分たっていません。あと{seconds}秒お待ちください。",
        "Please wait {seconds} seconds before asking again."),
    Reason.RESEND_CAP: Text(
        "送信回数の上限に達しました。時間をおくか、担当の課へお電話ください。",
        "The limit of e-mails is reached. Wait, or call the section."),
    Reason.SIGN_IN_WRONG: Text(
        "メールアドレスまたはパスワードが違います。もう一度入力してください。",
        "Wrong address or password. Try again."),
    Reason.SIGN_IN_LOCKED: Text(
        "間違いが続いたため、しばらく受け付けません。15分ほどたってから、もう一度お試しください。",
        "Too many tries. Wait about 15 minutes and try again."),
    Reason.TOTP_WRONG: Text(
        "認証コードが違います。端末の時刻がずれていないか確かめ、次の6けたの数字を入力してください。",
        "Wrong code. Check your device's clock and enter the next six digits."),
    Reason.PASSWORD_WEAK: Text(
        "パスワードは{characters}文字以上にしてください。",
        "Use at least {characters} characters for the password."),
    Reason.WINDOW_OVER: Text(
        "ダウンロード期間（{date}まで）が終わりました。再交付を依頼できます。",
        "The download period (until {date}) has ended. You can ask for a new link."),
    Reason.REQUEST_FORGED: Text(
        "操作を受け付けられませんでした。メールのリンクから、もう一度開き直してください。",
        "The request was not accepted. Please open the link again."),

    # The registry of contractors' addresses
    Reason.ADDRESS_FORM: Text(
        "メールアドレスの形が正しくありません。例のように書いてください（例：taro@example.co.jp）。",
        "Check the e-mail address (for example taro@example.co.jp)."),
    Reason.ADDRESS_TAKEN: Text(
        "このアドレスはすでに登録されています。ほかのアドレスを使うか、台帳の担当へ確かめてください。",
        "This address is already registered. Use another, or ask the registrar."),
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
        "登録する人と確認する人は別の職員にしてください。",
        "The person who registers and the one who approves must be two people."),

    # Verifying in public
    Reason.UPLOAD_MISSING: Text(
        "PDFファイルを選んでください。",
        "Choose a PDF file."),
    Reason.UPLOAD_TOO_BIG: Text(
        "ファイルが大きすぎます。{most:MB}MB以下のPDFを選んでください。",
        "The file is too big. Choose a PDF of {most:MB} MB or less."),
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
# fmt: on

# What staff say when they answer a question of 対象外の確認. It is kept in the history with their name.
ANSWERS: Final[Mapping[Reason, Text]] = {
    Reason.EXCLUDED_TERM: Text(
        "期間も効力も10年以内であることを確かめました",
        "I checked that neither term nor effect is over ten years",
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

# What stands in where a refusal does not carry the detail.
_UNSAID: Final[Mapping[str, str]] = {
    "actual": "多数",
    "limit": "定めた数",
    "file": "添付ファイル",
    "key": "項目",
    "suggestion": "",
    "date": "期日",
    "seconds": "60",
    "list": "文書",
    "choices": "台帳で確かめられます",
    "said": "この行",
    "characters": "12",
}


_SUGGESTIONS: Final[Mapping[str, str]] = {"ja": "もしかして「{}」ですか。", "en": "Did you mean “{}”?"}


class _Detail(str):
    """A detail in a sentence. Format `MB`: bytes as megabytes; a language: a suggestion, if there is one."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        if form == "MB" and self.isdecimal():
            return f"{int(self) / _MB:.1f}".removesuffix(".0")
        return _SUGGESTIONS[form].format(str(self)) if form in _SUGGESTIONS and self else str(self)


class _Details(dict[str, Any]):
    def __missing__(self, name: str) -> _Detail:
        return _Detail(_UNSAID.get(name, "…"))


def say(reason: Reason, /, language: str = "ja", **details: str | int) -> str:
    """Return what to tell a person about *reason*. Never raises for details that are missing or too many."""
    text = TEXTS[reason].en if language == "en" else TEXTS[reason].ja
    return text.format_map(_Details({name: _Detail(value) for name, value in details.items()})).strip()


def say_trouble(trouble: str) -> str:
    """Return in Japanese why a draft came back: a reason, and the position of the document it is about."""
    reason, _, position = trouble.partition(" ")
    return f"文書{position}：{say(Reason(reason))}" if position else say(Reason(reason))


def say_remark(remark: Remark) -> str:
    """Return a remark in Japanese, with the line or the document it is about."""
    text = say(remark.reason, "ja", **remark.details)
    if "position" not in remark.details:
        return f"{remark.where}：{text}" if remark.where else text
    return f"文書{remark.details['position']}「{remark.details.get('file', '')}」：{text}"
