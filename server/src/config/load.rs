//! Reads the sources in their order, and words the mistakes in them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Format as _, Toml};

use super::provenance::{Provenance, Source};
use super::providers::{Defaults, Environment, Flag};
use super::reload::Sections;
use super::{Config, ConfigError};

/// The sources of the configuration. A later one overrides an earlier one, and all override the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file. `None`: the defaults only.
    pub file: Option<PathBuf>,
    /// Variables of the environment, see [`Sources::environment`].
    pub environment: Vec<(String, String)>,
    /// The flags of the command line.
    pub flags: Flags,
}

impl Sources {
    /// The variables that are text. Variables of other programs may be anything.
    ///
    /// # Errors
    /// If one of our variables is not UTF-8.
    pub fn environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<(String, String)>, ConfigError> {
        let mut texts = Vec::new();
        for (name, value) in variables {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => texts.push((name, value)),
                (Ok(name), Err(_)) if Environment::takes(&name) => {
                    let source = Source::Variable(name).says("");
                    return Err(ConfigError::of(&source, "is not UTF-8; write it in UTF-8"));
                }
                _ => {}
            }
        }
        Ok(texts)
    }
}

/// Settings that have a flag.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`.
    pub listen: Option<String>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--site`.
    pub site: Option<PathBuf>,
}

impl Config {
    /// Reads, parses and checks all sources.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::of(&figment(sources)?)
    }

    /// What [`Config::load`] would give if the file had this text.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load_text(text: &str, sources: &Sources) -> Result<Self, ConfigError> {
        Self::of(&above_file(defaults().merge(Toml::string(text)), sources)?)
    }

    /// The defaults with the text of a file, checked.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        Self::of(&defaults().merge(Toml::string(text)))
    }

    fn of(figment: &Figment) -> Result<Self, ConfigError> {
        let provenance =
            Provenance::of(figment).map_err(|error| explain(&error, &Provenance::default()))?;
        let mut config: Self = figment
            .extract()
            .map_err(|error| explain(&error, &provenance))?;
        config.sections = Sections::of(figment).map_err(|error| explain(&error, &provenance))?;
        config.provenance = provenance;
        config.check()?;
        Ok(config)
    }
}

fn defaults() -> Figment {
    Figment::from(Defaults)
}

/// All sources, merged but not parsed.
pub(super) fn figment(sources: &Sources) -> Result<Figment, ConfigError> {
    let mut figment = defaults();
    if let Some(file) = &sources.file {
        if !file.is_file() {
            return Err(ConfigError::in_file(
                file,
                "there is no such file; correct the path after --config",
            ));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    above_file(figment, sources)
}

/// Merges what overrides a file: the environment and the flags.
fn above_file(figment: Figment, sources: &Sources) -> Result<Figment, ConfigError> {
    let mut figment = figment.merge(Environment(&sources.environment));
    let flags = &sources.flags;
    for (name, key, value) in [
        ("--listen", "listen", flags.listen.as_ref().map(OsStr::new)),
        ("--data", "data", flags.data.as_ref().map(OsStr::new)),
        ("--site", "site", flags.site.as_ref().map(OsStr::new)),
    ] {
        let Some(value) = value else {
            continue;
        };
        let Some(value) = value.to_str() else {
            return Err(ConfigError::of(
                &Source::Flag(name.to_owned()).says(key),
                "is not UTF-8; choose a path that is",
            ));
        };
        figment = figment.merge(Flag {
            name,
            path: ["server", key],
            value: value.to_owned(),
        });
    }
    Ok(figment)
}

/// One sentence for figment's error: the source, and what is wrong.
fn explain(error: &figment::Error, provenance: &Provenance) -> ConfigError {
    use figment::error::Kind;
    let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    let key = path.join(".");
    let whose = match &error.metadata {
        Some(metadata) => Source::of(metadata, &path).says(&key),
        // figment cannot name the source of a missing key.
        None => provenance.says(&key),
    };
    let what = match &error.kind {
        Kind::UnknownField(field, expected) => {
            let near = expected.iter().min_by_key(|known| distance(field, known));
            let hint = near
                .map(|known| format!("; did you mean `{known}`?"))
                .unwrap_or_default();
            format!(
                "there is no key `{field}`{hint} (keys here: {})",
                expected.join(", ")
            )
        }
        Kind::MissingField(field) => format!("the key `{field}` is missing; add it"),
        // The value is left out, because it may be a secret.
        Kind::InvalidType(_, expected) => {
            format!("the value has a wrong type; {expected} is expected")
        }
        Kind::UnknownVariant(variant, known) => {
            format!(
                "`{variant}` is not known; write one of {}",
                known.join(", ")
            )
        }
        other => one_line(&other.to_string()),
    };
    ConfigError::of(&whose, what)
}

/// A parser's report without its picture of the line: "TOML parse error at line 1, column 11: …".
fn one_line(report: &str) -> String {
    let is_picture = |line: &str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ')
            .starts_with('|')
    };
    let words: Vec<&str> = report
        .lines()
        .filter(|line| !is_picture(line))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    words.join(": ")
}

/// How many letters differ. This is good enough to find the key that a mistyped one meant.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::providers::DEFAULTS;
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Config::load(&Sources {
            environment,
            ..Sources::default()
        })
    }

    fn refused(text: &str) -> String {
        Config::from_text(text).unwrap_err().to_string()
    }

    #[test]
    fn the_manual_is_a_valid_configuration() {
        let config = Config::from_text("").unwrap();
        assert!(config.apps.is_empty() && config.bots.is_empty());
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn the_examples_of_the_manual_are_valid_too() {
        let text: Vec<&str> = DEFAULTS
            .lines()
            .filter(|line| !matches!(*line, "[apps]" | "[bots]"))
            .map(|line| match line.strip_prefix('#') {
                Some(example) if !example.starts_with(' ') => example,
                _ => line,
            })
            .collect();
        let config = Config::from_text(&text.join("\n")).unwrap();
        assert_eq!(config.apps["cs-shop"].keys.len(), 2);
        assert_eq!(config.bots["st-shop"].page.as_str(), "shop");
        let model = config.bots["st-ada"].openai.as_ref();
        assert_eq!(model.map(|it| it.model.as_str()), Some("llama3.2"));
        assert!(config.bots["st-helpdesk"].bot_framework.is_some());
        assert!(config.bots["st-copilot"].direct_line.is_some());
        let tools = model.and_then(|it| it.mcp.get("shop"));
        assert!(tools.is_some_and(|it| it.writes == ["cancel_order"]));
    }

    #[test]
    fn later_sources_win() {
        let folder = tempdir("later-sources");
        let file = folder.join("parlour.toml");
        std::fs::write(
            &file,
            "[server]\nlisten = \"127.0.0.1:1\"\ndata = \"from-file\"\nmax_connections = 5",
        )
        .unwrap();
        let config = Config::load(&Sources {
            file: Some(file),
            environment: vec![
                (
                    "PARLOUR_SERVER__LISTEN".to_owned(),
                    "127.0.0.1:2".to_owned(),
                ),
                (
                    "PARLOUR_SERVER__DATA".to_owned(),
                    "from-environment".to_owned(),
                ),
            ],
            flags: Flags {
                listen: Some("127.0.0.1:3".to_owned()),
                ..Flags::default()
            },
        })
        .unwrap();
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.server.data, PathBuf::from("from-environment"));
        assert_eq!(config.server.max_connections, 5);
    }

    #[test]
    fn every_kind_of_value_can_come_from_the_environment() {
        let config = environment(&[
            (
                "PARLOUR_SERVER__TRUSTED_PROXIES",
                r#"["10.0.0.0/8", "192.0.2.7"]"#,
            ),
            ("PARLOUR_SERVER__REQUIRE_HTTPS", "true"),
            ("PARLOUR_SERVER__PUBLIC_URL", "https://chat.example.com"),
            ("PARLOUR_BOTS__ST_DEMO__PAGE", "demo"),
            ("PARLOUR_BOTS__ST_DEMO__NAME", "Ada"),
            ("PARLOUR_PORT", "tcp://10.0.0.1:80"),
            ("HOME", "/root"),
        ])
        .unwrap();
        assert_eq!(config.server.trusted_proxies.len(), 2);
        assert_eq!(config.bots["st-demo"].name, "Ada");
    }

    #[test]
    fn a_whole_table_in_a_variable_has_the_dash_in_its_id_too() {
        let config = environment(&[("PARLOUR_BOTS__ST_SHOP", "{page=\"x\",name=\"y\"}")]).unwrap();
        assert_eq!(config.bots["st-shop"].name, "y");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_of_ours_that_is_no_text_is_refused_by_its_name() {
        use std::os::unix::ffi::OsStringExt as _;
        let of = |name: &str| [(name.into(), OsString::from_vec(vec![0xff]))];
        let error = Sources::environment(of("PARLOUR_LOG__LEVEL")).unwrap_err();
        let expected = "the environment, PARLOUR_LOG__LEVEL: is not UTF-8";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(Sources::environment(of("LS_COLORS")), Ok(Vec::new()));
    }

    #[test]
    fn an_unknown_key_names_source_key_and_remedy() {
        let error = environment(&[("PARLOUR_SERVER__LISSEN", "x")]).unwrap_err();
        let expected = "the environment, PARLOUR_SERVER__LISSEN: there is no key `lissen`; did you mean `listen`? (keys here: listen, metrics, data, ";
        assert!(error.to_string().starts_with(expected), "{error}");
        let folder = tempdir("unknown-key");
        let file = folder.join("parlour.toml");
        std::fs::write(&file, "[log]\nlevle = \"info\"").unwrap();
        let error = Config::load(&Sources {
            file: Some(file.clone()),
            ..Sources::default()
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.starts_with(&format!(
                "{}, log.levle: there is no key `levle`; did you mean `level`?",
                file.display()
            )),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_does_not_repeat_the_value() {
        let error =
            refused("[[apps.cs-a.keys]]\nkid = \"k\"\nalgorithm = \"HS256\"\nsecret = 31415926535");
        assert!(
            error.contains("wrong type") && !error.contains("31415926535"),
            "{error}"
        );
    }

    #[test]
    fn mistakes_between_sections_are_found() {
        let bot = "[bots.st-a]\npage = \"a\"\nname = \"A\"\n";
        for (text, expected) in [
            (
                "[apps.cs-a]\nbots = [\"st-x\"]".to_owned(),
                "there is no bot `st-x`",
            ),
            (
                format!("{bot}[bots.st-b]\npage = \"a\"\nname = \"B\""),
                "another bot has the page `a`",
            ),
            (
                "[platform]\nbase_url = \"https://bots.example.com/api/\"".to_owned(),
                "platform.app",
            ),
            (
                "[server]\nrequire_https = true".to_owned(),
                "server.public_url",
            ),
            (
                "[server]\nrequire_https = true\npublic_url = \"https://chat.example.com/\""
                    .to_owned(),
                "server.trusted_proxies: require_https needs",
            ),
            (
                "[server]\npublic_url = \"https://example.com//evil.test/\"".to_owned(),
                "between single slashes",
            ),
            (
                "[server]\npublic_url = \"https://example.com/a;b/\"".to_owned(),
                "between single slashes",
            ),
            (
                "[tokens]\nassertion_life = \"6m\"".to_owned(),
                "between 1s and 5m",
            ),
            (
                "[tokens]\nassertion_max_life = \"4m\"".to_owned(),
                "tokens.assertion_max_life: must be at least assertion_life",
            ),
            ("[tokens]\nleeway = \"2m\"".to_owned(), "at most 60s"),
            ("[tokens]\naudience = []".to_owned(), "tokens.audience"),
            (
                "[sessions]\nidle = \"soon\"".to_owned(),
                "is not a length of time",
            ),
            (
                "[apps.cs-a]\nbots = []\norigins = [\"*\"]".to_owned(),
                "is not an origin",
            ),
            (
                "[server]\ntrusted_proxies = [\"proxy\"]".to_owned(),
                "is not a network",
            ),
            (
                format!("{bot}[bots.st-a.openai]\nbase_url = \"localhost:1/v1\"\nmodel = \"m\""),
                "this is not an address of http",
            ),
            (
                format!("{bot}[bots.st-a.openai]\nmodel = \"m\""),
                "the key `base_url` is missing",
            ),
            (
                format!("{bot}[bots.st-a.openai]\nbase_url = \"http://a.test\"\nmodel = \"\""),
                "bots.st-a.openai.model: is empty",
            ),
            (
                format!(
                    "{bot}[bots.st-a.openai]\nbase_url = \"http://a.test\"\nmodel = \"m\"\nbody = {{ messages = [] }}"
                ),
                "bots.st-a.openai.body: `messages` is not set here",
            ),
            (
                format!(
                    "{bot}[bots.st-a.openai]\nbase_url = \"http://a.test\"\nmodel = \"m\"\nmcp.a = {{ url = \"http://a.test\", allow = [\"x\"], writes = [\"x\"] }}"
                ),
                "bots.st-a.openai.mcp.a.writes: `x` stands in `allow`, too",
            ),
            (
                format!("{bot}[bots.st-a.bot_framework]\nurl = \"http://a.test\"\napp_id = \"x\""),
                "bots.st-a.bot_framework.app_password_file: is missing: an app id proves nothing",
            ),
            (
                format!(
                    "{bot}[bots.st-a.bot_framework]\nurl = \"http://a.test\"\napp_password = \"x\""
                ),
                "bots.st-a.bot_framework.app_id: is missing",
            ),
            (
                format!(
                    "{bot}[bots.st-a.bot_framework]\nurl = \"http://a.test\"\ndelivery = \"push\""
                ),
                "`push` is not known; write one of replies, callbacks",
            ),
            (
                format!("{bot}[bots.st-a.direct_line]"),
                "bots.st-a.direct_line.secret_file: is missing",
            ),
            (
                format!(
                    "{bot}[bots.st-a.direct_line]\nsecret = \"x\"\ntoken_url = \"https://a.test/\""
                ),
                "bots.st-a.direct_line.token_url: takes the place of a secret",
            ),
            (
                format!("{bot}[bots.st-a.direct_line]\nsecret = \"x\"\nquiet = \"1ms\""),
                "bots.st-a.direct_line.quiet: is at least 200ms",
            ),
            (
                format!(
                    "{bot}[bots.st-a.direct_line]\nsecret = \"x\"\n[bots.st-a.bot_framework]\nurl = \"http://a.test\""
                ),
                "one of them answers, so take out the other",
            ),
            (
                "[server".to_owned(),
                "TOML parse error at line 1, column 8: invalid table header",
            ),
            (
                "[bots.st-a]\npage = \"A/B\"\nname = \"A\"".to_owned(),
                "cannot stand in an address",
            ),
        ] {
            let error = refused(&text);
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    fn tempdir(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("parlour-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}
