//! Protocols other than WebSocket, by their names: a tunnel where the upstream's settings say so,
//! with the bytes that `kubectl` and `docker` send.

use std::io::{Read, Write};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare,
    client::{Answer, Client, Request},
    listening::Listening,
    oracle::assert_refused,
    wire::Head,
    world::World,
};

const KUBECTL_EXEC: &str = "POST /api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true&\
    stdout=true HTTP/1.1\r\nHost: api.test\r\nUser-Agent: kubectl/v1.31.0 (linux/amd64)\r\n\
    Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\
    X-Stream-Protocol-Version: v5.channel.k8s.io\r\n\
    X-Stream-Protocol-Version: v4.channel.k8s.io\r\n";

const DOCKER_ATTACH: &str = "POST /v1.47/containers/4f66ad9a0b1c/attach?stderr=1&stdin=1&stdout=1&\
    stream=1 HTTP/1.1\r\nHost: api.test\r\nUser-Agent: Docker-Client/27.3.1 (linux)\r\n\
    Connection: Upgrade\r\nContent-Type: text/plain\r\nUpgrade: tcp\r\n";

const SPDY_ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v5.channel.k8s.io\r\n\r\n";

const DOCKER_ANSWER: &str = "HTTP/1.1 101 UPGRADED\r\n\
    Content-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

/// Sends that answer, then every byte back; and `bye` when the client has ended its side.
fn switching(protocol: &'static str, answer: &'static str) -> Listening {
    bare::upstream(move |head, mut reader| {
        assert_eq!(head.all("upgrade").collect::<Vec<_>>(), [protocol]);
        assert_eq!(head.field("connection"), Some("upgrade"));
        assert_eq!(head.field("x-auth-subject"), Some("alice"));
        assert_eq!(head.field("authorization"), None);
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            reader.get_mut().write_all(&buffer[..count]).unwrap();
        }
        let _ = reader.get_mut().write_all(b"bye");
    })
}

fn world_of(upstream: &Listening, upgrades: &str) -> World {
    bare::in_front_of(&bare::url(upstream), upgrades)
}

fn send(world: &World, head: &str) -> Client {
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(format!("{head}Authorization: Bearer {token}\r\n\r\n").as_bytes());
    client
}

fn answer_of(world: &World, head: &str) -> Answer {
    send(world, head).read()
}

/// The head of what may be the beginning of a tunnel.
fn ask(world: &World, head: &str) -> (Client, Head) {
    let mut client = send(world, head);
    let answer = Head::read(client.stream()).unwrap().unwrap();
    (client, answer)
}

fn assert_tunnel(mut client: Client) {
    // The beginning of a SPDY frame, and what would be a request of its own outside of a tunnel.
    for bytes in [&b"\x80\x03\x00\x01\x00\0\0\x12"[..], b"GET / HTTP/1.1\r\n\r\n", b"\xff\x00"] {
        client.stream().get_mut().write_all(bytes).unwrap();
        let mut found = vec![0; bytes.len()];
        client.stream().read_exact(&mut found).unwrap();
        assert_eq!(found, bytes);
    }
    client.finish_sending();
    let mut rest = Vec::new();
    client.stream().read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"bye");
}

#[test]
fn w7_kubectl_exec_gets_its_tunnel_where_spdy_is_named() {
    let upstream = switching("SPDY/3.1", SPDY_ANSWER);
    let world = world_of(&upstream, "upgrades = [\"websocket\", \"SPDY/3.1\"]");
    let (client, answer) = ask(&world, KUBECTL_EXEC);
    assert!(answer.start.contains(" 101 "), "{answer:?}");
    assert_eq!(answer.field("upgrade"), Some("SPDY/3.1"));
    assert_eq!(answer.field("connection"), Some("upgrade"));
    assert_eq!(answer.field("x-stream-protocol-version"), Some("v5.channel.k8s.io"));
    assert_tunnel(client);
}

#[test]
fn w7_docker_attach_gets_its_tunnel_where_tcp_is_named() {
    let upstream = switching("tcp", DOCKER_ANSWER);
    let world = world_of(&upstream, "upgrades = [\"tcp\"]");
    // The upstream is sent the spelling of the settings.
    for head in [DOCKER_ATTACH.to_owned(), DOCKER_ATTACH.replace("Upgrade: tcp", "Upgrade: TCP")] {
        let (client, answer) = ask(&world, &head);
        assert!(answer.start.contains(" 101 "), "{answer:?}");
        assert_eq!(answer.field("upgrade"), Some("tcp"));
        assert_eq!(answer.field("content-type"), Some("application/vnd.docker.raw-stream"));
        assert_tunnel(client);
    }
}

/// The upstream sees a plain request, as it does of any protocol that is not named.
#[test]
fn w7_what_is_not_named_is_not_asked_for() {
    let world = World::start();
    for head in [KUBECTL_EXEC, DOCKER_ATTACH] {
        let before = world.mark();
        let answer = answer_of(&world, head);
        assert!(answer.is_from_upstream(), "{answer:?}");
        let received = before.only_request("plain");
        assert_eq!(received.head.field("upgrade"), None);
        assert_eq!(received.head.field("connection"), None);
    }
    let upstream = bare::upstream(|head, mut reader| {
        assert_eq!(head.field("upgrade"), None, "{head:?}");
        // An upstream that switches unasked is out of line (threats F-10).
        reader.get_mut().write_all(DOCKER_ANSWER.as_bytes()).unwrap();
    });
    let world = world_of(&upstream, "upgrades = [\"SPDY/3.1\"]");
    let (_, answer) = ask(&world, DOCKER_ATTACH);
    assert!(answer.start.contains(" 502 "), "{answer:?}");
}

#[test]
fn w7_a_proposal_with_a_body_or_of_two_protocols_is_none() {
    let upstream = bare::upstream(|head, mut reader| {
        assert_eq!(head.field("upgrade"), None, "{head:?}");
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
    });
    let world = world_of(&upstream, "upgrades = [\"SPDY/3.1\", \"tcp\"]");
    let docker_exec = DOCKER_ATTACH.replace("text/plain", "application/json\r\nContent-Length: 2");
    for head in [
        docker_exec,
        DOCKER_ATTACH.replace("Upgrade: tcp", "Upgrade: tcp, h2c"),
        DOCKER_ATTACH.replace("Upgrade: tcp", "Upgrade: tcp\r\nUpgrade: SPDY/3.1"),
        DOCKER_ATTACH.replace("Upgrade: tcp", "Upgrade: h2c"),
        DOCKER_ATTACH.replace("Upgrade: tcp", "Upgrade: websocket"),
        DOCKER_ATTACH.replace("Connection: Upgrade", "Connection: keep-alive"),
        DOCKER_ATTACH.replace("POST", "PUT"),
    ] {
        let mut client = send(&world, &head);
        if head.contains("Content-Length: 2") {
            client.send(b"{}");
        }
        assert_eq!(client.read().status, 204, "{head}");
    }
}

/// What a service switches to is what it was asked for, and nothing else (threats F-10).
#[test]
fn w7_f10_another_protocol_than_the_one_asked_for_is_502() {
    for answer in [
        DOCKER_ANSWER,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nUpgrade: tcp\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1, tcp\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let upstream = switching("SPDY/3.1", answer);
        let world = world_of(&upstream, "upgrades = [\"SPDY/3.1\", \"tcp\"]");
        let (_, head) = ask(&world, KUBECTL_EXEC);
        assert!(head.start.contains(" 502 "), "{answer}: {head:?}");
    }
}

#[test]
fn w1_w7_without_a_good_token_no_protocol_is_asked_for() {
    let world = World::with_setup(|setup| {
        let other = "[upstreams.other]\nurl = \"http://127.0.0.1:1\"\nupgrades = [\"SPDY/3.1\"]";
        setup.with(other).routes("[[routes]]\npath = \"/**\"\nupstream = \"other\"")
    });
    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(format!("{KUBECTL_EXEC}\r\n").as_bytes());
    client.send(b"\x80\x03\x00\x01");
    assert_refused("no tunnel", &client.read(), Reason::CredentialMissing, &before);
}

/// What a client sends behind a proposal that the upstream declines is a request of its own.
#[test]
fn w7_f10_bytes_behind_a_declined_proposal_are_decided_on() {
    let upstream = bare::upstream(|head, mut reader| {
        assert_eq!(head.field("upgrade"), Some("SPDY/3.1"));
        reader.get_mut().write_all(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert!(
            matches!(reader.read(&mut [0; 64]), Ok(0) | Err(_)),
            "the connection is used again"
        );
    });
    let world = world_of(&upstream, "upgrades = [\"SPDY/3.1\"]");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let hidden = "GET /admin HTTP/1.1\r\nhost: api.test\r\nx-auth-subject: root\r\n\r\n";
    client.send(format!("{KUBECTL_EXEC}Authorization: Bearer {token}\r\n\r\n{hidden}").as_bytes());
    assert_eq!(client.read().status, 400);
    assert_eq!(client.read().status, 401);
}

#[test]
fn w7_websockets_can_be_turned_off() {
    let upstream = bare::upstream(|head, mut reader| {
        assert_eq!(head.field("upgrade"), None);
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
    });
    let world = world_of(&upstream, "upgrades = \"none\"");
    let token = world.issuer.mint(json!({}));
    let request = Request::get("/chat")
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(world.proxy.exchange(&request.bearer(&token)).status, 204);
}
