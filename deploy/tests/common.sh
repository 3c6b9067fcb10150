# shellcheck shell=bash
# What the tests of the image and of the package share. Each ends at its first failure.

readonly PROXY=http://127.0.0.1:8080

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

# private.jwk and jwks.json, and in `token` one that both tests' configurations accept.
make_keys() {
    local program=$1 folder=$2
    "$program" keygen --alg ES256 --out "$folder" >/dev/null
    "$program" mint --key "$folder/private.jwk" --expires-in 10m --claim sub=alice \
        --claim iss=https://idp.example.com --claim aud=https://api.example.com >"$folder/token"
}

# The status that the proxy answers a path with; what follows is for curl.
status_of() {
    local path=$1
    shift
    curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "$@" "$PROXY$path"
}

# The same with the token of `make_keys`.
verified_status() {
    local folder=$1 path=$2
    shift 2
    status_of "$path" --header "Authorization: Bearer $(<"$folder/token")" "$@"
}
