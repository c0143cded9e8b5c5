"""What the pages of the registry show: one frozen view a page, as in `portal.views`.

First the pages on which a contractor registers an address, then the staff's. Fields that a form posts back are named in
the docstring of the view that has the form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from envelopes.rules.applications import Door, Stage
from envelopes.rules.terms import Terms
from portal.staff_views import Choice
from portal.views import FieldError, Happening, Page, StaffNav

# The contractor's pages


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationStart(Page):
    """What registering is for, and what is needed. *lost* tells that the pages before are no longer known."""

    begin_url: str
    withdraw_url: str
    purposes: tuple[Terms, ...]
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One line, or with *rows* several of *limit* characters, to be filled in.

    `shape` is its type, `fill` what browsers may fill in.
    """

    name: str
    label: str
    value: str = ""
    hint: str = ""
    required: bool = True
    rows: int = 1
    limit: int = 0
    shape: str = "text"
    fill: str = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationQuestion(Page):
    """One question, the *number* of *steps*.

    Posts its inputs, and `use` for the address in *suggestion*; *as_typed* was not meant otherwise.
    """

    number: int | None
    heading: str
    lead: str
    inputs: tuple[Input, ...]
    post_url: str
    back_url: str
    suggestion: str = ""
    as_typed: str = ""
    carrier: bool = False
    steps: int = 5
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationTerms(Page):
    """承諾. Posts `agree` and `version`. With *facts*, staff entered the address and a code follows at once."""

    terms: tuple[Terms, ...]
    version: str
    post_url: str
    back_url: str | None
    number: int | None = None
    steps: int = 5
    agreed: bool = False
    facts: tuple[tuple[str, str], ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was entered, and where to change it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationCheck(Page):
    """Everything once more. Posts nothing: what was entered is in the browser, sealed."""

    answers: tuple[Answered, ...]
    carrier: bool
    post_url: str
    back_url: str
    steps: int = 5
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationCode(Page):
    """Posts `code`. Without *valid_until* no code is out.

    A mistyped address is typed again at *again_url*; where there is none, staff have typed it. An address is sent
    *codes_a_day*.
    """

    masked_address: str
    verify_url: str
    resend_url: str
    valid_until: datetime | None
    word: str | None
    resend_wait: int
    again_url: str | None
    codes_a_day: int
    withdrawal: bool = False
    resent: bool = False
    typed: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationDone(Page):
    """The number, and what happens next; or that the address is another company's (*elsewhere*).

    An address works *hours* after it is approved. Once decided: from when it works, where it still stands, or the
    *answer*, and the page on which one may apply again. Of a *withdrawal*: that it is done, or that the address is
    *unknown*.
    """

    number: str
    company: str
    masked_address: str
    at: datetime
    hours: int
    stage: Stage = Stage.PROVED
    works_from: datetime | None = None
    answer: str = ""
    again_url: str | None = None
    elsewhere: bool = False
    withdrawal: bool = False
    unknown: bool = False


# The staff's pages


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRow:
    """One application in the list."""

    number: str
    company: str
    who: str
    kind: str
    stage: Stage
    door: Door
    at: datetime
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """One entry in the list. *standing* is `works`, `waits`, `ends`, `dead` or `withdrawn`."""

    company: str
    who: str
    address: str
    kind: str
    standing: str
    day: date | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileRow:
    """An entry whose mobile number waits for a second person."""

    company: str
    who: str
    day: date
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry(Page):
    """S9: applications to decide about, and the registry. Gets `q`, a part of a company's name."""

    nav: StaffNav
    open: tuple[ApplicationRow, ...]
    waiting: tuple[ApplicationRow, ...]
    mobiles: tuple[MobileRow, ...] = ()
    contacts: tuple[ContactRow, ...]
    here_url: str
    import_url: str | None
    export_url: str
    asked: str = ""
    more: bool = False
    notice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryApplication(Page):
    """One application. Posts `call_back` to *approve_url*, `reason` to *return_url*, and nothing to the other three."""

    nav: StaffNav
    registry_url: str
    number: str
    stage: Stage
    door: Door
    company: str
    office: str
    person: str
    address: str
    kind: str
    why: str
    previous: str
    mobile: str = ""
    version: str
    agreed_at: datetime | None
    terms: tuple[Terms, ...]
    first: str
    second: str
    call_back: str
    answer: str
    history: tuple[Happening, ...]
    check_url: str | None
    approve_url: str | None
    return_url: str | None
    again_url: str | None = None
    back_url: str | None = None
    hindrance: str | None
    contact_url: str | None
    remarks: tuple[str, ...] = ()
    typed: str = ""
    limit: int
    hours: int
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileNumber:
    """A mobile number of an entry: in use (*works*), approved and waiting, or *proposed*.

    Posts `call_back` to *approve_url*, the reason as *end_name* to *end_url*.
    """

    number: str
    works: bool
    proposed: bool
    works_from: datetime | None
    first: str
    second: str
    source: str
    call_back: str
    approve_url: str | None
    hindrance: str | None
    end_url: str | None
    end_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The authenticator app of an entry. *lost_at*: reported by *reporter*, and not ended yet.

    Posts `app_note` to *lost_url*, `app_call_back` to *end_url*, nothing to *found_url*; *hindrance* says why this
    person may not be the second.
    """

    set_up_at: datetime
    lost_at: datetime | None
    reporter: str = ""
    note: str = ""
    lost_url: str | None = None
    found_url: str | None = None
    end_url: str | None = None
    hindrance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryContact(Page):
    """One entry and its history.

    Posts `reason` to *end_url*, `note` to *withdraw_url*, `email` and `why` to *correct_url*, `mobile` and `source` to
    *mobile_url*, which is there where the settings name an SMS hook, `identity` (empty: by what is registered) to
    *identity_url*. `usual`: by what he proves who he is where an order says nothing. `typed`: what the form that could
    not be taken held, by its fields.
    """

    nav: StaffNav
    registry_url: str
    row: ContactRow
    office: str
    person: str
    why: str
    revision: int
    consented_on: date
    consent_note: str
    first: str
    second: str
    call_back: str
    works_from: datetime
    works_until: datetime | None
    application_url: str | None
    history: tuple[Happening, ...]
    end_url: str | None
    withdraw_url: str | None
    correct_url: str | None
    limit: int
    hours: int
    mobiles: tuple[MobileNumber, ...] = ()
    mobile_url: str | None = None
    app: App | None = None
    usual: str = ""
    identity: tuple[Choice, ...] = ()
    identity_url: str | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryImport(Page):
    """Posts `file`. *faults* are those of the list, with their lines; nothing was registered then."""

    nav: StaffNav
    registry_url: str
    post_url: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    most: int
    faults: tuple[str, ...] = ()
    errors: tuple[FieldError, ...] = ()
