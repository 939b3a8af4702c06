//! The schema, as numbered files that are run once each, by refinery.
//!
//! To change the schema: add `V<N>__<what>.sql`. Never edit a released file: its checksum is compared. Nodes of the
//! version before may still run, so a change must leave what they use.

use tokio_postgres::Client;

use super::connect::Way;
use super::errors::Failure;
use crate::store::{StoreError, migrations as common};

refinery::embed_migrations!("src/store/postgres/migrations");

/// Held while the schema is looked at and changed: of nodes that start together one does it, and the others wait.
/// "Prlr", and a number for each use.
const LOCK: &str = "SELECT pg_advisory_lock(1349676146, 1)";

/// The version that this program writes.
pub(super) fn known() -> u32 {
    common::last(&migrations::runner())
}

/// Brings the database to the known version; each step is one transaction.
pub(super) async fn run(way: &Way) -> Result<(), Failure> {
    let mut client = way.once().await?;
    // The lock ends with the connection.
    client.batch_execute(LOCK).await?;
    identify(&client).await?;
    let runner = migrations::runner();
    let run = runner.run_async(&mut client).await;
    run.map_err(|error| Failure::from(common::refused(&error)))?;
    Ok(())
}

/// The version of a database that is ours, or still empty (0); refuses a newer one and another program's.
pub(super) async fn identify(client: &Client) -> Result<u32, Failure> {
    let tables = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL, EXISTS (
                 SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace =
                     (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))",
            &[],
        )
        .await?;
    let found = match (tables.try_get(0)?, tables.try_get(1)?) {
        (true, _) => version(client).await?,
        (false, true) => {
            let reason = "it is the database of another program".to_owned();
            return Err(StoreError::Corrupt { reason }.into());
        }
        (false, false) => 0,
    };
    let known = known();
    if found > known {
        return Err(StoreError::TooNew { found, known }.into());
    }
    Ok(found)
}

/// The last step that was done.
pub(super) async fn version(client: &Client) -> Result<u32, Failure> {
    let last = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
    let found: i64 = client.query_one(last, &[]).await?.try_get(0)?;
    Ok(u32::try_from(found).unwrap_or(u32::MAX))
}
