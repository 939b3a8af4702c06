//! TLS to a real PostgreSQL: who is believed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use super::test_server::TestServer;
use super::{PostgresOptions, PostgresStore, TlsOptions};
use crate::clock::Millis;
use crate::store::{Store, StoreError};

fn open(address: &str, authority: &str) -> Result<PostgresStore, StoreError> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata");
    let options = PostgresOptions {
        tls: Some(TlsOptions {
            authorities: Some(testdata.join(authority)),
        }),
        ..PostgresOptions::new(address.parse().expect("an address"))
    };
    PostgresStore::open(&options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_believed_by_its_certificate_and_its_name() {
    crate::signing::install_crypto();
    let server = TestServer::start_encrypted();
    let database = server.database(None);
    let here = server.encrypted_address("localhost", &database);
    for (address, authority) in [
        (&here, "other-ca.cert.pem"),
        (
            &server.encrypted_address("db.example", &database),
            "ca.cert.pem",
        ),
    ] {
        let Err(error) = open(address, authority) else {
            panic!("{address} {authority}");
        };
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    }
    let store = open(&here, "ca.cert.pem").expect("opens");
    let ann = store.user("cs-demo", "ann", "u-1", Millis(1)).await;
    assert_eq!(ann.expect("stores").id, "u-1");
    let encrypted = "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl
         JOIN pg_stat_activity USING (pid) WHERE application_name = 'parlour'";
    assert_eq!(server.sql(&database, encrypted), "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_encrypt_gets_no_password() {
    crate::signing::install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let plain = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut asked = [0; 8];
        client.read_exact(&mut asked).expect("it asks for TLS");
        client.write_all(b"N").expect("no");
        let mut more = Vec::new();
        let _ = client.read_to_end(&mut more);
        more
    });
    let address = format!("host=localhost hostaddr=127.0.0.1 port={port} user=p password=hush");
    assert!(open(&address, "ca.cert.pem").is_err());
    assert_eq!(plain.join().expect("ends"), b"");
}
