//! A bot behind the server, as an operator puts it there: an app of its own, with this bot.

use std::time::Duration;

use serde_json::Value;

use crate::test_app::TestApp;
use crate::test_socket::Socket;

/// The app of [`app_with`].
pub(crate) const APP: &str = "cs-mine";

/// Tokens that are still good after all retries, on the test's clock.
pub(crate) const LASTING: &str = "[tokens]\naccess_life = \"3650d\"\n";

/// An app with this bot, whose table goes on with `table`.
pub(crate) fn app_with(bot: &str, table: &str) -> String {
    format!(
        r#"
[apps.{APP}]
bots = ["{bot}"]
origins = ["https://mine.test"]
[[apps.{APP}.keys]]
kid = "k1"
algorithm = "HS256"
secret = "hK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG"
[bots.{bot}]
page = "mine"
name = "Mine"
{table}
"#
    )
}

/// Lets the time between tries fly until a frame comes.
pub(crate) async fn in_the_long_run(app: &TestApp, socket: &mut Socket) -> Value {
    let flying = async {
        loop {
            app.clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        frame = socket.next() => frame,
        () = flying => unreachable!("it never ends"),
    }
}
