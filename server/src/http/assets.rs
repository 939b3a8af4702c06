//! The widget's files: from a folder, or from inside the program.
//!
//! In the path: the router's fallback asks [`Site::file`] before it says that there is nothing.
//!
//! Invariants: files under `pkg/<hash>/` never change, so browsers keep them for ever; they ask for every other file
//! again. Files are compressed when they are built, never while they are served. Other origins may load them, since
//! the loader and its icons stand in their pages.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::pages::Scripts;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;
use tower_http::services::ServeDir;

use crate::config::ConfigError;
use crate::limits::LOADER_LIFE;
use crate::security::headers::allow_everywhere;

/// What every site has; names the folder of the wasm, and holds the scripts that are part of a page.
const MANIFEST: &str = "manifest.json";
/// For names that hold the hash of their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Where the widget's files are.
#[derive(Clone, Debug)]
pub struct Site {
    files: Files,
    pkg: String,
    scripts: Option<Arc<Scripts>>,
    /// Browsers keep no file: while developing, the next build is a moment away.
    asked_again: bool,
}

#[derive(Clone, Debug)]
enum Files {
    Folder(PathBuf),
    Program,
    /// Pages work without scripts, and the log says what is missing.
    Nowhere,
}

impl Site {
    /// The configured folder; else `site` beside the program; else what is inside it.
    ///
    /// # Errors
    /// When the configured folder is not a site.
    pub fn find(configured: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(folder) = configured {
            return Self::in_folder(folder).ok_or_else(|| {
                ConfigError::in_file(
                    folder,
                    format!("holds no {MANIFEST} of this version; build the site with `cargo xtask build`"),
                )
            });
        }
        let beside = std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.join("site")));
        if let Some(site) = beside.and_then(|folder| Self::in_folder(&folder)) {
            return Ok(site);
        }
        Ok(match inside(MANIFEST).and_then(Manifest::read) {
            Some(manifest) => Self::of(manifest, Files::Program),
            None => Self {
                files: Files::Nowhere,
                pkg: String::new(),
                scripts: None,
                asked_again: false,
            },
        })
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let manifest = std::fs::read(folder.join(MANIFEST)).ok()?;
        let manifest = Manifest::read(&manifest)?;
        Some(Self::of(manifest, Files::Folder(folder.to_owned())))
    }

    fn of(manifest: Manifest, files: Files) -> Self {
        Self {
            files,
            pkg: manifest.pkg,
            scripts: Some(Arc::new(manifest.scripts)),
            asked_again: false,
        }
    }

    /// The same files, which browsers ask for each time: while developing.
    #[must_use]
    pub fn asked_again(self) -> Self {
        Self {
            asked_again: true,
            ..self
        }
    }

    /// The path of the wasm and its glue, `/pkg/<hash>`; empty without a site.
    pub fn pkg(&self) -> &str {
        &self.pkg
    }

    /// What pages run before the wasm is there; `None` without a site.
    pub fn scripts(&self) -> Option<Arc<Scripts>> {
        self.scripts.clone()
    }

    /// Is there none?
    pub fn is_missing(&self) -> bool {
        matches!(self.files, Files::Nowhere)
    }

    /// The file that the request names, when there is one.
    pub async fn file(&self, request: Request) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD)
            || request.uri().path().ends_with('/')
        {
            return None;
        }
        let path = request.uri().path().to_owned();
        let mut response = match &self.files {
            Files::Nowhere => return None,
            Files::Folder(root) => {
                let folder = ServeDir::new(root)
                    .precompressed_br()
                    .precompressed_gzip()
                    .append_index_html_on_directories(false);
                // ServeDir never fails: it answers with a status.
                let response = folder
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {});
                response.map(Body::new)
            }
            Files::Program => embedded(request.method(), &path, request.headers())?,
        };
        if !(response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED) {
            return None;
        }
        let life = if self.asked_again {
            HeaderValue::from_static("no-cache")
        } else if path.starts_with("/pkg/") {
            FOR_EVER
        } else {
            HeaderValue::try_from(format!("public, max-age={}", LOADER_LIFE.as_secs())).ok()?
        };
        let headers = response.headers_mut();
        // Without a charset a browser reads the loader in the encoding of the page around it.
        let text = headers.get(header::CONTENT_TYPE).and_then(|kind| {
            let kind = kind.to_str().ok()?;
            let told = !kind.starts_with("text/") || kind.contains("charset");
            (!told).then(|| format!("{kind}; charset=utf-8"))
        });
        if let Some(text) = text.and_then(|kind| HeaderValue::try_from(kind).ok()) {
            headers.insert(header::CONTENT_TYPE, text);
        }
        headers.insert(header::CACHE_CONTROL, life);
        // A page that pins the loader's hash loads it with CORS.
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
        allow_everywhere(&mut response);
        Some(response)
    }
}

/// `{"pkg":"/pkg/<hash>","scripts":{…}}`.
#[derive(Deserialize)]
struct Manifest {
    pkg: String,
    scripts: Scripts,
}

impl Manifest {
    /// `None` for one of another version, too: its pages would never come alive.
    fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

/// A file from inside the program.
fn embedded(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = EmbeddedFile::find(path.strip_prefix('/')?)?;
    Some(serve(&file, method, headers))
}

/// One file of the site, inside the program.
struct EmbeddedFile<'a> {
    /// Its path below the site's folder, without a slash at the start.
    path: &'a str,
    identity: &'static [u8],
    /// The same, compressed; absent where that would not be smaller.
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

impl<'a> EmbeddedFile<'a> {
    fn find(path: &'a str) -> Option<Self> {
        Some(Self {
            path,
            identity: inside(path)?,
            br: inside(&format!("{path}.br")),
            gz: inside(&format!("{path}.gz")),
        })
    }
}

/// What the program holds at a path of the site.
#[cfg(feature = "embed-site")]
fn inside(path: &str) -> Option<&'static [u8]> {
    static SITE: include_dir::Dir<'_> = include_dir::include_dir!("$PARLOUR_SITE_DIR");
    // Without it the build fails, and with another one cargo builds again.
    const _: &[u8] = include_bytes!(concat!(env!("PARLOUR_SITE_DIR"), "/manifest.json"));
    Some(SITE.get_file(path)?.contents())
}

/// Built without the feature, it holds nothing.
#[cfg(not(feature = "embed-site"))]
fn inside(_: &str) -> Option<&'static [u8]> {
    None
}

fn serve(file: &EmbeddedFile<'_>, method: &Method, headers: &HeaderMap) -> Response {
    let accepted = |coding: &str| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|item| {
                let (name, quality) = item.split_once(';').unwrap_or((item, ""));
                let refused = quality
                    .trim()
                    .strip_prefix("q=")
                    .and_then(|q| q.parse::<f32>().ok())
                    == Some(0.0);
                name.trim().eq_ignore_ascii_case(coding) && !refused
            })
    };
    let (bytes, coding) = match (file.br, file.gz) {
        (Some(br), _) if accepted("br") => (br, Some("br")),
        (_, Some(gz)) if accepted("gzip") => (gz, Some("gzip")),
        _ => (file.identity, None),
    };
    let etag = etag(bytes);
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let unchanged = known
        .flat_map(|line| line.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == etag || tag.trim() == "*");
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = if *method == Method::HEAD {
            Body::empty()
        } else {
            Body::from(bytes)
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(media_type(file.path)),
        );
        headers.insert(header::CONTENT_LENGTH, bytes.len().into());
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// Sixteen digits of the content's hash: another content, another tag.
fn etag(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: u64 = hash
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    format!("\"{digits:016x}\"")
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" => "text/javascript",
        "wasm" => "application/wasm",
        "css" => "text/css",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Ids as _, RandomIds};

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("parlour-site-{}", RandomIds.uuid()));
        std::fs::create_dir_all(folder.join("pkg/abc")).unwrap();
        for (path, content) in [
            (
                MANIFEST,
                r#"{"pkg":"/pkg/abc","scripts":{"ahead":"","early":"1;","forget":"","hand_over":"","to_end":"","wake":""}}"#,
            ),
            ("parlour.js", "loader"),
            ("parlour.js.br", "packed"),
            ("pkg/abc/frontend_bg.wasm", "wasm"),
        ] {
            std::fs::write(folder.join(path), content).unwrap();
        }
        folder
    }

    fn request(path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1024)
            .await
            .unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_folder_serves_the_packed_loader_to_other_origins_and_forgets_it_soon() {
        let site = Site::find(Some(&folder())).unwrap();
        assert_eq!(site.pkg(), "/pkg/abc");
        assert_eq!(site.scripts().unwrap().early, "1;");
        let loader = site
            .file(request("/parlour.js", &[("accept-encoding", "gzip, br")]))
            .await
            .unwrap();
        assert_eq!(loader.headers()["content-encoding"], "br");
        assert_eq!(loader.headers()["cache-control"], "public, max-age=300");
        assert_eq!(
            loader.headers()["content-type"],
            "text/javascript; charset=utf-8"
        );
        assert_eq!(
            loader.headers()["cross-origin-resource-policy"],
            "cross-origin"
        );
        let etag = loader.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(text(loader).await, "packed");
        let again = site
            .file(request(
                "/parlour.js",
                &[("accept-encoding", "br"), ("if-none-match", &etag)],
            ))
            .await
            .unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[tokio::test]
    async fn what_has_its_hash_in_its_name_is_kept_for_ever() {
        let site = Site::find(Some(&folder())).unwrap();
        let wasm = site
            .file(request("/pkg/abc/frontend_bg.wasm", &[]))
            .await
            .unwrap();
        assert_eq!(wasm.headers()["cache-control"], FOR_EVER);
        assert_eq!(wasm.headers()["content-type"], "application/wasm");
    }

    #[tokio::test]
    async fn while_developing_nothing_is_kept() {
        let site = Site::find(Some(&folder())).unwrap().asked_again();
        for path in ["/pkg/abc/frontend_bg.wasm", "/parlour.js"] {
            let file = site.file(request(path, &[])).await.unwrap();
            assert_eq!(file.headers()["cache-control"], "no-cache", "{path}");
        }
    }

    #[tokio::test]
    async fn nothing_outside_the_site_is_served() {
        let site = Site::find(Some(&folder())).unwrap();
        for path in [
            "/",
            "/none.js",
            "/pkg",
            "/pkg/",
            "/../etc/passwd",
            "/..%2fetc/passwd",
            "/%2e%2e/etc/passwd",
            "//etc/passwd",
        ] {
            assert!(site.file(request(path, &[])).await.is_none(), "{path}");
        }
    }

    #[test]
    fn a_folder_that_is_no_site_is_told() {
        let error = Site::find(Some(Path::new("/nowhere")))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/nowhere") && error.contains("cargo xtask build"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn the_program_serves_what_it_holds_in_the_form_that_is_accepted() {
        let file = EmbeddedFile {
            path: "a.js",
            identity: b"plain",
            br: Some(b"br"),
            gz: Some(b"gz"),
        };
        for (accept, expected) in [
            ("br, gzip", "br"),
            ("gzip", "gz"),
            ("br;q=0, gzip", "gz"),
            ("", "plain"),
            ("zstd", "plain"),
        ] {
            let headers = request("/", &[("accept-encoding", accept)])
                .headers()
                .clone();
            let response = serve(&file, &Method::GET, &headers);
            assert_eq!(response.headers()["content-type"], "text/javascript");
            assert_eq!(text(response).await, expected, "{accept}");
        }
        let etag = etag(b"plain");
        let headers = request("/", &[("if-none-match", &format!("\"x\", W/{etag}"))])
            .headers()
            .clone();
        assert_eq!(
            serve(&file, &Method::GET, &headers).status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(
            text(serve(&file, &Method::HEAD, &HeaderMap::new())).await,
            ""
        );
    }
}
