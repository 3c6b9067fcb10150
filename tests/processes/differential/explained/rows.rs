//! The table.

use super::{
    Other::{self, Jose, Joserfc, Jwcrypto},
    Row,
};

pub(crate) static ROWS: &[Row] = &[
    Row {
        cases: "algorithms/Ed25519 as",
        refused_by: &[(Jose, "ERR_JWKS_NO_MATCHING_KEY"), (Joserfc, "No key for kid")],
        because: "with such a key Ed25519 is another name for EdDSA (RFC 9864 §2.2)",
    },
    Row {
        cases: "claims/iat: now +",
        refused_by: &[(Joserfc, "issued in the future")],
        because: "the fraction of iat is cut, which is no condition at all (RFC 7519 §4.1.6)",
    },
    Row {
        cases: "documents/a single key",
        refused_by: &[
            (Jose, "ERR_JWKS_INVALID"),
            (Joserfc, "KeyError: 'keys'"),
            (Jwcrypto, "InvalidJWKValue"),
        ],
        because: "a document that is one JWK (RFC 7517 §4) is taken for a set of one",
    },
    Row {
        cases: "header/",
        refused_by: &[(Joserfc, "Header size exceeds 512 bytes")],
        because: "no bound is written anywhere; x5c chains take up to 4 KiB, and 8 KiB are taken",
    },
    Row {
        cases: "json/header: an array of",
        refused_by: &[(Joserfc, "Header size exceeds 512 bytes")],
        because: "no bound is written anywhere; x5c chains take up to 4 KiB, and 8 KiB are taken",
    },
    Row {
        cases: "header/j",
        refused_by: &[(Joserfc, "invalid_header_value: 'j")],
        because: "keys that come with a token are never looked at (RFC 8725 §3.10)",
    },
    Row {
        cases: "header/x5",
        refused_by: &[(Joserfc, "invalid_header_value: 'x5")],
        because: "keys that come with a token are never looked at (RFC 8725 §3.10)",
    },
    Row {
        cases: "header/",
        refused_by: &[(Joserfc, "UnsupportedHeaderError")],
        because: "header parameters that are not understood are ignored (RFC 7515 §4)",
    },
    Row {
        cases: "json/header:",
        refused_by: &[(Joserfc, "UnsupportedHeaderError")],
        because: "header parameters that are not understood are ignored (RFC 7515 §4)",
    },
    Row {
        cases: "header/kid: absent",
        refused_by: &[(Joserfc, "No key for kid: 'None'")],
        because: "kid is optional, and one key only fits the algorithm (RFC 7515 §4.1.4)",
    },
    Row {
        cases: "names/",
        refused_by: &[(Joserfc, "No key for kid: 'None'")],
        because: "kid is optional, and one key only fits the algorithm (RFC 7515 §4.1.4)",
    },
    Row {
        cases: "names/*, the same key",
        refused_by: &[(Jose, "ERR_JWKS_MULTIPLE_MATCHING_KEYS")],
        because: "one key listed twice is one key: nothing is ambiguous (RFC 7515 §4.1.4)",
    },
    Row {
        cases: "names/one key without kid",
        refused_by: NAMELESS,
        because: "kid is a hint, and optional in a set: without names any fits (RFC 7517 §4.5)",
    },
    Row {
        cases: "names/two keys without kid",
        refused_by: NAMELESS,
        because: "kid is a hint, and optional in a set: without names any fits (RFC 7517 §4.5)",
    },
    Row {
        cases: "keys/kid: absent",
        refused_by: NAMELESS,
        because: "kid is a hint, and optional in a set: without names any fits (RFC 7517 §4.5)",
    },
    Row {
        cases: "keys/key_ops: [\"sign\",\"verify\"]",
        refused_by: &[(Jose, "")],
        because: "it may verify, and what a private half may do is no matter (RFC 7517 §4.3)",
    },
    Row {
        cases: "keys/key_ops: [\"verify\",\"new\"]",
        refused_by: &[
            (Jose, ""),
            (Joserfc, "'key_ops' must be one of"),
            (Jwcrypto, "InvalidJWKValue"),
        ],
        because: "operations beside the registered ones may be used (RFC 7517 §4.3)",
    },
    Row {
        cases: "keys/key_ops: [\"verify\",\"verify\"]",
        refused_by: &[(Jose, "ERR_JWKS_NO_MATCHING_KEY"), (Jwcrypto, "InvalidJWKValue")],
        because: "who publishes must not repeat one (RFC 7517 §4.3), but says what the key is for",
    },
    Row {
        cases: "keys/ext:",
        refused_by: &[(Jose, "ERR_JWKS_NO_MATCHING_KEY")],
        because: "a member of the Web Cryptography API only, and ignored (RFC 7517 §4)",
    },
    Row {
        cases: "keys/crv:",
        refused_by: &[(Jwcrypto, "InvalidJWKValue")],
        because: "a key whose type has no curve: members not understood are ignored (RFC 7517 §4)",
    },
    Row {
        cases: "keys/x5",
        refused_by: &[(Joserfc, "key_parameter: 'x5")],
        because: "certificates beside a key are never looked at (RFC 7517 §4.6-4.9: optional)",
    },
    Row {
        cases: "keys/*: null",
        refused_by: &[
            (Jose, ""),
            (Joserfc, "KeyParameterError"),
            (Jwcrypto, "InvalidJWKValue"),
            (Jwcrypto, "JWTMissingKey"),
        ],
        because: NULL,
    },
    Row {
        cases: "header/*: null",
        refused_by: &[
            (Jose, "ERR_JWKS_NO_MATCHING_KEY"),
            (Joserfc, "InvalidHeaderValueError"),
            (Jwcrypto, "JWTMissingKey"),
        ],
        because: NULL,
    },
    Row {
        cases: "claims/*: null",
        refused_by: &[
            (Jose, "claim must be a number"),
            (Joserfc, "InvalidClaimError"),
            (Jwcrypto, "TypeError"),
        ],
        because: NULL,
    },
    Row {
        cases: "neighbours/",
        refused_by: &[(Jose, "ERR_JWKS_INVALID"), (Joserfc, ""), (Jwcrypto, "InvalidJWKValue")],
        because: "what is not understood or out of range costs no other key (RFC 7517 §5)",
    },
];

/// A `kid` that no key has, in a set in which none has a name.
const NAMELESS: &[(Other, &str)] =
    &[(Jose, "ERR_JWKS_NO_MATCHING_KEY"), (Joserfc, "No key for kid"), (Jwcrypto, "JWTMissingKey")];

/// RFC 7515, 7517 and 7519 do not say what null means.
const NULL: &str = "null is absence (as in RFC 7396 §1), but for alg, crit and b64";
