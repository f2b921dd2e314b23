#!/bin/sh
# What the tests talk to: PostgreSQL, MariaDB, Valkey's protocol (Redis), NATS, Chromium, a JDK, nginx and wrk, curl and openssl. Fetched where they are missing, when we may.
set -eu
missing=""
found() { command -v "$1" >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
found initdb || missing="$missing postgresql"
found mariadbd || missing="$missing mariadb-server"
found chromium || missing="$missing chromium"
# The compiler too: a client of the national platform is compiled and run.
found javac || missing="$missing default-jdk-headless"
found nats-server || missing="$missing nats-server"
found redis-server || missing="$missing redis-server"
# The measure beside the gateway, and what loads both.
found nginx || missing="$missing nginx-light"
found wrk || missing="$missing wrk"
# What a grant's page tells programmers to use.
found curl || missing="$missing curl"
found openssl || missing="$missing openssl"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need$missing: please install them (Debian: sudo apt-get install$missing) and run make test again." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 - a list of words on purpose
apt-get install -q -y --no-install-recommends $missing
