//! `docs/cli.md`: every command and flag, as the program has them.
//!
//! ```sh
//! UPDATE_DOCS=1 cargo test --test code command_line
//! ```

use std::{env, fmt::Write, fs, path::Path};

use clap::{Arg, Command, CommandFactory};
use countersign::cli::Cli;

const DOCUMENT: &str = "docs/cli.md";
const HEAD: &str = "# Command line\n\n\
    Made from the program's own help by `UPDATE_DOCS=1 cargo test --test code command_line`.\n\
    `countersign man DIR` writes the same as manual pages, `countersign completions SHELL` the script\n\
    that completes it.\n";

fn document() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = HEAD.to_owned();
    let epilogue = command.get_after_long_help().unwrap().to_string();
    for paragraph in epilogue.split("\n\n") {
        let (title, rest) = paragraph.split_once(':').unwrap();
        match rest.strip_prefix('\n') {
            Some(lines) => {
                writeln!(text, "\n## {title}\n\n| code | |\n|---|---|").unwrap();
                for line in lines.lines() {
                    let (code, meaning) = line.trim().split_once("  ").unwrap();
                    writeln!(text, "| {code} | {meaning} |").unwrap();
                }
            }
            None => writeln!(text, "\n## {title}\n\n{}", rest.trim()).unwrap(),
        }
    }
    for command in command.get_subcommands() {
        write_command(command, &mut text);
    }
    text
}

fn write_command(command: &Command, text: &mut String) {
    if command.get_name() == "help" {
        return;
    }
    let name = command.get_bin_name().unwrap();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace("\n       ", "\n");
    let about = command.get_about().unwrap();
    writeln!(text, "\n## {name}\n\n{about}.\n\n```\n{usage}\n```").unwrap();
    let arguments: Vec<&Arg> = command.get_arguments().filter(|it| it.get_id() != "help").collect();
    if !arguments.is_empty() {
        writeln!(text, "\n| argument | |\n|---|---|").unwrap();
    }
    for argument in arguments {
        writeln!(text, "| `{}` | {} |", written(argument), described(argument)).unwrap();
    }
    command.get_subcommands().for_each(|command| write_command(command, text));
}

/// `-q, --quiet`, `--config <FILE>`, `<SHELL>`
fn written(argument: &Arg) -> String {
    let shown = argument.to_string();
    let short = argument.get_short().filter(|_| argument.get_long().is_some());
    let text = short.map_or_else(|| shown.clone(), |short| format!("-{short}, {shown}"));
    text.replace('|', "\\|")
}

fn described(argument: &Arg) -> String {
    let help = argument.get_help().unwrap_or_else(|| panic!("{argument} has no help")).to_string();
    let texts = |values: Vec<String>| values.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>();
    let takes_value = argument.get_action().takes_values();
    let defaults = argument.get_default_values().iter().map(|it| it.to_string_lossy().into_owned());
    let defaults = texts(defaults.filter(|_| takes_value).collect());
    let possible = argument.get_possible_values();
    let possible = possible.iter().filter(|_| takes_value).map(|it| it.get_name().to_owned());
    let possible = texts(possible.collect());
    let mut text = help.replace('\n', " ").replace('|', "\\|");
    if !possible.is_empty() {
        write!(text, "; one of {}", possible.join(", ")).unwrap();
    }
    if !defaults.is_empty() {
        write!(text, "; default: {}", defaults.join(", ")).unwrap();
    }
    text
}

#[test]
fn the_page_of_the_command_line_is_what_the_program_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let generated = document();
    if env::var_os("UPDATE_DOCS").is_some() {
        let fresh = path.with_extension("md.new");
        fs::write(&fresh, generated).unwrap();
        fs::rename(fresh, path).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap();
    let update = "run `UPDATE_DOCS=1 cargo test --test code command_line`";
    for (written, generated) in written.lines().zip(generated.lines()) {
        assert_eq!(written, generated, "\n{DOCUMENT} is out of date: {update}");
    }
    assert_eq!(written.len(), generated.len(), "{update}");
}

#[test]
fn the_command_line_is_one_that_clap_takes() {
    Cli::command().debug_assert();
}
