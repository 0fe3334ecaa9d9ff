#!/usr/bin/env bash
# Builds dist/tsinkd for this machine; "compile.sh all" also dist/tsinkd-linux-{x64,arm64}{,-musl}.
# Prints size and SHA-256 of each. Needs Node 20 and the packages of "npm ci".
set -euo pipefail
cd "$(dirname "$0")"
exec node tools/compile.mjs "$@"
