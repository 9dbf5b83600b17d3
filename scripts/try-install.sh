#!/usr/bin/env bash
# What a server does: the tracked files in an empty folder, "npm ci --omit=dev" and "npm start" with whichever Node the
# machine has. Ends with 0 once API, dashboard and command line have answered.
set -euo pipefail
cd "$(dirname "$0")/.."
# PostgreSQL's user must be able to enter it.
folder=$(mktemp -d) && chmod 755 "$folder"
mkdir "$folder/plexy"
git -c safe.directory='*' ls-files -z | tar --null -T - -c | tar -x -C "$folder/plexy"
cd "$folder/plexy"

server=
finish() {
  # All of its group: npm ends its shell, which does not tell the server.
  if [ -n "$server" ]; then
    kill -- "-$server" || true
    while kill -0 -- "-$server" 2>/dev/null; do sleep 0.2; done
  fi
  rm -rf "$folder"
}
trap finish EXIT

npm ci --omit=dev
PORT=0 DATA_DIR="$folder/data" setsid npm start >"$folder/log" 2>&1 &
server=$!
until url=$(grep -Eom1 'http://127\.0\.0\.1:[0-9]+' "$folder/log"); do
  if ! kill -0 "$server" 2>/dev/null; then
    server=
    cat "$folder/log"
    exit 1
  fi
  sleep 0.2
done
curl -fsS "$url/health"
curl -fsS "$url/dashboard" | grep '<html' >/dev/null
PLEXY_URL=$url npx plexy merchants list >/dev/null
echo " by $(node --version), which started $(npm exec -c 'node --version')"
