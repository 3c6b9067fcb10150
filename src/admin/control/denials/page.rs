//! The page of the last denials: one table, nothing that a browser runs.

use std::fmt::Write;

use super::ShownDenials;
use crate::{decision::record::DeniedRequest, telemetry::settings::AccessField};

/// A column for each of these; all other facts share the last one.
const COLUMNS: [AccessField; 10] = [
    AccessField::Time,
    AccessField::Status,
    AccessField::Reason,
    AccessField::About,
    AccessField::Found,
    AccessField::Expected,
    AccessField::Route,
    AccessField::Issuer,
    AccessField::Client,
    AccessField::Id,
];

pub(super) fn write(shown: &ShownDenials<'_>) -> String {
    let ShownDenials { capacity, kept, denials } = shown;
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Denials</title>\n",
    );
    let said = format!("{} shown of {kept} kept, {capacity} at most.", denials.len());
    // Writing to a String can't fail.
    let _ = write!(page, "<h1>The last denials</h1>\n<p>{said}</p>\n");
    page.push_str("<table border=\"1\">\n<tr>");
    for field in COLUMNS {
        let _ = write!(page, "<th>{}</th>", field.name());
    }
    page.push_str("<th>more</th></tr>\n");
    for denied in denials {
        push_row(&mut page, denied);
    }
    page.push_str("</table>\n</html>\n");
    page
}

fn push_row(page: &mut String, denied: &DeniedRequest) {
    page.push_str("<tr>");
    for field in COLUMNS {
        page.push_str("<td>");
        push_text(page, &denied.fact(field).unwrap_or_default());
        page.push_str("</td>");
    }
    page.push_str("<td>");
    let others = AccessField::all().filter(|field| !COLUMNS.contains(field));
    for (field, value) in others.filter_map(|field| Some((field, denied.fact(field)?))) {
        let _ = write!(page, "{}=", field.name());
        push_text(page, &value);
        page.push(' ');
    }
    page.push_str("</td></tr>\n");
}

/// Text of an element: nothing in it begins a tag or an entity. What is not printable ASCII is shown
/// by its number, so that no mark turns the direction of writing.
fn push_text(page: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            ' '..='~' => page.push(char),
            _ => page.extend(char.escape_unicode()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o10_no_text_becomes_markup() {
        let mut page = String::new();
        push_text(&mut page, "<script>'\"&\u{202e}\n");
        assert_eq!(page, "&lt;script&gt;&#39;&quot;&amp;\\u{202e}\\u{a}");
    }
}
