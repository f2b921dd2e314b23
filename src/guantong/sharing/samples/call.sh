#!/bin/sh
# Needs curl and openssl (3.0 or later). application.key is the application's private key, mode 0600.
set -eu
URL=@URL@
MODE=@MODE@
APPLICATION=@APPLICATION@
printf '%s' @BODY@ > body.json

# The key as PEM: the last part of the file is one byte for the algorithm and 32 of the Ed25519 seed.
umask 077
{ printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'
  cut -d+ -f5- application.key | openssl base64 -d -A | tail -c 32; } > key.der
openssl pkey -inform DER -in key.der -out key.pem

DIGEST="sha-256=:$(openssl dgst -sha256 -binary body.json | openssl base64 -A):"
PARAMS="(\"@method\" \"@path\" \"content-digest\");created=$(date +%s);keyid=\"$APPLICATION\";nonce=\"$(openssl rand -hex 16)\""
printf '"@method": POST\n"@path": /v1/%s\n"content-digest": %s\n"@signature-params": %s' \
  "$MODE" "$DIGEST" "$PARAMS" > base.txt
SIGNATURE=$(openssl pkeyutl -sign -inkey key.pem -rawin -in base.txt | openssl base64 -A)
rm -f key.der key.pem base.txt

curl --silent --show-error --request POST "$URL/v1/$MODE" \
  --header 'Content-Type: application/json' \
  --header "Content-Digest: $DIGEST" \
  --header "Signature-Input: sig1=$PARAMS" \
  --header "Signature: sig1=:$SIGNATURE:" \
  --data-binary @body.json
