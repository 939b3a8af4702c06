//! Everything that must pass, in the order in which a mistake is found soonest.
//!
//! In the path: a person and `.ci/run` call it as `cargo xtask test`. Each step is one function; its output goes to
//! `<target>/xtask-logs/<step>.log` and is shown when it fails.
//!
//! **Invariants.** Stops at the first failure. A step that ran no test has failed. The last line is `N passed, N failed`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::workspace::Workspace;
use crate::{bench, build, deps, e2e, process, scripts, setup, size, tidy};

/// Chosen on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these steps; may be given several times.
    #[arg(long, value_name = "STEP", value_parser = names())]
    only: Vec<String>,
    /// All but these steps; may be given several times.
    #[arg(long, value_name = "STEP", value_parser = names())]
    skip: Vec<String>,
    /// Arguments for Playwright in the step e2e, after `--`.
    #[arg(last = true)]
    playwright: Vec<String>,
}

/// What every step is given.
struct Context<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    /// Where this step's output goes.
    log: PathBuf,
}

/// One step: its name on the command line, and what it does. It returns a word or two for the summary.
struct Step {
    name: &'static str,
    perform: fn(&Context<'_>) -> anyhow::Result<String>,
}

const STEPS: [Step; 14] = [
    Step {
        name: "setup",
        perform: prepare,
    },
    Step {
        name: "fmt",
        perform: fmt,
    },
    Step {
        name: "tidy",
        perform: |context| tidy::check(context.workspace),
    },
    Step {
        name: "deps",
        perform: |context| deps::check(context.workspace, &context.log),
    },
    Step {
        name: "clippy",
        perform: clippy,
    },
    Step {
        name: "clippy-wasm",
        perform: clippy_wasm,
    },
    Step {
        name: "docs",
        perform: docs,
    },
    Step {
        name: "server",
        perform: |context| build::tests(context.workspace).map(|()| String::new()),
    },
    Step {
        name: "test",
        perform: tests,
    },
    Step {
        name: "scripts",
        perform: |context| scripts::check(context.workspace, &context.log),
    },
    Step {
        name: "site",
        perform: |context| build::site(context.workspace).map(|()| String::new()),
    },
    Step {
        name: "crash",
        perform: |context| bench::check(context.workspace, &context.log),
    },
    Step {
        name: "size",
        perform: |context| size::check(context.workspace, &size::Options::default()),
    },
    Step {
        name: "e2e",
        perform: |context| e2e::run(context.workspace, &context.log, &context.options.playwright),
    },
];

/// How a step ended.
enum Outcome {
    Passed(String),
    Failed,
    Skipped,
    NotReached,
}

/// Runs the steps and prints the summary.
pub(crate) fn test(workspace: &Workspace, options: &Options) -> ExitCode {
    let mut rows = Vec::new();
    let mut failed = false;
    for step in &STEPS {
        let started = Instant::now();
        let outcome = if failed {
            Outcome::NotReached
        } else if !wanted(step.name, options) {
            Outcome::Skipped
        } else {
            println!("==> {}", step.name);
            let log = workspace
                .target
                .join("xtask-logs")
                .join(format!("{}.log", step.name));
            match (step.perform)(&Context {
                workspace,
                options,
                log,
            }) {
                Ok(note) => Outcome::Passed(note),
                Err(error) => {
                    println!("\nerror in the step {}: {error:#}", step.name);
                    println!(
                        "again, only this step: cargo xtask test --only {}",
                        step.name
                    );
                    failed = true;
                    Outcome::Failed
                }
            }
        };
        rows.push((step.name, outcome, process::elapsed(started)));
    }
    println!("{}", summary(&rows));
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

fn wanted(name: &str, options: &Options) -> bool {
    let named = |list: &[String]| list.iter().any(|each| each == name);
    (options.only.is_empty() || named(&options.only)) && !named(&options.skip)
}

/// The table, and the one line that machines read.
fn summary(rows: &[(&str, Outcome, String)]) -> String {
    let mut text = format!("\n{:12} {:12} {:>12}\n", "step", "result", "time");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, outcome, time) in rows {
        let (result, note, time) = match outcome {
            Outcome::Passed(note) => {
                passed += 1;
                ("ok", note.as_str(), time.as_str())
            }
            Outcome::Failed => {
                failed += 1;
                ("FAILED", "", time.as_str())
            }
            Outcome::Skipped => {
                skipped += 1;
                ("skipped", "", "")
            }
            Outcome::NotReached => {
                skipped += 1;
                ("not reached", "", "")
            }
        };
        let line = format!("{name:12} {result:12} {time:>12}  {note}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let counted = format!("\n{passed} passed, {failed} failed");
    text.push_str(&counted);
    if skipped > 0 {
        let counted = format!(", {skipped} skipped");
        text.push_str(&counted);
    }
    text
}

fn prepare(context: &Context<'_>) -> anyhow::Result<String> {
    setup::setup(context.workspace)?;
    setup::components(context.workspace)?;
    setup::postgresql(&context.log)?;
    setup::brokers(&context.log)?;
    Ok(String::new())
}

fn fmt(context: &Context<'_>) -> anyhow::Result<String> {
    process::capture(
        "cargo fmt",
        &context.log,
        context.workspace.cargo().args(["fmt", "--all", "--check"]),
    )
    .context("run cargo fmt")?;
    Ok(String::new())
}

fn clippy(context: &Context<'_>) -> anyhow::Result<String> {
    process::capture(
        "clippy for the host",
        &context.log,
        context.workspace.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    Ok(String::new())
}

fn clippy_wasm(context: &Context<'_>) -> anyhow::Result<String> {
    process::capture(
        "clippy for the browser",
        &context.log,
        context
            .workspace
            .cargo()
            .args([
                "clippy",
                "--package",
                "app",
                "--package",
                "frontend",
                "--locked",
            ])
            .args([
                "--target",
                "wasm32-unknown-unknown",
                "--features",
                "app/hydrate",
            ])
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(String::new())
}

fn docs(context: &Context<'_>) -> anyhow::Result<String> {
    process::capture(
        "cargo doc",
        &context.log,
        context
            .workspace
            .cargo()
            .args([
                "doc",
                "--no-deps",
                "--workspace",
                "--document-private-items",
                "--locked",
            ])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    Ok(String::new())
}

/// Unit, golden, property, integration and documentation tests.
fn tests(context: &Context<'_>) -> anyhow::Result<String> {
    let mut sum = 0;
    for crates in [&build::ALL[..], &["--package", "xtask"]] {
        let mut cargo = context.workspace.cargo();
        cargo.args(["test", "--locked"]).args(crates);
        let output = process::capture("cargo test", &context.log, &mut cargo)?;
        sum += match count(&output) {
            (0, _) => bail!("no test was executed"),
            (_, ignored) if ignored > 0 => bail!("{ignored} test(s) ignored: each must run or go"),
            (passed, _) => passed,
        };
    }
    Ok(format!("{sum} tests"))
}

/// Passed and ignored tests, summed over every `test result:` line.
fn count(output: &str) -> (u64, u64) {
    let number = |line: &str, word: &str| -> u64 {
        line.split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
            .unwrap_or_default()
    };
    output
        .lines()
        .filter(|line| line.starts_with("test result:"))
        .fold((0, 0), |(passed, ignored), line| {
            (
                passed + number(line, "passed"),
                ignored + number(line, "ignored"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[&str], skip: &[&str]) -> Options {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Options {
            only: owned(only),
            skip: owned(skip),
            playwright: Vec::new(),
        }
    }

    #[test]
    fn steps_are_chosen_by_name() {
        assert!(wanted("fmt", &options(&[], &[])));
        assert!(!wanted("fmt", &options(&[], &["fmt"])));
        assert!(wanted("fmt", &options(&["fmt", "tidy"], &[])));
        assert!(!wanted("e2e", &options(&["fmt"], &[])));
    }

    #[test]
    fn the_summary_ends_with_the_plain_line() {
        let row = |name, outcome| (name, outcome, "1.0 s".to_owned());
        let all = [
            row("fmt", Outcome::Passed(String::new())),
            row("tidy", Outcome::Passed("9 files".into())),
        ];
        assert!(summary(&all).ends_with("\n2 passed, 0 failed"));
        let some = [row("fmt", Outcome::Failed), row("e2e", Outcome::NotReached)];
        assert!(summary(&some).ends_with("\n0 passed, 1 failed, 1 skipped"));
        assert!(summary(&some).contains("fmt          FAILED"));
    }

    #[test]
    fn tests_are_counted_over_all_binaries() {
        let output = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured\nx\n\
                      test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n";
        assert_eq!(count(output), (15, 1));
        assert_eq!(count("running 0 tests"), (0, 0));
    }
}
