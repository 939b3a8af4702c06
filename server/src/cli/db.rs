//! `parlour db`: checks, copies and restores the database.
//!
//! Invariant: there is one sentence for each outcome. The database of a running server is only read.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::say;
use crate::config::{Config, Database, Sources, StoreKind};
use crate::start_error::StartError;
use crate::state::{OPERATOR, postgres_options};
use crate::store::sqlite::copy::{self, Census};
use crate::store::transfer::{self, Place, TransferError};

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Read all of the database and say what it holds; exit code 2: it is damaged, newer or not there
    Check(Check),
    /// Copy the database to a file while the server runs; the secrets beside it are not in it
    Backup(Backup),
    /// Put a backup into the data folder; end the server first
    Restore(Restore),
    /// Bring everything from a data folder into an empty PostgreSQL database, or back; end the servers first
    Copy(Copy),
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

#[derive(Debug, Args)]
pub(super) struct Copy {
    /// A data folder, or the address of a PostgreSQL database [default: the configured store]
    #[arg(long, value_name = "FOLDER|ADDRESS")]
    from: Option<String>,
    /// The same; must be empty [default: the configured store]
    #[arg(long, value_name = "FOLDER|ADDRESS")]
    to: Option<String>,
}

pub(super) fn run(command: &DbCommand, sources: &Sources) -> Result<(), StartError> {
    let config = Config::load(sources)?;
    if let DbCommand::Copy(copy) = command {
        return copy_all(copy, &config);
    }
    if config.store.kind == StoreKind::Postgres {
        return in_postgresql(command, &config);
    }
    let folder = config.server.data;
    match command {
        DbCommand::Copy(_) => {}
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

/// What there is to do for a database that is not a file of ours.
fn in_postgresql(command: &DbCommand, config: &Config) -> Result<(), StartError> {
    let DbCommand::Check(Check { file: None }) = command else {
        return Err(TransferError::NoFile.into());
    };
    let options = postgres_options(config.postgres()?, OPERATOR);
    let found = super::runtime()?.block_on(transfer::check(&options))?;
    let (version, rows) = (found.version, listed(&found.rows));
    say(&format!(
        "The database is sound: version {version}, {rows}."
    ));
    Ok(())
}

fn in_database(database: Database) -> Place {
    Place::Postgres(Box::new(postgres_options(database, OPERATOR)))
}

fn copy_all(copy: &Copy, config: &Config) -> Result<(), StartError> {
    let place = |named: &Option<String>| -> Result<Place, StartError> {
        let Some(named) = named else {
            return Ok(match config.store.kind {
                StoreKind::Sqlite => Place::Folder(config.server.data.clone()),
                StoreKind::Postgres => in_database(config.postgres()?),
            });
        };
        let address = ["postgres://", "postgresql://", "host="];
        if address.iter().any(|begin| named.starts_with(begin)) {
            return Ok(in_database(config.postgres_at(named)?));
        }
        Ok(Place::Folder(PathBuf::from(named)))
    };
    let (from, to) = (place(&copy.from)?, place(&copy.to)?);
    let rows = super::runtime()?.block_on(transfer::copy(&from, &to))?;
    say(&format!(
        "Copied, and read again to compare: {}.",
        listed(&rows)
    ));
    Ok(())
}

fn listed(rows: &[(&str, u64)]) -> String {
    let rows = rows.iter().map(|(table, rows)| format!("{rows} {table}"));
    rows.collect::<Vec<_>>().join(", ")
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
