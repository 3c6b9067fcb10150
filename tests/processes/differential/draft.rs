//! A token whose every part can be changed, before and after it is signed.

use std::{collections::BTreeMap, sync::Arc};

use countersign::jose::{SigningKey, base64url};

use crate::support::{
    NOW,
    issuer::{AUDIENCE, LIFETIME},
};

/// Who issues every token.
pub(crate) const ISSUER: &str = "https://idp.test";

/// Members of a JSON object as texts: with names that occur twice, and values that are no JSON.
#[derive(Clone, Default)]
pub(crate) struct Members(Vec<(String, String)>);

/// What makes a signature over a message.
pub(crate) type Signer = Arc<dyn Fn(&[u8]) -> Vec<u8>>;

/// A change to the bytes of one stage.
pub(crate) type Edit = Arc<dyn Fn(Vec<u8>) -> Vec<u8>>;

/// Where an [`Edit`] is made, in the order in which a token comes to be. What is changed before it
/// is signed has a right signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Header,
    Claims,
    HeaderPart,
    ClaimsPart,
    Signature,
    SignaturePart,
    Token,
}

/// A valid token, until it is changed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Members,
    pub(crate) claims: Members,
    pub(crate) signer: Signer,
    edits: BTreeMap<Stage, Vec<Edit>>,
}

impl Members {
    /// The members of a JSON object.
    pub(crate) fn parse(object: &str) -> Self {
        let object: serde_json::Map<_, _> = serde_json::from_str(object).unwrap();
        Self(object.iter().map(|(name, value)| (name.clone(), value.to_string())).collect())
    }

    /// Puts a member in place of those of the same name.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.remove(name);
        self.push(name, text);
    }

    /// Adds a member, even if there is one of the name.
    pub(crate) fn push(&mut self, name: &str, text: &str) {
        self.0.push((name.to_owned(), text.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str())
    }

    /// JSON, if the values are. Names are written as they are, so that they may hold escapes.
    pub(crate) fn to_text(&self) -> String {
        let members: Vec<_> =
            self.0.iter().map(|(name, text)| format!("\"{name}\":{text}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

impl Draft {
    /// An access token as RFC 9068 describes it, signed by the key.
    pub(crate) fn of(key: &Arc<SigningKey>) -> Self {
        let mut header = Members::default();
        header.set("typ", "\"at+jwt\"");
        header.set("alg", &quoted(key.algorithm().name()));
        header.set("kid", &quoted(key.kid()));
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","client_id":"app",
                "scope":"read","jti":"1","iat":{},"exp":{}}}"#,
            NOW - 10,
            NOW + LIFETIME
        );
        let draft = Self {
            header,
            claims: Members::parse(&claims),
            signer: Arc::new(|_| Vec::new()),
            edits: BTreeMap::new(),
        };
        draft.by(key)
    }

    /// Signed by another key; the header stays as it is.
    pub(crate) fn by(mut self, key: &Arc<SigningKey>) -> Self {
        let key = Arc::clone(key);
        self.signer = Arc::new(move |message| key.sign(message).unwrap());
        self
    }

    pub(crate) fn with_header(mut self, name: &str, text: &str) -> Self {
        self.header.set(name, text);
        self
    }

    pub(crate) fn edit(&mut self, stage: Stage, edit: Edit) {
        self.edits.entry(stage).or_default().push(edit);
    }

    /// The text, which is lossy only where an edit made something else of it than text.
    pub(crate) fn token(&self) -> String {
        let header = self.at(Stage::Header, self.header.to_text().into_bytes());
        let claims = self.at(Stage::Claims, self.claims.to_text().into_bytes());
        let header = self.at(Stage::HeaderPart, base64url::encode(&header).into_bytes());
        let claims = self.at(Stage::ClaimsPart, base64url::encode(&claims).into_bytes());
        let message = [header.as_slice(), b".", &claims].concat();
        let signature = self.at(Stage::Signature, (self.signer)(&message));
        let part = base64url::encode(&signature).into_bytes();
        let part = self.at(Stage::SignaturePart, part);
        let token = self.at(Stage::Token, [message.as_slice(), b".", &part].concat());
        String::from_utf8_lossy(&token).into_owned()
    }

    fn at(&self, stage: Stage, bytes: Vec<u8>) -> Vec<u8> {
        self.edits.get(&stage).into_iter().flatten().fold(bytes, |bytes, edit| edit(bytes))
    }
}

/// Text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
