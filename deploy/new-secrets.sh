#!/bin/sh
# Makes secrets/ for compose.yaml: settings, passwords, and a self-signed certificate until there is a real one.
# Usage: sh deploy/new-secrets.sh NAME [FOLDER]; NAME is the host name people will type. Nothing is overwritten.
set -eu
umask 077
name=${1:?usage: sh deploy/new-secrets.sh NAME [FOLDER]}
here=$(cd "$(dirname "$0")" && pwd)
folder=${2:-$here/../secrets}

if [ -e "$folder" ]; then
    echo "$folder is there already; nothing was changed" >&2
    exit 1
fi
mkdir -p "$folder"
cd "$folder"

password() { openssl rand -hex 24; }
postgres=$(password)
access=$(password)
secret=$(password)

printf '%s' "$postgres" >postgres-password
sed -e "s|@NAME@|$name|g" -e "s|@POSTGRES@|$postgres|" -e "s|@ACCESS@|$access|" -e "s|@SECRET@|$secret|" \
    "$here/fukan.toml.in" >fukan.toml
cat >s3.json <<END
{"identities": [{"name": "fukan", "credentials": [{"accessKey": "$access", "secretKey": "$secret"}],
  "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:$name" -keyout tls.key -out tls.crt 2>/dev/null

# The folder lets nobody in. The files are readable, because the services in the containers are other users.
chmod 0700 .
chmod 0644 ./*
echo "Made $(pwd -P). Read fukan.toml, then put a real certificate into tls.crt and tls.key."
