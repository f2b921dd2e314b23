#!/bin/sh
# Needs curl. application.secret: the secret that the application's page showed, mode 0600.
set -eu
URL=@URL@
APPLICATION=@APPLICATION@

# A token is good for ten minutes: keep it and ask again when it ends. What curl reads from - no other user sees.
TOKEN=$(printf 'user = "%s:%s"' "$APPLICATION" "$(cat application.secret)" |
  curl --silent --show-error --config - --data grant_type=client_credentials "$URL/oauth2/token" |
  sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')

# The department's own interface, with the grant before its path. The receipt comes in the headers.
printf 'header = "Authorization: Bearer %s"' "$TOKEN" |
  curl --silent --show-error --config - --dump-header headers.txt "$URL"@PATH@
