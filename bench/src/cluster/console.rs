//! What a person, or a test, tells a running cluster: one order a line, one line of answer.
//!
//! **Invariants.** An order that is not understood, or not possible now, changes nothing and is answered with `error: …`.

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Cable, Cluster};

const HELP: &str = "    kill N          kill -9 of node N
    end N           SIGTERM for node N; waits for its end
    start N         node N again, on the same port
    cut N bus       nothing gets through between node N and the broker (or `store`)
    mend N bus      it gets through again
    kill store      kill -9 of PostgreSQL (or `bus`: of the broker)
    start store     PostgreSQL again (or `bus`)
    sql QUERY       what PostgreSQL says
    Ctrl-C ends all of it";

/// Prints the pages, then takes orders until the end of the input.
pub(super) async fn talk(cluster: &mut Cluster) -> anyhow::Result<()> {
    let address = cluster.address;
    println!("==> {} nodes are ready", cluster.nodes.len());
    for (number, node) in (1..).zip(&cluster.nodes) {
        let log = node.server.setup().log.display();
        println!(
            "    node {number}: http://{}/ (log: {log})",
            node.server.address
        );
    }
    println!("    the chat:      http://{address}/chat/demo");
    println!("    a host page:   http://{address}/");
    println!("{HELP}");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match obey(cluster, &line).await {
            Ok(done) => println!("{done}"),
            Err(error) => println!("error: {error:#}"),
        }
    }
    Ok(())
}

async fn obey(cluster: &mut Cluster, line: &str) -> anyhow::Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [] => return Ok(HELP.to_owned()),
        ["kill", "store"] => cluster.store.kill().await?,
        ["start", "store"] => cluster.store.restart().await?,
        ["kill", "bus"] => cluster.bus.kill().await?,
        ["start", "bus"] => cluster.bus.restart().await?,
        ["kill", number] => running(cluster, number)?.server.kill().await?,
        ["end", number] => {
            let (status, took) = running(cluster, number)?.server.terminate().await?;
            return Ok(format!("ok: {status} after {} ms", took.as_millis()));
        }
        ["start", number] => {
            let node = cluster.node(number.parse().context("which node?")?)?;
            if node.server.lives() {
                bail!("node {number} runs");
            }
            node.server.restart().await?;
        }
        ["cut", number, cable] => running(cluster, number)?.cut(cable_of(cable)?),
        ["mend", number, cable] => running(cluster, number)?.mend(cable_of(cable)?),
        ["sql", query @ ..] => {
            let rows = cluster.store.query(&query.join(" ")).await?;
            return Ok(format!("ok: {}", rows.replace('\n', "; ")));
        }
        _ => bail!("`{line}` is no order; an empty line lists them"),
    }
    Ok("ok".to_owned())
}

fn running<'a>(cluster: &'a mut Cluster, number: &str) -> anyhow::Result<&'a mut super::Node> {
    let node = cluster.node(number.parse().context("which node?")?)?;
    if !node.server.lives() {
        bail!("node {number} does not run");
    }
    Ok(node)
}

fn cable_of(word: &str) -> anyhow::Result<Cable> {
    match word {
        "store" => Ok(Cable::Store),
        "bus" => Ok(Cable::Bus),
        _ => bail!("a cable leads to `store` or to `bus`"),
    }
}
