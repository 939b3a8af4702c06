//! `parlour db`: checks, copies and restores the database.
//!
//! Invariant: there is one sentence for each outcome. The database of a running server is only read.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::say;
use crate::config::{Config, Sources};
use crate::start_error::StartError;
use crate::store::sqlite::copy::{self, Census};

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Read all of the database and say what it holds; exit code 2: it is damaged, newer or not there
    Check(Check),
    /// Copy the database to a file while the server runs; the secrets beside it are not in it
    Backup(Backup),
    /// Put a backup into the data folder; end the server first
    Restore(Restore),
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// A backup [default: the database in the data folder]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Where to; must not exist
    #[arg(value_name = "FILE")]
    target: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// What `parlour db backup` wrote
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// Keep the database that is there aside and take its place
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(command: &DbCommand, sources: &Sources) -> Result<(), StartError> {
    let folder = Config::load(sources)?.server.data;
    match command {
        DbCommand::Check(Check { file }) => {
            let file = file.clone().unwrap_or_else(|| copy::file_in(&folder));
            let census = copy::check(&file)?;
            say(&format!("{} is sound: {}.", file.display(), holds(&census)));
        }
        DbCommand::Backup(Backup { target }) => {
            let census = copy::backup(&folder, target)?;
            say(&format!("{} holds {}.", target.display(), holds(&census)));
        }
        DbCommand::Restore(Restore { source, replace }) => {
            let (census, kept) = copy::restore(source, &folder, *replace)?;
            let kept = kept.map_or_else(String::new, |kept| {
                format!("; the one before is kept as {}", kept.display())
            });
            let folder = folder.display();
            say(&format!("{folder} has {}{kept}.", holds(&census)));
        }
    }
    Ok(())
}

fn holds(census: &Census) -> String {
    let Census {
        version,
        users,
        conversations,
        messages,
        jobs,
    } = census;
    format!(
        "version {version}, {users} users, {conversations} conversations, {messages} messages, {jobs} open answers"
    )
}
