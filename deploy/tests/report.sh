# shellcheck shell=bash
# What the tests of the image and of the package report with. Each ends at its first failure.

passed() {
    printf 'ok: %s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

expect() {
    local what=$1 expected=$2 found=$3
    [[ $found == "$expected" ]] || fail "$what: expected $expected, found $found"
    passed "$what: $found"
}
