#!/bin/sh
# Makes .venv/ with everything the service needs (`run`), or everything its tests need too (`dev`). `office` adds what
# makes PDFs of Word and Excel files: some hundred MB, without which the service asks for PDFs.
#
# Debian packages that are missing are installed when this runs as root; otherwise they are named and nothing is
# changed. Python packages are installed by hash, and only when the lists have changed since the last time.
set -eu
cd "$(dirname "$0")/.."

level=${1:-run}
python=${PYTHON:-python3}
missing=""

say() { printf '%s\n' "$*" >&2; }

# want PACKAGE COMMAND…: note PACKAGE as missing unless COMMAND succeeds. What counts is what is there, not how it came.
want() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

exists() {
    for path in "$@"; do
        if [ -e "$path" ]; then return 0; fi
    done
    return 1
}

look_for_packages() {
    missing=""
    if command -v "$python" >/dev/null 2>&1; then
        want python3-venv "$python" -c 'import ensurepip, venv'
    else
        missing=" python3 python3-venv"
    fi
    want ca-certificates exists /etc/ssl/certs/ca-certificates.crt
    # The completion certificate is set in these, and pages of PDF files without fonts of their own are drawn with them.
    want fonts-noto-cjk exists /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
    want fonts-ipaexfont exists /usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf
    case $level in
        dev) look_for_office_packages && look_for_test_packages ;;
        office) look_for_office_packages ;;
    esac
}

look_for_office_packages() {
    want libreoffice-writer-nogui exists /usr/lib/libreoffice/program/libswlo.so
    want libreoffice-calc-nogui exists /usr/lib/libreoffice/program/libsclo.so
    want bubblewrap command -v bwrap
    # As wide as the fonts that Word and Excel files name.
    want fonts-liberation exists /usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf
    want fonts-crosextra-carlito exists /usr/share/fonts/truetype/crosextra/Carlito-Regular.ttf
}

look_for_test_packages() {
    want chromium command -v chromium
    want chromium-headless-shell command -v chromium-headless-shell
    # Playwright brings a node of its own, which wants it.
    want libatomic1 exists /usr/lib/*/libatomic.so.1
    want dovecot-imapd exists /usr/lib/dovecot/imap
    want postfix exists /usr/lib/postfix/sbin/master
    # An independent signer and judge of DKIM signatures.
    want opendkim command -v opendkim
    want postgresql exists /usr/lib/postgresql/*/bin/initdb
    want nginx-light exists /usr/sbin/nginx
    want qpdf command -v qpdf
    want poppler-utils command -v pdfsig
    want libnss3-tools command -v certutil
    want openssl command -v openssl
    # iText 5 is an independent validator of long-term signatures, and BouncyCastle asks the time stamping authority, as
    # programs in Java do; java compiles the few lines that call them.
    want libitext5-java exists /usr/share/java/itext5.jar
    want libbcpkix-java exists /usr/share/java/bcpkix.jar
    want default-jdk-headless command -v javac
    want curl command -v curl
    # An HSM without hardware, spoken to through PKCS#11 like any other.
    want softhsm2 command -v softhsm2-util
}

install_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "These packages are missing:$missing"
        say "Install them and call this again, on Debian: sudo apt-get install$missing"
        exit 1
    fi
    say "Installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    keep_services_off
    # shellcheck disable=SC2086 # the list is meant to be split
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
    leave_services_off
}

# The tests start servers of their own; a package must not start one for the whole machine.
keep_services_off() {
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    if command -v debconf-set-selections >/dev/null 2>&1; then
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
}

leave_services_off() {
    if ! command -v systemctl >/dev/null 2>&1; then return 0; fi
    for package in $missing; do
        case $package in
            dovecot-imapd) systemctl disable --quiet dovecot || true ;;
            nginx-light) systemctl disable --quiet nginx || true ;;
            opendkim | postfix | postgresql) systemctl disable --quiet "$package" || true ;;
        esac
    done
}

check_python() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && return 0
    say "Fukan needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Name another: make setup PYTHON=python3.12"
    exit 1
}

lists() {
    case $level in
        run | office) echo requirements/run.txt requirements/build.txt ;;
        dev) echo requirements/dev.txt ;;
        *) say "usage: tools/setup.sh run|office|dev" && exit 2 ;;
    esac
}

stamp() {
    # The folder belongs to it: a moved .venv/ no longer works.
    # shellcheck disable=SC2046
    { pwd -P; cat pyproject.toml $(lists); } | sha256sum | cut -d ' ' -f 1
}

is_up_to_date() {
    [ -x .venv/bin/fukan ] && [ "$(cat ".venv/installed-$level" 2>/dev/null)" = "$(stamp)" ] &&
        .venv/bin/python -c '' 2>/dev/null
}

install_python_packages() {
    say "Installing Python packages into .venv/ (the first time this takes a minute or two)"
    if ! .venv/bin/python -c '' 2>/dev/null; then "$python" -m venv --clear .venv; fi
    options=$(for list in $(lists); do printf ' -r %s' "$list"; done)
    pip="-m pip install -qq --disable-pip-version-check --no-input"
    # shellcheck disable=SC2086
    .venv/bin/python $pip --require-hashes -r requirements/build.txt
    # What comes as sources only is built with that, and not with whatever is newest.
    # shellcheck disable=SC2086
    .venv/bin/python $pip --require-hashes --no-build-isolation $options
    # Everything it is built with is there by now, so the project itself needs no network.
    # shellcheck disable=SC2086
    .venv/bin/python $pip --no-index --no-deps --no-build-isolation -e .
    stamp >".venv/installed-$level"
    # What the tests need holds all that the service needs.
    if [ "$level" = dev ]; then level=run && stamp >.venv/installed-run; fi
}

# Lighthouse measures the contractor's pages. npm checks every package against the hash in the lock file.
install_lighthouse() {
    wanted=$(sha256sum tests/lighthouse/package-lock.json | cut -d ' ' -f 1)
    stamp=tests/lighthouse/node_modules/.installed
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    say "Installing Lighthouse into tests/lighthouse/"
    npm="$(pwd -P)/.venv/bin/npm"
    (cd tests/lighthouse && PATH="${npm%/*}:$PATH" "$npm" ci --ignore-scripts --silent --no-audit --no-fund)
    echo "$wanted" >"$stamp"
}

lists >/dev/null
wanted_level=$level
look_for_packages
if [ -n "$missing" ]; then install_packages; fi
if [ "$level" = office ]; then level=run; fi
if ! is_up_to_date; then
    check_python
    install_python_packages
fi
if [ "$wanted_level" = dev ]; then install_lighthouse; fi
