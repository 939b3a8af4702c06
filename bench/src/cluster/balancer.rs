//! The proxy in front of a cluster: HAProxy, round robin, without stickiness.
//!
//! **Invariants.** It asks each node whether it is ready, and tries another one where a connection fails. Each answer says
//! which node gave it.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::programs::{Program, ends_with_us, find};

/// The header that names the node: `node1` and so on.
pub(crate) const NODE_HEADER: &str = "x-node";

const CONFIG: &str = "\
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    option forwardfor
    option redispatch 1
    retries 3
frontend visitors
    bind 127.0.0.1:PORT
    http-request set-header X-Forwarded-Proto http
    http-response set-header x-node %s
    default_backend parlour
backend parlour
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 500ms fall 2 rise 1
";

/// The steps of a session are three requests. Each goes to a node of its own, if that one is up.
const APART: &str = "\
    use-server node1 if { path_end /jwtgrant }
    use-server node2 if { path_end /rtm/start }
    use-server node3 if { path_end /rtm/bot }
";

/// Starts it.
pub(super) async fn start(
    folder: &Path,
    port: u16,
    nodes: &[SocketAddr],
    apart: bool,
) -> anyhow::Result<Program> {
    let mut config = CONFIG.replace("PORT", &port.to_string());
    if apart {
        config.push_str(APART);
    }
    for (number, node) in (1..).zip(nodes) {
        writeln!(config, "    server node{number} {node}")?;
    }
    let file = folder.join("haproxy.cfg");
    fs::write(&file, config)?;
    let mut haproxy = ends_with_us(&find("HAPROXY", "haproxy")?);
    haproxy.args(["-db", "-f"]).arg(&file);
    Program::start("HAProxy", port, &folder.join("haproxy.log"), &mut haproxy).await
}
