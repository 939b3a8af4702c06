//! Reloads pages while developing: a page notices that another build serves it.
//!
//! In the path: `cargo xtask dev` numbers its builds and gives each server its number in [`VARIABLE`], which
//! `cli::serve` reads once. With a number there are `/dev/build`, a script in every page, and no caching of files.
//!
//! Invariant: without the number none of this exists.

use app::BasePath;
use axum::Router;
use axum::routing::get;
use http::{HeaderValue, header};

use crate::config::ConfigError;

/// The variable with the build's number.
pub const VARIABLE: &str = "PARLOUR_DEV_RELOAD";

/// The address below the base path at which a page asks for the build.
const ADDRESS: &str = "dev/build";

/// The number of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevBuild(u64);

impl DevBuild {
    /// The number in the environment, if there is one.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn of(environment: &[(String, String)]) -> Result<Option<Self>, ConfigError> {
        let found = environment.iter().find(|(name, _)| name == VARIABLE);
        let number = found.map(|(_, number)| number.parse().map(Self));
        number.transpose().map_err(|_| {
            ConfigError::of(
                &format!("the environment, {VARIABLE}"),
                "must be a number; unset it, since only `cargo xtask dev` needs it",
            )
        })
    }

    /// A script that asks twice a second and reloads the page when another build answers. While the server restarts,
    /// nobody answers.
    pub fn script(self, base: &BasePath) -> String {
        let Self(number) = self;
        let address = base.at(ADDRESS);
        format!(
            "(async()=>{{for(;;){{await new Promise(r=>setTimeout(r,500));\
             try{{const r=await fetch(\"{address}\",{{cache:\"no-store\"}});\
             if(r.ok&&await r.text()!==\"{number}\")return location.reload()}}catch{{}}}}}})()"
        )
    }

    /// Routes that give the number.
    pub fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let Self(number) = self;
        let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        Router::new().route(
            &format!("/{ADDRESS}"),
            get(async move || (no_store, number.to_string())),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<Option<DevBuild>, ConfigError> {
        DevBuild::of(&[(VARIABLE.to_owned(), value.to_owned())])
    }

    #[test]
    fn only_a_number_switches_it_on() {
        assert_eq!(of("7").unwrap(), Some(DevBuild(7)));
        assert_eq!(DevBuild::of(&[]).unwrap(), None);
        let error = of("yes").unwrap_err().to_string();
        assert!(
            error.starts_with("the environment, PARLOUR_DEV_RELOAD: "),
            "{error}"
        );
    }
}
