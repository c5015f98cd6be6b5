#!/usr/bin/env bash
# Fetches messages of other projects into FOLDER (default: corpora in the target folder), for `tests/tests/corpora.rs`.
# What is there already is left as it is; what cannot be fetched is told and left out: the tests then say so.
#
#   notmuch, gmime, bounceparser   Debian source packages
#   mail-parser-py                 PyPI, the package mail-parser
#   mail-auth                      crates.io
#
# None of it is committed, and none of its code is run.
set -euo pipefail
folder=${1:-"${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/corpora"}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# keep NAME ARCHIVE PATTERN: the files of ARCHIVE that match PATTERN become FOLDER/NAME, all at once.
keep() {
    mkdir "$scratch/$1" &&
        tar -xf "$2" -C "$scratch/$1" --strip-components=1 --wildcards --no-same-owner "$3" &&
        mv "$scratch/$1" "$folder/$1" &&
        echo "corpora: $1, $(find "$folder/$1" -type f | wc -l) files"
}

# debian NAME PACKAGE PATTERN
debian() {
    [ ! -d "$folder/$1" ] || return 0
    local lists="$scratch/lists"
    local options=(-o "Dir::Etc::sourcelist=$scratch/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root)
    if [ ! -d "$lists" ]; then
        mkdir -p "$lists/partial" "$scratch/cache/archives/partial"
        echo 'deb-src http://deb.debian.org/debian bookworm main' >"$scratch/sources.list"
        apt-get "${options[@]}" update -qq
    fi
    (cd "$scratch" && apt-get "${options[@]}" source --download-only --tar-only -qq "$2" >/dev/null) &&
        keep "$1" "$(find "$scratch" -maxdepth 1 -name "$2_*.orig.tar.*" | head -1)" "$3"
}

pypi() {
    [ ! -d "$folder/mail-parser-py" ] || return 0
    python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$scratch" 'mail-parser==4.8.0' &&
        keep mail-parser-py "$scratch"/mail_parser-*.tar.gz '*/tests/mails/*'
}

crate() {
    [ ! -d "$folder/mail-auth" ] || return 0
    curl --fail --silent --show-error --location --max-time 60 --output "$scratch/mail-auth.crate" \
        https://static.crates.io/crates/mail-auth/mail-auth-0.15.1.crate &&
        keep mail-auth "$scratch/mail-auth.crate" '*/resources/*.eml'
}

debian notmuch notmuch '*/test/corpora/*' || echo 'corpora: no notmuch'
debian gmime gmime '*/tests/data/*' || echo 'corpora: no gmime'
debian bounceparser libmail-deliverystatus-bounceparser-perl '*/t/corpus/*' || echo 'corpora: no bounceparser'
pypi || echo 'corpora: no mail-parser-py'
crate || echo 'corpora: no mail-auth'
