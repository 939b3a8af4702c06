//! How often the signing service may be asked, and by what it counts.

use super::*;

#[tokio::test]
async fn too_many_from_one_address_must_wait() {
    let service = Service::new("[rate]\nsign_address_burst = 3\nsign_address_per_minute = 1");
    for _ in 0..3 {
        assert_eq!(
            service
                .json(&[("origin", OURS)], json!({"bot": "st-shop"}))
                .await
                .status,
            StatusCode::OK
        );
    }
    let refused = service
        .json(&[("origin", OURS)], json!({"bot": "st-shop"}))
        .await;
    assert_eq!(refused.code(), (429, 429));
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait));
    // Who writes X-Forwarded-For himself is still the same address.
    let forged = service
        .json(
            &[("origin", OURS), ("x-forwarded-for", "1.2.3.4")],
            json!({"bot": "st-shop"}),
        )
        .await;
    assert_eq!(forged.code(), (429, 429));
}

#[tokio::test]
async fn who_proves_the_secret_is_counted_by_app_and_not_by_address() {
    let limits = "[rate]\nsign_address_burst = 2\nsign_address_per_minute = 1\nsign_app_burst = 100\nsign_app_per_minute = 1";
    let service = Service::new(limits);
    let as_backend = |number: u32| json!({"clientId": "cs-shop", "clientSecret": SECRET, "identity": format!("user-{number}")});
    let as_visitor = || json!({"bot": "st-shop"});
    let ours = [("origin", OURS)];
    // A backend signs for everybody from one address, also where visitors have used up what they share.
    for number in 0..50 {
        let answer = service.json(&[], as_backend(number)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    for _ in 0..2 {
        let answer = service.json(&ours, as_visitor()).await;
        assert_eq!(answer.status, StatusCode::OK, "the backend took nothing");
    }
    assert_eq!(service.json(&ours, as_visitor()).await.code(), (429, 429));
    for number in 50..100 {
        let answer = service.json(&[], as_backend(number)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    // It has a limit of its own, and another app another.
    let refused = service.json(&[], as_backend(100)).await;
    assert_eq!(refused.code(), (429, 429));
    assert!(refused.headers.contains_key("retry-after"));
    let other = json!({"clientId": "cs-trusting", "clientSecret": "fedcba9876543210fedcba9876543210", "identity": "ann"});
    assert_eq!(service.json(&[], other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_guesses_secrets_waits_also_with_the_right_one() {
    let service = Service::new("");
    let ask =
        |secret: &str| json!({"clientId": "cs-shop", "clientSecret": secret, "identity": "ann"});
    for number in 0..crate::limits::WRONG_SECRETS {
        assert_eq!(service.json(&[], ask(SECRET)).await.status, StatusCode::OK);
        let wrong = service.json(&[], ask(&format!("wrong {number}"))).await;
        assert_eq!(wrong.code(), (401, 4002));
    }
    for secret in ["another", SECRET] {
        let answer = service.json(&[], ask(secret)).await;
        assert_eq!(answer.code(), (429, 429), "{secret}");
    }
    // The same address and another app: its backend is not held up.
    let other = json!({"clientId": "cs-trusting", "clientSecret": "fedcba9876543210fedcba9876543210", "identity": "ann"});
    assert_eq!(service.json(&[], other).await.status, StatusCode::OK);
    // Wrong ones count against the address, too.
    let service = Service::new("[rate]\nsign_address_burst = 1\nsign_address_per_minute = 1");
    assert_eq!(service.json(&[], ask("x")).await.code(), (401, 4002));
    assert_eq!(service.json(&[], ask("y")).await.code(), (429, 429));
}

#[tokio::test]
async fn an_app_that_trusts_claims_gets_made_up_secrets_from_its_pages_for_ever() {
    let service = Service::new("");
    let claim =
        json!({"clientId": "cs-trusting", "identity": "ann", "clientSecret": "placeholder"});
    for number in 0..crate::limits::WRONG_SECRETS + 5 {
        let mut claim = claim.clone();
        claim["identity"] = json!(format!("user-{number}"));
        let page = [("origin", "https://old.example.com")];
        let answer = service.json(&page, claim).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    // Where the secret would prove more, none is looked at any more.
    let right = json!({"clientId": "cs-trusting", "identity": "ann", "clientSecret": "fedcba9876543210fedcba9876543210"});
    assert_eq!(service.json(&[], right).await.code(), (401, 4002));
}

#[tokio::test]
async fn too_many_for_one_identity_must_wait_and_others_need_not() {
    let service = Service::new("[rate]\nsign_identity_burst = 2\nsign_identity_per_minute = 1");
    let ask = |identity: &str| json!({"clientId": "cs-shop", "clientSecret": SECRET, "identity": identity});
    for _ in 0..2 {
        assert_eq!(service.json(&[], ask("ann")).await.status, StatusCode::OK);
    }
    assert_eq!(service.json(&[], ask("ann")).await.code(), (429, 429));
    assert_eq!(service.json(&[], ask("bob")).await.status, StatusCode::OK);
}
