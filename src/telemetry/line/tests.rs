use std::time::Duration;

use super::*;

/// The end of a line, quotes, an escape sequence, text from right to left, a byte of C1.
const HOSTILE: &str = "a\r\nFORGED\u{1b}[31m\",\"level\":\"\\x\u{202e}\u{85}é😀=";

const FORMATS: [LogFormat; 4] =
    [LogFormat::Text, LogFormat::Json, LogFormat::Logfmt, LogFormat::Common];

fn text(text: &str) -> FieldValue<'_> {
    FieldValue::Text(text.into())
}

fn line(of: &str) -> AccessLine<'_> {
    AccessLine {
        message: "denied",
        fields: vec![
            (AccessField::Time, text("")),
            (AccessField::Reason, text("audience_mismatch")),
            (AccessField::Found, text(of)),
            (AccessField::Subject, text(of)),
            (AccessField::Client, text("192.0.2.7")),
            (AccessField::Method, text("GET")),
            (AccessField::Path, text(of)),
            (AccessField::Protocol, text("HTTP/1.1")),
            (AccessField::Status, FieldValue::Number(401)),
            (AccessField::SentBytes, FieldValue::Number(0)),
            (AccessField::DurationSeconds, FieldValue::Seconds(Duration::from_micros(1_500_007))),
        ],
    }
}

/// A line with the time that it has left out.
fn written(line: &AccessLine<'_>, format: LogFormat) -> String {
    let (now, text) = (LineTime::now(), line.write(format, LineTime::now()));
    let [rfc3339, common] = [now.to_rfc3339(), now.to_common_log()];
    let cut = text.find(&rfc3339[..10]).map(|at| (at, rfc3339.len()));
    match cut.or_else(|| text.find(&common[..11]).map(|at| (at, common.len()))) {
        Some((at, length)) => format!("{}NOW{}", &text[..at], &text[at + length..]),
        None => text,
    }
}

#[test]
fn a_line_has_its_fields_in_their_order() {
    let line = line("/a b");
    assert_eq!(
        written(&line, LogFormat::Text),
        r#"denied reason="audience_mismatch" found="/a b" subject="/a b" client="192.0.2.7" method="GET" path="/a b" protocol="HTTP/1.1" status=401 sent_bytes=0 duration_seconds=1.500007"#
    );
    assert_eq!(
        written(&line, LogFormat::Json),
        r#"{"timestamp":"NOW","reason":"audience_mismatch","found":"/a b","subject":"/a b","client":"192.0.2.7","method":"GET","path":"/a b","protocol":"HTTP/1.1","status":401,"sent_bytes":0,"duration_seconds":1.500007,"level":"INFO","target":"countersign::access","message":"denied"}"#
    );
    assert_eq!(
        written(&line, LogFormat::Logfmt),
        r#"time=NOW level=info target=countersign::access msg=denied reason=audience_mismatch found="/a b" subject="/a b" client=192.0.2.7 method=GET path="/a b" protocol=HTTP/1.1 status=401 sent_bytes=0 duration_seconds=1.500007"#
    );
    assert_eq!(
        written(&line, LogFormat::Common),
        r#"192.0.2.7 - /a\x20b [NOW] "GET /a\x20b HTTP/1.1" 401 0"#
    );
}

#[test]
fn o1_a_value_stays_in_its_place_in_every_format() {
    let line = line(HOSTILE);
    for format in FORMATS {
        let text = written(&line, format);
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{format:?}: {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&line.write(LogFormat::Json, LineTime::now())).unwrap();
    assert_eq!(json["found"], HOSTILE, "a reader of JSON gets it back");
    assert_eq!(json["level"], "INFO");
    let logfmt = line.write(LogFormat::Logfmt, LineTime::now());
    assert_eq!(logfmt.matches(" level=").count(), 1, "{logfmt}");
    let common = line.write(LogFormat::Common, LineTime::now());
    assert_eq!(common.split(' ').count(), 10, "{common}");
    assert_eq!(common.matches('"').count(), 2, "{common}");
}

#[test]
fn d8_a_line_is_bounded_whatever_its_values_are() {
    for char in ["a", "\n", "\u{202e}", "😀"] {
        let long = char.repeat(1 << 20);
        for format in FORMATS {
            let text = line(&long).write(format, LineTime::now());
            assert!(text.len() < 16 * 1024, "{format:?}: {} bytes", text.len());
        }
    }
}
