//! Explains how a signature over the body is verified.

use std::{io::Read, path::PathBuf};

use clap::Args;
use http::HeaderMap;
use tokio::time::timeout;

use super::{explainer::Explainer, report::CheckReport};
use crate::{
    cli::{CommandError, files},
    jose::base64url,
    json::{Json, Object},
    policy::CanonicalRequest,
    providers::{LiveSignerKeys, ProviderTasks},
    reason::{Cause, Reason},
    signature::SignatureRules,
    tasks::RunningTasks,
    token::Observer,
};

/// The signed body of a request.
#[derive(Debug, Args)]
pub struct SignedArgs {
    /// Also verify this signature over the body, for --path of a route that requires one
    #[arg(long, value_name = "JWS", requires = "path")]
    pub signature: Option<String>,
    /// The file with the body, byte for byte; without it the request has none
    #[arg(long, value_name = "FILE", requires = "signature")]
    pub body: Option<PathBuf>,
}

/// A signature, and what it should be over.
pub(super) struct Signed {
    pub(super) signature: String,
    pub(super) body: Vec<u8>,
}

impl SignedArgs {
    /// Reads the body, if there is a signature.
    pub(super) fn read(&self, input: &mut impl Read) -> Result<Option<Signed>, CommandError> {
        let Some(signature) = &self.signature else {
            return Ok(None);
        };
        let body = self.body.as_ref().map(|body| files::body_or_input(body, input)).transpose()?;
        Ok(Some(Signed { signature: signature.clone(), body: body.unwrap_or_default() }))
    }
}

impl Explainer {
    /// Whether the signature over the body would pass in the proxy.
    pub(super) async fn signature(
        &self,
        rules: &SignatureRules,
        signed: Option<&Signed>,
        request: &CanonicalRequest,
        claims: Option<&Object>,
        report: &mut CheckReport,
    ) -> Result<(), Cause> {
        let mut headers = HeaderMap::new();
        let Some(signed) = signed.filter(|signed| rules.carry(&mut headers, &signed.signature))
        else {
            let hint = "(The route asks for one: --signature and --body.)".to_owned();
            let cause = Cause::from(Reason::SignatureMissing);
            report.failed("signature", &cause, Some(hint));
            return Err(cause);
        };
        let mut pending = rules.begin(&headers, claims).await.inspect_err(|cause| {
            report.failed("signer", cause, None);
        })?;
        report.passed("signer", || pending.describe());
        pending.update(&signed.body);
        match pending.finish(request, Some(&signed.body), claims).await {
            Ok(verified) => {
                let length = verified.payload().length;
                let kind = verified.payload().kind;
                report.passed("body", || {
                    format!("the signature over the {kind} of {length} bytes is right")
                });
                Ok(())
            }
            Err(cause) => {
                let found = match cause.reason() {
                    Reason::SignatureInvalid => {
                        self.nearly(rules, &headers, &signed.body, claims).await
                    }
                    _ => None,
                };
                report.failed("body", &cause, found);
                Err(cause)
            }
        }
    }

    /// What the signature would be right over: the usual ways in which a body changes on the way
    /// from who signs it to who sends it.
    async fn nearly(
        &self,
        rules: &SignatureRules,
        headers: &HeaderMap,
        body: &[u8],
        claims: Option<&Object>,
    ) -> Option<String> {
        for (what, body) in variants(body) {
            let mut pending = rules.begin(headers, claims).await.ok()?;
            pending.update(&body);
            if pending.is_right() {
                return Some(format!("(It is right over {what}.)"));
            }
        }
        None
    }

    /// The signers' keys, as the proxy has them when it is ready.
    pub(super) async fn fetch_signers(
        &self,
        rules: &SignatureRules,
        tasks: ProviderTasks,
    ) -> RunningTasks {
        let tasks = tasks.spawn();
        if let LiveSignerKeys::Set(keys) = self.providers.signer_keys(rules.id()) {
            let deadline = self.fetch_deadline(rules.id());
            // Past the deadline there are no keys, and the check reports that.
            let _ = timeout(deadline, keys.first_read()).await;
        }
        tasks
    }
}

/// Common variants of this body, and their descriptions.
fn variants(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut variants = vec![
        ("the body with a line break at its end", [body, b"\n"].concat()),
        ("the body in base64url, though its header says that it is not", {
            base64url::encode(body).into_bytes()
        }),
        ("nothing at all", Vec::new()),
    ];
    if let Some(shorter) = body.strip_suffix(b"\n") {
        let shorter = shorter.strip_suffix(b"\r").unwrap_or(shorter);
        variants.push(("the body without the line break at its end", shorter.to_vec()));
    }
    if let Ok(text) = std::str::from_utf8(body) {
        variants.push(("the body with LF line breaks", text.replace("\r\n", "\n").into_bytes()));
        let unix = text.replace("\r\n", "\n");
        variants.push(("the body with CRLF line breaks", unix.replace('\n', "\r\n").into_bytes()));
    }
    if let Ok(json) = Json::parse(body) {
        let compact = json.to_text().into_bytes();
        variants.push(("the same JSON without white space", compact));
    }
    variants.retain(|(_, variant)| variant != body);
    variants
}
