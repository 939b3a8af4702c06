//! Every way in which an assertion can be wrong, and every form in which it may be right.

use jsonwebtoken::EncodingKey;
use serde_json::json;

use super::*;
use crate::config::test_config;
use crate::signing::install_crypto;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OLD_SECRET: &str = "fedcba9876543210fedcba9876543210";
const NOW: u64 = 1_795_000_000;

fn fixture() -> (KeyTable, Policy) {
    install_crypto();
    let config = test_config(&format!(
        "[apps.cs-a]\nbots = []
        [[apps.cs-a.keys]]\nkid = \"new\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"
        [[apps.cs-a.keys]]\nkid = \"old\"\nalgorithm = \"HS512\"\nsecret = \"{OLD_SECRET}\"
        [[apps.cs-a.keys]]\nkid = \"rsa\"\nalgorithm = \"RS256\"\npublic_key = \"\"\"{}\"\"\"
        [[apps.cs-a.keys]]\nkid = \"ec\"\nalgorithm = \"ES256\"\npublic_key = \"\"\"{}\"\"\"
        [apps.cs-b]\nbots = []
        [[apps.cs-b.keys]]\nkid = \"new\"\nalgorithm = \"HS256\"\nsecret = \"{OLD_SECRET}\"",
        include_str!("testdata/rsa.public.pem"),
        include_str!("testdata/ec.public.pem"),
    ));
    (
        KeyTable::load(&config).unwrap(),
        Policy::from(&config.tokens),
    )
}

fn claims() -> Value {
    json!({"iss": "cs-a", "sub": "ann", "aud": "https://idproxy.kore.com/authorize", "iat": NOW, "exp": NOW + 300})
}

/// The good claims with some of them replaced. `null` removes one.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn raw(header: &Value, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn hs(header: &Value, claims: &Value) -> String {
    raw(
        header,
        &claims.to_string(),
        &EncodingKey::from_secret(SECRET.as_bytes()),
        Algorithm::HS256,
    )
}

fn good_header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": "new"})
}

fn check(token: &str) -> Result<VerifiedAssertion, AssertionError> {
    let (table, policy) = fixture();
    verify(&table, &policy, token, Millis(NOW * 1000))
}

#[test]
fn what_we_sign_we_accept() {
    let (table, policy) = fixture();
    let identity = Identity {
        subject: "ann".to_owned(),
        anonymous: true,
    };
    let key = table.app("cs-a").unwrap().signer().unwrap();
    let what = Signed {
        app: "cs-a",
        identity: &identity,
        audience: policy.audience_for(None).unwrap(),
        jti: "j-1".to_owned(),
        now: Millis(NOW * 1000 + 999),
    };
    let token = sign(key, &policy, what).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(
        (header.kid.as_deref(), header.alg),
        (Some("new"), Algorithm::HS256)
    );
    let verified = check(&token).unwrap();
    assert_eq!(
        (verified.app.as_str(), verified.jti.as_deref()),
        ("cs-a", Some("j-1"))
    );
    assert_eq!(verified.identity, identity);
    assert_eq!(verified.claims.exp, Some(NOW + 300));
    assert_eq!(verified.forget, Millis((NOW + 330) * 1000));
}

#[test]
fn every_algorithm_verifies_with_its_own_key() {
    let rsa = EncodingKey::from_rsa_pem(include_bytes!("testdata/rsa.private.pem")).unwrap();
    let ec = EncodingKey::from_ec_pem(include_bytes!("testdata/ec.private.pem")).unwrap();
    let old = EncodingKey::from_secret(OLD_SECRET.as_bytes());
    for (kid, algorithm, key) in [
        ("rsa", Algorithm::RS256, &rsa),
        ("ec", Algorithm::ES256, &ec),
        ("old", Algorithm::HS512, &old),
    ] {
        let header = json!({"alg": algorithm, "kid": kid});
        let token = raw(&header, &claims().to_string(), key, algorithm);
        assert!(check(&token).is_ok(), "{kid}");
        // Without a key id the app's keys of that algorithm are tried.
        let token = raw(
            &json!({"alg": algorithm}),
            &claims().to_string(),
            key,
            algorithm,
        );
        assert!(check(&token).is_ok(), "{kid}");
    }
}

#[test]
fn the_forms_of_the_official_sample_are_accepted() {
    for changes in [
        json!({}),
        json!({"iat": NOW * 1000, "exp": (NOW + 86_400) * 1000}),
        json!({"exp": 1_795_000_300_000.5, "iat": NOW * 1000}),
        json!({"iss": null, "sub": null, "kore_iss": "cs-a", "kore_sub": "ann"}),
        json!({"iss": "https://login.test/", "sub": "auth0|1", "kore_iss": "cs-a", "kore_sub": "ann"}),
        json!({"sub": 4711, "jti": 12_345_678_901_234_567_890_u64}),
        json!({"isAnonymous": "false"}),
        json!({"isAnonymous": true}),
        json!({"aud": ["https://elsewhere.test", "https://idproxy.kore.ai/authorize"]}),
        json!({"jti": "j", "exp": NOW + 3600}),
        json!({"iat": NOW - 300, "exp": NOW - 29}),
        json!({"iat": NOW + 30}),
        json!({"firstName": "Ann", "customData": {"plan": "gold"}}),
    ] {
        let verified = check(&hs(&good_header(), &with(&changes)));
        assert!(verified.is_ok(), "{changes}: {verified:?}");
    }
}

#[test]
fn wrong_claims_are_refused() {
    use AssertionError as E;
    use ClaimFault as F;
    let claim = |name, fault: F| E::Claims(fault.of(name));
    for (changes, expected) in [
        (json!({"exp": NOW - 31, "iat": NOW - 300}), E::Expired),
        (
            json!({"exp": (NOW - 31) * 1000, "iat": (NOW - 300) * 1000}),
            E::Expired,
        ),
        (json!({"iat": NOW + 31}), E::NotActive),
        (json!({"nbf": NOW + 31}), E::NotActive),
        (json!({"exp": NOW + 86_401}), E::TooLong),
        (json!({"exp": NOW - 1}), claim("exp", F::BeforeIssue)),
        (json!({"jti": "j", "exp": NOW + 3601}), E::JtiLife),
        (json!({"jti": ""}), claim("jti", F::Empty)),
        (json!({"aud": "https://elsewhere.test"}), E::Audience),
        (json!({"aud": []}), E::Audience),
        (json!({"iss": "cs-unknown"}), E::UnknownKey),
        // Signed with the secret of cs-a, claims to be cs-b.
        (json!({"iss": "cs-b"}), E::Credentials),
        (json!({"exp": null}), claim("exp", F::Missing)),
        (json!({"iat": null}), claim("iat", F::Missing)),
        (json!({"aud": null}), claim("aud", F::Missing)),
        (json!({"iss": null}), claim("iss", F::Missing)),
        (json!({"sub": null}), claim("sub", F::Missing)),
        (json!({"sub": ""}), claim("sub", F::Empty)),
        (json!({"sub": "a\nb"}), claim("sub", F::Unfit)),
        (json!({"sub": "x".repeat(257)}), claim("sub", F::Unfit)),
        (json!({"exp": "x"}), claim("exp", F::Time)),
        (
            json!({"exp": (NOW + 300).to_string()}),
            claim("exp", F::Time),
        ),
        (json!({"iat": "x"}), claim("iat", F::Time)),
        (json!({"iat": true}), claim("iat", F::Time)),
        (json!({"nbf": "x"}), claim("nbf", F::Time)),
        (json!({"exp": {"$gt": 0}}), claim("exp", F::Time)),
        (json!({"exp": -1}), claim("exp", F::Time)),
        (json!({"exp": 1e300}), claim("exp", F::Time)),
        (json!({"sub": {"$ne": "x"}}), claim("sub", F::Text)),
        (json!({"iss": ["cs-a"]}), claim("iss", F::Text)),
        (json!({"jti": 7.5}), claim("jti", F::Text)),
        (
            json!({"isAnonymous": "perhaps"}),
            claim("isAnonymous", F::Flag),
        ),
        // The claim that is meant for us comes first.
        (json!({"kore_iss": "cs-b"}), E::Credentials),
        (json!({"kore_iss": "cs-unknown"}), E::UnknownKey),
        (json!({"kore_iss": 7.5}), claim("kore_iss", F::Text)),
    ] {
        assert_eq!(
            check(&hs(&good_header(), &with(&changes))),
            Err(expected),
            "{changes}"
        );
    }
    for null in ["exp", "iat", "nbf"] {
        let mut claims = claims();
        claims[null] = Value::Null;
        assert_eq!(
            check(&hs(&good_header(), &claims)),
            Err(claim(null, F::Time)),
            "{null}"
        );
    }
}

#[test]
fn wrong_headers_are_refused() {
    use AssertionError as E;
    for (header, expected) in [
        (json!({"alg": "HS256", "kid": "unknown"}), E::UnknownKey),
        (json!({"alg": "HS256", "kid": "old"}), E::Credentials),
        (json!({"alg": "HS512", "kid": "new"}), E::Credentials),
        (json!({"alg": "none"}), E::Credentials),
        (json!({"alg": "None", "kid": "new"}), E::Credentials),
        (json!({"alg": "hs256", "kid": "new"}), E::Credentials),
        (json!({"alg": "HS256", "kid": 1}), E::Malformed),
        (
            json!({"alg": "HS256", "kid": "new", "crit": ["exp"]}),
            E::Malformed,
        ),
        (
            json!({"alg": "HS256", "kid": "new", "crit": []}),
            E::Malformed,
        ),
        (
            json!({"alg": "HS256", "kid": "new", "crit": null}),
            E::Malformed,
        ),
        (
            json!({"alg": "HS256", "kid": "new", "b64": false}),
            E::Malformed,
        ),
        (
            json!({"alg": "HS256", "kid": "new", "zip": "DEF"}),
            E::Malformed,
        ),
        (
            json!({"alg": "HS256", "kid": "new", "typ": "parlour-visitor+jwt"}),
            E::Malformed,
        ),
        (json!({"kid": "new"}), E::Malformed),
        (json!([]), E::Malformed),
    ] {
        assert_eq!(check(&hs(&header, &claims())), Err(expected), "{header}");
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let public = EncodingKey::from_secret(include_bytes!("testdata/rsa.public.pem"));
    for kid in [
        json!({"alg": "HS256", "kid": "rsa"}),
        json!({"alg": "HS256"}),
    ] {
        let token = raw(&kid, &claims().to_string(), &public, Algorithm::HS256);
        assert_eq!(check(&token), Err(AssertionError::Credentials), "{kid}");
    }
}

#[test]
fn a_changed_token_is_refused() {
    let good = hs(&good_header(), &claims());
    assert!(check(&good).is_ok());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let other = URL_SAFE_NO_PAD.encode(with(&json!({"sub": "bob"})).to_string());
    for bad in [
        format!("{header}.{other}.{signature}"),
        format!("{message}."),
        format!("{message}.AAAA"),
        format!("{message}.{signature}="),
        format!("{message}.{signature}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        message.to_owned(),
        String::new(),
        "..".to_owned(),
        "not a token".to_owned(),
        format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#)),
        "a".repeat(ASSERTION_BYTES + 1),
    ] {
        assert!(check(&bad).is_err(), "{bad}");
    }
}

#[test]
fn errors_have_the_codes_and_texts_of_kore_and_no_contents() {
    assert_eq!(
        (
            AssertionError::Credentials.to_string().as_str(),
            AssertionError::Credentials.code()
        ),
        ("Invalid SDK credentials", 4002)
    );
    // Only the log distinguishes these.
    assert_eq!(
        (
            AssertionError::UnknownKey.to_string().as_str(),
            AssertionError::UnknownKey.code()
        ),
        ("Invalid SDK credentials", 4002)
    );
    assert_eq!(
        AssertionError::Replay.to_string(),
        "error verifying the jwt: possibly a replay"
    );
    assert_eq!(AssertionError::Replay.code(), 401);
}
