#!/usr/bin/env bash
# An application that does not start any more, and how it starts again. `scripts/demo` builds dunlin and calls this.
#
#   DUNLIN=path/to/dunlin bash examples/stuck-start/run.sh
set -euo pipefail
cd "$(dirname "$0")"
dunlin=${DUNLIN:-dunlin}

if [[ -t 1 ]]; then bold=$'\e[1m' grey=$'\e[2m' plain=$'\e[0m'; else bold='' grey='' plain=''; fi
heading() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }
shown() { printf '%s$ %s%s\n' "$grey" "$*" "$plain"; }

# shellcheck source=scripts/server
. ../../scripts/server
start_server fsync=off
sql() { "$server_psql" -X -q -v ON_ERROR_STOP=1 -d "$DATABASE_URL" "$@"; }

heading "1. A database of an older release, with rows, and the folder of the new one"
sql -f before.sql
before=$(sql -f rows.sql)
printf '%s\n\n' "$before"
ls migrations

heading "2. What happens at every start: psql stops in the first file"
shown "psql --single-transaction -f migrations/0001_initial.sql"
if PGOPTIONS='-c client_min_messages=warning' sql --single-transaction -f migrations/0001_initial.sql 2>&1; then
    echo "error: psql was expected to stop" >&2
    exit 1
fi
cat <<'TEXT'

CREATE TABLE IF NOT EXISTS did nothing, since the table was there, without the column.
0010 would add the column, but never gets its turn: every retry ends at the same line.
TEXT

heading "3. What Dunlin would do, and why"
shown "dunlin plan"
"$dunlin" plan

heading "4. Dunlin does it"
shown "dunlin up"
"$dunlin" up

heading "5. What is applied, and what is left for a person to decide"
shown "dunlin status"
"$dunlin" status

heading "6. Every row is still there"
after=$(sql -f rows.sql)
printf '%s\n\n' "$after"
[[ $before == "$after" ]] || { echo "error: rows have changed" >&2; exit 1; }
echo "The same counts and the same checksums as before."

heading "7. The person decides, and mends the slip of the pen"
cp -r migrations "$server_home/migrations"
sed -i.bak 's/autor_id/author_id/' "$server_home/migrations/0015_authors.sql"
rm "$server_home/migrations/0015_authors.sql.bak"
shown "dunlin adopt 0016_plans             # the two plans are there"
"$dunlin" adopt 0016_plans -m "$server_home/migrations"
shown "dunlin skip '0017_old_sessions#2'   # no session is of the legacy kind"
"$dunlin" skip '0017_old_sessions#2' -m "$server_home/migrations"
shown "dunlin up"
"$dunlin" up -m "$server_home/migrations"

[[ $before == "$(sql -f rows.sql)" ]] || { echo "error: rows have changed" >&2; exit 1; }
printf '\nThe application starts. All of it took %s seconds.\n' "$SECONDS"
