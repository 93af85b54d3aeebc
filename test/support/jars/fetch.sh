#!/usr/bin/env bash
# Brings the jars of a server that tests run, from Maven Central: `fetch.sh kafka`. They have to be those of its SHA256SUMS.
set -euo pipefail
cd "$(dirname "$0")"
sums="$PWD/$1/SHA256SUMS"
jars="$PWD/../../../node_modules/.cache/upchirp/$1"
mkdir -p "$jars"
cd "$jars"
sha256sum --check --status "$sums" 2>/dev/null && exit
rm -f ./*.jar
mvn --quiet --batch-mode --file "${sums%SHA256SUMS}pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars"
sha256sum --check --quiet "$sums"
