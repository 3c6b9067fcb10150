//! What is kept of one request.

use crate::{
    jose::base64url,
    json::{Json, Object},
    signature::PayloadFacts,
};

use super::{EvidenceBody, body::Sha256};

/// One signed request, verified or refused. The token is never among it.
#[derive(Debug)]
pub struct Entry {
    /// The method.
    pub method: String,
    /// The canonical host.
    pub host: String,
    /// Path and query, as they are forwarded.
    pub target: String,
    /// The name of the rules, `[signatures.NAME]`.
    pub rules: String,
    /// Who signed, as far as it is known.
    pub signer: Option<String>,
    /// Claims of the token that the operator names, by these names.
    pub claims: Vec<(String, Json)>,
    /// The signature as it was received; `None` if what stands in its place is no detached JWS.
    pub jws: Option<String>,
    /// What was signed; `None` if it was not read.
    pub payload: Option<PayloadFacts>,
    /// The hash that the algorithm signs; `None` where it signs the message itself.
    pub signed_hash: Option<Vec<u8>>,
    /// The public key, as a JWK, and its thumbprint.
    pub key: Option<(Object, String)>,
    /// `verified`, or the reason of the refusal.
    pub verdict: &'static str,
    /// The body, where bodies are kept.
    pub body: Option<EvidenceBody>,
}

impl Entry {
    /// The body that is to be kept, and what it is called by.
    pub(super) fn kept_body(&self) -> Option<(Sha256, &EvidenceBody)> {
        Some((self.payload.as_ref()?.sha256?, self.body.as_ref()?))
    }

    /// The members of its line.
    pub(super) fn members(&self) -> Vec<(&'static str, Json)> {
        let mut members = vec![
            ("type", Json::from("request")),
            ("method", self.method.as_str().into()),
            ("host", self.host.as_str().into()),
            ("target", self.target.as_str().into()),
            ("rules", self.rules.as_str().into()),
            ("verdict", self.verdict.into()),
        ];
        if let Some(signer) = &self.signer {
            members.push(("signer", signer.as_str().into()));
        }
        let claims: Object = self.claims.iter().cloned().collect();
        members.push(("claims", Json::Object(claims)));
        if let Some(jws) = &self.jws {
            members.push(("jws", jws.as_str().into()));
        }
        if let Some(payload) = &self.payload {
            members.push(("payload", Json::Object(payload_members(payload))));
        }
        if let Some(hash) = &self.signed_hash {
            members.push(("signed_hash", base64url::encode(hash).as_str().into()));
        }
        if let Some((jwk, thumbprint)) = &self.key {
            members.push(("key", Json::Object(jwk.clone())));
            members.push(("thumbprint", thumbprint.as_str().into()));
        }
        members
    }
}

fn payload_members(payload: &PayloadFacts) -> Object {
    let mut members = Object::default();
    members.insert("kind", payload.kind);
    members.insert("length", Json::Integer(payload.length.into()));
    if let Some(sha256) = &payload.sha256 {
        members.insert("sha256", base64url::encode(sha256).as_str());
    }
    members
}
