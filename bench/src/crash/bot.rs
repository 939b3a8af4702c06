//! A webhook bot and its server, killed in turn under load: every turn keeps its one id, and nothing is lost or doubled.
//!
//! Each round all visitors say as much at once as they may, and one of the two dies when a part of it is acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{bail, ensure};

use super::story::{HOME_WITHIN, ONLINE_WITHIN, all_gone, calm, talking, volley};
use super::{Options, accounted, seconds};
use crate::bot::Bot;
use crate::built::Built;
use crate::load::diary::parse;
use crate::load::server::Server;

/// Milliseconds that the bot thinks: whoever dies does so in the middle of turns.
const THINKS_MS: &str = "100";

pub(super) async fn killed_in_turn(built: &Built, options: &Options) -> anyhow::Result<String> {
    println!(
        "==> kill -9 of server and webhook bot in turn, {} time(s) each, {} visitors with {} messages in flight each",
        options.kills, options.users, options.outstanding
    );
    let setup = built.setup("crash-bot")?;
    let asked = setup.folder.file("asked");
    let mut bot = Bot::start(&["--pause", THINKS_MS, "--asked", &asked.to_string_lossy()]).await?;
    setup.folder.set_bot(&bot.as_webhook())?;
    let mut server = Server::start(setup).await?;
    let crowd = talking(server.address, options).await?;
    for round in 1..=options.kills {
        calm(&crowd, options).await?;
        let in_flight = volley(&crowd, options).await?;
        bot.kill_and_restart().await?;
        println!("    bot killed {round}: {in_flight} messages in flight");
        calm(&crowd, options).await?;
        let in_flight = volley(&crowd, options).await?;
        server.kill().await?;
        all_gone(&crowd).await?;
        server.restart().await?;
        let back = crowd.all_online(ONLINE_WITHIN).await?;
        println!(
            "    server killed {round}: {in_flight} messages in flight; all visitors back after {}",
            seconds(back)
        );
    }
    calm(&crowd, options).await?;
    let home = crowd.leave(HOME_WITHIN).await?;
    let account = accounted(&mut server, home).await?;
    let asked = Asked::of(&fs::read_to_string(&asked)?);
    for line in &asked.wrong {
        println!("      {line}");
    }
    if !asked.wrong.is_empty() {
        bail!("the bot did not see each turn with its one id, see above");
    }
    ensure!(
        asked.turns as u64 >= account.acked,
        "the bot saw {} turns of {} messages",
        asked.turns,
        account.acked
    );
    println!(
        "    {} turns, {} of them seen again with their id",
        asked.turns, asked.again
    );
    Ok(format!(
        "bot and server killed {} time(s) each: {} messages, {} turns seen again with their id",
        options.kills, account.acked, asked.again
    ))
}

/// What the bot wrote down.
#[derive(Debug, Default)]
struct Asked {
    /// Messages that it was asked about.
    turns: usize,
    /// How many of them more than once.
    again: usize,
    wrong: Vec<String>,
}

impl Asked {
    fn of(text: &str) -> Self {
        let mut ids: BTreeMap<(usize, u64), BTreeSet<&str>> = BTreeMap::new();
        let mut meant: BTreeMap<&str, BTreeSet<(usize, u64)>> = BTreeMap::new();
        let mut times: BTreeMap<(usize, u64), usize> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (Some(turn), Some(_), Some(said)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            // The beginnings of sessions say nothing.
            let Some(message) = parse(said) else { continue };
            ids.entry(message).or_default().insert(turn);
            meant.entry(turn).or_default().insert(message);
            *times.entry(message).or_default() += 1;
        }
        let mut wrong = Vec::new();
        for ((user, number), ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
            wrong.push(format!(
                "u{user} n{number} has {} turns: {ids:?}",
                ids.len()
            ));
        }
        for (turn, messages) in meant.iter().filter(|(_, messages)| messages.len() > 1) {
            wrong.push(format!("turn {turn} is {messages:?}"));
        }
        Self {
            turns: ids.len(),
            again: times.values().filter(|times| **times > 1).count(),
            wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_one_id_however_often_it_is_seen() {
        let right = "tn-0 cv-1 \ntn-1 cv-1 u1 n1\ntn-2 cv-1 u1 n2\ntn-1 cv-1 u1 n1\n";
        let asked = Asked::of(right);
        assert_eq!((asked.turns, asked.again, asked.wrong.len()), (2, 1, 0));
        let asked = Asked::of(&format!("{right}tn-3 cv-1 u1 n1\n"));
        assert_eq!(asked.wrong.len(), 1, "{:?}", asked.wrong);
        let asked = Asked::of(&format!("{right}tn-1 cv-2 u2 n1\n"));
        assert_eq!(asked.wrong.len(), 1, "{:?}", asked.wrong);
    }
}
