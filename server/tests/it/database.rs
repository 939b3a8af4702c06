//! `parlour db`, and a start on a database that cannot be used: the real program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use server::ids::{Ids as _, RandomIds};

use crate::program::{Program, new_folder, parlour_in};
use crate::test_app::{TestApp, User, text_of};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("parlour-db-{}", RandomIds.uuid()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the program; without a command it is a server that must not get to serve.
fn parlour(data: &Path, words: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_parlour"))
        .current_dir(std::env::temp_dir())
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(words)
        .output()
        .unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_and_serves() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "before").await;
    assert_eq!(text_of(&socket.next().await), "echo before");
    let place = Folder::new();
    let backup = place.file("copy.db");
    let (code, said) = parlour(&app.folder, &["db", "backup", &backup]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("1 users, 1 conversations, 3 messages, 0 open"),
        "{said}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (code, said) = parlour(&app.folder, &["db", "backup", &backup]);
    assert_eq!(code, Some(2));
    assert!(said.contains("is there already"), "{said}");
    // What comes later is not in it.
    socket.say(2, "after").await;
    assert_eq!(text_of(&socket.next().await), "echo after");
    let token = ann.token.clone();
    app.stop().await;

    let (code, said) = parlour(&app.folder, &["db", "restore", &backup]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--replace"), "{said}");
    let (code, said) = parlour(&app.folder, &["db", "restore", &backup, "--replace"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("parlour.db.old"), "{said}");
    let old = app.folder.join("parlour.db.old");
    let (code, said) = parlour(&app.folder, &["db", "check", old.to_str().unwrap()]);
    assert!(
        code == Some(0) && said.contains("5 messages"),
        "what was replaced is whole: {said}"
    );

    let next = app.again();
    let ann = User {
        app: &next,
        token,
        bot: "st-test",
    };
    let texts = ann.history().await.into_iter().map(|(_, _, text)| text);
    assert_eq!(
        texts.collect::<Vec<_>>(),
        ["Welcome", "before", "echo before"]
    );
    // A browser that saw more than the copy holds is told to load anew.
    let mut socket = ann.socket("&isReconnect=true&after=5").await;
    assert_eq!(socket.next().await["type"], "resync");
    socket.say(3, "again").await;
    assert_eq!(text_of(&socket.next().await), "echo again");
}

#[tokio::test]
async fn nothing_is_restored_under_a_running_server() {
    let app = TestApp::start();
    let place = Folder::new();
    let backup = place.file("copy.db");
    assert_eq!(parlour(&app.folder, &["db", "backup", &backup]).0, Some(0));
    let serving = server::store::sqlite::copy::Presence::alone(&app.folder).unwrap();
    let (code, said) = parlour(&app.folder, &["db", "restore", &backup, "--replace"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("in use by another parlour"), "{said}");
    drop(serving);
}

#[test]
fn a_database_that_is_damaged_newer_or_not_there_is_one_sentence_and_exit_code_2() {
    let place = Folder::new();
    let (code, said) = parlour(&place.0, &["db", "check"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there is no database at"), "{said}");

    let file = place.file("parlour.db");
    let newer = Connection::open(&file).unwrap();
    newer
        .execute_batch(
            "PRAGMA application_id = 0x50726c72; PRAGMA user_version = 999; CREATE TABLE x (y)",
        )
        .unwrap();
    drop(newer);
    for words in [["db", "check"].as_slice(), &[]] {
        let (code, said) = parlour(&place.0, words);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("version 999"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    std::fs::write(&file, [0xA5; 8_192]).unwrap();
    for words in [
        ["db", "check"].as_slice(),
        &["db", "backup", &place.file("copy.db")],
        &["db", "restore", &file, "--replace"],
        &[],
    ] {
        let (code, said) = parlour(&place.0, words);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("damaged"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(!Path::new(&place.file("copy.db")).exists());
}

#[test]
fn a_second_server_on_the_folder_is_refused_until_the_first_ends_however_it_ends() {
    let folder = new_folder();
    let mut first = Program::start(&folder);
    let second = || {
        let mut command = parlour_in(&folder);
        command.args(["--listen", "127.0.0.1:0"]).output().unwrap()
    };
    let refused = second();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.starts_with("parlour: data is in use by another parlour: ") && said.contains("--data"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    // What only reads works beside it.
    for words in [["db", "check"].as_slice(), &["db", "backup", "copy.db"]] {
        let beside = parlour_in(&folder).args(words).output().unwrap();
        assert!(beside.status.success(), "{beside:?}");
    }
    assert_eq!(first.status("/livez"), "200");
    first.kill();
    let next = Program::start(&folder);
    assert_eq!(next.status("/livez"), "200");
}
