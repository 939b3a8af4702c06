//! The command line: what a person types, and what the exit code says.
//!
//! In the path: `main` calls [`run`]; it reads the configuration and hands over to one command.
//!
//! Invariants: a mistake before the server runs is one sentence on the standard error output, with exit code 2. A
//! checked token that is refused, a bot that does not answer and a server that is not ready give exit code 1. The standard output holds only the
//! result: pages to open, a token, a configuration.

mod app;
mod bot;
mod compare;
mod db;
mod manager;
mod ready;
mod serve;
mod token;
mod user;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Flags, Sources, masked};
use crate::http::way_in::BotKeys;
use crate::signing::{KeyTable, install_crypto};
use crate::start_error::StartError;
use crate::state::open_bots;

/// The file that is read if `--config` names no other and this one exists.
const USUAL_FILE: &str = "parlour.toml";
/// For a checked token that is refused, a bot that does not answer, and a server that is not ready.
const REFUSED: u8 = 1;
/// For mistakes that the person at the keyboard can correct.
const CORRECT_IT: u8 = 2;

/// Parlour: a self-hosted web chat for bots.
///
/// Without a command it serves. Without any configuration it makes a demo and says which pages to open.
#[derive(Debug, Parser)]
#[command(
    name = "parlour",
    version,
    after_help = "Examples:
  parlour                                        serve the demo on http://127.0.0.1:8080/
  parlour --listen 0.0.0.0:80 --data /var/lib/parlour --config /etc/parlour.toml
  PARLOUR_LOG__FORMAT=json parlour               every key can be set in the environment
  parlour config check                           is the configuration right?
  parlour app add --name Shop --origin https://shop.example.com --bot st-demo
  parlour bot try st-shop hello                  one turn of a bot: what goes out, what comes back
  parlour db backup /backups/monday.db           copy the database of a running server
  parlour user export ann@example.com > ann.json everything that is kept of a person
  parlour token sign --app cs-demo --identity ann@example.com
  parlour token check eyJ0eXAi…                  why is an assertion refused?"
)]
struct Cli {
    #[command(flatten)]
    location: LocationArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
struct LocationArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder for the database and generated secrets [default: data]
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Configuration file [default: parlour.toml in this folder, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with the built widget [default: `site` beside the program, or inside it]
    #[arg(long, global = true, value_name = "FOLDER")]
    site: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the running server whether it is ready; exit code 1: it is not
    Ready,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manage apps: who may ask for assertions
    #[command(subcommand)]
    App(AppCommand),
    /// Try a bot by hand
    #[command(subcommand)]
    Bot(bot::BotCommand),
    /// Check, copy and put back the database
    #[command(subcommand)]
    Db(db::DbCommand),
    /// What is kept of a person: show, export, forget
    #[command(subcommand)]
    User(user::UserCommand),
    /// Make and check tokens by hand
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read everything, also the keys, and say what is wrong
    Check {
        /// Ask every bot once whether it is there and lets us in; exit code 1: one does not
        #[arg(long)]
        online: bool,
    },
    /// Print the result of all sources, secrets masked
    Show,
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    /// Add an app to the configuration file and make its secret
    Add(app::Add),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Sign an assertion, as the site's backend would
    Sign(token::Sign),
    /// Say what an assertion claims and whether it holds; exit code 1: it does not
    Check(token::Check),
}

impl LocationArgs {
    fn sources(&self) -> Result<Sources, ConfigError> {
        let usual = PathBuf::from(USUAL_FILE);
        Ok(Sources {
            file: self
                .config
                .clone()
                .or_else(|| usual.is_file().then_some(usual)),
            environment: Sources::environment(std::env::vars_os())?,
            flags: Flags {
                listen: self.listen.clone(),
                data: self.data.clone(),
                site: self.site.clone(),
            },
        })
    }

    /// The file to which `app add` writes.
    fn file(&self) -> PathBuf {
        self.config
            .clone()
            .unwrap_or_else(|| PathBuf::from(USUAL_FILE))
    }
}

/// Reads the arguments, does what they say.
pub fn run() -> ExitCode {
    install_crypto();
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(done) => done,
        Err(error) => {
            // If nobody reads it, the exit code still shows the failure.
            let _ = writeln!(std::io::stderr(), "parlour: {error}");
            ExitCode::from(CORRECT_IT)
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode, StartError> {
    let sources = cli.location.sources()?;
    match &cli.command {
        None => serve::serve(&cli.location, &sources)?,
        Some(Command::Ready) => {
            if !ready::ask(&sources)? {
                return Ok(ExitCode::from(REFUSED));
            }
        }
        Some(Command::Config(ConfigCommand::Check { online })) => {
            let config = check(&sources)?;
            let demo = if config.apps.is_empty() {
                "; a start will add the demo app"
            } else {
                ""
            };
            say(&format!(
                "The configuration is right. Apps: {}, bots: {}{demo}.",
                config.apps.len(),
                config.bots.len()
            ));
            compare::secrets(&config)?;
            if *online && !bot::check_all(&config)? {
                return Ok(ExitCode::from(REFUSED));
            }
        }
        Some(Command::Config(ConfigCommand::Show)) => {
            say(&masked(&sources)?);
        }
        Some(Command::App(AppCommand::Add(add))) => app::add(add, &cli.location.file(), &sources)?,
        Some(Command::Bot(command)) => {
            if !bot::run(command, &sources)? {
                return Ok(ExitCode::from(REFUSED));
            }
        }
        Some(Command::Db(command)) => db::run(command, &sources)?,
        Some(Command::User(command)) => user::run(command, &sources)?,
        Some(Command::Token(TokenCommand::Sign(sign))) => token::sign(sign, &sources)?,
        Some(Command::Token(TokenCommand::Check(check))) => {
            if !token::check(check, &sources)? {
                return Ok(ExitCode::from(REFUSED));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads everything that a start would read, without making anything.
fn check(sources: &Sources) -> Result<Config, StartError> {
    let config = Config::load(sources)?;
    crate::telemetry::wanted(&config)?;
    KeyTable::load(&config)?;
    BotKeys::load(&config)?;
    open_bots(&config, &bot::surroundings(&config)?)?;
    crate::http::assets::Site::find(config.server.site.as_deref())?;
    Ok(config)
}

/// The address at which people reach the server, with a slash at the end.
fn reached_at(config: &Config, listen: SocketAddr) -> String {
    match &config.server.public_url {
        Some(url) => url.as_str().to_owned(),
        // Not every browser can open 0.0.0.0.
        None if listen.ip().is_unspecified() => format!("http://localhost:{}/", listen.port()),
        None => format!("http://{listen}/"),
    }
}

/// Prints a line to the standard output. It is not an error if nobody reads it.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The runtime of a command that asks something and ends.
fn runtime() -> Result<tokio::runtime::Runtime, StartError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Listen(format!("cannot start threads ({error})")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::ids::{Ids as _, RandomIds};

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_after_the_command_too() {
        let cli = Cli::try_parse_from(["parlour", "config", "check", "--data", "d"]).unwrap();
        assert_eq!(cli.location.data, Some(PathBuf::from("d")));
    }

    #[test]
    fn help_shows_examples() {
        let help = Cli::command().render_long_help().to_string();
        assert!(
            help.contains("Examples:") && help.contains("parlour app add"),
            "{help}"
        );
    }

    #[test]
    fn a_configuration_that_cannot_start_is_not_right() {
        install_crypto();
        let data = std::env::temp_dir().join(format!("parlour-check-{}", RandomIds.uuid()));
        for (section, key, value) in [
            ("LOG", "LEVEL", "parlour=loud"),
            ("TOKENS", "VISITOR_SECRET", "short"),
            ("TOKENS", "VISITOR_SECRET_FILE", "/nowhere/visitor.secret"),
            ("BOTS", "ST_A__SCRIPT", "/nowhere/a.script.toml"),
        ] {
            let variable = format!("PARLOUR_{section}__{key}");
            let environment = [
                ("PARLOUR_BOTS__ST_A__PAGE", "a"),
                ("PARLOUR_BOTS__ST_A__NAME", "A"),
                (&variable, value),
            ];
            let sources = Sources {
                environment: environment
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec(),
                flags: Flags {
                    data: Some(data.clone()),
                    ..Flags::default()
                },
                ..Sources::default()
            };
            let error = check(&sources).unwrap_err().to_string();
            assert!(error.contains(&variable), "{error}");
        }
        assert!(!data.exists());
    }
}
