//! The program itself: what it says and leaves behind when it cannot start.

use std::net::TcpListener;
use std::process::Command;

use server::ids::{Ids as _, RandomIds};

#[test]
fn a_taken_port_is_one_sentence_and_leaves_nothing_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = std::env::temp_dir().join(format!("parlour-start-{}", RandomIds.uuid()));
    std::fs::create_dir(&folder).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_parlour"))
        .current_dir(&folder)
        .args(["--listen", &address, "--data", "data"])
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains(&address) && said.contains("--listen"),
        "{said}"
    );
    assert!(done.stdout.is_empty());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir(&folder).unwrap();
}
