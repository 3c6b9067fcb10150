//! What the evidence journal records of a signed request: the proof of an admitted one, and the
//! unverified facts of a refused one.

use http::HeaderMap;

use super::held_body::HeldBody;
use crate::{
    evidence::{EvidenceEntry, Journal},
    gate::{Admission, Denial, Unsigned},
    identity::ClaimPath,
    json::{Json, Object},
    policy::CanonicalRequest,
    signature::VerifiedSignature,
    token::VerifiedToken,
};

/// The unverified facts of a request that may be refused.
#[derive(Debug)]
pub(super) struct Claim {
    rules: String,
    jws: Option<String>,
    claims: Vec<(String, Json)>,
}

impl Claim {
    /// What is to be kept if the request is refused, where the operator wants that and there is a
    /// signature.
    pub(super) fn of(
        journal: &Journal,
        unsigned: &Unsigned<'_>,
        headers: &HeaderMap,
    ) -> Option<Self> {
        if !journal.records_refused() {
            return None;
        }
        Some(Self {
            rules: unsigned.rules().name().to_owned(),
            jws: unsigned.rules().received(headers)?.jws.map(str::to_owned),
            claims: kept_claims(journal.claims(), unsigned.claims()),
        })
    }

    /// Keeps it, with the reason of the refusal.
    pub(super) fn note(self, journal: &Journal, request: &CanonicalRequest, denial: &Denial) {
        let Self { rules, jws, claims } = self;
        let verdict = denial.reason().code();
        journal.note(EvidenceEntry { claims, verdict, ..entry(request, &rules, jws) });
    }
}

/// What is kept of a request that passes.
pub(super) fn of_admitted(
    journal: &Journal,
    request: &CanonicalRequest,
    admission: &Admission<'_>,
    signature: &VerifiedSignature,
    held: &HeldBody,
) -> EvidenceEntry {
    let claims = admission.token().map(VerifiedToken::claims);
    let key = signature.key();
    let thumbprint = key.thumbprint().to_text();
    let has_body = signature.payload().kind == "body";
    EvidenceEntry {
        signer: Some(signature.signer().to_owned()),
        claims: kept_claims(journal.claims(), claims),
        payload: Some(signature.payload().clone()),
        signed_hash: signature.signed_hash().map(<[u8]>::to_vec),
        key: key.public_jwk().map(|jwk| (jwk, thumbprint)),
        verdict: "verified",
        body: (journal.keeps_bodies() && has_body).then(|| held.evidence()),
        ..entry(request, signature.rules(), Some(signature.jws().to_owned()))
    }
}

fn entry(request: &CanonicalRequest, rules: &str, jws: Option<String>) -> EvidenceEntry {
    EvidenceEntry {
        method: request.method().to_string(),
        host: request.authority().to_owned(),
        target: request.target().as_str().to_owned(),
        rules: rules.to_owned(),
        signer: None,
        claims: Vec::new(),
        jws,
        payload: None,
        signed_hash: None,
        key: None,
        verdict: "",
        body: None,
    }
}

fn kept_claims(wanted: &[ClaimPath], claims: Option<&Object>) -> Vec<(String, Json)> {
    let found = wanted.iter().filter_map(|claim| {
        let value = claims.and_then(|claims| claim.find(claims))?;
        Some((claim.as_str().to_owned(), value.clone()))
    });
    found.collect()
}
