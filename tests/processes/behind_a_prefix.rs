//! P-17 and P-18 with real peers: nginx and a node.js application (Express) that know nothing of
//! the prefix that clients see, and curl, which follows their redirects and keeps their cookies.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support::{foreign::ForeignServer, optional, world::World};

/// A service; killed when dropped.
struct Service {
    url: String,
    child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of files, which nginx redirects to with a slash at its end, and a way to log in.
fn nginx() -> Option<(ForeignServer<1>, tempfile::TempDir)> {
    if let Err(error) = Command::new("nginx").arg("-v").stderr(Stdio::null()).status() {
        optional::skip("nginx", &error.to_string());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("www/base/docs")).unwrap();
    fs::write(folder.path().join("www/base/docs/index.html"), "the index").unwrap();
    let log = folder.path().join("log");
    let server = ForeignServer::start(Path::new("nginx"), &log, "/base/home", |command, [at]| {
        let file = folder.path().join("nginx.conf");
        fs::write(&file, nginx_configuration(folder.path(), *at)).unwrap();
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
    });
    Some((server.unwrap(), folder))
}

fn nginx_configuration(folder: &Path, listen: SocketAddr) -> String {
    let at = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|of| format!("{of}_temp_path {at}/{of};\n")).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         events {{}}\nhttp {{\naccess_log off;\ntypes {{ text/html html; }}\n{paths}server {{\n\
         listen {listen};\nroot {at}/www;\n\
         location = /base/login {{\n\
         add_header Set-Cookie 'session=s1; Path=/base; HttpOnly';\nreturn 303 /base/home;\n}}\n\
         location = /base/home {{ return 200 \"session $cookie_session\"; }}\n\
         location = /base/away {{ return 302 https://elsewhere.test/base/x; }}\n}}\n}}\n"
    )
}

const EXPRESS: &str = r"
const app = require('express')();
const router = require('express').Router();
router.get('/login', (q, r) => {
    r.cookie('session', 's1', { path: q.baseUrl, httpOnly: true });
    r.cookie('everywhere', 'e1');
    r.redirect(303, `${q.baseUrl}/home`);
});
router.get('/home', (q, r) => r.send(`session ${/session=(\w*)/.exec(q.get('cookie'))?.[1]}`));
router.get('/absolute', (q, r) => r.redirect(`http://${q.get('host')}${q.baseUrl}/prefix`));
router.get('/prefix', (q, r) => r.send(`${q.get('x-forwarded-prefix')} ${q.originalUrl}`));
router.get('/relative', (q, r) => r.redirect('home'));
router.get('/away', (q, r) => r.redirect('https://elsewhere.test/base/x'));
app.use('/base', router);
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

/// `None`, with a notice, where node.js or its packages are missing.
fn express() -> Option<Service> {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idp");
    if !packages.join("node_modules/express").exists() {
        optional::skip("express", "npm ci in tests/idp");
        return None;
    }
    let mut command = Command::new("node");
    command.args(["-e", EXPRESS]).current_dir(packages).stdout(Stdio::piped());
    let mut child = started("node", &mut command)?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = format!("http://127.0.0.1:{}", line.trim());
    Some(Service { url, child })
}

fn started(name: &str, command: &mut Command) -> Option<Child> {
    let child = command.stderr(Stdio::null()).spawn();
    child.map_err(|error| optional::skip(name, &error.to_string())).ok()
}

fn in_front_of(url: &str, route: &str) -> World {
    let mut world = World::with_setup(|setup| {
        let routes = format!(
            "[[routes]]\npath = \"/files/**\"\naccess = \"public\"\nupstream = \"other\"\n\
             rewrite_location = true\n{route}"
        );
        setup.with(&format!("[upstreams.other]\nurl = \"{url}\"")).routes(&routes)
    });
    world.proxy.expect_unmatched_answers();
    world
}

/// What curl ends with, and the cookies that it has kept, as lines of `path name`.
struct Visit {
    status: String,
    redirects: String,
    url: String,
    body: String,
    cookies: Vec<String>,
}

/// Follows redirects on the proxy's host, and keeps cookies. `None`, with a notice, without curl.
/// Over HTTP/1.1, since curl 7.88 follows no redirect with prior knowledge of HTTP/2.
fn visit(world: &World, path: &str) -> Option<Visit> {
    let folder = tempfile::tempdir().unwrap();
    let jar = folder.path().join("cookies");
    let address = world.proxy.address();
    let output = Command::new("curl")
        .args(["--http1.1", "--silent", "--max-time", "10", "--noproxy", "*"])
        .args(["--location", "--max-redirs", "3", "--proto-redir", "=http", "--cookie-jar"])
        .args([&jar, Path::new("--cookie"), &jar])
        .args(["--resolve", &format!("api.test:{}:{}", address.port(), address.ip())])
        .args(["--write-out", "\n%{http_code} %{num_redirects} %{url_effective}"])
        .arg(format!("http://api.test:{}{path}", address.port()))
        .output();
    let output = match output {
        Ok(output) => String::from_utf8(output.stdout).unwrap(),
        Err(error) => {
            optional::skip("curl", &error.to_string());
            return None;
        }
    };
    let (body, facts) = output.rsplit_once('\n').unwrap();
    let [status, redirects, url] = facts.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let host = format!("http://api.test:{}", address.port());
    let jar = fs::read_to_string(jar).unwrap_or_default();
    let lines = jar.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let mut cookies: Vec<_> = lines
        .filter(|fields| fields.len() == 7)
        .map(|fields| format!("{} {}", fields[2], fields[5]))
        .collect();
    cookies.sort();
    Some(Visit {
        status: status.to_owned(),
        redirects: redirects.to_owned(),
        url: url.strip_prefix(&host).unwrap_or(url).to_owned(),
        body: body.to_owned(),
        cookies,
    })
}

#[track_caller]
fn assert_ends(visit: &Visit, redirects: &str, url: &str, body: &str) {
    let found = [&visit.status, &visit.redirects, &visit.url, &visit.body].map(String::as_str);
    assert_eq!(found, ["200", redirects, url, body]);
}

#[test]
fn p17_p18_nginx_redirects_within_the_prefix_of_the_client() {
    let Some(nginx) = nginx() else { return };
    let (server, _folder) = &nginx;
    let world =
        in_front_of(&format!("http://{}", server.addresses[0]), "rewrite = \"/base/{rest}\"");
    let Some(docs) = visit(&world, "/files/docs") else { return };
    assert_ends(&docs, "1", "/files/docs/", "the index");
    let login = visit(&world, "/files/login").unwrap();
    assert_ends(&login, "1", "/files/home", "session s1");
    assert_eq!(login.cookies, ["/files session"]);
    let away = visit(&world, "/files/away").unwrap();
    assert_eq!(away.url, "https://elsewhere.test/base/x");
}

#[test]
fn p17_p18_express_is_logged_in_to_below_the_prefix_of_the_client() {
    let Some(express) = express() else { return };
    let world = in_front_of(&format!("{}/base", express.url), "strip_prefix = \"/files\"");
    let Some(login) = visit(&world, "/files/login") else { return };
    assert_ends(&login, "1", "/files/home", "session s1");
    assert_eq!(login.cookies, ["/files everywhere", "/files session"]);
    let absolute = visit(&world, "/files/absolute").unwrap();
    assert_ends(&absolute, "1", "/files/prefix", "/files /base/prefix");
    let relative = visit(&world, "/files/relative").unwrap();
    assert_ends(&relative, "1", "/files/home", "session undefined");
    let away = visit(&world, "/files/away").unwrap();
    assert_eq!(away.url, "https://elsewhere.test/base/x");
}
