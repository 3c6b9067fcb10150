//! A proxy in front of either kind of upstream, and the outcome of a request target.

use serde_json::json;

use crate::{
    paths::ROUTES,
    support::{
        bare,
        client::Request,
        h2::{self, RawH2},
        h2_upstream::H2Upstream,
        world::World,
    },
};

/// The usual scene, in front of an upstream of HTTP/1.1 or h2c. The token opens every route.
pub(crate) struct Scene {
    pub(crate) world: World,
    h2c: Option<H2Upstream>,
    pub(crate) token: String,
}

/// The outcome of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The upstream receives this target, to the letter.
    SentOn(String),
    /// Answered with 400.
    Refused,
    /// Answered with another error of the client.
    NotServed,
    /// The HTTP/2 stream or connection is reset.
    Reset,
}

pub(crate) fn sent_on(target: &str) -> Fate {
    Fate::SentOn(target.to_owned())
}

impl Scene {
    pub(crate) fn http1() -> Self {
        Self::new(World::with_setup(|setup| setup.routes(ROUTES)), None)
    }

    pub(crate) fn h2c() -> Self {
        let upstream = H2Upstream::start();
        Self::new(bare::in_front_of(&upstream.url(), ""), Some(upstream))
    }

    /// In front of each kind of upstream.
    pub(crate) fn both() -> [Self; 2] {
        [Self::http1(), Self::h2c()]
    }

    pub(crate) fn new(mut world: World, h2c: Option<H2Upstream>) -> Self {
        world.proxy.expect_unmatched_answers();
        let token = world.issuer.mint(json!({ "scope": "admin" }));
        Self { world, h2c, token }
    }

    /// The fate of a GET to `api.test` over HTTP/1.1.
    pub(crate) fn get(&self, target: &str) -> Fate {
        self.request(Request::get(target))
    }

    /// The fate of an HTTP/1.1 request.
    pub(crate) fn request(&self, request: Request) -> Fate {
        self.bytes(&request.bearer(&self.token).bytes())
    }

    /// The fate of a GET over HTTP/1.1, by that `Host`.
    pub(crate) fn get_at(&self, target: &str, host: &str) -> Fate {
        let bearer = format!("authorization: Bearer {}", self.token);
        self.bytes(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{bearer}\r\n\r\n").as_bytes())
    }

    fn bytes(&self, request: &[u8]) -> Fate {
        let before = self.received().len();
        let mut client = self.world.proxy.client();
        client.send(request);
        self.fate(before, Some(client.read().status))
    }

    /// The fate of an HTTP/2 GET of `/` at `api.test`, with these fields in place of its own;
    /// without those that have no value.
    pub(crate) fn http2(&self, changes: &[(&str, Option<&str>)]) -> Fate {
        let bearer = format!("Bearer {}", self.token);
        let mut fields = vec![
            (":method", Some("GET")),
            (":scheme", Some("http")),
            (":path", Some("/")),
            (":authority", Some("api.test")),
            ("host", None),
            ("authorization", Some(bearer.as_str())),
        ];
        for (name, value) in changes {
            let field = fields.iter_mut().find(|(field, _)| field == name).unwrap();
            field.1 = *value;
        }
        let given = fields.into_iter();
        let given = given.filter_map(|(name, value)| Some((name, value?.as_bytes())));

        let before = self.received().len();
        let mut client = RawH2::connect(self.world.proxy.address(), &[]);
        client.headers(1, &given.collect::<Vec<_>>(), true);
        self.fate(before, status(&mut client))
    }

    fn fate(&self, before: usize, status: Option<u16>) -> Fate {
        let new = self.received().split_off(before);
        match (status, &new[..]) {
            (Some(200), [target]) => Fate::SentOn(target.clone()),
            (Some(400), []) => Fate::Refused,
            // Over HTTP/2 this is any status without an index in HPACK.
            (Some(0 | 401..500), []) => Fate::NotServed,
            (None, []) => Fate::Reset,
            _ => panic!("{status:?}, and the upstream received {new:?}"),
        }
    }

    /// Every target that the upstream has received.
    fn received(&self) -> Vec<String> {
        let Some(h2c) = &self.h2c else {
            let requests = self.world.upstream.requests();
            return requests.iter().map(|received| target_of(&received.head.start)).collect();
        };
        let uris = h2c.heads().into_iter().map(|head| head.uri.to_string());
        uris.map(|uri| uri.strip_prefix("http://api.test").unwrap().to_owned()).collect()
    }
}

/// The target of a request line, byte for byte: whatever is between method and version.
fn target_of(line: &str) -> String {
    let (_, behind) = line.split_once(' ').unwrap();
    behind.strip_suffix(" HTTP/1.1").unwrap_or_else(|| panic!("{line}")).to_owned()
}

/// The status that the first stream is answered with; `None` if it is reset, or the connection
/// ends.
fn status(client: &mut RawH2) -> Option<u16> {
    loop {
        let frame = client.read()?;
        match frame.kind {
            h2::HEADERS => return Some(frame.status()),
            h2::RST_STREAM | h2::GOAWAY => return None,
            _ => {}
        }
    }
}
