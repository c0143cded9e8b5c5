"""A private Dovecot and Postfix: the real mail servers the doors are tested against.

Everything lives in one temporary folder and on high ports of 127.0.0.1. Every address of every domain has a
mailbox; its login name is the address (without `+detail`), the password is the same for all. Addresses that
fail on purpose, at any domain:

- `nobody@` 550 5.1.1, `later@` 450 4.2.1, `busy@` 421, `policy@` 554 5.7.1, `full@` 552 5.2.2;
- `bounce@` and `overquota@` are accepted and come back as a delivery status notification, the second with 5.2.2;
- `slow@` is accepted and never delivered: a report says after some seconds that it is delayed;
- everybody at a domain under `discard.example` is accepted and thrown away.

Each mail from the wire gets `Authentication-Results: mx.fukan.example` with a DMARC pass for the domain of
its envelope sender, or a fail where that domain begins with `forged.`. Needs root, as both servers do.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.servers.ports import ServerFailed, binary, free_ports, speaks, stop, wait_until

PASSWORD = "himitsu"
AUTHSERV_ID = "mx.fukan.example"
OPEN_FILES = 4096  # why: Dovecot and Postfix warn about less, and a container may offer a million
LONG_AGO = 1_000_000_000  # why: Postfix waits 1.5 s while its settings look freshly written

DOVECOT = Template("""
base_dir = $folder/run
state_dir = $folder/state
log_path = $folder/dovecot.log
mail_home = $folder/home/%Lu
mail_location = maildir:~/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 0
first_valid_gid = 0
mail_fsync = never
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <$folder/cert.pem
ssl_key = <$folder/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_chars =
auth_failure_delay = 0
mail_max_userip_connections = 200
mailbox_idle_check_interval = 1 s
hostname = $authserv
postmaster_address = postmaster@$authserv
recipient_delimiter = +
passdb {
  driver = static
  args = password=$password
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$folder/home/%Lu allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  chroot =
  process_min_avail = 1
  service_count = 0
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
service auth {
  unix_listener auth-userdb {
    mode = 0666
  }
  unix_listener $folder/spool/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
service anvil {
  chroot =
  # Else one wrong password would slow down every later login from this machine.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
  unix_listener stats-writer {
    mode = 0666
  }
}
""")

MAIN_CF = Template("""
compatibility_level = 3.6
queue_directory = $folder/spool
data_directory = $folder/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = $authserv
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = static:ALL
virtual_mailbox_maps = static:ALL
virtual_transport = dovecot
dovecot_destination_recipient_limit = 1
transport_maps = regexp:$folder/transport
recipient_delimiter = +
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_sender_restrictions = check_sender_access regexp:$folder/senders
smtpd_recipient_restrictions = check_recipient_access regexp:$folder/recipients
smtpd_tls_cert_file = $folder/cert.pem
smtpd_tls_key_file = $folder/key.pem
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_delay_reject = no
smtpd_error_sleep_time = 0
smtputf8_enable = yes
maillog_file = $folder/postfix.log
maillog_file_prefixes = $folder
message_size_limit = 41943040
mailbox_size_limit = 0
virtual_mailbox_limit = 0
minimal_backoff_time = 2s
queue_run_delay = 2s
maximal_backoff_time = 4s
in_flow_delay = 0
delay_warning_time = 2s
alias_maps =
alias_database =
""")

MASTER_CF = Template("""
127.0.0.1:$smtp inet n - n - - smtpd
127.0.0.1:$smtps inet n - n - - smtpd
    -o smtpd_tls_wrappermode=yes
127.0.0.1:$submission inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_tls_auth_only=yes
    -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
discard unix - - n - - discard
retry unix - - n - - error
missing unix - n n - - pipe
    user=mail argv=/bin/sh -c {echo The mailbox does not exist; exit 67}
quota unix - n n - - pipe
    user=mail argv=/bin/sh -c {echo 5.2.2 Over quota; exit 69}
resting unix - n n - - pipe
    user=mail argv=/bin/sh -c {echo 4.2.1 The mailbox is resting; exit 75}
dovecot unix - n n - - pipe
    flags=DRhu user=mail null_sender=
    argv=$lda -c $folder/dovecot.conf -f $${sender} -a $${original_recipient} -d $${user}@$${nexthop}
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")

RECIPIENTS = r"""
/^nobody(\+.*)?@/ 550 5.1.1 No such mailbox here
/^later(\+.*)?@/ 450 4.2.1 Mailbox is resting, try again
/^busy(\+.*)?@/ 421 4.3.2 Shutting down
/^policy(\+.*)?@/ 554 5.7.1 Refused by policy
/^full(\+.*)?@/ 552 5.2.2 Mailbox is full
"""

SENDERS = Template(r"""
/@(forged\..+)$$/ PREPEND Authentication-Results: $authserv; dmarc=fail header.from=$$1
/@(.+)$$/ PREPEND Authentication-Results: $authserv; dmarc=pass header.from=$$1
""")

TRANSPORT = r"""
/^bounce(\+.*)?@/ missing:
/^overquota(\+.*)?@/ quota:
/^slow(\+.*)?@/ resting:
/\.discard\.example$/ discard:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPostOffice:
    """Where the servers listen. `smtp` and `submission` offer STARTTLS; `submission` wants a login."""

    folder: Path
    imap: int
    imaps: int
    smtp: int
    smtps: int
    submission: int
    password: str = PASSWORD
    authserv: str = AUTHSERV_ID
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    @property
    def ca_file(self) -> Path:
        """The certificate that vouches for the servers."""
        return self.folder / "cert.pem"

    def kick(self, address: str) -> None:
        """Throw every IMAP connection of *address* out."""
        command = [binary("doveadm"), "-c", str(self.folder / "dovecot.conf"), "kick", address]
        subprocess.run(command, check=True, capture_output=True)

    def delivering(self) -> bool:
        """Whether Postfix has taken a mail and put it into no mailbox yet; what waits for a retry is none."""
        # A mail goes from the first to the last, so that one which moves while they are read is seen.
        queues = [self.folder / "spool" / name for name in ("maildrop", "incoming", "active")]
        return any(path.is_file() for queue in queues for path in queue.rglob("*"))

    def start(self) -> None:
        """Start both servers, or raise ServerFailed."""
        self.processes.append(_start_dovecot(self))
        self.processes.append(_start_postfix(self))

    def stop(self) -> None:
        """Stop both servers; their mailboxes and queues stay."""
        while self.processes:
            stop(self.processes.pop())


@contextmanager
def real_post_office() -> Iterator[RealPostOffice]:
    """Run Dovecot and Postfix until the block ends, or raise ServerFailed."""
    if os.geteuid() != 0:
        raise ServerFailed("Dovecot and Postfix need root: run the tests as root")
    # Not pytest's own folder: the servers' users must be able to enter it, and socket paths are short.
    folder = Path(tempfile.mkdtemp(prefix="fukan-po-"))
    office = _plan(folder)
    try:
        _write_folder(office)
        office.start()
        yield office
    finally:
        office.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _plan(folder: Path) -> RealPostOffice:
    imap, imaps, smtp, smtps, submission = free_ports(5)
    return RealPostOffice(
        folder=folder, imap=imap, imaps=imaps, smtp=smtp, smtps=smtps, submission=submission
    )


def _write_folder(office: RealPostOffice) -> None:
    office.folder.chmod(0o755)
    _make_certificate(office.folder)
    _make_spool(office.folder)
    (office.folder / "home").mkdir()
    shutil.chown(office.folder / "home", "mail", "mail")
    _write_settings(office)


def _make_certificate(folder: Path) -> None:
    command = [binary("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "30"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    # The delivery agent runs as another user and reads the whole configuration.
    (folder / "key.pem").chmod(0o644)


def _make_spool(folder: Path) -> None:
    for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"):
        _make_folder(folder / "spool" / name, 0o700, "postfix")
    for name in ("private", "saved", "trace"):
        _make_folder(folder / "spool" / name, 0o700, "postfix")
    _make_folder(folder / "spool" / "maildrop", 0o730, "postfix", "postdrop")
    _make_folder(folder / "spool" / "public", 0o710, "postfix", "postdrop")
    _make_folder(folder / "spool" / "pid", 0o755, "root")
    _make_folder(folder / "data", 0o700, "postfix")


def _make_folder(path: Path, mode: int, owner: str, group: str | None = None) -> None:
    path.mkdir(parents=True)
    shutil.chown(path, owner, group)
    path.chmod(mode)


def _write_settings(office: RealPostOffice) -> None:
    places = {name: getattr(office, name) for name in RealPostOffice.__slots__}
    places["lda"] = binary("dovecot-lda", "/usr/lib/dovecot")
    (office.folder / "dovecot.log").touch()
    (office.folder / "dovecot.log").chmod(0o666)  # the delivery agent writes there too
    (office.folder / "dovecot.conf").write_text(DOVECOT.substitute(places))
    (office.folder / "recipients").write_text(RECIPIENTS)
    (office.folder / "senders").write_text(SENDERS.substitute(places))
    (office.folder / "transport").write_text(TRANSPORT)
    settings = office.folder / "postfix"
    settings.mkdir()
    for name, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF)):
        (settings / name).write_text(text.substitute(places))
        os.utime(settings / name, (LONG_AGO, LONG_AGO))


def _start(command: list[str], folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    with (folder / "started.log").open("ab") as log:
        return subprocess.Popen(
            [binary("prlimit"), f"--nofile={OPEN_FILES}:{OPEN_FILES}", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/sbin:/usr/bin:/bin", **environment},
            start_new_session=True,  # Postfix ends its whole process group
        )


def _start_dovecot(office: RealPostOffice) -> subprocess.Popen[bytes]:
    command = [binary("dovecot"), "-F", "-c", str(office.folder / "dovecot.conf")]
    process = _start(command, office.folder)
    _wait(lambda: speaks(office.imap), process, office.folder, "dovecot")
    return process


def _start_postfix(office: RealPostOffice) -> subprocess.Popen[bytes]:
    # `master` itself: the start script needs three seconds for its checks.
    settings = str(office.folder / "postfix")
    command = [binary("master", "/usr/lib/postfix/sbin"), "-c", settings, "-d"]
    process = _start(command, office.folder, MAIL_CONFIG=settings)
    _wait(lambda: speaks(office.smtp), process, office.folder, "postfix")
    return process


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path, name: str) -> None:
    try:
        wait_until(ready, process, name)
    except ServerFailed as failure:
        stop(process)
        logs = [path.read_text(errors="replace")[-1000:] for path in folder.glob("*.log")]
        raise ServerFailed(f"{failure}: {' '.join(logs)}") from None
