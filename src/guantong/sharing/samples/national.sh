#!/bin/sh
# Needs curl and openssl. application.secret: the secret that the application's page showed, mode 0600.
set -eu
umask 077
URL=@URL@
RID=@RID@
SID=@SID@
trap 'rm -f inner.tmp second.secret' EXIT

# HMAC-SHA-256 (RFC 2104) of what comes in, by the key in file $1 (at most 64 bytes), in base64. Written out, because
# openssl takes a key on its command line only, where other users of the machine could read it.
hmac() {
  { padded "$1" 54; cat; } | openssl dgst -sha256 -binary > inner.tmp
  { padded "$1" 92; cat inner.tmp; } | openssl dgst -sha256 -binary | openssl base64 -A
}
padded() {
  { tr -d '\n' < "$1"; head -c 64 /dev/zero; } | head -c 64 | od -An -v -tu1 | tr -s ' ' '\n' |
    while read -r byte; do [ -z "$byte" ] || printf "\\$(printf %03o $((byte ^ $2)))"; done
}

# One signature stands for one call: the milliseconds are drawn, so that two calls of one second differ.
now() { printf '%s%03d' "$(date +%s)" $((0x$(openssl rand -hex 2) % 1000)); }

# The second secret is good for half a day: keep it and ask again when it ends. It comes encrypted under a key that the
# usual Java clients make of the application's secret; -K shows that key to this machine's users for a moment.
TIME=$(now)
SIGN=$(printf '%s' "$SID$RID$TIME" | hmac application.secret)
SAID=$(curl --silent --show-error --header 'Content-Type: application/json' --data-binary \
  "{\"gjgxjhpt_rid\":\"$RID\",\"gjgxjhpt_sid\":\"$SID\",\"gjgxjhpt_rtime\":\"$TIME\",\"gjgxjhpt_sign\":\"$SIGN\"}" \
  "$URL/sysapi/auth/refreshappsecret")
case $SAID in *'"code":"0"'*) ;; *) printf '%s\n' "$SAID"; exit 1 ;; esac
KEY=$(tr -d '\n' < application.secret | openssl dgst -sha1 -binary | openssl dgst -sha1 -r | cut -c 1-32)
printf '%s\n' "$SAID" | sed -n 's/.*"secret":"\([^"]*\)".*/\1/p' |
  openssl enc -d -aes-128-ecb -K "$KEY" -base64 -A > second.secret

TIME=$(now)
SIGN=$(printf '%s' "$SID$RID$TIME" | hmac second.secret)
curl --silent --show-error --get@PARAMETERS@ \
  --header "gjgxjhpt_rid: $RID" --header "gjgxjhpt_sid: $SID" \
  --header "gjgxjhpt_rtime: $TIME" --header "gjgxjhpt_sign: $SIGN"@OPERATION@ \
  "$URL/httpproxy"
