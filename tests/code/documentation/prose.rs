//! How the documents are written: short sentences, wrapped lines, and nothing vague.
//!
//! Prose is what is no code block, table, heading or comment. A cell of a table may enumerate.

use std::{fs, mem};

use super::pages;

const MOST_WORDS: usize = 25;
const WIDEST_LINE: usize = 100;

/// They leave open who or when. A document names the client, the user or the version.
const VAGUE: [&str; 11] = [
    "anew",
    "anybody",
    "currently",
    "everybody",
    "nobody",
    "nowadays",
    "recently",
    "somebody",
    "someone",
    "today",
    "whoever",
];

/// Lines of a page with their numbers: a paragraph, or an element of a list.
type Paragraph<'p> = Vec<(usize, &'p str)>;

/// A sentence, and the number of the line that it begins in.
#[derive(Debug, Default)]
struct Sentence {
    line: usize,
    words: usize,
    text: String,
}

#[test]
fn no_sentence_has_more_than_25_words() {
    let mut found = 0;
    let too_long = faults(|page, paragraph| {
        let sentences = sentences(paragraph);
        found += sentences.len();
        let too_long = sentences.into_iter().filter(|sentence| sentence.words > MOST_WORDS);
        let show = |Sentence { line, words, text }| format!("{page}:{line}: {words} words: {text}");
        too_long.map(show).collect()
    });
    assert!(too_long.is_empty(), "sentences to split:\n{}", too_long.join("\n"));
    assert!(found > 3_000, "only {found} sentences are found");
}

#[test]
fn no_line_has_more_than_100_characters() {
    let too_wide = lines(is_too_wide);
    assert!(too_wide.is_empty(), "lines to wrap:\n{}", too_wide.join("\n"));
}

#[test]
fn no_document_leaves_open_who_or_when() {
    let vague = lines(is_vague);
    assert!(vague.is_empty(), "lines with one of {VAGUE:?}:\n{}", vague.join("\n"));
}

/// The lines of all pages that are such.
fn lines(is_such: fn(&str) -> bool) -> Vec<String> {
    faults(|page, paragraph| {
        let such = paragraph.iter().filter(|(_, line)| is_such(line));
        such.map(|(number, line)| format!("{page}:{number}: {line}")).collect()
    })
}

/// What `find` finds wrong in the paragraphs of all pages. It is given the page's path, too.
fn faults(mut find: impl FnMut(&str, &Paragraph<'_>) -> Vec<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let name = page.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        faults.extend(paragraphs(&text).iter().flat_map(|paragraph| find(&name, paragraph)));
    }
    faults
}

fn paragraphs(page: &str) -> Vec<Paragraph<'_>> {
    let mut paragraphs = vec![Vec::new()];
    let mut in_block = false;
    for (index, line) in page.lines().enumerate() {
        let text = line.trim_start();
        in_block ^= text.starts_with("```");
        let is_prose = !in_block && !ends_paragraph(text);
        if !is_prose || begins_element(text) {
            paragraphs.push(Vec::new());
        }
        if is_prose {
            paragraphs.last_mut().unwrap().push((index + 1, line));
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// An empty line, or one of a table, heading, comment or code block.
fn ends_paragraph(text: &str) -> bool {
    text.is_empty() || ["|", "#", "<!--", "```"].iter().any(|mark| text.starts_with(mark))
}

/// `- text` or `1. text`.
fn begins_element(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.starts_with("- ") || (number.len() < text.len() && number.starts_with(". "))
}

/// Code in a line is one word, whatever is in it. A colon or semicolon ends no sentence.
fn sentences(paragraph: &Paragraph<'_>) -> Vec<Sentence> {
    let words = paragraph
        .iter()
        .flat_map(|(number, line)| line.split_whitespace().map(move |word| (*number, word)));
    let (mut sentences, mut sentence) = (Vec::new(), Sentence::default());
    let mut in_code = false;
    for (line, word) in words {
        if sentence.text.is_empty() {
            sentence.line = line;
        } else {
            sentence.text.push(' ');
        }
        sentence.text.push_str(word);
        sentence.words += usize::from(!in_code && is_word(word));
        in_code ^= word.matches('`').count() % 2 == 1;
        if !in_code && ends_sentence(word) {
            sentences.push(mem::take(&mut sentence));
        }
    }
    sentences.push(sentence);
    sentences
}

fn is_word(text: &str) -> bool {
    text.contains(|c: char| c.is_alphanumeric() || c == '`')
}

fn ends_sentence(word: &str) -> bool {
    word.trim_end_matches(['*', '"', ')']).ends_with(['.', '!', '?'])
}

/// A long link alone on its line can't be wrapped.
fn is_too_wide(line: &str) -> bool {
    line.chars().count() > WIDEST_LINE && line.trim().contains(' ')
}

/// Code may have what names it likes.
fn is_vague(line: &str) -> bool {
    let prose = line.split('`').step_by(2);
    let words = prose.flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    words.map(str::to_lowercase).any(|word| VAGUE.contains(&&*word))
}

/// The sentences of a page: their lines and numbers of words.
fn counted(page: &str) -> Vec<(usize, usize)> {
    let sentences = paragraphs(page).iter().flat_map(sentences).collect::<Vec<_>>();
    let sentences = sentences.iter().filter(|sentence| sentence.words > 0);
    sentences.map(|sentence| (sentence.line, sentence.words)).collect()
}

#[test]
fn sentences_are_counted_across_lines() {
    assert_eq!(
        counted("One two\nthree. One\ntwo? (One!) **One.** One"),
        [(1, 3), (2, 2), (3, 1), (3, 1), (3, 1)]
    );
    assert_eq!(counted("A clause; another: a - third, of 1.5 words."), [(1, 8)]);
}

#[test]
fn code_and_links_are_words() {
    assert_eq!(counted("Run `cargo test\n--lib. x`, and `a`."), [(1, 4)]);
    assert_eq!(counted("See [the page](docs/page.md#a.b) of it."), [(1, 5)]);
}

#[test]
fn a_paragraph_ends_where_something_else_begins() {
    assert_eq!(
        counted("One\n\ntwo\n# Heading\nthree\n| a table |\nfour"),
        [(1, 1), (3, 1), (5, 1), (7, 1)]
    );
    assert_eq!(
        counted("- one\n  two\n- three\n\n12. four\n3 s are no element"),
        [(1, 2), (3, 1), (5, 1), (5, 6)]
    );
    assert_eq!(counted("one\n```sh\na b c\n\n```\ntwo\n<!-- a -->"), [(1, 1), (6, 1)]);
}

#[test]
fn a_line_that_can_not_be_wrapped_may_be_wide() {
    let link = format!("  [{0}]({0})", "x".repeat(50));
    assert!(!is_too_wide(&link));
    assert!(is_too_wide(&format!("{link} and")));
}

#[test]
fn vague_words_are_found_whole() {
    assert!(is_vague("It is so, Today's reader says"));
    assert!(!is_vague("renewed as `nobody`"));
}
